//! `kubectl drift diff WORKLOAD`: a release note of behaviour.

mod render;
#[cfg(test)]
mod tests;
mod view;

use anchorwatch_core::{
    baseline::{Refusal, difference},
    id::TemplateHash,
};
use anchorwatch_crds::v1alpha1::{RecordType, RolloutRecord};
use anyhow::{Context, bail};
use clap::ValueEnum;
use jiff::Timestamp;
use kube::{Api, Client, ResourceExt, api::ListParams};

use crate::{
    connect::Connection,
    workload,
    workload::{Known, Wanted},
};
use view::View;

/// Which revisions of which workload, and in which form.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Told by what pods of either revision were seen doing. `+` is new (`=`: an older revision did it, too), `-` is gone, and `?` was \
not seen yet of a revision that was not watched for as long as that stayed away before: nobody can say yet that it is gone.\n\n\
Examples:\n  kubectl drift diff deploy/agent -n shop\n  kubectl drift diff deploy/agent -n shop --from 3 --to 5\n  \
kubectl drift diff agent -n shop -o json\n\n\
Exit codes: 0 done, 1 failed or one of them was not watched, 2 misuse.")]
pub struct Args {
    /// The workload: kind/name as kubectl takes it, or the name alone where only one has it.
    workload: Wanted,
    /// Number of the earlier revision, as its RolloutRecord has it; by default the one before the later.
    #[arg(long, value_name = "REV")]
    from: Option<i64>,
    /// Number of the later revision; by default the newest.
    #[arg(long, value_name = "REV")]
    to: Option<i64>,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    Json,
    Yaml,
}

/// Shows how two revisions of a workload differ.
pub async fn run(connection: &Connection, args: &Args) -> anyhow::Result<()> {
    let (client, namespace) = connection.open().await?;
    let known = workload::find(&client, &namespace, &args.workload).await?;
    let records = revisions(&client, &known).await?;
    let (from, to) = choose(&records, args.from, args.to, &known.title())?;
    let view = compare(&known, from, to)?;
    match args.output {
        Output::Table => print!("{}", render::text(&view, Timestamp::now())),
        Output::Json => println!("{}", serde_json::to_string_pretty(&view)?),
        Output::Yaml => print!("{}", serde_yaml::to_string(&view)?),
    }
    Ok(())
}

/// The records of a workload's revisions, the oldest first.
pub(crate) async fn revisions(client: &Client, known: &Known) -> anyhow::Result<Vec<RolloutRecord>> {
    let api: Api<RolloutRecord> = Api::namespaced(client.clone(), &known.key.namespace);
    let listed = api.list(&ListParams::default()).await;
    let mut records = listed.context("records of rollouts can't be listed")?.items;
    records.retain(|record| {
        let spec = &record.spec;
        let of_revision = match spec.record_type {
            None | Some(RecordType::Revision) => true,
            Some(RecordType::Digest | RecordType::Checkpoint) => false,
        };
        of_revision && spec.workload.kind == known.key.kind && spec.workload.name == known.key.name
    });
    records.sort_by_key(|record| (record.spec.started_at.0, record.spec.revision, record.name_any()));
    Ok(records)
}

/// The two to compare: by number or, where those are left out, the newest and the one before.
fn choose<'a>(
    records: &'a [RolloutRecord],
    from: Option<i64>,
    to: Option<i64>,
    title: &str,
) -> anyhow::Result<(&'a RolloutRecord, &'a RolloutRecord)> {
    let place = |number: i64| {
        let found = records.iter().rposition(|record| record.spec.revision == number);
        let numbers: Vec<String> = records.iter().map(|record| record.spec.revision.to_string()).collect();
        found.with_context(|| match numbers.as_slice() {
            [] => format!("there is no record of a revision of {title}"),
            numbers => format!(
                "there is no record of revision {number} of {title}: there are {}",
                numbers.join(", ")
            ),
        })
    };
    let later = match to {
        Some(number) => place(number)?,
        None => records
            .len()
            .checked_sub(1)
            .with_context(|| format!("no rollout of {title} is recorded yet"))?,
    };
    let earlier = match from {
        Some(number) => place(number)?,
        None => later.checked_sub(1).with_context(|| {
            let only = records[later].spec.revision;
            format!("no rollout of {title} before revision {only} is recorded: there is nothing to compare it with")
        })?,
    };
    if earlier == later {
        bail!("--from and --to are the same revision");
    }
    Ok((&records[earlier], &records[later]))
}

fn compare(known: &Known, from: &RolloutRecord, to: &RolloutRecord) -> anyhow::Result<View> {
    let learned = known.learned();
    let hash = |record: &RolloutRecord| TemplateHash::from(record.spec.template_hash.as_str());
    match difference(&learned, &hash(from), &hash(to)) {
        Ok(difference) => Ok(View::of(known, from, to, &difference)),
        Err(Refusal::SameTemplate(_)) => bail!(
            "revisions {} and {} run the same template, as after a rollback: they can't differ",
            from.spec.revision,
            to.spec.revision
        ),
        Err(Refusal::Unwatched(missing)) => {
            let record = if hash(from) == missing { from } else { to };
            bail!(
                "no pod of revision {} of {} was watched, or that was more than eight revisions or 42 days ago: what it does is \
                 not known",
                record.spec.revision,
                known.title()
            )
        }
    }
}
