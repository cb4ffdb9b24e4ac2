//! The JSON schema of a line of a recording: made from the types that read and write it.

use schemars::schema_for;
use serde_json::{Value, json};

use super::Line;
use crate::behaviour::Feed;

/// The schema, in JSON Schema 2020-12. What a type can't say is added: which part a feed has, and what has to be there in
/// it. A flow needs a destination besides, unless it listens.
pub fn schema() -> Value {
    let mut schema = schema_for!(Line).to_value();
    schema["title"] = json!("Anchorwatch recording: one line");
    schema["description"] = json!(
        "What a container, or a unit of a host, did. A recording holds one such object a line (JSON Lines). Readers pass \
         over fields that they do not know."
    );
    let part = |feed: Feed| {
        json!({
            "if": {"properties": {"feed": {"const": feed.as_str()}}},
            "then": {"required": [feed.as_str()], "properties": {feed.as_str(): {"type": "object"}}},
        })
    };
    schema["allOf"] = Feed::ALL.map(part).into();
    for (name, needs) in [
        ("ProcessObservation", "executable"),
        ("NetworkObservation", "executable"),
        ("ModuleObservation", "path"),
    ] {
        schema["$defs"][name]["required"] = json!([needs]);
        schema["$defs"][name]["properties"][needs]["minLength"] = json!(1);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use std::collections::BTreeSet;

    /// An observation of each feed that leaves nothing out.
    fn full() -> [Observed; 3] {
        let process = ProcessObservation {
            executable: "/bin/sh".to_owned(),
            parent: "/bin/init".to_owned(),
            argv: vec!["sh".to_owned()],
            argv_cut_from: Some(5_000),
            origin: Origin::Entrypoint,
            source: SourceLayer::Image,
            device: Some("254:1".to_owned()),
            inode: Some(7),
            script: Some("/run.sh".to_owned()),
            applet: Some("sh".to_owned()),
            stdin_socket: true,
            stdout_socket: true,
            terminal: true,
            lineage: vec!["/bin/sh".to_owned()],
            uid: Some(1),
            effective_uid: Some(0),
            setuid: true,
            gained: CapabilitySet::from_bits(1),
        };
        let network = NetworkObservation {
            executable: "/bin/sh".to_owned(),
            origin: Origin::Entrypoint,
            direction: Direction::Connect,
            protocol: Protocol::Tcp,
            address: Some("192.0.2.1".parse().unwrap()),
            port: 443,
            backend: Some("192.0.2.2:443".parse().unwrap()),
            name: Some("example.org".to_owned()),
            service: Some("shop/cart".to_owned()),
            peer: Some(WorkloadKey::new("shop", "Deployment", "cart")),
            bytes_sent: Some(1),
            lineage: vec!["/bin/sh".to_owned()],
        };
        let module = ModuleObservation {
            kind: ModuleKind::Library,
            path: "/lib/x.so".to_owned(),
            sha256: Some("a".repeat(64)),
            build_id: Some("ab".to_owned()),
            source: SourceLayer::Image,
            executable: "/bin/sh".to_owned(),
            origin: Origin::Entrypoint,
            lineage: vec!["/bin/sh".to_owned()],
        };
        [
            Observed::Process(process),
            Observed::Network(network),
            Observed::Module(module),
        ]
    }

    fn keys(object: &Value) -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn the_schema_has_exactly_the_fields_that_lines_have() {
        let schema = schema();
        let mut of_lines = BTreeSet::new();
        for what in full() {
            let observation = Observation {
                time: Timestamp::from_secs(0),
                workload: WorkloadKey::new("shop", "Deployment", "cart"),
                container: ContainerName::new("app"),
                pod: Some("cart-1".to_owned()),
                snapshot: true,
                what,
            };
            let line = serde_json::to_value(&observation).unwrap();
            let feed = observation.feed().as_str();
            let name = format!("{}{}Observation", feed[..1].to_uppercase(), &feed[1..]);
            assert_eq!(keys(&schema["$defs"][&name]["properties"]), keys(&line[feed]), "{name}");
            of_lines.extend(keys(&line));
        }
        assert_eq!(keys(&schema["properties"]), of_lines);
    }

    #[test]
    fn what_has_to_be_there_is_said() {
        let schema = schema();
        let required = |schema: &Value| serde_json::from_value::<BTreeSet<String>>(schema["required"].clone()).unwrap();
        let of_line = ["container", "feed", "time", "workload"].map(str::to_owned);
        assert_eq!(required(&schema), of_line.into());
        assert_eq!(
            required(&schema["$defs"]["ModuleObservation"]),
            ["path".to_owned()].into()
        );
        assert_eq!(schema["allOf"][1]["then"]["required"], json!(["network"]));
        let times = serde_json::to_string(&schema["$defs"]["Timestamp"]).unwrap();
        assert!(times.contains("string"), "{times}");
    }
}
