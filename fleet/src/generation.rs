//! What is known at one moment, ready to be searched.

use std::collections::{BTreeMap, HashMap};

use anchorwatch_core::features::Features;

use crate::{
    entry::{Answer, Holder, Known},
    gathering::{Bounds, Command, Gathered, Gathering},
    graph::Graph,
    jaccard::{common_and_union, compared},
};

/// What is known at one moment.
#[derive(Debug)]
pub struct Generation {
    graph: Graph,
    commands: Vec<Command>,
    /// The numbers of the commands, by what they are compared by.
    by_features: HashMap<Vec<u32>, Vec<usize>>,
    /// How many command lines of holders found no room, by namespace.
    left_out: BTreeMap<String, usize>,
}

/// A command line at one holder, and how alike it is: what is ranked before anything of it is copied.
struct Found<'a> {
    command: &'a Command,
    holder: &'a Holder,
    common: u32,
    union: u32,
}

impl Generation {
    /// Of all that is known. Of too much, the command lines of most holders stay; how much was left out is counted.
    pub fn of(known: impl IntoIterator<Item = Known>) -> Self {
        Self::bounded(known, Bounds::OF_A_FLEET)
    }

    fn bounded(known: impl IntoIterator<Item = Known>, bounds: Bounds) -> Self {
        let mut gathering = Gathering::new(bounds);
        for known in known {
            gathering.take(known);
        }
        let Gathered { commands, left_out } = gathering.done();
        Self::indexed(commands, left_out)
    }

    fn indexed(commands: Vec<Command>, left_out: BTreeMap<String, usize>) -> Self {
        let mut by_features: HashMap<Vec<u32>, Vec<usize>> = HashMap::new();
        let mut places = Vec::new();
        for (number, command) in commands.iter().enumerate() {
            let same = by_features.entry(command.compared.clone()).or_default();
            if same.is_empty() {
                places.push(command.compared.clone());
            }
            same.push(number);
        }
        Self {
            graph: Graph::at(places),
            commands,
            by_features,
            left_out,
        }
    }

    /// Number of different command lines.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Number of different command lines of one namespace: nothing that others do changes it.
    pub fn len_in(&self, namespace: &str) -> usize {
        let here = |command: &&Command| !command.holders_in(namespace).is_empty();
        self.commands.iter().filter(here).count()
    }

    /// How many command lines of holders found no room.
    pub fn left_out(&self) -> usize {
        self.left_out.values().sum()
    }

    /// How many command lines of holders of one namespace found no room.
    pub fn left_out_in(&self, namespace: &str) -> usize {
        self.left_out.get(namespace).copied().unwrap_or_default()
    }

    /// The nearest of one namespace, each that found room compared: none of them is missed.
    pub fn nearest_in(&self, namespace: &str, asked: &Features, wanted: usize) -> Vec<Answer> {
        let asked = compared(asked);
        let here = |command| found(command, &asked, Command::holders_in(command, namespace));
        best(self.commands.iter().flat_map(here).collect(), wanted)
    }

    /// The nearest of all namespaces: what the graph proposes and what is exactly as asked for, compared exactly.
    pub fn nearest(&self, asked: &Features, wanted: usize) -> Vec<Answer> {
        let asked = compared(asked);
        let exact = self.by_features.get(&asked);
        let proposed = self.graph.near(&asked, wanted).map(|number| self.graph.place(number));
        let proposed = proposed
            .filter(|place| *place != asked)
            .filter_map(|place| self.by_features.get(place));
        let numbers = exact.into_iter().chain(proposed).flatten();
        let commands = numbers.map(|number| &self.commands[*number]);
        best(
            commands
                .flat_map(|command| found(command, &asked, &command.holders))
                .collect(),
            wanted,
        )
    }
}

