//! What a resolver, or somebody in its place, answers.

#![no_main]

use anchorwatch_fuzz::dns::message;
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

fuzz_target!(|bytes: &[u8]| {
    let Ok(answer) = message::answer(bytes) else { return };
    let name = &answer.question;
    assert!(name.len() <= 253 && !name.ends_with('.'));
    assert!(
        !name
            .chars()
            .any(|character| character.is_control() || character.is_ascii_uppercase())
    );
    // An address takes at least a record's fixed part and itself.
    assert!(answer.addresses.len() <= bytes.len() / 14);
    let day = Duration::from_hours(24);
    assert!(answer.addresses.iter().all(|(_, live)| *live <= day));
});
