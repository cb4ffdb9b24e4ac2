//! Why events were lost: the words of sensors, as a bounded set. They label metrics and stand in baselines, so that a
//! reporter must not be able to make up more.

/// A node's outbox began anew: whatever was in the old one and not yet acknowledged is gone.
pub const OUTBOX_RENEWED: &str = "outbox_renewed";
/// Any word that is not known.
const OTHER: &str = "other";

/// The words that sensors use for what they lost themselves.
const SENSOR: [&str; 11] = [
    "malformed_record",
    "cgroup_unknown",
    "cgroup_unrecognised",
    "unattributed",
    "waiting_full",
    "waiting_container_full",
    "container_quota",
    "outbox_full",
    "outbox_damaged",
    "report_refused",
    "sensor_restarted",
];
/// The words for what the kernel lost, whichever of its programs: they follow `kernel_` and the program's name.
const KERNEL: [&str; 5] = [
    "kernel_ring_full",
    "kernel_map_full",
    "kernel_read_fault",
    "kernel_no_offset",
    "kernel_recursion",
];

/// The known word for a sensor's word.
pub fn bounded(reason: &str) -> &'static str {
    if let Some(known) = SENSOR.into_iter().find(|known| *known == reason) {
        return known;
    }
    let Some(detail) = reason.strip_prefix("kernel_") else {
        return OTHER;
    };
    let is = |known: &&str| {
        known
            .strip_prefix("kernel")
            .is_some_and(|end| format!("_{detail}").ends_with(end))
    };
    KERNEL.into_iter().find(is).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_stay_and_others_are_one() {
        assert_eq!(bounded("outbox_full"), "outbox_full");
        assert_eq!(bounded("kernel_exec_ring_full"), "kernel_ring_full");
        assert_eq!(bounded("kernel_cgroup_no_offset"), "kernel_no_offset");
        assert_eq!(bounded("kernel_recursion"), "kernel_recursion");
        for made_up in ["", "kernel_", "kernel_exec_made_up", "outbox_full2"] {
            assert_eq!(bounded(made_up), OTHER, "{made_up}");
        }
    }

    #[test]
    fn a_baseline_has_room_for_every_word() {
        // OTHER and OUTBOX_RENEWED besides; the resource's schema takes 32.
        assert!(SENSOR.len() + KERNEL.len() + 2 <= 32);
    }
}
