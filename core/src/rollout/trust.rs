//! Whose rollouts explain anything.

use super::Record;
use crate::{id::ContainerName, policy::RolloutPolicy, text::shown};

/// Why a policy does not let a rollout explain what a container newly does, in a sentence; none where it does.
pub(super) fn distrust(record: &Record, container: &ContainerName, policy: &RolloutPolicy) -> Option<String> {
    let who = record.who.as_ref();
    let manager = who.map(|who| who.manager.as_str());
    let by = || manager.map_or_else(|| "nobody knows whom".to_owned(), shown);
    let trusted = &policy.trusted_managers;
    if !trusted.is_empty() && !manager.is_some_and(|manager| trusted.contains(manager)) {
        return Some(format!(
            "{} was rolled out by {}, whom the policy does not trust",
            record.name,
            by()
        ));
    }
    if policy.require_verified && !who.is_some_and(|who| who.verified) {
        return Some(format!(
            "{} was rolled out by {}, as it says itself, and the policy asks for a name that admission ties to its users",
            record.name,
            by()
        ));
    }
    let asked = &policy.require_intent_from;
    if asked.is_empty() {
        return None;
    }
    match &record.announced {
        None => Some(format!(
            "nobody announced {} by a RolloutIntent, and the policy asks for that",
            record.name
        )),
        Some(announced) if !asked.contains(&announced.by) => Some(format!(
            "{} was announced by {}, and the policy asks for an announcement by others",
            record.name,
            shown(&announced.by)
        )),
        Some(announced) if !announced.containers.contains(container) => Some(format!(
            "what {} announced of {} leaves out the container {container}",
            shown(&announced.by),
            record.name
        )),
        Some(_) => None,
    }
}
