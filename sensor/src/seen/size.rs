//! About how many bytes a row takes, in memory and on disk alike.

use anchorwatch_core::behaviour::{Attributes, Behaviour};

use super::{BehaviourRow, ContainerRow};

/// What an entry or a container takes beside its texts: maps, hashes and the tables' own needs.
pub(super) const OVERHEAD: usize = 400;

/// What an element of a set takes beside its text.
const ELEMENT: usize = 32;

/// What a command line takes that was told of: its key, a day, and what a map needs for them.
const TOLD: usize = 48;

/// What a destination takes, at most but for the longest names.
const MAX_DESTINATION: usize = 128;

pub(super) fn container_size(row: &ContainerRow) -> usize {
    OVERHEAD + row.namespace.len() + row.pod.len() + row.pod_uid.len() + row.container.len()
}

/// The variants of one identity have texts of the same lengths.
pub(super) fn behaviour_size(row: &BehaviourRow) -> usize {
    let texts = match &row.behaviour {
        Behaviour::Process(process) => {
            process.parent().len()
                + process.executable().len()
                + process.script().map_or(0, str::len)
                + process.applet().map_or(0, str::len)
        }
        Behaviour::Network(network) => network.executable().len() + MAX_DESTINATION,
        Behaviour::Module(module) => {
            module.executable().len() + module.path().len() + module.sha256().map_or(0, str::len)
        }
    };
    let lineage: usize = row.lineage.iter().map(|path| path.len()).sum();
    let waiting = row.waiting.values().map(|waiting| waiting_size(&waiting.line));
    let commands = waiting.sum::<usize>() + row.told.len() * TOLD;
    OVERHEAD + 2 * texts + lineage + attributes_size(&row.attributes) + commands
}

/// Of a command line that waits to be told: its key, its day and its text.
pub(super) const fn waiting_size(line: &str) -> usize {
    line.len() + 2 * ELEMENT
}

fn attributes_size(attributes: &Attributes) -> usize {
    let Attributes {
        addresses,
        bytes_sent: _,
        commands,
        build_id,
        uids,
        effective_uids,
        setuid: _,
        gained: _,
        terminal: _,
    } = attributes;
    let commands: usize = commands.iter().map(|text| text.len() + ELEMENT).sum();
    commands
        + (addresses.len() + uids.len() + effective_uids.len()) * ELEMENT
        + build_id.as_ref().map_or(0, String::len)
}
