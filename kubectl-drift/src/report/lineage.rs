//! What starts what in a container, as a tree that can be drawn: each program once, under whoever started it first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
};

use anchorwatch_core::{
    baseline::{Baseline, ContainerBaseline, Entry},
    behaviour::{Behaviour, Direction},
    rules::subject,
};
use serde::Serialize;

use crate::baseline::label;

/// Most programs that are drawn of a container.
const MOST: usize = 80;
/// Known destinations that are drawn of a program, those that were seen most often.
const DESTINATIONS: usize = 3;

/// The programs of a container.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lineage {
    pub container: String,
    /// The programs, parents before their children.
    pub nodes: Vec<Node>,
    /// How many found no room in the picture.
    pub left_out: usize,
}

/// A program, or something else that was raised of one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    /// What it is called in the picture.
    pub label: String,
    /// What it is, in a sentence.
    pub what: String,
    /// What it is good for, in a word: the worst of what it did.
    pub state: &'static str,
    pub count: u64,
    /// Place of its parent among the nodes; none for what the container starts with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    /// Others that start it, too, by their places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<usize>,
}

/// The lineage of each container that ran anything.
pub(super) fn lineages(learned: &Baseline) -> Vec<Lineage> {
    let lineages = learned
        .containers
        .iter()
        .map(|(name, container)| lineage(name.as_str(), container));
    lineages.filter(|lineage| !lineage.nodes.is_empty()).collect()
}

/// What is known of a program.
#[derive(Default)]
struct Program<'a> {
    parents: BTreeSet<&'a str>,
    entries: Vec<&'a Entry>,
}

fn lineage(name: &str, container: &ContainerBaseline) -> Lineage {
    let entries = || container.feeds.values().flat_map(|feed| feed.entries.values());
    let mut programs: BTreeMap<&str, Program<'_>> = BTreeMap::new();
    let mut raised: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    let mut reached: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries() {
        match &entry.behaviour {
            Behaviour::Process(process) => {
                let program = programs.entry(process.executable()).or_default();
                program.entries.push(entry);
                program.parents.insert(process.parent());
                if !process.parent().is_empty() {
                    programs.entry(process.parent()).or_default();
                }
            }
            Behaviour::Network(_) | Behaviour::Module(_) if entry.is_quarantined() => {
                raised.entry(entry.behaviour.executable()).or_default().push(entry);
            }
            Behaviour::Network(network) if network.direction() != Direction::Listen => {
                reached.entry(network.executable()).or_default().push(entry);
            }
            Behaviour::Network(_) | Behaviour::Module(_) => {}
        }
    }
    let mut nodes = walk(&programs);
    let places: BTreeMap<&str, usize> = nodes
        .iter()
        .enumerate()
        .map(|(place, (path, _))| (*path, place))
        .collect();
    for (place, (path, node)) in nodes.clone().into_iter().enumerate() {
        let parents = programs.get(path).map(|program| &program.parents);
        let others = parents
            .into_iter()
            .flatten()
            .filter_map(|parent| places.get(parent).copied());
        nodes[place].1.also = others
            .filter(|other| Some(*other) != node.parent && *other != place)
            .collect();
    }
    let mut nodes: Vec<Node> = nodes.into_iter().map(|(_, node)| node).collect();
    for (path, entries) in &raised {
        nodes.extend(entries.iter().map(|entry| leaf(entry, places.get(path).copied())));
    }
    for (path, entries) in reached {
        nodes.extend(destinations(entries, places.get(path).copied()));
    }
    let left_out = nodes.len().saturating_sub(MOST);
    Lineage {
        container: name.to_owned(),
        nodes: keep(nodes),
        left_out,
    }
}

/// Every program once, breadth first from what the container starts with; what nobody is known to have started follows.
fn walk<'a>(programs: &BTreeMap<&'a str, Program<'a>>) -> Vec<(&'a str, Node)> {
    let mut nodes: Vec<(&str, Node)> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let is_root = |program: &Program<'_>| program.parents.is_empty() || program.parents.contains("");
    let roots = programs
        .iter()
        .filter(|(_, program)| is_root(program))
        .map(|(path, _)| *path);
    // A circle that nothing leads into is entered somewhere.
    for start in roots.chain(programs.keys().copied()).collect::<Vec<_>>() {
        let mut queue = VecDeque::from([(start, None)]);
        while let Some((path, parent)) = queue.pop_front() {
            if !seen.insert(path) {
                continue;
            }
            let place = nodes.len();
            nodes.push((path, node(path, programs.get(path), parent)));
            let is_child = |program: &Program<'_>| program.parents.contains(path);
            let children = programs.iter().filter(|(_, program)| is_child(program));
            queue.extend(children.map(|(child, _)| (*child, Some(place))));
        }
    }
    nodes
}

fn node(path: &str, program: Option<&Program<'_>>, parent: Option<usize>) -> Node {
    let entries = program.map(|program| program.entries.as_slice()).unwrap_or_default();
    let worst = entries.iter().max_by_key(|entry| badness(entry));
    Node {
        label: base(path).to_owned(),
        what: worst.map_or_else(|| path.to_owned(), |entry| subject(&entry.behaviour)),
        state: worst.map_or("Unknown", |entry| label(entry)),
        count: entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.count)),
        parent,
        also: Vec::new(),
    }
}

/// Something that a program did beside running.
fn leaf(entry: &Entry, parent: Option<usize>) -> Node {
    let what = match &entry.behaviour {
        Behaviour::Network(network) => format!("{}:{}", network.destination(), network.port()),
        Behaviour::Module(module) => base(module.path()).to_owned(),
        Behaviour::Process(process) => base(process.executable()).to_owned(),
    };
    Node {
        label: what,
        what: subject(&entry.behaviour),
        state: label(entry),
        count: entry.count,
        parent,
        also: Vec::new(),
    }
}

