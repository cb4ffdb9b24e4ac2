//! Whatever happens in whatever order: one home a finding, nothing planned twice, and suppression never widens.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::testkit::record;

/// Something that happens to the workload.
#[derive(Clone, Debug)]
enum Step {
    Show {
        uid: usize,
        hash: usize,
        digest: usize,
        what: usize,
        told: bool,
        verified: bool,
    },
    Record {
        hash: usize,
        digest: usize,
    },
    Run {
        uid: usize,
        hash: usize,
        digest: usize,
    },
    Stop {
        uid: usize,
    },
    Observe(bool),
    Deny,
    /// An operator that lost its memory, or the one that was planned for, plans at this moment.
    Plan,
}

const HASHES: [&str; 3] = ["h1", "h2", "h3"];
const DIGESTS: [char; 3] = ['1', '2', '3'];

fn step() -> impl Strategy<Value = Step> {
    // Mostly pods of revision 2 that run its digest; now and then others.
    let hash = || prop_oneof![40 => Just(1_usize), 1 => Just(0), 1 => Just(2)];
    let revision = move || (hash(), prop_oneof![40 => Just(None), 1 => (0..3_usize).prop_map(Some)]);
    let pair = |(hash, other): (usize, Option<usize>)| (hash, other.unwrap_or(hash));
    prop_oneof![
        60 => (0..4_usize, revision(), what_number(), prop::bool::weighted(0.97), prop::bool::weighted(0.99)).prop_map(
            move |(uid, revision, what, told, verified)| {
                let (hash, digest) = pair(revision);
                Step::Show { uid, hash, digest, what, told, verified }
            }
        ),
        2 => revision().prop_map(move |revision| {
            let (hash, digest) = pair(revision);
            Step::Record { hash, digest }
        }),
        5 => (0..4_usize, revision()).prop_map(move |(uid, revision)| {
            let (hash, digest) = pair(revision);
            Step::Run { uid, hash, digest }
        }),
        5 => (0..4_usize).prop_map(|uid| Step::Stop { uid }),
        1 => any::<bool>().prop_map(Step::Observe),
        1 => Just(Step::Deny),
        60 => Just(Step::Plan),
    ]
}

fn what_number() -> impl Strategy<Value = usize> {
    prop_oneof![12 => Just(0_usize), 3 => Just(1), 1 => Just(4)]
}

fn what(number: usize) -> Behaviour {
    if number == 4 { fileless() } else { numbered(number) }
}

fn happens(watched: &mut Watched, step: &Step, now: Timestamp) {
    let world = &mut watched.world;
    match step {
        Step::Show {
            uid,
            hash,
            digest: runs,
            what: number,
            told,
            verified,
        } => {
            let mut pod = pod(&format!("p{uid}"), HASHES[*hash], digest(DIGESTS[*runs]));
            pod.verified = *verified;
            if *told {
                world.runs(&format!("p{uid}"), HASHES[*hash], DIGESTS[*runs], now);
            } else {
                pod.digest = None;
            }
            world.reports(pod, &what(*number), now);
        }
        Step::Record { hash, digest } => {
            let revision = 1 + world.evidence.records.len() as u64;
            world
                .evidence
                .records
                .push(record(revision, HASHES[*hash], DIGESTS[*digest], now));
        }
        Step::Run { uid, hash, digest } => world.runs(&format!("p{uid}"), HASHES[*hash], DIGESTS[*digest], now),
        Step::Stop { uid } => world.stops(&format!("p{uid}")),
        Step::Observe(observe) => {
            world.policy.mode = if *observe { Mode::Observe } else { Mode::Alert };
        }
        Step::Deny => {
            world.policy.process.deny.insert("/opt/1".to_owned());
        }
        Step::Plan => {}
    }
}

proptest! {
    #[test]
    fn every_finding_has_one_home_and_suppression_never_widens(
        steps in vec((step(), 0_i64..120), 1..60),
    ) {
        let mut watched = Watched::mature();
        let mut now = 1_000;
        watched.world.recorded(2, "h2", '2', at(now));
        watched.world.evidence.current = None;
        watched.world.runs("p0", "h2", '2', at(now));
        for (step, pause) in &steps {
            now += pause;
            happens(&mut watched, step, at(now));
            if matches!(step, Step::Plan) {
                plan_and_check(&mut watched, at(now))?;
            }
        }
        // Once nothing can be awaited any more, everything is decided, and by the whole evidence.
        plan_and_check(&mut watched, at(now + 100_000))?;
        for finding in watched.alerts.iter().flat_map(|alert| &alert.findings) {
            prop_assert_ne!(finding.state, AlertState::Correlating);
        }
        let checked = invariants::alerts(
            &watched.world.baseline,
            &watched.alerts,
            &watched.world.policy,
            &watched.world.evidence,
        );
        prop_assert_eq!(checked, Ok(()));
    }
}

fn plan_and_check(watched: &mut Watched, now: Timestamp) -> Result<(), TestCaseError> {
    let plan = watched.plan(now);
    for alert in plan.create.iter().chain(&plan.update) {
        watched.alerts.retain(|held| held.name != alert.name);
        watched.alerts.push(alert.clone());
    }
    let again = watched.plan(now);
    prop_assert_eq!((again.create.len(), again.update.len()), (0, 0), "{:#?}", again.reasons);
    Ok(())
}
