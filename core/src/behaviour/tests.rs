//! Keys are exact: what differs has another id, what is the same thing has the same.

use proptest::prelude::*;

use super::*;
use crate::testkit::{behaviour, parts, process};

/// Every variant that must have a key of its own.
fn different() -> Vec<ProcessParts> {
    let base = parts("/usr/bin/python3", "/usr/bin/bash");
    let with = |change: fn(&mut ProcessParts)| {
        let mut parts = base.clone();
        change(&mut parts);
        parts
    };
    vec![
        base.clone(),
        with(|parts| parts.parent.clear()),
        with(|parts| parts.parent = "/usr/bin/python3/usr/bin".to_owned()),
        with(|parts| {
            // The same text, cut elsewhere.
            parts.parent = "/usr/bin/python3/usr".to_owned();
            parts.executable = "/bin/bash".to_owned();
        }),
        with(|parts| parts.executable = "/usr/bin/bash\0".to_owned()),
        with(|parts| parts.executable.clear()),
        with(|parts| parts.script = Some("/app/run.sh".to_owned())),
        with(|parts| parts.applet = Some("/app/run.sh".to_owned())),
        with(|parts| parts.stdin_socket = true),
        with(|parts| parts.stdout_socket = true),
        with(|parts| {
            parts.stdin_socket = true;
            parts.stdout_socket = true;
        }),
        with(|parts| parts.gained = CapabilitySet::from_bits(1)),
        with(|parts| parts.gained = CapabilitySet::from_bits(2)),
        with(|parts| parts.origin = Origin::Probe),
        with(|parts| parts.origin = Origin::Exec),
        with(|parts| parts.source = SourceLayer::ImageChanged),
        with(|parts| parts.source = SourceLayer::UpperNew),
        with(|parts| parts.source = SourceLayer::UpperUnknown),
        with(|parts| parts.source = SourceLayer::Volume),
        with(|parts| parts.source = SourceLayer::Memory),
        with(|parts| parts.source = SourceLayer::Deleted),
        with(|parts| parts.source = SourceLayer::Unsupported),
    ]
}

#[test]
fn every_part_of_a_key_counts() {
    let ids: std::collections::BTreeSet<_> = different().into_iter().map(|parts| behaviour(parts).id()).collect();
    assert_eq!(ids.len(), different().len());
}

#[test]
fn a_file_of_the_image_that_was_copied_up_is_the_same() {
    let copied = ProcessParts {
        source: SourceLayer::ImageCopiedUp,
        ..parts("/a", "/b")
    };
    assert_eq!(behaviour(copied).id(), process("/a", "/b").id());
}

#[test]
fn a_lineage_older_than_the_sensor_is_taken_for_the_entrypoints() {
    let unknown = ProcessParts {
        origin: Origin::Unknown,
        ..parts("/a", "/b")
    };
    assert_eq!(behaviour(unknown).id(), process("/a", "/b").id());
}

#[test]
fn an_empty_script_or_applet_is_none() {
    let empty = ProcessParts {
        script: Some(String::new()),
        applet: Some(String::new()),
        ..parts("/a", "/b")
    };
    assert_eq!(behaviour(empty), process("/a", "/b"));
}

#[test]
fn ids_do_not_change_from_version_to_version() {
    // A baseline holds what earlier versions made: whoever changes a key raises `KeyHash::VERSION` and this line.
    assert_eq!(
        process("/usr/bin/python3", "/usr/bin/bash").id().to_string(),
        "0427557de5e4aa774a87009304bb37c0"
    );
}

#[test]
fn paths_of_any_length_stay_apart() {
    let long = |end: &str| process("/a", &format!("/{}{end}", "x".repeat(10_000)));
    assert_ne!(long("1").id(), long("2").id());
    let Behaviour::Process(process) = long("1") else {
        panic!("a process");
    };
    assert!(process.executable().len() <= crate::text::MAX_PATH);
}

proptest! {
    #[test]
    fn different_paths_have_different_ids(a in any::<(String, String)>(), b in any::<(String, String)>()) {
        prop_assume!(a != b && !a.1.is_empty() && !b.1.is_empty());
        prop_assert_ne!(process(&a.0, &a.1).id(), process(&b.0, &b.1).id());
    }

    #[test]
    fn a_behaviour_that_was_written_and_read_is_the_same(
        parent in ".{0,1200}", executable in ".{0,1200}", script: Option<String>, applet: Option<String>
    ) {
        let made = behaviour(ProcessParts { script, applet, ..parts(&parent, &executable) });
        let written = serde_json::to_string(&made).expect("JSON");
        let read: Behaviour = serde_json::from_str(&written).expect("the same");
        prop_assert_eq!(read.id(), made.id());
        prop_assert_eq!(read, made);
    }
}
