//! From the kernel's events to lines, until somebody asks for the end.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use super::Recorder;
use crate::attribute::host::HostAttributor;
use crate::clock::WallClock;
use crate::loader::LoadError;
use crate::pipeline::Kernel;

/// Why a recording can't go on.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("the ring buffer can't be read")]
    Ring(#[source] std::io::Error),
    #[error("the recording can't be written")]
    Write(#[source] std::io::Error),
    #[error("the kernel's counters can't be read")]
    Counters(#[source] Box<LoadError>),
}

/// What a recording holds, and what it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub written: u64,
    /// What is not in it, by reason: nothing is dropped in silence.
    pub missing: BTreeMap<&'static str, u64>,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} observations recorded", self.written)?;
        for (reason, count) in &self.missing {
            write!(formatter, ", {count} not recorded: {reason}")?;
        }
        Ok(())
    }
}

/// Writes what is seen until `end`.
pub async fn record(
    mut kernel: impl Kernel,
    mut attributor: HostAttributor,
    mut recorder: Recorder,
    end: impl Future<Output = ()>,
) -> Result<Summary, RecordError> {
    let mut end = std::pin::pin!(end);
    let mut malformed = 0;
    loop {
        let batch = tokio::select! {
            () = &mut end => break,
            batch = kernel.next() => batch.map_err(RecordError::Ring)?,
        };
        malformed += batch.malformed;
        let clock = WallClock::read();
        for event in batch.events {
            if let Some(observation) = attributor.event(event, clock) {
                recorder.write(&observation).map_err(RecordError::Write)?;
            }
        }
        recorder.flush().map_err(RecordError::Write)?;
    }
    recorder.flush().map_err(RecordError::Write)?;
    let losses = kernel
        .losses()
        .map_err(|error| RecordError::Counters(Box::new(error)))?;
    let unplaced = attributor.unplaced().iter().map(|(why, count)| (why.name(), *count));
    let lost = [("lost_in_kernel", losses.total()), ("malformed_record", malformed)];
    Ok(Summary {
        written: recorder.written(),
        missing: unplaced.chain(lost).filter(|(_, count)| *count > 0).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::cgroup::slots::FilterOrder;
    use crate::attribute::command::Arguments;
    use crate::attribute::process::ProcFolder;
    use crate::attribute::testkit::exec;
    use crate::decode::RawEvent;
    use crate::loader::Losses;
    use crate::loader::filter::Reading;
    use crate::record::Limits;
    use crate::ring::Batch;
    use std::collections::BTreeSet;
    use std::net::SocketAddr;
    use std::path::PathBuf;

    /// Gives one batch, then nothing.
    #[derive(Debug)]
    struct Once(Option<Batch>, Option<tokio::sync::oneshot::Sender<()>>);

    impl Kernel for Once {
        async fn next(&mut self) -> std::io::Result<Batch> {
            if let Some(batch) = self.0.take() {
                return Ok(batch);
            }
            if let Some(done) = self.1.take() {
                done.send(()).expect("somebody waits");
            }
            std::future::pending().await
        }

        fn losses(&self) -> Result<Losses, LoadError> {
            Ok(Losses::default())
        }

        fn filtered(&mut self) -> Result<Reading, LoadError> {
            Ok(Reading::default())
        }

        fn set_resolvers(&mut self, _: &BTreeSet<SocketAddr>) {}

        fn order(&mut self, _: FilterOrder) -> Result<(), LoadError> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_seen_is_written_and_what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            bytes: 1 << 20,
            files: 3,
        };
        let recorder = Recorder::open(Some(folder.path()), limits).unwrap();
        let attributor = HostAttributor::new(
            ProcFolder::new(PathBuf::from("/nonexistent")),
            None,
            Arguments::Redacted,
        );
        let created = RawEvent::CgroupCreated {
            time_ns: 0,
            id: 1,
            path: b"/system.slice/demo.service".to_vec(),
        };
        let known = RawEvent::Exec(exec("/bin/sh").argv(&["sh", "--token=hunter2"]).build());
        let unknown = RawEvent::Exec(exec("/bin/sh").cgroup(9).build());
        let batch = Batch {
            events: vec![created, known, unknown],
            malformed: 2,
        };
        let (done, end) = tokio::sync::oneshot::channel();
        let end = async { end.await.expect("all was taken") };
        let summary = record(Once(Some(batch), Some(done)), attributor, recorder, end)
            .await
            .unwrap();
        assert_eq!(
            summary.to_string(),
            "1 observations recorded, 1 not recorded: cgroup_unknown, 2 not recorded: malformed_record"
        );
        let written = std::fs::read_to_string(folder.path().join("observations-000001.jsonl")).unwrap();
        assert!(
            written.contains(r#""workload":"host/Unit/demo.service""#) && !written.contains("hunter2"),
            "{written}"
        );
    }
}
