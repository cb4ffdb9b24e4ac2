//! The learned commands of a container, exactly and by likeness.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Class, Explanation, Index, Kin, Occasion, Pool, Scorer, Scratch, Strangeness, Tolerance, company::Company, explain,
    least_p, together::Calibrations,
};
use crate::{
    behaviour::{Behaviour, MAX_COMMAND},
    features::{Command, Features},
    id::BehaviourId,
    policy::TolerancePolicy,
    text::{arguments, bounded_line, shown},
};

/// Judgements that are kept, so that what repeats is scored once.
const MAX_KEPT: usize = 4_096;

/// Commands that are being learned.
#[derive(Debug, Default)]
pub struct LearnedCommands {
    index: Index,
    known: BTreeSet<(BehaviourId, String)>,
    shown: Vec<String>,
    classes: Vec<Class>,
}

/// The learned commands of a container, ready to judge by.
#[derive(Debug)]
pub struct Commands {
    known: BTreeSet<(BehaviourId, String)>,
    shown: Vec<String>,
    classes: Vec<Class>,
    scorer: Scorer,
    scratch: Scratch,
    /// New commands a week, where they could be measured.
    new_a_week: Option<f64>,
    kin: Kin,
    kept: BTreeMap<(BehaviourId, String), Judged>,
    company: Company,
    together: Calibrations,
}

/// A command, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// How often something normal is as strange.
    pub p: f64,
    /// The least that this could be, with all that was learned.
    pub least_p: f64,
    /// How strange it is: 0 or more.
    pub novelty: f64,
    /// Its Jaccard distance from the nearest learned command.
    pub distance: f64,
    /// The nearest learned commands, the nearest first.
    pub nearest: Vec<NearCommand>,
    /// What made it strange.
    pub explanation: Explanation,
}

/// A learned command that is near.
#[derive(Clone, Debug, PartialEq)]
pub struct NearCommand {
    /// Its template, shortened.
    pub command: String,
    /// Its Jaccard similarity: 0 to 1.
    pub similarity: f64,
}

impl LearnedCommands {
    /// Takes in a command line, redacted and templated ([`crate::text::command_line`]), of a behaviour. Returns whether
    /// it is new.
    pub fn learn(&mut self, behaviour: &Behaviour, line: &str) -> bool {
        let key = key(behaviour, line);
        if self.known.contains(&key) {
            return false;
        }
        let argv = arguments(line);
        self.index.insert(&Features::of(&command(behaviour, &argv)));
        self.shown.push(shown(&key.1));
        self.classes.push(Class::of(behaviour.executable()));
        self.known.insert(key);
        true
    }

    /// Whether a command line of a behaviour is among them.
    pub fn knows(&self, behaviour: &Behaviour, line: &str) -> bool {
        self.known.contains(&key(behaviour, line))
    }

    /// Ends learning. `new_a_week`: how many new commands a week it shows, where that could be measured.
    pub fn calibrate(self, new_a_week: Option<f64>, kin: Kin) -> Commands {
        Commands {
            known: self.known,
            shown: self.shown,
            classes: self.classes,
            scorer: Scorer::calibrate(self.index),
            scratch: Scratch::default(),
            new_a_week,
            kin,
            kept: BTreeMap::new(),
            company: Company::default(),
            together: Calibrations::default(),
        }
    }
}

impl Commands {
    /// Number of learned commands.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Whether none was learned.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Whether a command line of a behaviour was learned.
    pub fn knows(&self, behaviour: &Behaviour, line: &str) -> bool {
        self.known.contains(&key(behaviour, line))
    }

    /// How strange a command line of a behaviour is.
    pub fn judge(&mut self, behaviour: &Behaviour, line: &str) -> &Judged {
        let key = key(behaviour, line);
        if !self.kept.contains_key(&key) {
            if self.kept.len() >= MAX_KEPT {
                self.kept.clear();
            }
            let judged = self.judge_anew(behaviour, line);
            self.kept.insert(key.clone(), judged);
        }
        &self.kept[&key]
    }

    /// How many judgements are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Forgets them: they are made again when they are asked for, and are the same.
    pub fn forget_judgements(&mut self) {
        self.kept.clear();
    }

    /// Whether a command line of a behaviour was learned, or was judged a while ago.
    pub fn is_judged(&self, behaviour: &Behaviour, line: &str) -> bool {
        let key = key(behaviour, line);
        self.known.contains(&key) || self.kept.contains_key(&key)
    }

