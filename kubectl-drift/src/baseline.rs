//! `kubectl drift baseline WORKLOAD`: what was learned, and how far it can be relied upon.

mod render;
#[cfg(test)]
mod tests;
mod view;

use jiff::Timestamp;

use crate::{connect::Connection, output::Output, workload, workload::Wanted};
use view::View;
pub(crate) use view::{QUARANTINED, label};

/// Whose baseline, and in which form.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The rarest comes first: what was seen on the fewest days is what tells most about the workload, and what is the likeliest to be \
none of it. NEW/WEEK is how many new behaviours are expected in a week, and in brackets the most in nine weeks of ten.\n\n\
Examples:\n  kubectl drift baseline deploy/agent -n shop\n  kubectl drift baseline agent -n shop -o wide --limit 0\n  \
kubectl drift baseline cronjob/nightly -n shop -o json\n\n\
Exit codes: 0 done, 1 failed, 2 misuse.")]
pub struct Args {
    /// The workload: kind/name as kubectl takes it, or the name alone where only one has it.
    workload: Wanted,
    /// The most behaviours that the table lists, the rarest first; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 40)]
    limit: usize,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Shows the baseline of a workload.
pub async fn run(connection: &Connection, args: &Args) -> anyhow::Result<()> {
    let (client, namespace) = connection.open().await?;
    let known = workload::find(&client, &namespace, &args.workload).await?;
    let view = View::of(&known);
    let now = Timestamp::now();
    args.output
        .print(&view, |wide| render::text(&view, args.limit, wide, now))
}
