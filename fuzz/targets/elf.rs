//! The beginning of a file that a container maps as code.

#![no_main]

use anchorwatch_fuzz::elf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|head: &[u8]| {
    if let Some(id) = elf::build_id(head) {
        assert!((2..=128).contains(&id.len()));
        assert!(id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')));
    }
});
