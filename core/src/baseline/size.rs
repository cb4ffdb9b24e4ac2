//! How many bytes an entry takes in the object: never less than it really takes, whatever its numbers grow to.

use super::{
    Entry, Lesson, Past, Phase,
    entry::{MAX_ANCESTOR, MAX_LINEAGE, implied_lineage},
};
use crate::{
    behaviour::{
        Attributes, Behaviour, CapabilitySet, Feed, MAX_ADDRESSES, MAX_BUILD_ID, MAX_COMMAND, MAX_RAISED_COMMAND_BYTES,
        MAX_RAISED_COMMANDS, MAX_UIDS,
    },
    score::Strangeness,
    seen::Seen,
    text::{MAX_NAME, MAX_PATH, json_len},
};

/// Count, times, days and pods with their names, at their widest.
const NUMBERS: usize = 160;
/// The names of a behaviour's fields, and the values that come from a list, at their widest.
const PROCESS: usize = 90;
const NETWORK: usize = 154;
const MODULE: usize = 122;
/// Names of the fields that few processes have: script, applet, command, sockets, gained capabilities.
const SELDOM: usize = 88;
/// Brackets and name of a lineage that is written.
const LINEAGE: usize = 13;
/// What a quarantined entry says beside: its id, state and rule, and that it is unverified or provisional.
const QUARANTINED: usize = 97 + 18 + 19;
/// `snapshot` and `generalised`.
const MARKS: usize = 36;
/// `revisions`, as eight bits.
const REVISIONS: usize = 16;
/// The longest address as text, with its quotes and comma.
const ADDRESS: usize = 42;
/// The longest user id, with its comma.
const UID: usize = 11;
/// Names of all attributes, and their numbers at their widest.
const ATTRIBUTES: usize = 160;

/// The least that an entry takes.
pub(super) const LEAST: usize = NUMBERS + PROCESS;

/// The most that the key of an entry and its lineage take: of all behaviours, a process has the most text. Each byte can
/// take six in JSON.
pub(super) const MOST: usize = NUMBERS
    + PROCESS
    + SELDOM
    + LINEAGE
    + QUARANTINED
    + MARKS
    + MAX_NAME
    + 29
    + 6 * (3 * MAX_PATH + MAX_NAME + MAX_LINEAGE * MAX_ANCESTOR)
    + 3 * MAX_LINEAGE
    + CapabilitySet::MAX_JSON;

/// What an unusual command takes beyond that.
pub(super) const MOST_OF_COMMAND: usize = 6 * MAX_COMMAND + Strangeness::MAX_JSON;

/// The most that [`beside`] can be of what is raised.
pub(super) const MOST_BESIDE: usize = ATTRIBUTES
    + MAX_ADDRESSES * ADDRESS
    + MAX_RAISED_COMMAND_BYTES
    + MAX_RAISED_COMMANDS * 3
    + MAX_BUILD_ID
    + 2 * MAX_UIDS * UID
    + CapabilitySet::MAX_JSON;

/// What a learned entry of a feed usually takes, attributes aside: what a group of joined entries is charged for each
/// that it might have held.
pub(super) const fn usual(feed: Feed) -> usize {
    match feed {
        Feed::Process => NUMBERS + PROCESS + 80,
        Feed::Network => NUMBERS + NETWORK + 60,
        Feed::Module => NUMBERS + MODULE + 160,
    }
}

/// What the key takes in the entry, for any variant of it: a function of the key alone.
pub(super) fn of_key(behaviour: &Behaviour) -> usize {
    NUMBERS + of_behaviour(behaviour)
}

fn of_behaviour(behaviour: &Behaviour) -> usize {
    match behaviour {
        Behaviour::Process(process) => {
            let seldom = process.script().is_some()
                || process.applet().is_some()
                || process.stdin_socket()
                || process.stdout_socket()
                || process.command().is_some()
                || !process.gained().is_empty();
            let texts = [
                process.parent(),
                process.executable(),
                process.script().unwrap_or_default(),
                process.applet().unwrap_or_default(),
                process.command().unwrap_or_default(),
            ];
            let seldom = if seldom { SELDOM + names(process.gained()) } else { 0 };
            PROCESS + texts.map(json_len).iter().sum::<usize>() + seldom
        }
        Behaviour::Network(network) => {
            NETWORK + json_len(network.executable()) + json_len(&network.destination().to_string())
        }
        Behaviour::Module(module) => {
            MODULE + json_len(module.path()) + json_len(module.executable()) + module.sha256().map_or(0, str::len)
        }
    }
}

/// What an entry takes, sightings and attributes aside.
pub(super) fn of(entry: &Entry) -> usize {
    let lineage = if entry.lineage == implied_lineage(&entry.behaviour) {
        0
    } else {
        LINEAGE + entry.lineage.iter().map(|text| json_len(text) + 3).sum::<usize>()
    };
    let quarantined = if entry.is_quarantined() { QUARANTINED } else { 0 };
    let marks = if entry.snapshot || entry.generalised { MARKS } else { 0 };
    let strangeness = entry.strangeness.as_deref().map_or(0, Strangeness::json_len);
    of_key(&entry.behaviour) + lineage + quarantined + marks + of_lesson(&entry.lesson) + strangeness
}

/// What is said of how an entry came to be what it is: the node, with its field's name, `startup`, `past`, and a bit a
/// revision.
fn of_lesson(lesson: &Lesson) -> usize {
    let node = match &lesson.node {
        Seen::Unknown => 0,
        Seen::One(node) => json_len(node.as_str()) + 10,
        Seen::Several => 11,
    };
    let past = match lesson.past {
        Past::Plain => 0,
        Past::Denied | Past::Absorbed | Past::Bounded | Past::Inherited => 20,
    };
    let revisions = if lesson.revisions.is_empty() { 0 } else { REVISIONS };
    let startup = if lesson.phase == Phase::Startup { 15 } else { 0 };
    node + past + revisions + startup
}

/// What the attributes take.
pub(super) fn beside(attributes: &Attributes) -> usize {
    let Attributes {
        addresses,
        bytes_sent,
        commands,
        build_id,
        uids,
        effective_uids,
        setuid,
        gained,
        terminal,
    } = attributes;
    let few = addresses.is_empty() && *bytes_sent == 0 && effective_uids.is_empty() && gained.is_empty();
    let frame = match (few && !setuid && !terminal, build_id, commands.len() + uids.len()) {
        (true, None, 0) => return 0,
        // A command line and a user, or a build id: what most have.
        (true, None, _) => 40,
        (true, Some(_), 0) => 30,
        (true | false, ..) => ATTRIBUTES,
    };
    let commands: usize = commands.iter().map(|text| json_len(text) + 3).sum();
    let build_id = build_id.as_deref().map_or(0, json_len);
    let uids = (uids.len() + effective_uids.len()) * UID;
    frame + addresses.len() * ADDRESS + commands + build_id + uids + names(*gained)
}

fn names(set: CapabilitySet) -> usize {
    set.names().map(|name| name.len() + 3).sum()
}
