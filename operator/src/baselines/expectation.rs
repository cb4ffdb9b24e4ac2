//! How much a baseline expects to be new, as people are told.

use anchorwatch_convert::feed_to_crd;
use anchorwatch_core::{
    baseline::{Baseline, Novelty},
    id::ContainerName,
    policy::Policy,
};
use anchorwatch_crds::v1alpha1::BehaviorBaselineStatus;

/// Sets, for each feed and for all of them, what is expected.
pub(super) fn set(status: &mut BehaviorBaselineStatus, baseline: &Baseline, policy: &Policy) {
    let mut sum = Some(0.0);
    for container in &mut status.containers {
        let held = baseline.containers.get(&ContainerName::new(container.name.clone()));
        for feed in &mut container.feeds {
            let held = held.and_then(|held| held.feeds.iter().find(|(name, _)| feed_to_crd(**name) == feed.feed));
            // A feed that no sensor can watch says nothing, and keeps the others from nothing.
            let Some((_, held)) = held.filter(|(_, held)| held.hours.recent.newest().is_some()) else {
                continue;
            };
            let novelty = held.novelty(policy);
            sum = sum.zip(novelty).map(|(sum, novelty)| sum + novelty.per_week);
            feed.expected_new_per_week = novelty.map(|novelty| tenth(novelty.per_week));
            feed.at_most_new_per_week = novelty.map(|novelty| novelty.at_most.into());
        }
    }
    let observes = status.containers.iter().any(|container| {
        let mut feeds = container.feeds.iter();
        feeds.any(|feed| feed.expected_new_per_week.is_some())
    });
    status.expected_new_per_week = sum.filter(|_| observes).map(tenth);
}

/// What is expected of the feed that expects most.
pub(super) fn sentence(baseline: &Baseline, policy: &Policy) -> String {
    let measured = baseline
        .feeds()
        .filter_map(|(container, feed, held)| Some((container, feed, held.novelty(policy)?)));
    let most = measured.max_by(|(.., a), (.., b)| a.per_week.total_cmp(&b.per_week));
    match most {
        None => "too little was observed to tell how much is still new".to_owned(),
        Some((container, feed, novelty)) => {
            let Novelty {
                per_week,
                at_most,
                hours,
            } = novelty;
            format!(
                "{} new behaviours a week are expected, at most {at_most} in nine weeks of ten (feed {} of container \
                 {container}, which expects most, over {hours} h)",
                tenth(per_week),
                feed.as_str()
            )
        }
    }
}

/// To one decimal: more would be written again with each hour that passes, and tells nobody anything.
fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use anchorwatch_core::{
        baseline::{Batch, BehaviourReport, ContainerReport, ReportingPod, merge},
        behaviour::{Attributes, Behaviour, Feed, Origin, ProcessParts},
        id::{BatchId, WorkloadKey},
        time::{Hour, Timestamp},
    };

    use super::*;
    use crate::{baselines, conditions::READY};

    /// A workload that was observed for so many hours, and did something new in each of some of them.
    fn observed(hours: i64, new_in: &[i64], policy: &Policy) -> BehaviorBaselineStatus {
        let mut baseline = Baseline::default();
        for hour in 0..hours {
            let time = Timestamp::from_secs(hour * 3_600);
            let executable = format!("/usr/bin/{hour}");
            let behaviour = Behaviour::Process(
                ProcessParts {
                    origin: Origin::Entrypoint,
                    parent: "/usr/bin/python3".into(),
                    executable,
                    ..ProcessParts::default()
                }
                .into(),
            );
            let seen = BehaviourReport {
                behaviour,
                attributes: Attributes::default(),
                lineage: Vec::new(),
                count: 1,
                first_seen: time,
                last_seen: time,
                snapshot: false,
                startup: false,
            };
            let pod = ReportingPod {
                uid: "uid".into(),
                name: "agent-5d-x".into(),
                digest: None,
                template_hash: None,
                verified: true,
            };
            let batch = Batch {
                id: BatchId {
                    node: "node1".into(),
                    epoch: "e".repeat(32),
                    seq: hour.unsigned_abs(),
                },
                watched: [Feed::Process].into(),
                runs_elsewhere: false,
                containers: vec![ContainerReport {
                    hours: [Hour(hour)].into(),
                    behaviours: new_in.contains(&hour).then_some(seen).into_iter().collect(),
                    ..ContainerReport::nothing("app".into(), pod)
                }],
                losses: std::collections::BTreeMap::new(),
            };
            merge(&mut baseline, &batch, policy, time);
        }
        let object = baselines::empty(&WorkloadKey::new("shop", "Deployment", "agent"));
        let now = jiff::Timestamp::from_second(hours * 3_600).unwrap();
        baselines::status_of(&object, &baseline, policy, now)
    }

    fn said(status: &BehaviorBaselineStatus) -> &str {
        let ready = status.conditions.iter().find(|condition| condition.type_ == READY);
        &ready.unwrap().message
    }

    #[test]
    fn a_young_baseline_does_not_say_what_it_expects() {
        let status = observed(25, &[1], &Policy::default());
        assert_eq!(status.expected_new_per_week, None);
        assert_eq!(
            said(&status),
            "it still learns: only what needs no baseline is raised; too little was observed to tell how much is still new"
        );
    }

    #[test]
    fn a_baseline_says_what_it_expects_feed_by_feed_and_in_all() {
        let status = observed(254, &[0, 100, 150], &Policy::default());
        let feed = &status.containers[0].feeds[0];
        // What began in the first hours does not count: two behaviours in a week and a half.
        assert_eq!(feed.expected_new_per_week, Some(1.3));
        assert_eq!(status.expected_new_per_week, Some(1.3));
        let at_most = feed.at_most_new_per_week.unwrap();
        assert!(at_most > 1, "{at_most}");
        assert_eq!(
            said(&status),
            format!(
                "every container's deviations are raised; 1.3 new behaviours a week are expected, at most {at_most} in \
                 nine weeks of ten (feed process of container app, which expects most, over 252 h)"
            )
        );
    }
}
