//! What was seen, attributed to a container: also one line of a recording and of a back-test (JSON Lines).

use serde::{Deserialize, Serialize};

use crate::{
    behaviour::{Feed, Origin, SourceLayer},
    id::{ContainerName, WorkloadKey},
    time::Timestamp,
};

/// Something that a container did. As a line:
///
/// ```json
/// {"time":"2026-01-01T00:00:00Z","workload":"shop/Deployment/cart","container":"app","feed":"process",
///  "process":{"executable":"/usr/bin/bash","parent":"/usr/bin/python3","argv":["bash","-c","id"]}}
/// ```
///
/// Fields that a reader does not know are passed over, so that older programs read newer recordings.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Line", into = "Line")]
pub struct Observation {
    /// When it happened.
    pub time: Timestamp,
    /// The workload that the container belongs to.
    pub workload: WorkloadKey,
    /// The container.
    pub container: ContainerName,
    /// Name of the pod, where it is known.
    pub pod: Option<String>,
    /// What happened.
    pub what: Observed,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Observed {
    /// A program was executed.
    Process(ProcessObservation),
}

/// An executed program. Everything but the executable may be missing from a line.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct ProcessObservation {
    /// Path of the executable inside the container.
    pub executable: String,
    /// Path of the executable that ran before in the same lineage; empty at the container's boundary.
    pub parent: String,
    /// The command line. It stays on the node until redaction exists.
    pub argv: Vec<String>,
    /// What started its lineage inside the container.
    pub origin: Origin,
    /// Where the executable's file comes from.
    pub source: SourceLayer,
    /// Path of the script, for files that start with `#!`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Name that a multi-call binary was called by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applet: Option<String>,
    /// Whether its standard input is a socket of the network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stdin_socket: bool,
    /// Executables that led to it, outermost first, its own last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<String>,
    /// Its effective user id, as the host sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
}

impl Observation {
    /// The feed that saw it.
    pub const fn feed(&self) -> Feed {
        match self.what {
            Observed::Process(_) => Feed::Process,
        }
    }
}

/// Why a line is no observation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ObservationError {
    /// The line's feed has no part of its name.
    #[error("feed is {feed:?}, but the field {feed:?} is missing")]
    Missing {
        /// The feed.
        feed: &'static str,
    },
    /// The feed is not read yet.
    #[error("feed {feed:?} is not supported by this version")]
    Unsupported {
        /// The feed.
        feed: &'static str,
    },
    /// A process without executable.
    #[error("process.executable is missing or empty")]
    NoExecutable,
}

/// An observation as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Line {
    time: Timestamp,
    workload: WorkloadKey,
    container: ContainerName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pod: Option<String>,
    feed: Feed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process: Option<ProcessObservation>,
}

impl TryFrom<Line> for Observation {
    type Error = ObservationError;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        let feed = line.feed.as_str();
        let what = match (line.feed, line.process) {
            (Feed::Process, Some(process)) if process.executable.is_empty() => {
                return Err(ObservationError::NoExecutable);
            }
            (Feed::Process, Some(process)) => Observed::Process(process),
            (Feed::Process, None) => return Err(ObservationError::Missing { feed }),
            (Feed::Network | Feed::Module, _) => return Err(ObservationError::Unsupported { feed }),
        };
        Ok(Self {
            time: line.time,
            workload: line.workload,
            container: line.container,
            pod: line.pod,
            what,
        })
    }
}

impl From<Observation> for Line {
    fn from(observation: Observation) -> Self {
        let feed = observation.feed();
        let Observed::Process(process) = observation.what;
        Self {
            time: observation.time,
            workload: observation.workload,
            container: observation.container,
            pod: observation.pod,
            feed,
            process: Some(process),
        }
    }
}

#[cfg(test)]
mod tests {
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
        let Observed::Process(process) = &mut observation.what;
        process.origin = Origin::Exec;
        process.source = SourceLayer::ImageCopiedUp;
        process.script = Some("/app/\u{202e}x".to_owned());
        process.lineage = vec!["/a".to_owned()];
        process.uid = Some(0);
        let written = serde_json::to_string(&observation).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Observation>(&written).expect("a line"),
            observation
        );
        let Behaviour::Process(behaviour) = Behaviour::from(&observation);
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
                "\"network\" is not supported",
            ),
            ("shop/Deployment/cart", "cart", "expected namespace/Kind/name"),
            ("2026-01-01T00:00:00Z", "yesterday", "RFC 3339"),
        ] {
            let error = serde_json::from_str::<Observation>(&LINE.replace(from, to)).expect_err(to);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
