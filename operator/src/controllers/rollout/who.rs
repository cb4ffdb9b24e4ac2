//! Who changed a template, as the managed fields tell, and whether the name is tied to its users.
//!
//! A field manager's name is what the client claims. The chart's admission policy `managers` lets only the users that
//! `evidence.managers` lists write under such a name, and nobody else take a newer entry away beside it. So the name of the
//! newest entry is who it says; anything in doubt is unverified.

use std::{collections::BTreeSet, time::Duration};

use anchorwatch_core::{rollout::Actor, text::bounded, time::Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;

use crate::convert::from_clock;

/// Longest name of a field manager, as the API server has it.
const MAX_MANAGER: usize = 128;
/// How much later than its rollout an entry may be, because times are whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);
/// How much earlier than its rollout an entry may be: a rollout that starts long after the last entry comes of a change that
/// left none, as one that only takes fields away.
const AT_ONCE: Duration = Duration::from_secs(30);

/// The field manager that last wrote the template. The name is verified where it is one of `bound`, nobody else wrote the
/// object since, and it was written right before the rollout `started`: a later entry is about a later revision, and one
/// long before about an earlier one.
pub fn who(entries: &[ManagedFieldsEntry], bound: &BTreeSet<String>, started: Option<Timestamp>) -> Option<Actor> {
    let of_object = || {
        let all = entries.iter();
        all.filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty())
    };
    let time = |entry: &ManagedFieldsEntry| entry.time.as_ref().map(|time| time.0);
    let latest = of_object()
        .filter(|entry| writes_template(entry))
        .max_by_key(|entry| time(entry))?;
    let manager = latest.manager.clone()?;
    let is_newest = of_object()
        .filter(|other| other.manager.as_ref() != Some(&manager))
        .all(|other| time(other) < time(latest));
    let before = time(latest).zip(started);
    let is_of_rollout = before.is_some_and(|(time, started)| {
        let time = from_clock(time);
        time <= started.plus(ROUNDING) && started <= time.plus(AT_ONCE)
    });
    Some(Actor {
        verified: bound.contains(&manager) && is_newest && is_of_rollout,
        manager: bounded(manager, MAX_MANAGER),
    })
}

fn writes_template(entry: &ManagedFieldsEntry) -> bool {
    let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
    let spec = fields.and_then(|fields| fields.get("f:spec"));
    let part = |name: &str| {
        spec.and_then(|spec| spec.get(name))
            .is_some_and(|part| *part != Value::Null)
    };
    part("f:template") || part("f:jobTemplate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn who_of(entries: &[ManagedFieldsEntry]) -> Option<Actor> {
        who(entries, &BTreeSet::new(), None)
    }

    fn managed(entries: &Value) -> Vec<ManagedFieldsEntry> {
        serde_json::from_value(entries.clone()).unwrap()
    }

    #[test]
    fn who_rolled_out_is_who_last_wrote_the_template() {
        let entries = managed(&json!([
            {"manager": "argocd-controller", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:template": {}}}},
            {"manager": "kubectl-edit", "time": "2026-01-02T00:00:00Z", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {}}}}},
            {"manager": "hpa", "time": "2026-01-03T00:00:00Z", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kube-controller-manager", "time": "2026-01-03T00:00:00Z", "fieldsV1": {"f:status": {}}},
        ]));
        assert_eq!(who_of(&entries).unwrap().manager, "kubectl-edit");
        assert_eq!(who_of(&entries[..1]).unwrap().manager, "argocd-controller");
        assert_eq!(who_of(&entries[2..]), None);
    }

    #[test]
    fn who_changed_a_cron_job_is_told_too() {
        let entries = managed(&json!([{"manager": "flux", "fieldsV1": {"f:spec": {"f:jobTemplate": {"f:spec": {}}}}}]));
        assert_eq!(who_of(&entries).unwrap().manager, "flux");
    }

    /// What an entry by argocd at second 10, and one by another at this second, say of a rollout that started then.
    fn verified(other: i64, subresource: &str, started: i64) -> bool {
        let at = |second| jiff::Timestamp::from_second(second).unwrap().to_string();
        let entries = managed(&json!([
            {"manager": "argocd", "operation": "Apply", "time": at(10), "fieldsV1": {"f:spec": {"f:template": {}}}},
            {"manager": "x", "operation": "Update", "time": at(other), "subresource": subresource, "fieldsV1": {"f:metadata": {}}},
        ]));
        let bound = ["argocd".to_owned()].into();
        who(&entries, &bound, Some(Timestamp::from_secs(started)))
            .unwrap()
            .verified
    }

    #[test]
    fn a_bound_name_is_verified_where_nobody_wrote_since() {
        assert!(verified(9, "", 10));
        assert!(verified(99, "status", 10), "a status is no template");
        assert!(verified(9, "", 9), "times are whole seconds");
        assert!(!verified(10, "", 10), "within one second nobody can tell");
        assert!(!verified(11, "", 11));
        assert!(!verified(9, "", 8), "it is about a later rollout");
        assert!(verified(9, "", 40));
        assert!(!verified(9, "", 41), "something else changed since");
    }

    #[test]
    fn a_name_that_nothing_binds_is_what_the_client_claims() {
        let entries = managed(&json!([
            {"manager": "argocd", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:template": {}}}},
        ]));
        let late = Some(Timestamp::from_secs(1_767_225_601));
        assert!(!who(&entries, &BTreeSet::new(), late).unwrap().verified);
        assert!(!who(&entries, &["argocd".to_owned()].into(), None).unwrap().verified);
        assert!(who(&entries, &["argocd".to_owned()].into(), late).unwrap().verified);
    }
}
