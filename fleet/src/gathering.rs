//! Command lines with those who run them, bounded while they are read: a fleet may run far more different ones than can be held.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use crate::{
    entry::{Holder, Known},
    jaccard::compared,
};

/// How much a generation holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most different command lines, of about 3 KiB each with their place in the graph. A cluster of ten thousand nodes runs
    /// the same few thousand again and again.
    pub commands: usize,
    /// Most holders of one command line in one namespace: enough to show who runs it. Were it one bound of all namespaces,
    /// what one of them is told would say who else runs the line.
    pub holders: usize,
    /// Most holders in all, of about 160 bytes each: a place in a list that may be half empty, and the executable.
    pub holders_in_all: usize,
}

impl Bounds {
    /// About 230 MiB at the very most, which leaves an operator of 512 MiB its caches.
    pub const OF_A_FLEET: Self = Self {
        commands: 50_000,
        holders: 256,
        holders_in_all: 500_000,
    };
}

/// What is held beyond that before it is cut back: one in so many. The more, the seldomer it is sorted.
const SLACK: usize = 4;

/// A command line and those who run it.
#[derive(Debug)]
pub(crate) struct Command {
    pub text: String,
    pub compared: Vec<u32>,
    /// By namespace.
    pub holders: Vec<Holder>,
}

impl Command {
    /// Those who run it in one namespace.
    pub fn holders_in(&self, namespace: &str) -> &[Holder] {
        &self.holders[range_of(&self.holders, namespace)]
    }
}

/// Where the holders of a namespace are, or belong, among those of a line.
fn range_of(holders: &[Holder], namespace: &str) -> Range<usize> {
    let from = holders.partition_point(|holder| holder.workload.namespace.as_str() < namespace);
    let here = |holder: &Holder| holder.workload.namespace == namespace;
    from..from + holders[from..].partition_point(here)
}

/// What was gathered.
pub(crate) struct Gathered {
    /// The command lines; of too many, those of most holders.
    pub commands: Vec<Command>,
    /// How many command lines of holders found no room, by namespace.
    pub left_out: BTreeMap<String, usize>,
}

/// What is gathered so far. Of too many command lines, those that the fewest hold go: one that many run comes again, and is
/// held then by those who are read from there on.
pub(crate) struct Gathering {
    together: HashMap<(String, Vec<u32>), Vec<Holder>>,
    left_out: BTreeMap<String, usize>,
    /// Number of holders of all lines.
    held: usize,
    bounds: Bounds,
}

impl Gathering {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            together: HashMap::new(),
            left_out: BTreeMap::new(),
            held: 0,
            bounds,
        }
    }

    pub fn take(&mut self, known: Known) {
        let Known {
            command,
            features,
            holder,
        } = known;
        if self.held >= self.bounds.holders_in_all {
            leave_out(&mut self.left_out, &holder);
            return;
        }
        let holders = self.together.entry((command, compared(&features))).or_default();
        let here = range_of(holders, &holder.workload.namespace);
        if here.len() < self.bounds.holders {
            holders.insert(here.end, holder);
            self.held += 1;
        } else {
            leave_out(&mut self.left_out, &holder);
        }
        let most = self.bounds.commands;
        if self.together.len() > most + most / SLACK {
            self.together = self
                .cut()
                .into_iter()
                .map(
                    |Command {
                         text,
                         compared,
                         holders,
                     }| ((text, compared), holders),
                )
                .collect();
        }
    }

    pub fn done(mut self) -> Gathered {
        Gathered {
            commands: self.cut(),
            left_out: self.left_out,
        }
    }

    /// Those that stay, in an order that does not depend on chance; what is held by as many stays by its text.
    fn cut(&mut self) -> Vec<Command> {
        let together = std::mem::take(&mut self.together).into_iter();
        let mut commands: Vec<Command> = together
            .map(|((text, compared), holders)| Command {
                text,
                compared,
                holders,
            })
            .collect();
        let by_text = |a: &Command, b: &Command| (&a.text, &a.compared).cmp(&(&b.text, &b.compared));
        let most = self.bounds.commands;
        if commands.len() > most {
            commands.sort_by(|a, b| {
                Reverse(a.holders.len())
                    .cmp(&Reverse(b.holders.len()))
                    .then_with(|| by_text(a, b))
            });
            for holder in commands.drain(most..).flat_map(|command| command.holders) {
                leave_out(&mut self.left_out, &holder);
                self.held -= 1;
            }
        }
        commands.sort_by(by_text);
        commands
    }
}

fn leave_out(left_out: &mut BTreeMap<String, usize>, holder: &Holder) {
    *left_out.entry(holder.workload.namespace.clone()).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use anchorwatch_core::{
        features::{Command as Line, Features},
        id::WorkloadKey,
        time::Timestamp,
    };

    use super::*;

    fn known(line: &str, number: usize) -> Known {
        Known {
            command: line.to_owned(),
            features: Features::of(&Line {
                executable: "",
                parent: "",
                argv: &[line.to_owned()],
            }),
            holder: Holder {
                workload: WorkloadKey::new("shop", "Deployment", format!("w{number}")).into(),
                container: "app".into(),
                executable: "/usr/bin/bash".into(),
                first_seen: Timestamp::from_secs(0),
                last_seen: Timestamp::from_secs(0),
            },
        }
    }

    #[test]
    fn no_more_is_ever_held_than_the_bound_and_a_quarter_and_all_of_the_rest_is_counted() {
        let mut gathering = Gathering::new(Bounds {
            commands: 100,
            holders: 5,
            holders_in_all: 1_000,
        });
        for number in 0..2_000 {
            gathering.take(known(&format!("rare {number}{number}x"), number));
            assert!(gathering.together.len() <= 125);
            if number % 10 == 0 {
                gathering.take(known("common line", number));
            }
        }
        let gathered = gathering.done();
        assert_eq!(gathered.commands.len(), 100);
        let common = gathered.commands.iter().find(|command| command.text == "common line");
        assert_eq!(common.map(|command| command.holders.len()), Some(5));
        let held: usize = gathered.commands.iter().map(|command| command.holders.len()).sum();
        assert_eq!(gathered.left_out["shop"] + held, 2_200);
    }

    #[test]
    fn no_more_holders_are_held_than_the_bound_of_all_and_what_goes_makes_room() {
        let mut gathering = Gathering::new(Bounds {
            commands: 20,
            holders: 9,
            holders_in_all: 24,
        });
        for number in 0..100 {
            gathering.take(known(&format!("rare {number}{number}x"), number));
            gathering.take(known("common line", number));
            let held: usize = gathering.together.values().map(Vec::len).sum();
            assert_eq!(gathering.held, held);
            assert!(held <= 24);
        }
        let gathered = gathering.done();
        let held: usize = gathered.commands.iter().map(|command| command.holders.len()).sum();
        assert_eq!(gathered.left_out["shop"] + held, 200);
        assert!(gathered.commands.iter().all(|command| !command.holders.is_empty()));
    }
}
