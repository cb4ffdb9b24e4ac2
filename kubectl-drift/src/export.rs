//! `kubectl drift export WORKLOAD`: what was learned, as a BehaviorApproval that reads well in a pull request.

mod manifest;
mod nameable;
mod select;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{connect::Connection, diff::revisions, policies::Policies, workload, workload::Wanted};
use select::{Only, Selection};

/// Exit code where there is nothing to be exported.
const NOTHING: u8 = 3;

/// What of which workload.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes one or more BehaviorApprovals to standard output, in an order that stays the same. What is raised, denied, or stands for \
more than an approval may name is never among them; comments count what is left out. Libraries of the image itself are approved \
by being part of it, and are left out unless you ask for them.\n\n\
Applying it changes nothing of what was learned: an approval is held against each verdict, beside the baseline, and deleting it \
again leaves the baseline as it was.\n\n\
Examples:\n  kubectl drift export deploy/agent -n shop\n  kubectl drift export deploy/agent -n shop --since 2026-01-31\n  \
kubectl drift export deploy/agent -n shop --revision 4 --image-libraries\n\n\
Exit codes: 0 done, 1 failed, 2 misuse, 3 there is nothing to export.")]
pub struct Args {
    /// The workload: kind/name as kubectl takes it, or the name alone where only one has it.
    workload: Wanted,
    /// Only what was first seen since then: a day (2026-01-31) or a time (2026-01-31T12:00:00Z).
    #[arg(long, value_name = "DATE", value_parser = since, conflicts_with = "revision")]
    since: Option<Timestamp>,
    /// Only what the revision of this number newly did: its pods showed it, and no older revision's.
    #[arg(long, value_name = "REV")]
    revision: Option<i64>,
    /// Libraries of the image, too: for a policy that lists the hashes that it approves.
    #[arg(long)]
    image_libraries: bool,
    /// Name of the BehaviorApproval; `<kind>-<name>-learned` by default.
    #[arg(long)]
    name: Option<String>,
}

fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let day = text.parse::<Date>().and_then(|day| day.to_zoned(TimeZone::UTC));
    day.map(|day| day.timestamp())
        .map_err(|_| format!("{text:?} is neither a day such as 2026-01-31 nor a time such as 2026-01-31T12:00:00Z"))
}

/// Prints the approval.
pub async fn run(connection: &Connection, args: &Args) -> anyhow::Result<ExitCode> {
    let (client, namespace) = connection.open().await?;
    let known = workload::find(&client, &namespace, &args.workload).await?;
    let labels = known.object.status.as_ref().map(|status| status.pod_labels.clone());
    let policies = Policies::read(&client, Some(&namespace)).await?;
    let policy = policies.resolved(&known.key, &labels.unwrap_or_default());
    let only = match (args.since, args.revision) {
        (Some(since), _) => Only::Since(since),
        (None, Some(number)) => {
            let records = revisions(&client, &known).await?;
            let found = records.iter().rfind(|record| record.spec.revision == number);
            let record =
                found.with_context(|| format!("there is no record of revision {number} of {}", known.title()))?;
            let hash = record.spec.template_hash.as_str().into();
            if !known.learned().revisions.contains_key(&hash) {
                bail!("no pod of revision {number} of {} was watched", known.title());
            }
            Only::Revision { number, hash }
        }
        (None, None) => Only::Everything,
    };
    let selection = Selection::of(&known.learned(), &policy, &only, args.image_libraries);
    if let Some(name) = args
        .name
        .as_deref()
        .filter(|name| !anchorwatch_core::id::is_object_name(name))
    {
        bail!("{name:?} is no name of an object: expected lower case letters, digits, dots and dashes");
    }
    print!("{}", manifest::write(&known, args.name.as_deref(), &selection, &only)?);
    if !policies.sees_cluster {
        println!("# ClusterDriftPolicies could not be read: what they deny may be among it, and stays denied.");
    }
    Ok(if selection.is_empty() {
        NOTHING.into()
    } else {
        ExitCode::SUCCESS
    })
}
