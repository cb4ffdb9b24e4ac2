//! Records of the ring buffer, and what of them becomes text.

#![no_main]

use anchorwatch_core::text::MAX_PATH;
use anchorwatch_fuzz::attribute::text;
use anchorwatch_fuzz::decode::{RawEvent, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|record: &[u8]| {
    let Ok(event) = decode(record) else { return };
    match event {
        RawEvent::Exec(exec) => {
            let arguments: usize = exec.argv.iter().chain(exec.argv_end.iter()).map(<[u8]>::len).sum();
            assert!(arguments + exec.filename.len() <= record.len());
            is_harmless(&exec.executable);
            is_harmless(&exec.filename);
        }
        RawEvent::Mapping(mapping) => is_harmless(&mapping.path),
        RawEvent::KernelModule(module) => is_harmless(&module.name),
        RawEvent::CgroupCreated { path, .. } => assert!(path.len() <= record.len()),
        RawEvent::Dns(dns) => assert!(dns.message.len() <= record.len()),
        RawEvent::Flow(_) | RawEvent::CgroupRemoved { .. } => {}
    }
});

/// Whatever a file is called, its name as text never moves a terminal's cursor, and is bounded.
fn is_harmless(bytes: &[u8]) {
    let shown = text::path(bytes, false);
    assert!(!shown.is_empty() && shown.len() <= MAX_PATH);
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
}
