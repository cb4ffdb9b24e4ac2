//! `kubectl drift list`.

#[cfg(test)]
mod tests;
mod watch;

use anchorwatch_crds::v1alpha1::DriftAlert;
use anyhow::{Context, ensure};
use clap::ValueEnum;
use jiff::Timestamp;
use kube::{Api, ResourceExt, api::ListParams};

use crate::{
    connect::Connection,
    paint::Paint,
    table::painted,
    text::{age, safe},
};

/// What to list and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:\n  kubectl drift list -n shop\n  kubectl drift list -A -o wide\n  kubectl drift list -n shop -l \
anchorwatch.dev/name=agent -o name\n  kubectl drift list -A --watch\n\n\
Exit codes: 0 done, 1 failed, 2 misuse.")]
pub struct Args {
    /// Alerts of every namespace.
    #[arg(long, short = 'A')]
    all_namespaces: bool,
    /// The alerts that have these labels: anchorwatch.dev/kind, /name and /container say whose they are.
    #[arg(long, short = 'l')]
    selector: Option<String>,
    /// Go on, and print each alert that is new or changes.
    #[arg(long, short)]
    watch: bool,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// The same with container, pods and policy.
    Wide,
    Json,
    Yaml,
    /// Names alone.
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
    let mut asked = ListParams::default();
    asked.label_selector.clone_from(&args.selector);
    let mut alerts = api.list(&asked).await.context("alerts can't be listed")?;
    alerts.items.sort_by_key(order);
    let form = Form {
        with_namespace: args.all_namespaces,
        wide: args.output == Output::Wide,
        paint: Paint::of_output(),
    };
    if args.watch {
        ensure!(
            args.output != Output::Json && args.output != Output::Yaml,
            "--watch prints rows or names: leave out -o, or use -o wide or name"
        );
        return watch::run(api, args, form, &alerts).await;
    }
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&alerts)?),
        Output::Yaml => print!("{}", serde_yaml::to_string(&alerts)?),
        Output::Name => alerts.items.iter().for_each(|alert| println!("{}", name(alert))),
        Output::Table | Output::Wide if alerts.items.is_empty() => {
            let matching = if args.selector.is_some() { " that matches" } else { "" };
            let place = if args.all_namespaces {
                "any namespace".to_owned()
            } else {
                format!("namespace {namespace}")
            };
            println!("No drift{matching} in {place}.");
        }
        Output::Table | Output::Wide => print!("{}", form.table(&alerts.items, Timestamp::now()).1),
    }
    Ok(())
}

fn name(alert: &DriftAlert) -> String {
    format!("driftalert/{}", alert.name_any())
}

/// The gravest first, then the newest.
fn order(alert: &DriftAlert) -> impl Ord + use<> {
    let status = alert.status.clone().unwrap_or_default();
    std::cmp::Reverse((status.severity, status.last_seen.map(|time| time.0)))
}

/// Which columns there are, and whether they have colours.
#[derive(Clone, Copy, Debug)]
struct Form {
    with_namespace: bool,
    wide: bool,
    paint: Paint,
}

impl Form {
    fn headings(self) -> Vec<&'static str> {
        let mut headings = vec!["NAME", "SEVERITY", "STATE", "WORKLOAD"];
        if self.with_namespace {
            headings.insert(0, "NAMESPACE");
        }
        if self.wide {
            headings.push("CONTAINER");
        }
        headings.extend(["FINDING", "ROLLOUT", "COUNT", "LAST SEEN"]);
        if self.wide {
            headings.extend(["PODS", "POLICY"]);
        }
        headings
    }

    fn row(self, alert: &DriftAlert, now: Timestamp) -> Vec<String> {
        let status = alert.status.clone().unwrap_or_default();
        let mut row = vec![
            alert.name_any(),
            format!("{:?}", status.severity),
            format!("{:?}", status.state),
            safe(&status.workload_name),
        ];
        if self.with_namespace {
            row.insert(0, alert.namespace().unwrap_or_default());
        }
        if self.wide {
            row.push(safe(&status.container));
        }
        row.extend([
            safe(&status.summary),
            status.rollout.unwrap_or_else(|| "-".to_owned()),
            status.count.to_string(),
            age(status.last_seen.map(|time| time.0), now),
        ]);
        if self.wide {
            row.extend([status.pods.to_string(), safe(&status.policy)]);
        }
        row
    }

    fn table(self, alerts: &[DriftAlert], now: Timestamp) -> (crate::table::Columns, String) {
        let rows: Vec<_> = alerts.iter().map(|alert| self.row(alert, now)).collect();
        painted(&self.headings(), &rows, self.paint)
    }
}
