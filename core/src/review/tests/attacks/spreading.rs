//! Doing it in another pod each day, so that many pods showed it in the end.

use super::*;

/// One pod a day; how much was absorbed.
fn spread(watched: &mut Watched, pods: &[String]) -> usize {
    let mut absorbed = 0;
    for (day, uid) in (1..).zip(pods) {
        watched.world.shows_at(uid, "h1", '1', &shell(), at(day * DAY));
        absorbed += watched.passes(at(day * DAY));
    }
    absorbed
}

#[test]
fn spreading_a_shell_over_every_pod_leaves_it_raised() {
    let (mut watched, pods) = Watched::of_pods(20);
    watched.world.policy.absorb = crate::policy::AbsorbPolicy::default();
    assert_eq!(spread(&mut watched, &pods), 0);
}

#[test]
fn spreading_it_over_less_than_half_of_the_pods_leaves_it_raised_whatever_the_policy_absorbs() {
    let (mut watched, pods) = Watched::of_pods(20);
    assert_eq!(spread(&mut watched, &pods[..7]), 0);
    let pod_of_days: Vec<String> = (0..30).map(|day| pods[day % 7].clone()).collect();
    assert_eq!(spread(&mut watched, &pod_of_days), 0);
}
