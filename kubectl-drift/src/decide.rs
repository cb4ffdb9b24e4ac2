//! `kubectl drift accept|dismiss|deny|escalate ALERT...`: what people decide about findings.

mod choose;
mod who;
mod write;

use std::{
    io::{BufRead, IsTerminal, Write as _},
    process::ExitCode,
};

use anchorwatch_crds::v1alpha1::{Decision, DriftAlert};
use anyhow::Context;
use kube::{Api, ResourceExt, api::ListParams};

use crate::{connect::Connection, text::safe};
use choose::{Chosen, choose};
use write::{Outcome, Writer};

/// What every decision's help ends with.
pub const AFTER_HELP: &str = "Examples:
  kubectl drift accept deployment-agent-4f0c9d1e -n shop --reason 'the new health check'
  kubectl drift dismiss deployment-agent-4f0c9d1e --finding 9c1f
  kubectl drift deny deployment-agent-4f0c9d1e --finding 9c1f --reason 'nobody mines here'
  kubectl drift accept -l anchorwatch.dev/name=agent --dry-run

All findings of the named alerts that are not closed are decided about. Those that can never be suppressed (a shell on a
socket, a program that is not part of the image, what was denied) are decided one by one, by --finding. What is seen after
you looked is not covered: a graver rule, or a sighting after a dismissal, is a finding of its own.

Exit codes: 0 decided (or nothing to decide), 1 failed, 2 misuse, 3 not all decided, since somebody else decided or a
finding changed meanwhile, 4 you lack the right.";

/// Which findings, and why.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of DriftAlerts, as `kubectl drift list` prints them.
    #[arg(required_unless_present = "selector")]
    alerts: Vec<String>,
    /// The alerts that have these labels, instead of names: anchorwatch.dev/kind, /name and /container say whose they are.
    #[arg(long, short = 'l', conflicts_with = "alerts")]
    selector: Option<String>,
    /// The finding, by its id or the beginning of it, as `kubectl drift show` prints it; all that are not closed by default.
    #[arg(long, conflicts_with = "selector")]
    finding: Vec<String>,
    /// Why: whoever reads the alert later will ask.
    #[arg(long, default_value = "")]
    reason: String,
    /// Take the place of what somebody else decided.
    #[arg(long)]
    replace: bool,
    /// Let the cluster say whether it would take the decision, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Don't ask before deciding about more than one finding.
    #[arg(long, short)]
    yes: bool,
}

/// What a script may want to tell apart.
const MISUSE: u8 = 2;
const NOT_ALL: u8 = 3;
const NO_RIGHT: u8 = 4;

/// Decides.
pub async fn run(connection: &Connection, decision: Decision, args: &Args) -> anyhow::Result<ExitCode> {
    let (client, namespace) = connection.open().await?;
    let api: Api<DriftAlert> = Api::namespaced(client.clone(), &namespace);
    let alerts = find(&api, &namespace, args).await?;
    let chosen = match choose(&alerts, &args.finding) {
        Ok(chosen) => chosen,
        Err(misuse) => return Ok(say(MISUSE, &misuse)),
    };
    if chosen.is_empty() {
        println!("Nothing to decide: every finding is closed already.");
        return Ok(ExitCode::SUCCESS);
    }
    if chosen.len() > 1 && !args.yes && !args.dry_run {
        match ask(decision, &chosen)? {
            Answer::Yes => {}
            Answer::No => return Ok(say(NOT_ALL, "nothing was decided")),
            Answer::Nobody => {
                let misuse = format!(
                    "this decides about {} findings, and nobody is there to be asked: use --yes, or --finding for one",
                    chosen.len()
                );
                return Ok(say(MISUSE, &misuse));
            }
        }
    }
    let me = who::am_i(&client)
        .await
        .context("the cluster does not say who you are")?;
    let writer = Writer {
        api,
        namespace,
        me,
        decision,
        reason: args.reason.clone(),
        replace: args.replace,
        dry_run: args.dry_run,
    };
    decide(&writer, &chosen).await
}

async fn decide(writer: &Writer, chosen: &[Chosen]) -> anyhow::Result<ExitCode> {
    let mut left = false;
    for one in chosen {
        match writer.write(one).await? {
            Outcome::Written => println!("{}", told(writer, one)),
            Outcome::NotWritten(why) => {
                left = true;
                say(NOT_ALL, &format!("driftalert/{} {}: {why}", one.alert, one.short_id()));
            }
            Outcome::Forbidden(why) => return Ok(say(NO_RIGHT, &why)),
        }
    }
    Ok(if left {
        ExitCode::from(NOT_ALL)
    } else {
        ExitCode::SUCCESS
    })
}

fn told(writer: &Writer, one: &Chosen) -> String {
    let done = match writer.decision {
        Decision::Accept => "accepted",
        Decision::Dismiss => "dismissed",
        Decision::Deny => "denied",
        Decision::Escalate => "escalated",
    };
    let dry = if writer.dry_run { " (dry run)" } else { "" };
    format!(
        "driftalert/{} {} {done}{dry}: {}",
        one.alert,
        one.short_id(),
        safe(&one.summary)
    )
}

async fn find(api: &Api<DriftAlert>, namespace: &str, args: &Args) -> anyhow::Result<Vec<DriftAlert>> {
    if let Some(selector) = &args.selector {
        let found = api.list(&ListParams::default().labels(selector)).await;
        return Ok(found.context("alerts can't be listed")?.items);
    }
    let mut alerts = Vec::new();
    for name in &args.alerts {
        let name = name.trim_start_matches("driftalert/");
        let alert = api.get_opt(name).await?.with_context(|| {
            format!("namespace {namespace} has no DriftAlert {name:?}: `kubectl drift list -A` lists all of them")
        })?;
        // Named twice, it is decided about once.
        if alerts.iter().all(|other: &DriftAlert| other.name_any() != name) {
            alerts.push(alert);
        }
    }
    Ok(alerts)
}

enum Answer {
    Yes,
    No,
    Nobody,
}

fn ask(decision: Decision, chosen: &[Chosen]) -> anyhow::Result<Answer> {
    if !std::io::stdin().is_terminal() {
        return Ok(Answer::Nobody);
    }
    for one in chosen {
        println!("driftalert/{} {}  {}", one.alert, one.short_id(), safe(&one.summary));
    }
    print!("{decision:?} these {} findings? [y/N] ", chosen.len());
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let yes = matches!(answer.trim(), "y" | "Y" | "yes");
    Ok(if yes { Answer::Yes } else { Answer::No })
}

/// Tells a person why not, and a script by a number.
#[allow(clippy::print_stderr)] // what is no result does not go where results go
fn say(code: u8, why: &str) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::from(code)
}