fn found<'a>(command: &'a Command, asked: &[u32], holders: &'a [Holder]) -> impl Iterator<Item = Found<'a>> {
    let (common, union) = common_and_union(asked, &command.compared);
    let holders = holders.iter().filter(move |_| common > 0);
    holders.map(move |holder| Found {
        command,
        holder,
        common,
        union,
    })
}

/// The nearest first; of those that are as near, the one that was seen last.
fn best(mut found: Vec<Found<'_>>, wanted: usize) -> Vec<Answer> {
    found.sort_by(|a, b| {
        let cross = |a: u32, b: u32| u64::from(a) * u64::from(b);
        cross(b.common, a.union)
            .cmp(&cross(a.common, b.union))
            .then_with(|| b.holder.last_seen.cmp(&a.holder.last_seen))
            .then_with(|| a.command.text.cmp(&b.command.text))
            .then_with(|| a.holder.workload.cmp(&b.holder.workload))
            .then_with(|| a.holder.container.cmp(&b.holder.container))
    });
    found.truncate(wanted);
    found.into_iter().map(Found::answer).collect()
}

impl Found<'_> {
    fn answer(self) -> Answer {
        Answer {
            command: self.command.text.clone(),
            holder: self.holder.clone(),
            common: self.common,
            union: self.union,
        }
    }
}

#[cfg(test)]
mod tests {
    use anchorwatch_core::{features::Command as Line, id::WorkloadKey, time::Timestamp};

    use super::*;

    fn features(line: &str, parent: &str) -> Features {
        Features::of(&Line {
            executable: "/usr/bin/bash",
            parent,
            argv: &[line.to_owned()],
        })
    }

    fn known(namespace: &str, workload: &str, line: &str, last_seen: i64) -> Known {
        Known {
            command: line.to_owned(),
            features: features(line, "/usr/bin/python3"),
            holder: Holder {
                workload: WorkloadKey::new(namespace, "Deployment", workload).into(),
                container: "app".into(),
                executable: "/usr/bin/bash".into(),
                first_seen: Timestamp::from_secs(0),
                last_seen: Timestamp::from_secs(last_seen),
            },
        }
    }

    fn fleet() -> Vec<Known> {
        let mut all = Vec::new();
        for number in 0..90 {
            let word = format!("w{}x{}", number % 17, number % 23);
            let namespace = if number % 3 == 0 { "shop" } else { "bank" };
            let name = format!("a{number}");
            all.push(known(
                namespace,
                &name,
                &format!("tar czf /backup/{word}.tgz /data/{word}"),
                number,
            ));
            all.push(known(
                namespace,
                &name,
                &format!("curl -s http://{word}.example.org/health"),
                number,
            ));
        }
        all
    }

    fn bounds(commands: usize, holders: usize) -> Bounds {
        Bounds {
            commands,
            holders,
            holders_in_all: 1_000,
        }
    }

    fn shown(answers: &[Answer]) -> Vec<(String, String, u32, u32)> {
        let found = answers.iter();
        found
            .map(|one| {
                (
                    one.command.clone(),
                    one.holder.workload.to_string(),
                    one.common,
                    one.union,
                )
            })
            .collect()
    }

    /// Every known command line compared.
    fn oracle(known: &[Known], asked: &Features, wanted: usize, namespace: Option<&str>) -> Vec<Answer> {
        let asked = compared(asked);
        let here = |known: &&Known| namespace.is_none_or(|namespace| known.holder.workload.namespace == namespace);
        let alone = |known: &Known| Command {
            text: known.command.clone(),
            compared: compared(&known.features),
            holders: vec![known.holder.clone()],
        };
        let all: Vec<Command> = known.iter().filter(here).map(alone).collect();
        best(
            all.iter()
                .flat_map(|command| found(command, &asked, &command.holders))
                .collect(),
            wanted,
        )
    }

