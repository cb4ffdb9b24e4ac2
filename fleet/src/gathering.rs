//! Command lines with those who run them, bounded while they are read: a fleet may run far more different ones than can be held.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use crate::{
    entry::{Holder, Known},
    jaccard::compared,
};

/// Most different command lines of a generation, of about 3 KiB each with their place in the graph. A cluster of ten
/// thousand nodes runs the same few thousand again and again.
pub const MAX_COMMANDS: usize = 50_000;
/// Most holders that are kept of one command line: enough to show who runs it, and a bound for what everybody runs.
pub const MAX_HOLDERS: usize = 256;

/// What is held beyond that before it is cut back: one in so many. The more, the seldomer it is sorted.
const SLACK: usize = 4;

/// A command line and those who run it.
#[derive(Debug)]
pub(crate) struct Command {
    pub text: String,
    pub compared: Vec<u32>,
    pub holders: Vec<Holder>,
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
    most: usize,
    most_holders: usize,
}

impl Gathering {
    pub fn new(most: usize, most_holders: usize) -> Self {
        Self {
            together: HashMap::new(),
            left_out: BTreeMap::new(),
            most,
            most_holders,
        }
    }

    pub fn take(&mut self, known: Known) {
        let Known {
            command,
            features,
            holder,
        } = known;
        let holders = self.together.entry((command, compared(&features))).or_default();
        if holders.len() < self.most_holders {
            holders.push(holder);
        } else {
            leave_out(&mut self.left_out, holder);
        }
        if self.together.len() > self.most + self.most / SLACK {
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
        if commands.len() > self.most {
            commands.sort_by(|a, b| {
                Reverse(a.holders.len())
                    .cmp(&Reverse(b.holders.len()))
                    .then_with(|| by_text(a, b))
            });
            for holder in commands.drain(self.most..).flat_map(|command| command.holders) {
                leave_out(&mut self.left_out, holder);
            }
        }
        commands.sort_by(by_text);
        commands
    }
}

fn leave_out(left_out: &mut BTreeMap<String, usize>, holder: Holder) {
    *left_out.entry(holder.workload.namespace).or_default() += 1;
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
                workload: WorkloadKey::new("shop", "Deployment", format!("w{number}")),
                container: "app".to_owned(),
                executable: "/usr/bin/bash".to_owned(),
                first_seen: Timestamp::from_secs(0),
                last_seen: Timestamp::from_secs(0),
            },
        }
    }

    #[test]
    fn no_more_is_ever_held_than_the_bound_and_a_quarter_and_all_of_the_rest_is_counted() {
        let mut gathering = Gathering::new(100, 5);
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
}
