//! Libraries that lie where another one was learned.

use std::collections::{BTreeMap, BTreeSet};

use super::{Baseline, Entry, EntryState, Quarantine, cap::Used};
use crate::{
    behaviour::{Behaviour, Feed, ModuleKind, SourceLayer},
    id::ContainerName,
    rules::Rule,
};

/// Names what was raised as an unapproved library, and lies under a path that was learned with another content, for what it
/// is. It looks at all of them after each merge, so that it does not matter which came first. What comes with an image
/// replaces nothing: it is another image.
pub(super) fn replaced(baseline: &mut Baseline, container: &ContainerName, used: &mut Used) -> Vec<Quarantine> {
    let held = baseline.containers.get_mut(container);
    let Some(feed) = held.and_then(|container| container.feeds.get_mut(&Feed::Module)) else {
        return Vec::new();
    };
    let learned = feed.entries.values().filter(|entry| entry.is_learned());
    let mut contents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for library in learned.filter_map(library) {
        let hashes = contents.entry(library.path.to_owned()).or_default();
        hashes.insert(library.sha256.to_owned());
    }
    let mut found = Vec::new();
    for (id, entry) in &mut feed.entries {
        let replaces = |library: Library<'_>| {
            let learned = contents.get(library.path);
            let is_another = |hashes: &BTreeSet<String>| hashes.iter().any(|hash| hash != library.sha256);
            library.source != SourceLayer::Image && learned.is_some_and(is_another)
        };
        if entry.rule() != Some(Rule::UnapprovedModule) || !library(entry).is_some_and(replaces) {
            continue;
        }
        used.remove(entry);
        let rule = Rule::ChangedHash;
        entry.state = EntryState::Quarantined { rule };
        used.add(entry);
        found.push(Quarantine {
            container: container.clone(),
            id: *id,
            rule,
        });
    }
    found
}

/// A library whose content is known.
struct Library<'a> {
    path: &'a str,
    sha256: &'a str,
    source: SourceLayer,
}

fn library(entry: &Entry) -> Option<Library<'_>> {
    match &entry.behaviour {
        Behaviour::Process(_) | Behaviour::Network(_) => None,
        Behaviour::Module(module) => match (module.kind(), module.sha256()) {
            (ModuleKind::Library, Some(sha256)) => Some(Library {
                path: module.path(),
                sha256,
                source: module.source(),
            }),
            (ModuleKind::Library, None) | (ModuleKind::KernelModule, _) => None,
        },
    }
}
