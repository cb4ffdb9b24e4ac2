//! `kubectl drift status`: whether Anchorwatch itself works, and whom it watches.

mod fetch;
mod health;
mod render;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use jiff::Timestamp;

use crate::{connect::Connection, output::Output};
use health::{Health, assess};

/// Exit code where something is not as it should be.
const UNHEALTHY: u8 = 3;

/// Where Anchorwatch is, and in which form to tell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Healthy is: the operator holds its lease; every node that is ready has a sensor whose report is taken within two minutes and not \
older than two hours and a half; no hook failed, and each feed has one that works; each policy makes sense. Policies that hold \
for no workload, workloads that no policy selects, hooks that another way stands in for or that the node's kernel lacks or forbids, \
and losses are told, and change nothing of that.\n\nIt reads SensorReports, which cluster administrators may.\n\n\
Examples:\n  kubectl drift status\n  kubectl drift status -o wide\n  kubectl drift status -o json --operator-namespace security\n\n\
Exit codes: 0 healthy, 1 could not be told, 2 misuse, 3 not healthy.")]
pub struct Args {
    /// Namespace that Anchorwatch is installed in.
    #[arg(long, default_value = "anchorwatch-system")]
    operator_namespace: String,
    /// Name of the operator's Lease.
    #[arg(long, default_value = "anchorwatch-operator")]
    lease: String,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Tells how Anchorwatch is, and says by the exit code whether that is well.
pub async fn run(connection: &Connection, args: &Args) -> anyhow::Result<ExitCode> {
    let (client, _) = connection.open().await?;
    let facts = fetch::facts(&client, &args.operator_namespace, &args.lease).await?;
    let health = assess(&facts, Timestamp::now());
    args.output.print(&health, |wide| render::text(&health, wide))?;
    Ok(verdict(&health))
}

fn verdict(health: &Health) -> ExitCode {
    if health.healthy {
        ExitCode::SUCCESS
    } else {
        UNHEALTHY.into()
    }
}
