//! Lines of a recording, as somebody hands them to a back-test.

#![no_main]

use anchorwatch_core::{behaviour::Behaviour, observation::Observation};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let Ok(seen) = serde_json::from_slice::<Observation>(line) else {
        return;
    };
    let again = serde_json::to_vec(&seen).expect("what was read can be written");
    let again: Observation = serde_json::from_slice(&again).expect("what was written can be read");
    assert_eq!(seen, again);
    let behaviour = Behaviour::from(&seen);
    let id = behaviour.id();
    // What a baseline keeps of it is the same behaviour.
    let kept = serde_json::to_vec(&behaviour).expect("a behaviour can be written");
    let kept: Behaviour = serde_json::from_slice(&kept).expect("a behaviour can be read");
    assert_eq!(kept.id(), id);
});
