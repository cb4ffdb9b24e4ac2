//! Command lines, which whoever runs in a container chooses: arguments as the kernel tells them, a NUL after each.

#![no_main]

use anchorwatch_core::{normalise, redact, text::shown};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let arguments = bytes.split(|byte| *byte == 0);
    let argv: Vec<String> = arguments
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    assert_eq!(redact::redact_argv(argv.clone()).len(), argv.len());
    normalise::command_line(argv.clone());
    redact::redact(&argv.join(" "));
    if let Some(first) = argv.first() {
        redact::redact_path(first);
        normalise::path(first);
        assert!(!shown(first).chars().any(char::is_control));
    }
});
