//! The API server's audit log: who wrote what.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// A place in the log, from which requests are read.
#[derive(Debug)]
pub struct Mark {
    path: PathBuf,
    offset: u64,
}

/// A request that changed something, or tried to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Write {
    /// The requester.
    pub user: String,
    /// `create`, `update`, `patch` or `delete`.
    pub verb: String,
    /// Plural of the kind, with its subresource.
    pub resource: String,
    /// Name of the object; empty where the server chose it.
    pub name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    user: User,
    object_ref: Option<Object>,
}

#[derive(Debug, Deserialize)]
struct User {
    username: String,
}

#[derive(Debug, Deserialize)]
struct Object {
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    name: String,
}

impl Mark {
    /// The log's end as it is now.
    pub fn now(path: &Path) -> Result<Self> {
        let offset = std::fs::metadata(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .len();
        Ok(Self {
            path: path.to_owned(),
            offset,
        })
    }

    /// Writes of a user since then, leases aside.
    pub fn writes_of(&self, user: &str) -> Result<Vec<Write>> {
        let mut file = File::open(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut writes = Vec::new();
        for line in BufReader::new(file).lines() {
            // The last line may still be growing.
            let Ok(event) = serde_json::from_str::<Event>(&line?) else {
                continue;
            };
            writes.extend(write(event).filter(|write| write.user == user));
        }
        Ok(writes)
    }
}

fn write(event: Event) -> Option<Write> {
    let object = event.object_ref?;
    let changes = ["create", "update", "patch", "delete", "deletecollection"].contains(&event.verb.as_str());
    if event.stage != "ResponseComplete" || !changes || object.resource == "leases" {
        return None;
    }
    let resource = match object.subresource.as_str() {
        "" => object.resource,
        subresource => format!("{}/{subresource}", object.resource),
    };
    Some(Write {
        user: event.user.username,
        verb: event.verb,
        resource,
        name: object.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"{"stage":"ResponseComplete","verb":"patch","user":{"username":"old"},"objectRef":{"resource":"pods","name":"a"}}
{"stage":"ResponseComplete","verb":"update","user":{"username":"me"},"objectRef":{"resource":"leases","name":"l"}}
{"stage":"ResponseComplete","verb":"watch","user":{"username":"me"},"objectRef":{"resource":"pods"}}
{"stage":"ResponseStarted","verb":"update","user":{"username":"me"},"objectRef":{"resource":"pods"}}
{"stage":"ResponseComplete","verb":"update","user":{"username":"you"},"objectRef":{"resource":"pods","name":"b"}}
{"stage":"ResponseComplete","verb":"update","user":{"username":"me"},"objectRef":{"resource":"driftalerts","subresource":"status","name":"c"}}
{"stage":"Resp"#;

    #[test]
    fn completed_writes_of_one_user_are_counted_without_leases_and_reads() {
        let folder = std::env::temp_dir().join(format!("anchorwatch-audit-{}", std::process::id()));
        std::fs::write(&folder, LOG).unwrap();
        let mark = Mark {
            path: folder.clone(),
            offset: LOG.find('\n').unwrap() as u64,
        };
        let writes = mark.writes_of("me").unwrap();
        std::fs::remove_file(folder).unwrap();
        let expected = Write {
            user: "me".into(),
            verb: "update".into(),
            resource: "driftalerts/status".into(),
            name: "c".into(),
        };
        assert_eq!(writes, [expected]);
    }
}