    #[test]
    fn a_namespace_is_searched_as_comparing_all_of_it_would() {
        let all = fleet();
        let generation = Generation::of(all.clone());
        for line in [
            "curl http://w3x4.example.org | sh",
            "tar czf /backup/w1x1.tgz /data/w1x1",
            "zzz",
        ] {
            let asked = features(line, "");
            let answers = generation.nearest_in("shop", &asked, 7);
            assert_eq!(shown(&answers), shown(&oracle(&all, &asked, 7, Some("shop"))), "{line}");
        }
        assert!(generation.nearest_in("nowhere", &features("curl", ""), 7).is_empty());
    }

    #[test]
    fn what_is_exactly_as_asked_for_is_always_found_wherever_it_is_run() {
        let all = fleet();
        let generation = Generation::of(all.clone());
        for one in &all {
            let asked = features(&one.command, "/another/parent");
            let answers = generation.nearest(&asked, 50);
            let holders = all.iter().filter(|other| other.command == one.command).count();
            let exact = answers.iter().filter(|answer| answer.common == answer.union);
            assert_eq!(
                exact.filter(|answer| answer.command == one.command).count(),
                holders.min(50)
            );
        }
    }

    #[test]
    fn each_answer_says_how_alike_it_is_exactly() {
        let all = fleet();
        let generation = Generation::of(all);
        let asked = features("curl -s http://w3x4.example.org/health | sh", "");
        let answers = generation.nearest(&asked, 10);
        assert_eq!(answers.len(), 10);
        for answer in &answers {
            let exactly = common_and_union(&compared(&asked), &compared(&features(&answer.command, "")));
            assert_eq!((answer.common, answer.union), exactly);
        }
        assert!(answers.is_sorted_by(|a, b| a.similarity() >= b.similarity()));
    }

    #[test]
    fn too_much_is_bounded_and_counted_and_what_most_run_stays() {
        let mut all: Vec<Known> = (0..20)
            .map(|n| known("shop", &format!("w{n}"), "common line", n))
            .collect();
        all.extend((0..30).map(|n| known("shop", "one", &format!("rare line {n}{n}{n}x"), n)));
        let generation = Generation::bounded(all, bounds(10, 5));
        assert_eq!((generation.len(), generation.left_out()), (10, 15 + 21));
        let answers = generation.nearest_in("shop", &features("common line", ""), 9);
        assert_eq!(
            answers.iter().filter(|answer| answer.command == "common line").count(),
            5
        );
    }

    #[test]
    fn what_a_namespace_is_told_is_changed_by_no_other_even_if_it_runs_the_very_lines() {
        let lines = |namespace: &'static str, workload: &'static str| {
            (0..3).map(move |n| known(namespace, workload, &format!("line {n}{n}x"), n))
        };
        let told = |all: Vec<Known>| {
            let generation = Generation::bounded(all, bounds(100, 2));
            let answers = generation.nearest_in("shop", &features("line 11x", ""), 9);
            (
                generation.len_in("shop"),
                generation.left_out_in("shop"),
                shown(&answers),
            )
        };
        let ours: Vec<Known> = lines("shop", "ours").collect();
        let theirs: Vec<Known> = ["a", "b", "c"]
            .into_iter()
            .flat_map(|name| lines("bank", name))
            .collect();
        let alone = told(ours.clone());
        assert_eq!((alone.0, alone.1, alone.2.len()), (3, 0, 3));
        assert_eq!(told(theirs.iter().chain(&ours).cloned().collect()), alone);
        assert_eq!(told(ours.iter().chain(&theirs).cloned().collect()), alone);
        let again = ours.iter().chain(&ours).chain(&ours).cloned();
        assert_eq!(told(again.collect()).1, 3);
    }

    #[test]
    fn nothing_known_answers_nothing() {
        let generation = Generation::of([]);
        assert!(generation.is_empty());
        assert!(generation.nearest(&features("curl", ""), 3).is_empty());
        assert!(generation.nearest_in("shop", &features("curl", ""), 3).is_empty());
    }
}
