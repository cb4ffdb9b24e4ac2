//! Hundreds of simulated rollouts: what a deploy brings alerts nobody, and what no deploy brings is not hidden by one.

use std::collections::BTreeSet;

use super::*;
use crate::{
    id::PodUid,
    testkit::{current, flow_to, record, running},
};

/// Simulated rollouts of each sort.
const ROLLOUTS: u64 = 500;
/// When each rollout starts, in seconds.
const START: i64 = 1_000;

/// A generator of numbers that are the same on every machine: xorshift64*, as Vigna gives it (2016).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number from `low` to `high`.
    fn roll(&mut self, low: i64, high: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        low + i64::try_from(number).expect("31 bits") % (high - low + 1)
    }
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    Runs {
        uid: String,
        runs: char,
    },
    Stops {
        uid: String,
    },
    Recorded,
    Shows {
        uid: String,
        hash: &'static str,
        runs: char,
        behaviour: Behaviour,
    },
    Tick,
}

/// A rollout from h1 (digest 1) to h2 (digest 2), and what comes of it.
struct Replay {
    watched: Watched,
    events: Vec<(i64, Happening)>,
    replicas: i64,
    dice: Dice,
}

impl Replay {
    /// A rolling update: one pod comes after the other, each shows what is new after a while, and an old one goes.
    fn rolling(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let replicas = [1, 2, 3, 5, 8][usize::try_from(dice.roll(0, 4)).expect("it is small")];
        let mut replay = Self {
            watched: Watched::mature(),
            events: Vec::new(),
            replicas,
            dice,
        };
        for number in 0..replicas {
            replay.watched.world.runs(&format!("o{number}"), "h1", '1', at(-9_000));
        }
        replay.watched.world.evidence.current = Some(current(2, "h2", at(START)));
        replay.happens(0, Happening::Tick);
        let gap = replay.dice.roll(1, 9);
        for number in 0..replicas {
            let created = 1 + number * gap;
            let uid = format!("n{number}");
            replay.happens(created, Happening::Runs { uid, runs: '2' });
            let uid = format!("o{number}");
            let stops = created + replay.dice.roll(1, 20);
            replay.happens(stops, Happening::Stops { uid });
        }
        let recorded = 2 + replay.dice.roll(0, 30);
        replay.happens(recorded, Happening::Recorded);
        for tick in 0..16 {
            replay.happens(tick * 15, Happening::Tick);
        }
        replay
    }

    fn happens(&mut self, after: i64, happening: Happening) {
        self.events.push((START + after, happening));
    }

    /// Each new pod shows each of these within 40 seconds of its start.
    fn brings(&mut self, behaviours: &[Behaviour]) {
        let started = self.events.iter().filter_map(|(second, happening)| match happening {
            Happening::Runs { uid, .. } => Some((*second, uid.clone())),
            Happening::Stops { .. } | Happening::Recorded | Happening::Shows { .. } | Happening::Tick => None,
        });
        let started: Vec<(i64, String)> = started.collect();
        for (second, uid) in started {
            for behaviour in behaviours {
                let after = second - START + self.dice.roll(0, 40);
                let uid = uid.clone();
                let behaviour = behaviour.clone();
                self.happens(
                    after,
                    Happening::Shows {
                        uid,
                        hash: "h2",
                        runs: '2',
                        behaviour,
                    },
                );
            }
        }
    }

    /// Lets it all happen; the states that each finding went through.
    fn run(mut self) -> BTreeMap<BehaviourId, Vec<AlertState>> {
        self.events.sort_by_key(|(second, _)| *second);
        let mut states: BTreeMap<BehaviourId, Vec<AlertState>> = BTreeMap::new();
        let mut events = std::mem::take(&mut self.events).into_iter().peekable();
        while let Some((second, happening)) = events.next() {
            self.take(second, happening);
            if events.peek().is_some_and(|(next, _)| *next == second) {
                continue;
            }
            self.watched.carry_out(&self.watched.plan(at(second)));
            for finding in self.watched.alerts.iter().flat_map(|alert| &alert.findings) {
                states.entry(finding.id).or_default().push(finding.state);
            }
        }
        states
    }

    fn take(&mut self, second: i64, happening: Happening) {
        let world = &mut self.watched.world;
        match happening {
            Happening::Runs { uid, runs } => {
                let pod = running("h2", runs, at(second), &uid);
                world.evidence.pods.insert(PodUid::new(uid), pod);
            }
            Happening::Stops { uid } => world.stops(&uid),
            Happening::Recorded => world.evidence.records.push(record(2, "h2", '2', at(START))),
            Happening::Shows {
                uid,
                hash,
                runs,
                behaviour,
            } => {
                world.shows_at(&uid, hash, runs, &behaviour, at(second));
            }
            Happening::Tick => {}
        }
    }
}

