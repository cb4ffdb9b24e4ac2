//! What a baseline gives to the search.

use anchorwatch_core::{
    features::{Command, Features},
    id::WorkloadKey,
    text::arguments,
    time::Timestamp,
};
use anchorwatch_crds::v1alpha1::{BaselineEntry, BehaviorBaseline};
use anchorwatch_fleet::{Holder, Known};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

/// The command lines of a baseline, be they learned or raised; of a program without one, its path.
pub fn known(baseline: &BehaviorBaseline) -> Vec<Known> {
    let workload = &baseline.spec.workload;
    let key = WorkloadKey::new(baseline.namespace().unwrap_or_default(), &workload.kind, &workload.name);
    let status = baseline.status.iter();
    let containers = status.flat_map(|status| &status.containers);
    let mut known = Vec::new();
    for container in containers {
        for entry in container.feeds.iter().flat_map(|feed| &feed.entries) {
            known.extend(of_entry(&key, &container.name, entry));
        }
    }
    known
}

fn of_entry(workload: &WorkloadKey, container: &str, entry: &BaselineEntry) -> Vec<Known> {
    let Some(process) = &entry.behavior.process else {
        return Vec::new();
    };
    let lines = process.command.iter().chain(&entry.attributes.commands);
    let mut lines: Vec<&String> = lines.collect();
    if lines.is_empty() {
        lines.push(&process.executable);
    }
    let holder = Holder {
        workload: workload.clone(),
        container: container.to_owned(),
        executable: process.executable.clone(),
        first_seen: seconds(&entry.first_seen),
        last_seen: seconds(&entry.last_seen),
    };
    let known = |line: &String| Known {
        command: line.clone(),
        features: features(line),
        holder: holder.clone(),
    };
    lines.into_iter().map(known).collect()
}

/// What a command line is compared by: neither program nor parent, which whoever asks may not know.
pub fn features(line: &str) -> Features {
    Features::of(&Command {
        executable: "",
        parent: "",
        argv: &arguments(line),
    })
}

fn seconds(time: &Time) -> Timestamp {
    Timestamp::from_secs(time.0.as_second())
}
