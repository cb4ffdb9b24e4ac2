//! From the sensor's types to the resources': what `anchorwatch-convert` does not share.

use anchorwatch_convert::feed_to_crd;
use anchorwatch_core::time::Timestamp;
use anchorwatch_crds::v1alpha1 as crd;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};
use k8s_openapi::jiff;

use crate::loader::HookState;

/// Longest reason of a hook in characters, as the resource's schema has it.
const MAX_REASON: usize = 512;

/// A hook as a report has it.
pub fn hook(hook: &HookState) -> crd::HookReport {
    crd::HookReport {
        name: hook.name.to_owned(),
        feed: feed_to_crd(hook.feed),
        state: hook.status.word().to_owned(),
        reason: hook.remark().chars().take(MAX_REASON).collect(),
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
    #[test]
    fn moments_are_written_as_kubernetes_writes_them() {
        let moment = Timestamp::from_millis(1_767_225_600_250);
        let micro = serde_json::to_value(micro_time(moment)).unwrap();
        assert_eq!(micro, "2026-01-01T00:00:00.250000Z");
        assert_eq!(serde_json::to_value(time(moment)).unwrap(), "2026-01-01T00:00:00Z");
    }
}