/// One to three new programs, and sometimes a new destination.
fn what_a_release_brings(seed: u64) -> Vec<Behaviour> {
    let mut dice = Dice::new(seed ^ 0xabcd);
    let programs = usize::try_from(dice.roll(1, 3)).expect("it is small");
    let mut brought: Vec<Behaviour> = (0..programs).map(numbered).collect();
    if dice.roll(0, 2) == 0 {
        brought.push(flow_to("api.example.org"));
    }
    brought
}

fn is_loud(state: AlertState) -> bool {
    !matches!(state, AlertState::Correlating | AlertState::Suppressed)
}

#[test]
fn no_rollout_of_five_hundred_alerts_for_what_its_image_brings() {
    let mut findings = 0;
    for seed in 0..ROLLOUTS {
        let mut replay = Replay::rolling(seed);
        replay.brings(&what_a_release_brings(seed));
        for (id, states) in replay.run() {
            findings += 1;
            assert!(
                !states.iter().any(|state| is_loud(*state)),
                "rollout {seed}, {id}: {states:?}"
            );
            assert_eq!(states.last(), Some(&AlertState::Suppressed), "rollout {seed}, {id}");
        }
    }
    assert!(findings >= 500, "{findings} findings were judged");
}

/// What besides the release happens in a rollout, none of which it explains.
#[derive(Clone, Copy, Debug)]
enum Beside {
    OldPod,
    OnePodOfMany,
    PushedAgain,
    Fileless,
    Later,
}

impl Beside {
    const ALL: [Self; 5] = [
        Self::OldPod,
        Self::OnePodOfMany,
        Self::PushedAgain,
        Self::Fileless,
        Self::Later,
    ];

    /// Puts it into a replay; false where that rollout is too small for it.
    fn put_into(self, replay: &mut Replay) -> bool {
        let shows = |uid: &str, hash, runs, behaviour| Happening::Shows {
            uid: uid.to_owned(),
            hash,
            runs,
            behaviour,
        };
        let after = replay.dice.roll(1, 60);
        match self {
            Self::OldPod => replay.happens(after, shows("o0", "h1", '1', numbered(77))),
            Self::OnePodOfMany => {
                if replay.replicas < 3 {
                    return false;
                }
                replay.happens(after, shows("n0", "h2", '2', numbered(77)));
            }
            Self::PushedAgain => {
                replay.happens(
                    after,
                    Happening::Runs {
                        uid: "again".to_owned(),
                        runs: '6',
                    },
                );
                replay.happens(after + 1, shows("again", "h2", '6', numbered(77)));
            }
            Self::Fileless => replay.brings(&[fileless()]),
            Self::Later => {
                let hours = replay.dice.roll(2, 90) * 3_600;
                for number in 0..replay.replicas {
                    replay.happens(hours + number, shows(&format!("n{number}"), "h2", '2', numbered(77)));
                }
            }
        }
        true
    }

    fn behaviour(self) -> Behaviour {
        match self {
            Self::Fileless => fileless(),
            Self::OldPod | Self::OnePodOfMany | Self::PushedAgain | Self::Later => numbered(77),
        }
    }
}

#[test]
fn no_rollout_of_five_hundred_hides_what_it_does_not_bring() {
    let mut judged = 0;
    let mut seeds = 0..;
    while judged < ROLLOUTS {
        let seed = seeds.next().expect("there are enough");
        let beside = Beside::ALL[usize::try_from(seed % 5).expect("it is small")];
        let mut replay = Replay::rolling(seed);
        replay.brings(&what_a_release_brings(seed));
        if !beside.put_into(&mut replay) {
            continue;
        }
        judged += 1;
        let states = replay.run();
        let last = states.get(&beside.behaviour().id()).and_then(|states| states.last());
        assert!(
            last.is_some_and(|state| is_loud(*state)),
            "rollout {seed}, {beside:?}: {last:?}"
        );
    }
}

#[test]
fn nothing_that_no_rollout_brings_is_missed() {
    let mut alerted = BTreeSet::new();
    for seed in 0..ROLLOUTS {
        let mut dice = Dice::new(seed);
        let mut watched = Watched::mature();
        let pods = dice.roll(1, 8);
        let first = dice.roll(100, 90_000);
        for number in 0..pods {
            let uid = format!("o{number}");
            watched.world.runs(&uid, "h1", '1', at(-9_000));
            watched
                .world
                .shows_at(&uid, "h1", '1', &numbered(77), at(first + number));
        }
        watched.act(at(first + pods));
        if is_loud(watched.state(&numbered(77))) {
            alerted.insert(seed);
        }
    }
    assert_eq!(alerted.len() as u64, ROLLOUTS);
}
