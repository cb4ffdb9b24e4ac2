//! `kubectl drift list`.

use anchorwatch_crds::v1alpha1::DriftAlert;
use anyhow::Context;
use clap::ValueEnum;
use jiff::Timestamp;
use kube::{Api, ResourceExt, api::ListParams};

use crate::{
    connect::Connection,
    table::table,
    text::{age, safe},
};

/// What to list and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Alerts of every namespace.
    #[arg(long, short = 'A')]
    all_namespaces: bool,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Table,
    Json,
    Yaml,
    Name,
}

/// Lists the alerts of a namespace, or of all.
pub async fn run(connection: &Connection, args: &Args) -> anyhow::Result<()> {
    let (client, namespace) = connection.open().await?;
    let api: Api<DriftAlert> = if args.all_namespaces {
        Api::all(client)
    } else {
        Api::namespaced(client, &namespace)
    };
    let mut alerts = api
        .list(&ListParams::default())
        .await
        .context("alerts can't be listed")?;
    alerts.items.sort_by_key(order);
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&alerts)?),
        Output::Yaml => print!("{}", serde_yaml::to_string(&alerts)?),
        Output::Name => alerts
            .items
            .iter()
            .for_each(|alert| println!("driftalert/{}", alert.name_any())),
        Output::Table if alerts.items.is_empty() && args.all_namespaces => println!("No drift in any namespace."),
        Output::Table if alerts.items.is_empty() => println!("No drift in namespace {namespace}."),
        Output::Table => print!("{}", render(&alerts.items, args.all_namespaces, Timestamp::now())),
    }
    Ok(())
}

/// The gravest first, then the newest.
fn order(alert: &DriftAlert) -> impl Ord + use<> {
    let status = alert.status.clone().unwrap_or_default();
    std::cmp::Reverse((status.severity, status.last_seen.map(|time| time.0)))
}

fn render(alerts: &[DriftAlert], with_namespace: bool, now: Timestamp) -> String {
    let mut headings = vec![
        "NAME",
        "SEVERITY",
        "STATE",
        "WORKLOAD",
        "FINDING",
        "ROLLOUT",
        "COUNT",
        "LAST SEEN",
    ];
    if with_namespace {
        headings.insert(0, "NAMESPACE");
    }
    let rows: Vec<Vec<String>> = alerts
        .iter()
        .map(|alert| {
            let status = alert.status.clone().unwrap_or_default();
            let mut row = vec![
                alert.name_any(),
                format!("{:?}", status.severity),
                format!("{:?}", status.state),
                safe(&status.workload_name),
                safe(&status.summary),
                status.rollout.unwrap_or_else(|| "-".to_owned()),
                status.count.to_string(),
                age(status.last_seen.map(|time| time.0), now),
            ];
            if with_namespace {
                row.insert(0, alert.namespace().unwrap_or_default());
            }
            row
        })
        .collect();
    table(&headings, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_crds::v1alpha1::{DriftAlertSpec, DriftAlertStatus, Severity};

    fn alert(name: &str, severity: Severity, summary: &str) -> DriftAlert {
        let mut alert = DriftAlert::new(name, DriftAlertSpec::default());
        alert.status = Some(DriftAlertStatus {
            severity,
            summary: summary.into(),
            ..DriftAlertStatus::default()
        });
        alert
    }

    #[test]
    fn the_gravest_alert_comes_first_and_escape_sequences_are_shown_as_text() {
        let mut alerts = vec![
            alert("a", Severity::Low, "x"),
            alert("b", Severity::High, "evil \u{1b}[31m"),
        ];
        alerts.sort_by_key(order);
        let text = render(&alerts, false, Timestamp::UNIX_EPOCH);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("b ") && lines[2].starts_with("a "), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
