//! Lines of a recording.

use super::*;
use crate::behaviour::Behaviour;

const LINE: &str = r#"{"time":"2026-01-01T00:00:00Z","workload":"shop/Deployment/cart","container":"app","feed":"process","process":{"executable":"/usr/bin/bash","parent":"/usr/bin/python3","argv":["bash","-c","id"]}}"#;

#[test]
fn a_line_needs_only_what_it_is_about() {
    let observation: Observation = serde_json::from_str(LINE).expect("the documented line");
    assert_eq!(
        observation,
        Observation {
            time: Timestamp::from_secs(1_767_225_600),
            workload: WorkloadKey::new("shop", "Deployment", "cart"),
            container: ContainerName::new("app"),
            pod: None,
            snapshot: false,
            what: Observed::Process(ProcessObservation {
                executable: "/usr/bin/bash".to_owned(),
                parent: "/usr/bin/python3".to_owned(),
                argv: ["bash", "-c", "id"].map(str::to_owned).to_vec(),
                ..ProcessObservation::default()
            }),
        }
    );
}

#[test]
fn a_line_reads_back_as_it_was_written() {
    let mut observation: Observation = serde_json::from_str(LINE).expect("the documented line");
    let Observed::Process(process) = &mut observation.what else {
        panic!("a process");
    };
    process.origin = Origin::Exec;
    process.source = SourceLayer::ImageCopiedUp;
    process.device = Some("254:1".to_owned());
    process.inode = Some(7);
    process.script = Some("/app/\u{202e}x".to_owned());
    process.lineage = vec!["/a".to_owned()];
    process.uid = Some(0);
    let written = serde_json::to_string(&observation).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Observation>(&written).expect("a line"),
        observation
    );
    let Behaviour::Process(behaviour) = Behaviour::from(&observation) else {
        panic!("a process");
    };
    assert_eq!(
        (behaviour.origin(), behaviour.script()),
        (Origin::Exec, Some("/app/\u{202e}x"))
    );
}

#[test]
fn a_field_from_a_newer_version_is_passed_over() {
    let newer = LINE.replace("\"feed\"", "\"cluster\":\"east\",\"feed\"");
    assert!(serde_json::from_str::<Observation>(&newer).is_ok());
}

#[test]
fn a_line_that_says_too_little_is_refused_with_the_reason() {
    for (from, to, expected) in [
        ("\"/usr/bin/bash\"", "\"\"", "process.executable is missing or empty"),
        ("\"process\":{", "\"other\":{", "the field \"process\" is missing"),
        (
            "\"feed\":\"process\"",
            "\"feed\":\"network\"",
            "the field \"network\" is missing",
        ),
        ("shop/Deployment/cart", "cart", "expected namespace/Kind/name"),
        ("2026-01-01T00:00:00Z", "yesterday", "RFC 3339"),
    ] {
        let error = serde_json::from_str::<Observation>(&LINE.replace(from, to)).expect_err(to);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

fn read(feed: &str, what: &str) -> Result<Observation, serde_json::Error> {
    serde_json::from_str(&format!(
        r#"{{"time":"2026-01-01T00:00:00Z","workload":"shop/Deployment/cart","container":"app","feed":"{feed}","{feed}":{what}}}"#
    ))
}

#[test]
fn the_destination_of_a_flow_is_the_first_name_that_holds() {
    let destination = |fields: &str| {
        let line =
            format!(r#"{{"executable":"/usr/bin/curl","direction":"connect","protocol":"tcp","port":443{fields}}}"#);
        let observation = read("network", &line).expect("a line");
        match Behaviour::from(&observation) {
            Behaviour::Network(network) => network.destination().to_string(),
            other => panic!("{other:?}"),
        }
    };
    for (fields, expected) in [
        (r#","address":"198.51.100.7""#, "198.51.100.0/24"),
        (r#","address":"::ffff:198.51.100.7""#, "198.51.100.0/24"),
        (r#","address":"2001:db8:1:2ff::7""#, "2001:db8:1:200::/56"),
        (
            r#","address":"198.51.100.7","name":"API.Example.org""#,
            "api.example.org",
        ),
        (
            r#","address":"10.0.0.9","name":"db","peer":"shop/StatefulSet/db""#,
            "shop/StatefulSet/db",
        ),
        (
            r#","address":"10.96.0.9","name":"db","peer":"shop/StatefulSet/db","service":"shop/db""#,
            "Service shop/db",
        ),
    ] {
        assert_eq!(destination(fields), expected);
    }
}

#[test]
fn a_listener_on_a_port_that_the_kernel_chose_is_the_same_after_a_restart() {
    let of = |port: u16| {
        let line = format!(r#"{{"executable":"/app","direction":"listen","protocol":"udp","port":{port}}}"#);
        Behaviour::from(&read("network", &line).expect("a line")).id()
    };
    assert_eq!(of(40_000), of(50_000));
    assert_ne!(of(53), of(80));
}

#[test]
fn a_library_is_told_by_path_and_hash_and_not_by_who_maps_it() {
    let of = |path: &str, hash: &str, by: &str| {
        let line = format!(r#"{{"path":"{path}","sha256":"{hash}","executable":"{by}","source":"image"}}"#);
        Behaviour::from(&read("module", &line).expect("a line")).id()
    };
    let (one, two) = ("A".repeat(64), "b".repeat(64));
    assert_eq!(
        of("/lib/x.so", &one, "/bin/a"),
        of("/lib/x.so", &one.to_lowercase(), "/bin/b")
    );
    assert_ne!(of("/lib/x.so", &one, "/bin/a"), of("/lib/x.so", &two, "/bin/a"));
    assert_ne!(of("/lib/x.so", "no hash", "/bin/a"), of("/lib/x.so", &two, "/bin/a"));
}

#[test]
fn lines_of_flows_and_modules_read_back_as_they_were_written_and_say_what_is_missing() {
    for (feed, what) in [
        (
            "network",
            r#"{"executable":"/a","direction":"send","protocol":"udp","port":53,"address":"2001:db8::1","backend":"10.0.0.2:53","bytes_sent":7}"#,
        ),
        ("module", r#"{"kind":"kernel-module","path":"dummy","build_id":"00ff"}"#),
    ] {
        let observation = read(feed, what).expect("a line");
        let written = serde_json::to_string(&observation).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Observation>(&written).expect("a line"),
            observation
        );
    }
    for (feed, what, expected) in [
        (
            "network",
            r#"{"address":"10.0.0.1","port":1}"#,
            "network.executable is missing",
        ),
        (
            "network",
            r#"{"executable":"/a","port":1}"#,
            "network.address or network.name",
        ),
        ("network", r#"{"executable":"/a","port":70000}"#, "u16"),
        ("module", "{}", "module.path is missing"),
    ] {
        let error = read(feed, what).expect_err(what).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
