//! Core's types ⇄ the resources' types, nowhere else.

use anchorwatch_core::behaviour::{Behaviour, Feed, Origin, ProcessBehaviour, SourceLayer};
use anchorwatch_core::time::Timestamp;
use anchorwatch_crds::v1alpha1 as crd;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use k8s_openapi::jiff;

use crate::loader::HookState;

/// Longest reason of a hook in characters, as the resource's schema has it.
const MAX_REASON: usize = 512;

/// A behaviour as a report has it.
pub fn process(behaviour: &Behaviour) -> crd::ProcessBehavior {
    let Behaviour::Process(process) = behaviour else {
        // The resources carry processes alone until the other feeds are reported.
        return crd::ProcessBehavior::default();
    };
    crd::ProcessBehavior {
        origin: origin(process),
        parent: process.parent().to_owned(),
        executable: process.executable().to_owned(),
        source: source(process),
        script: process.script().map(str::to_owned),
        applet: process.applet().map(str::to_owned),
        stdin_socket: process.stdin_socket(),
    }
}

fn origin(process: &ProcessBehaviour) -> crd::Origin {
    match process.origin() {
        Origin::Entrypoint => crd::Origin::Entrypoint,
        Origin::Probe => crd::Origin::Probe,
        Origin::Exec => crd::Origin::Exec,
        Origin::Unknown => crd::Origin::Unknown,
    }
}

fn source(process: &ProcessBehaviour) -> crd::SourceLayer {
    match process.source() {
        SourceLayer::Image => crd::SourceLayer::Image,
        SourceLayer::ImageCopiedUp => crd::SourceLayer::ImageCopiedUp,
        SourceLayer::UpperNew => crd::SourceLayer::UpperNew,
        SourceLayer::UpperUnknown => crd::SourceLayer::UpperUnknown,
        SourceLayer::Volume => crd::SourceLayer::Volume,
        SourceLayer::Memory => crd::SourceLayer::Memory,
        SourceLayer::Deleted => crd::SourceLayer::Deleted,
        SourceLayer::Unsupported => crd::SourceLayer::Unsupported,
    }
}

/// A hook as a report has it.
pub fn hook(hook: &HookState) -> crd::HookReport {
    crd::HookReport {
        name: hook.name.to_owned(),
        feed: feed(hook.feed),
        state: hook.status.word().to_owned(),
        reason: hook.remark().chars().take(MAX_REASON).collect(),
    }
}

/// A feed as a report names it.
pub const fn feed(feed: Feed) -> crd::FeedName {
    match feed {
        Feed::Process => crd::FeedName::Process,
        Feed::Network => crd::FeedName::Network,
        Feed::Module => crd::FeedName::Module,
    }
}

/// A moment with its fraction of a second.
pub fn micro_time(time: Timestamp) -> MicroTime {
    MicroTime(instant(time))
}

/// A moment in whole seconds.
pub fn time(time: Timestamp) -> Time {
    Time(instant(Timestamp::from_secs(time.as_secs())))
}

/// What lies outside the years that RFC 3339 knows becomes 1970: clocks that far off say nothing.
fn instant(time: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::behaviour::ProcessParts;

    #[test]
    fn a_behaviour_keeps_all_its_parts() {
        let parts = ProcessParts {
            origin: Origin::Probe,
            parent: "/a".into(),
            executable: "/b".into(),
            source: SourceLayer::UpperNew,
            script: Some("/c".into()),
            applet: Some("d".into()),
            stdin_socket: true,
        };
        let expected = crd::ProcessBehavior {
            origin: crd::Origin::Probe,
            parent: "/a".into(),
            executable: "/b".into(),
            source: crd::SourceLayer::UpperNew,
            script: Some("/c".into()),
            applet: Some("d".into()),
            stdin_socket: true,
        };
        assert_eq!(process(&Behaviour::Process(parts.into())), expected);
    }

    #[test]
    fn moments_are_written_as_kubernetes_writes_them() {
        let moment = Timestamp::from_millis(1_767_225_600_250);
        let micro = serde_json::to_value(micro_time(moment)).unwrap();
        assert_eq!(micro, "2026-01-01T00:00:00.250000Z");
        assert_eq!(serde_json::to_value(time(moment)).unwrap(), "2026-01-01T00:00:00Z");
    }
}
