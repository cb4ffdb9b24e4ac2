//! Why events were lost: the words of sensors, as a bounded set. They label metrics and stand in baselines, so that a
//! reporter must not be able to make up more.

use anchorwatch_core::behaviour::Feed;

/// A node's outbox began anew: whatever was in the old one and not yet acknowledged is gone.
pub const OUTBOX_RENEWED: &str = "outbox_renewed";
/// Any word that is not known.
const OTHER: &str = "other";

/// A sensor was not running: nothing is known to be lost, and nothing is known of that time.
const SENSOR_RESTARTED: &str = "sensor_restarted";

/// The words that sensors use for what they lost themselves.
const SENSOR: [&str; 18] = [
    "malformed_record",
    "snapshot_full",
    "cgroup_unknown",
    "cgroup_unrecognised",
    "pod_unknown",
    "container_unknown",
    "waiting_full",
    "waiting_container_full",
    "ancestor_unknown",
    "container_quota",
    "command_quota",
    "outbox_full",
    "outbox_damaged",
    "report_refused",
    "connection_forgotten",
    "file_swapped",
    "slots_full",
    SENSOR_RESTARTED,
];
/// The words for what the kernel lost, whichever of its programs: they follow `kernel_` and the program's name.
/// A longer word comes before the one that it ends with.
const KERNEL: [&str; 9] = [
    "kernel_sensitive_ring_full",
    "kernel_sensitive_quota",
    "kernel_quota",
    "kernel_ring_full",
    "kernel_map_full",
    "kernel_read_fault",
    "kernel_no_offset",
    "kernel_recursion",
    "kernel_process_share",
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

/// Reasons by feed, as conditions tell them.
pub fn told<'a, R: Iterator<Item = &'a str>>(feeds: impl Iterator<Item = (Feed, R)>) -> String {
    let feeds = feeds.map(|(feed, reasons)| {
        let reasons: Vec<_> = reasons.collect();
        format!("{} ({})", feed.as_str(), reasons.join(", "))
    });
    feeds.collect::<Vec<_>>().join("; ")
}

/// Whether events were lost for such a reason. A mark that a sensor was not running is none by itself.
pub fn is_of_events(reason: &str) -> bool {
    reason != SENSOR_RESTARTED
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
        assert_eq!(bounded("kernel_exec_sensitive_quota"), "kernel_sensitive_quota");
        assert_eq!(bounded("kernel_mmap_quota"), "kernel_quota");
        for made_up in ["", "kernel_", "kernel_exec_made_up", "outbox_full2"] {
            assert_eq!(bounded(made_up), OTHER, "{made_up}");
        }
    }

    /// The words that a source gives names to, as in `Self::Variant => "word",`.
    fn words(source: &str) -> Vec<&str> {
        let word = |line: &str| -> Option<std::ops::Range<usize>> {
            let start = line.find(" => \"")? + 5;
            let end = start + line[start..].find('"')?;
            line.trim_start().starts_with("Self::").then_some(start..end)
        };
        source.lines().filter_map(|line| Some(&line[word(line)?])).collect()
    }

    #[test]
    fn every_word_of_the_sensor_is_known() {
        let words = words(include_str!("../../sensor/src/losses/reason.rs"));
        for word in &words {
            assert_eq!(bounded(word), *word);
        }
        assert_eq!(words.len(), SENSOR.len(), "a word that no sensor uses");
    }

    #[test]
    fn every_word_of_the_kernels_programs_is_known() {
        let source = include_str!("../../sensor-common/src/loss.rs");
        let (_, reasons) = source.split_once("impl LossReason").unwrap();
        let words = words(reasons);
        assert!(words.len() >= 7, "{words:?}");
        for word in words {
            assert_eq!(bounded(&format!("kernel_exec_{word}")), format!("kernel_{word}"));
        }
    }

    #[test]
    fn reasons_are_told_with_their_feed() {
        let lost = [
            (Feed::Process, vec!["container_quota", "kernel_quota"]),
            (Feed::Module, vec!["outbox_full"]),
        ];
        let told = told(lost.into_iter().map(|(feed, reasons)| (feed, reasons.into_iter())));
        assert_eq!(told, "process (container_quota, kernel_quota); module (outbox_full)");
    }

    #[test]
    fn a_baseline_has_room_for_every_word() {
        // OTHER and OUTBOX_RENEWED besides; the resource's schema takes 32.
        assert!(SENSOR.len() + KERNEL.len() + 2 <= 32);
    }
}
