//! The labels of pods that a baseline remembers: they choose its policy when no pod is left.

use std::collections::BTreeMap;

/// Most labels that a baseline remembers: the schema's.
const MAX_LABELS: usize = 64;
/// Most bytes of names and values of labels that a baseline remembers. Labels are whoever makes a pod's to choose.
const LABEL_BYTES: usize = 6 * 1_024;

/// Labels as a baseline remembers them: the first of them, by name, where there are many. Whose labels take more room
/// than that gets them cut short, and may lose a policy for the time after its last pod.
pub fn remembered(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut room = LABEL_BYTES;
    let fits = |(name, value): &(&String, &String)| {
        let bytes = name.len() + value.len();
        let fits = bytes <= room;
        room = room.saturating_sub(bytes);
        fits
    };
    let kept = labels.iter().take(MAX_LABELS).take_while(fits);
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_would_fill_an_object_are_cut_short() {
        let few = BTreeMap::from([("app".to_owned(), "agent".to_owned())]);
        assert_eq!(remembered(&few), few);
        let many = |value: &str| {
            (0..200)
                .map(|number| (format!("l{number:03}"), value.to_owned()))
                .collect()
        };
        assert_eq!(remembered(&many("")).len(), 64);
        assert_eq!(remembered(&many(&"x".repeat(300))).len(), 20);
    }
}