    /// Goes on with what others remember of the last hour: they were made of the same container before it learned more.
    pub fn remember_company_of(&mut self, others: Self) {
        self.company = others.company;
    }

    /// How many new commands that were not unusual are remembered, to be judged together with what comes.
    pub fn in_company(&self) -> usize {
        self.company.len()
    }

    /// Why a command line that was not learned is unusual, by itself or with others of its lineage, where it is raised
    /// under this tolerance. What was judged usual by itself `before` is judged with others alone: chance gets one try a
    /// command, and what is learned meanwhile makes nothing stranger. Where no command was learned at all, as when command lines stay on the node, there is
    /// nothing that one could be unlike.
    pub fn raised(
        &mut self,
        behaviour: &Behaviour,
        line: &str,
        policy: TolerancePolicy,
        occasion: Occasion<'_>,
        before: bool,
    ) -> Option<Strangeness> {
        if self.is_empty() {
            return None;
        }
        let tolerance = self.tolerance(policy);
        let judged = self.judge(behaviour, line).clone();
        if !before && tolerance.raises(judged.p, judged.least_p) {
            let scorable = tolerance.is_scorable(judged.least_p);
            return Some(Strangeness::new(&judged, scorable, 0));
        }
        let argv = arguments(line);
        let features = Features::of(&command(behaviour, &argv));
        let key = key(behaviour, line);
        let scorer = (&self.scorer, &mut self.together);
        let (together, judged) = self.company.join(scorer, tolerance, key, features, &judged, occasion)?;
        Some(Strangeness::new(&judged, true, together))
    }

    /// The threshold under a policy.
    pub fn tolerance(&self, policy: TolerancePolicy) -> Tolerance {
        Tolerance::of(policy, self.new_a_week)
    }

    /// Whether anything could be as improbable as a policy's tolerance asks for.
    pub fn is_scorable(&self, policy: TolerancePolicy) -> bool {
        let tolerance = self.tolerance(policy);
        let mut classes: BTreeSet<Class> = self.classes.iter().copied().collect();
        if classes.is_empty() {
            classes.insert(Class::Other);
        }
        let least = |class| least_p(self.scorer.calibration(), &self.kin.pool_of(class));
        classes.into_iter().all(|class| tolerance.is_scorable(least(class)))
    }

    /// Scores of what was learned, each with the class of its executable: what others' pools are made of.
    pub fn scores(&self) -> Vec<(Class, f64)> {
        let scores = self.scorer.by_command();
        scores
            .filter_map(|(number, score)| Some((*self.classes.get(number as usize)?, score)))
            .collect()
    }

    /// Goes by this rate of new commands from now on.
    pub const fn set_rate(&mut self, new_a_week: Option<f64>) {
        self.new_a_week = new_a_week;
    }

    /// Judges by other pools from now on.
    pub fn set_kin(&mut self, kin: Kin) {
        self.kin = kin;
        self.kept.clear();
    }

    fn judge_anew(&mut self, behaviour: &Behaviour, line: &str) -> Judged {
        let argv = arguments(line);
        let command = command(behaviour, &argv);
        let pool: Pool<'_> = self.kin.pool(behaviour.executable());
        let score = self.scorer.score(&Features::of(&command), &pool, &mut self.scratch);
        let near = |neighbour: &super::Neighbour| NearCommand {
            command: self.shown.get(neighbour.entry as usize).cloned().unwrap_or_default(),
            similarity: neighbour.similarity(),
        };
        Judged {
            p: score.p,
            least_p: least_p(self.scorer.calibration(), &pool),
            novelty: score.novelty,
            distance: score.parts.distance,
            nearest: score.nearest.iter().map(near).collect(),
            explanation: explain(self.scorer.index(), &command),
        }
    }
}

/// What identifies a command of a behaviour.
fn key(behaviour: &Behaviour, line: &str) -> (BehaviourId, String) {
    (behaviour.id(), bounded_line(line.to_owned(), MAX_COMMAND))
}

fn command<'a>(behaviour: &'a Behaviour, argv: &'a [String]) -> Command<'a> {
    let parent = match behaviour {
        Behaviour::Process(process) => process.parent(),
        Behaviour::Network(_) | Behaviour::Module(_) => "",
    };
    Command {
        executable: behaviour.executable(),
        parent,
        argv,
    }
}
