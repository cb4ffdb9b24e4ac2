//! What a baseline gives to the search.

use std::{collections::BTreeMap, sync::Arc};

use anchorwatch_core::{
    features::{Command, Features},
    id::WorkloadKey,
    text::arguments,
    time::Timestamp,
};
use anchorwatch_crds::v1alpha1::{BaselineEntry, BehaviorBaseline, FeedBaseline};
use anchorwatch_fleet::{Holder, Known};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::baselines;

/// The command lines of a baseline, be they learned or raised; of a program without one, its path. What a container runs
/// under several parents, or from several places, it runs: one holder, since the first time and until the last.
pub fn known(baseline: &BehaviorBaseline) -> Vec<Known> {
    let key = Arc::new(baselines::workload_of(baseline));
    let status = baseline.status.iter();
    let containers = status.flat_map(|status| &status.containers);
    containers
        .flat_map(|container| of_container(&key, &container.name, &container.feeds))
        .collect()
}

fn of_container(workload: &Arc<WorkloadKey>, container: &str, feeds: &[FeedBaseline]) -> Vec<Known> {
    let mut times: BTreeMap<(&str, &str), (Timestamp, Timestamp)> = BTreeMap::new();
    for entry in feeds.iter().flat_map(|feed| &feed.entries) {
        let (first_seen, last_seen) = (seconds(&entry.first_seen), seconds(&entry.last_seen));
        for run in lines_of(entry) {
            let known = times.entry(run).or_insert((first_seen, last_seen));
            *known = (known.0.min(first_seen), known.1.max(last_seen));
        }
    }
    let container: Arc<str> = container.into();
    let mut executables: BTreeMap<&str, Arc<str>> = BTreeMap::new();
    let known = times
        .into_iter()
        .map(|((executable, line), (first_seen, last_seen))| Known {
            command: line.to_owned(),
            features: features(line),
            holder: Holder {
                workload: Arc::clone(workload),
                container: Arc::clone(&container),
                executable: Arc::clone(executables.entry(executable).or_insert_with(|| executable.into())),
                first_seen,
                last_seen,
            },
        });
    known.collect()
}

/// What an entry tells of command lines, each with its executable.
fn lines_of(entry: &BaselineEntry) -> Vec<(&str, &str)> {
    let Some(process) = &entry.behavior.process else {
        return Vec::new();
    };
    let executable = process.executable.as_str();
    let lines = process.command.iter().chain(&entry.attributes.commands);
    let lines: Vec<_> = lines.map(|line| (executable, line.as_str())).collect();
    if lines.is_empty() {
        vec![(executable, executable)]
    } else {
        lines
    }
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(parent: &str, source: &str, first: u32, last: u32) -> Value {
        json!({
            "process": {"origin": "entrypoint", "parent": parent, "executable": "/bin/sh", "source": source},
            "attributes": {"commands": ["sh -c date", "sh -c date"]}, "count": 1, "lastDay": 20454, "days": 1, "pods": 1,
            "firstSeen": format!("2026-01-{first:02}T00:00:00Z"), "lastSeen": format!("2026-01-{last:02}T00:00:00Z"),
        })
    }

    #[test]
    fn a_line_under_several_parents_or_in_several_places_has_one_holder_a_container() {
        let entries = [
            entry("/bin/a", "image", 3, 5),
            entry("/bin/b", "image", 2, 4),
            entry("/bin/a", "volume", 4, 6),
        ];
        let feed = json!({
            "feed": "process", "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z", "entries": entries,
        });
        let baseline = serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "deployment-cart"},
            "spec": {"workload": {"kind": "Deployment", "name": "cart"}},
            "status": {"containers": [{"name": "app", "feeds": [feed.clone()]}, {"name": "side", "feeds": [feed]}]},
        }))
        .unwrap();
        let day = |day: i64| Timestamp::from_secs(1_767_225_600 + (day - 1) * 86_400);
        let holder = |container: &str| Holder {
            workload: Arc::new(WorkloadKey::new("shop", "Deployment", "cart")),
            container: container.into(),
            executable: "/bin/sh".into(),
            first_seen: day(2),
            last_seen: day(6),
        };
        let holders: Vec<Holder> = known(&baseline).into_iter().map(|known| known.holder).collect();
        assert_eq!(holders, [holder("app"), holder("side")]);
    }
}
