//! Behaviours.

use anchorwatch_core::behaviour::{Behaviour, Feed, Origin, ProcessBehaviour, ProcessParts, SourceLayer};
use anchorwatch_crds::v1alpha1::{self as crd, FeedName, ProcessBehavior};

/// From an object's behaviour. Any text may come: the core bounds it.
pub fn process_from_crd(process: ProcessBehavior) -> Behaviour {
    let ProcessBehavior {
        origin,
        parent,
        executable,
        source,
        script,
        applet,
        stdin_socket,
    } = process;
    Behaviour::Process(ProcessBehaviour::from(ProcessParts {
        origin: origin_from_crd(origin),
        parent,
        executable,
        source: source_from_crd(source),
        script,
        applet,
        stdin_socket,
    }))
}

/// To an object's behaviour.
pub fn process_to_crd(behaviour: &Behaviour) -> ProcessBehavior {
    let Behaviour::Process(process) = behaviour else {
        // The resources carry processes alone until the other feeds are reported.
        return ProcessBehavior::default();
    };
    ProcessBehavior {
        origin: origin_to_crd(process.origin()),
        parent: process.parent().to_owned(),
        executable: process.executable().to_owned(),
        source: source_to_crd(process.source()),
        script: process.script().map(str::to_owned),
        applet: process.applet().map(str::to_owned),
        stdin_socket: process.stdin_socket(),
    }
}

/// From an object's feed.
pub fn feed_from_crd(feed: FeedName) -> Feed {
    match feed {
        FeedName::Process => Feed::Process,
        FeedName::Network => Feed::Network,
        FeedName::Module => Feed::Module,
    }
}

/// To an object's feed.
pub fn feed_to_crd(feed: Feed) -> FeedName {
    match feed {
        Feed::Process => FeedName::Process,
        Feed::Network => FeedName::Network,
        Feed::Module => FeedName::Module,
    }
}

fn origin_from_crd(origin: crd::Origin) -> Origin {
    match origin {
        crd::Origin::Entrypoint => Origin::Entrypoint,
        crd::Origin::Probe => Origin::Probe,
        crd::Origin::Exec => Origin::Exec,
        crd::Origin::Unknown => Origin::Unknown,
    }
}

fn origin_to_crd(origin: Origin) -> crd::Origin {
    match origin {
        Origin::Entrypoint => crd::Origin::Entrypoint,
        Origin::Probe => crd::Origin::Probe,
        Origin::Exec => crd::Origin::Exec,
        Origin::Unknown => crd::Origin::Unknown,
    }
}

fn source_from_crd(source: crd::SourceLayer) -> SourceLayer {
    match source {
        crd::SourceLayer::Image => SourceLayer::Image,
        crd::SourceLayer::ImageCopiedUp => SourceLayer::ImageCopiedUp,
        crd::SourceLayer::UpperNew => SourceLayer::UpperNew,
        crd::SourceLayer::UpperUnknown => SourceLayer::UpperUnknown,
        crd::SourceLayer::Volume => SourceLayer::Volume,
        crd::SourceLayer::Memory => SourceLayer::Memory,
        crd::SourceLayer::Deleted => SourceLayer::Deleted,
        crd::SourceLayer::Unsupported => SourceLayer::Unsupported,
    }
}

fn source_to_crd(source: SourceLayer) -> crd::SourceLayer {
    match source {
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
