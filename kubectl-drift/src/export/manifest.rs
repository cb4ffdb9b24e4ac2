//! The manifest: YAML with comments, of which no byte comes from a container but as a quoted value.

use std::fmt::Write as _;

use anchorwatch_core::id::{object_name, short_hash};
use anchorwatch_crds::v1alpha1::NamedBehaviors;
use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;

use super::select::{Approved, Only, Selection};
use crate::workload::Known;

/// Most behaviours of a kind that one approval lists: the schema's.
const MOST: usize = 128;

/// The approvals, one after the other where they are too many for one; comments alone where there is none.
pub(super) fn write(known: &Known, name: Option<&str>, selection: &Selection, only: &Only) -> anyhow::Result<String> {
    let mut text = preface(known, selection, only);
    let parts = parts(&selection.approved)?;
    let base = match name {
        Some(name) => name.to_owned(),
        None => object_name(&known.key.kind, &known.key.name, Some("learned")),
    };
    for (index, part) in parts.iter().enumerate() {
        let name = match index {
            0 => base.clone(),
            index => numbered(&base, index + 1),
        };
        if index > 0 {
            text.push_str("---\n");
        }
        text.push_str(&object(known, &name, part)?);
    }
    Ok(text)
}

/// A name with a number behind it that is still one.
fn numbered(base: &str, number: usize) -> String {
    let wanted = format!("{base}-{number}");
    if wanted.len() <= 253 {
        return wanted;
    }
    let hash = short_hash(&[base.as_bytes()]);
    format!("{}-{hash}-{number}", base[..200].trim_end_matches(['-', '.']))
}

fn preface(known: &Known, selection: &Selection, only: &Only) -> String {
    let mut text = String::new();
    let mut say = |line: &str| writeln!(text, "# {line}").expect("writing to a String can't fail");
    let what = match only {
        Only::Everything => "What was learned".to_owned(),
        Only::Since(since) => format!("What was learned since {since}"),
        Only::Revision { number, .. } => format!("What revision {number} newly did"),
    };
    say(&format!(
        "{what} of {}: {} behaviours.",
        known.key,
        selection.approved.len()
    ));
    say("Applying it changes nothing of what was learned; deleting it again, neither.");
    for (reason, count) in &selection.left_out {
        say(&format!("Left out: {count} {reason}."));
    }
    text
}

/// What goes into one approval, list by list, each line as it is written.
#[derive(Default)]
struct Part {
    processes: Vec<String>,
    destinations: Vec<String>,
    listeners: Vec<String>,
    modules: Vec<String>,
}

fn parts(approved: &[Approved]) -> anyhow::Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let mut counts = [0_usize; 4];
    for one in approved {
        let NamedBehaviors {
            processes,
            destinations,
            listeners,
            modules,
        } = &one.named;
        // Each is of exactly one kind.
        let (list, item) = match (
            processes.first(),
            destinations.first(),
            listeners.first(),
            modules.first(),
        ) {
            (Some(process), ..) => (0, item(process, one)?),
            (None, Some(destination), ..) => (1, item(destination, one)?),
            (None, None, Some(listener), _) => (2, item(listener, one)?),
            (None, None, None, Some(module)) => (3, item(module, one)?),
            (None, None, None, None) => continue,
        };
        let place = counts[list] / MOST;
        counts[list] += 1;
        while parts.len() <= place {
            parts.push(Part::default());
        }
        let part = &mut parts[place];
        [
            &mut part.processes,
            &mut part.destinations,
            &mut part.listeners,
            &mut part.modules,
        ][list]
            .push(item);
    }
    Ok(parts)
}

/// One line of a list, with the day since when it is known.
fn item(named: &impl Serialize, approved: &Approved) -> anyhow::Result<String> {
    let yaml = serde_yaml::to_string(&[named]).context("a behaviour can't be written")?;
    let day = Timestamp::from_second(approved.since.as_secs()).unwrap_or_default();
    let day = day.strftime("%F");
    let how = if approved.accepted {
        "accepted in an alert, first seen"
    } else {
        "since"
    };
    let mut text = format!("      # {how} {day}\n");
    for line in yaml.lines() {
        writeln!(text, "      {line}")?;
    }
    Ok(text)
}

fn object(known: &Known, name: &str, part: &Part) -> anyhow::Result<String> {
    let quoted = |text: &str| serde_json::to_string(text).context("a name can't be written");
    let mut text = format!(
        "apiVersion: anchorwatch.dev/v1alpha1\nkind: BehaviorApproval\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n  \
         workload:\n    kind: {}\n    name: {}\n  approve:\n",
        quoted(name)?,
        quoted(&known.key.namespace)?,
        quoted(&known.key.kind)?,
        quoted(&known.key.name)?
    );
    let Part {
        processes,
        destinations,
        listeners,
        modules,
    } = part;
    for (list, items) in [
        ("processes", processes),
        ("destinations", destinations),
        ("listeners", listeners),
        ("modules", modules),
    ] {
        if !items.is_empty() {
            writeln!(text, "    {list}:\n{}", items.concat().trim_end())?;
        }
    }
    Ok(text)
}