/// The known destinations of a program: the most usual, and one that stands for the rest.
fn destinations(mut entries: Vec<&Entry>, parent: Option<usize>) -> Vec<Node> {
    entries.sort_by_key(|entry| (Reverse(entry.count), entry.behaviour.id()));
    let rest = entries.split_off(entries.len().min(DESTINATIONS));
    let mut nodes: Vec<Node> = entries.into_iter().map(|entry| leaf(entry, parent)).collect();
    if let Some(first) = rest.first() {
        let (number, executable) = (rest.len(), first.behaviour.executable());
        nodes.push(Node {
            label: format!("and {number} more"),
            what: format!("{number} more known destinations of {executable}"),
            count: rest.iter().fold(0, |sum, entry| sum.saturating_add(entry.count)),
            ..leaf(first, parent)
        });
    }
    nodes
}

const fn badness(entry: &Entry) -> u8 {
    match (entry.is_quarantined(), entry.is_accepted()) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(path)
}

/// As many as can be drawn: what was raised and what led to it first, then from the outermost on.
fn keep(nodes: Vec<Node>) -> Vec<Node> {
    if nodes.len() <= MOST {
        return nodes;
    }
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    let raised = (0..nodes.len()).filter(|place| nodes[*place].state == crate::baseline::QUARANTINED);
    for place in raised.chain(0..nodes.len()) {
        let mut way: Vec<usize> = std::iter::successors(Some(place), |place| nodes[*place].parent).collect();
        way.retain(|place| !kept.contains(place));
        if kept.len() + way.len() <= MOST {
            kept.extend(way);
        }
    }
    let places: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
    let place = |old: &usize| places.get(old).copied();
    let kept = nodes.into_iter().enumerate().filter(|(old, _)| kept.contains(old));
    kept.map(|(_, node)| Node {
        parent: node.parent.as_ref().and_then(place),
        also: node.also.iter().filter_map(place).collect(),
        ..node
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use anchorwatch_convert::baseline_from_crd;
    use serde_json::json;

    use super::*;
    use crate::testkit::{baseline, program, with};

    fn child(executable: &str, parent: &str) -> serde_json::Value {
        let mut entry = program(executable, 1, 1);
        entry["process"]["parent"] = parent.into();
        entry
    }

    fn of(entries: &[serde_json::Value]) -> Lineage {
        let status = baseline("Deployment", "agent", entries)["status"].take();
        let learned = baseline_from_crd(serde_json::from_value(status).unwrap());
        lineages(&learned).remove(0)
    }

    fn drawn(lineage: &Lineage) -> Vec<(&str, Option<&str>)> {
        let label = |place: usize| lineage.nodes[place].label.as_str();
        let nodes = lineage.nodes.iter();
        nodes
            .map(|node| (node.label.as_str(), node.parent.map(label)))
            .collect()
    }

    #[test]
    fn each_program_stands_once_under_who_started_it() {
        let lineage = of(&[
            child("/usr/bin/python3", ""),
            child("/bin/sh", "/usr/bin/python3"),
            child("/usr/bin/date", "/bin/sh"),
            child("/usr/bin/date", "/usr/bin/python3"),
        ]);
        let expected = [("python3", None), ("sh", Some("python3")), ("date", Some("python3"))];
        assert_eq!(drawn(&lineage), expected);
        assert_eq!(lineage.nodes[2].also, [1]);
    }

    #[test]
    fn where_a_program_usually_goes_is_drawn_and_the_rest_is_counted() {
        let mut entries = vec![child("/usr/bin/curl", "")];
        for number in 1..=5 {
            entries.push(json!({
                "id": format!("{number:032x}"), "state": "Learned", "count": number, "pods": 1,
                "network": {"origin": "entrypoint", "executable": "/usr/bin/curl", "direction": "connect", "protocol": "tcp",
                            "port": 443, "destination": {"name": format!("{number}.example.org")}},
                "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z", "lastDay": 20_454, "days": 1,
            }));
        }
        let lineage = of(&entries);
        let expected = [
            "5.example.org:443",
            "4.example.org:443",
            "3.example.org:443",
            "and 2 more",
        ];
        let drawn = drawn(&lineage);
        assert_eq!(drawn[0], ("curl", None));
        assert_eq!(drawn[1..], expected.map(|label| (label, Some("curl"))));
        assert_eq!((lineage.nodes[4].count, lineage.nodes[4].state), (3, "Learned"));
    }

    #[test]
    fn programs_that_start_each_other_are_drawn_and_end() {
        let lineage = of(&[child("/a", "/b"), child("/b", "/a"), child("/c", "/c")]);
        assert_eq!(drawn(&lineage), [("a", None), ("b", Some("a")), ("c", None)]);
    }

    #[test]
    fn of_too_many_programs_what_was_raised_is_drawn_with_what_led_to_it() {
        let mut entries: Vec<_> = (0..200)
            .map(|number| child(&format!("/bin/{number:03}"), "/bin/000"))
            .collect();
        entries[0]["process"]["parent"] = "".into();
        let raised = json!({"id": "0", "state": "Quarantined", "rule": "process-outside-baseline"});
        entries.push(with(child("/bin/zz", "/bin/199"), raised));
        let lineage = of(&entries);
        assert_eq!((lineage.nodes.len(), lineage.left_out), (MOST, 201 - MOST));
        let drawn = drawn(&lineage);
        assert!(
            drawn.contains(&("zz", Some("199"))) && drawn.contains(&("199", Some("000"))),
            "{drawn:?}"
        );
    }
}
