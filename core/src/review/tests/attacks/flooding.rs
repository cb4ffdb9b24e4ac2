//! Flooding a baseline, so that an entry names so few pods that two seem to be many.

use super::*;

#[test]
fn flooding_so_that_two_pods_speak_for_twenty_absorbs_nothing() {
    let (mut watched, _) = Watched::of_pods(20);
    for number in 0..200 {
        let novel = process("/usr/bin/python3", &format!("/opt/{number}"));
        watched.world.shows_at("p1", "h1", '1', &novel, at(DAY));
    }
    assert!(crate::baseline::limit(watched.world.baseline.quarantined()) <= 4);
    assert_eq!(watched.shows_daily(&shell(), 10, &["p1", "p2"]), 0);
}
