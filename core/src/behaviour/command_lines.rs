//! Which command lines are kept of a program, where they are more than there is room for.

use std::collections::BTreeSet;

use twox_hash::XxHash3_64;

use super::{MAX_COMMAND_BYTES, MAX_COMMANDS, MAX_RAISED_COMMAND_BYTES, MAX_RAISED_COMMANDS};
use crate::text::json_len;

/// Stands for the order in which lines are kept. It is no secret: whoever may choose lines can choose such as come first, so
/// that what is held must not give way to what comes ([`Room::add`]).
const SEED: u64 = 0x616e_6368_6f72;

/// How many lines are kept, and how many bytes they take together in JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    lines: usize,
    bytes: usize,
}

impl Room {
    /// Of a behaviour that is learned.
    pub const LEARNED: Self = Self {
        lines: MAX_COMMANDS,
        bytes: MAX_COMMAND_BYTES,
    };
    /// Of one that is raised.
    pub const RAISED: Self = Self {
        lines: MAX_RAISED_COMMANDS,
        bytes: MAX_RAISED_COMMAND_BYTES,
    };

    /// Keeps a sample, the first by their hashes as far as they fit: what is kept is like what is left out, which the first of
    /// the alphabet would not be.
    pub fn keep(self, lines: &mut BTreeSet<String>) {
        if self.bytes_left(lines).is_some() {
            return;
        }
        let mut bytes = 0_usize;
        let ranked = ranked(std::mem::take(lines)).into_iter().take(self.lines);
        let kept = ranked.take_while(|line| {
            bytes = bytes.saturating_add(json_len(line));
            bytes <= self.bytes
        });
        *lines = kept.collect();
    }

    /// Adds to the lines that are held what comes and fits beside them. None that is held gives way.
    pub fn add(self, mut held: BTreeSet<String>, more: BTreeSet<String>) -> BTreeSet<String> {
        self.keep(&mut held);
        let mut left = self.bytes_left(&held).unwrap_or(0);
        for line in ranked(more) {
            let bytes = json_len(&line);
            if held.len() < self.lines && bytes <= left && held.insert(line) {
                left -= bytes;
            }
        }
        held
    }

    /// Bytes that are left beside these lines; none where they are too many, or take too many bytes.
    fn bytes_left(self, lines: &BTreeSet<String>) -> Option<usize> {
        let taken: usize = lines.iter().map(|line| json_len(line)).sum();
        self.bytes.checked_sub(taken).filter(|_| lines.len() <= self.lines)
    }
}

fn ranked(lines: BTreeSet<String>) -> Vec<String> {
    let mut ranked: Vec<String> = lines.into_iter().collect();
    // Of equal ones the lesser line first, as they came.
    ranked.sort_by_cached_key(|line| XxHash3_64::oneshot_with_seed(SEED, line.as_bytes()));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(prefix: &str, many: usize) -> BTreeSet<String> {
        (0..many).map(|number| format!("{prefix} --number {number}")).collect()
    }

    #[test]
    fn what_is_kept_is_a_sample_and_not_the_first_of_the_alphabet() {
        let mut all = lines("archive", 500);
        all.extend(lines("verify", 500));
        Room::LEARNED.keep(&mut all);
        let last = all.iter().filter(|line| line.starts_with("verify")).count();
        assert_eq!(all.len(), MAX_COMMANDS);
        // Of 64 that are drawn from two equal halves, as many are of one in all but one of a million cases.
        assert!((12..=52).contains(&last), "{last}");
    }

    #[test]
    fn what_is_held_gives_way_to_nothing() {
        let held = lines("usual", 40);
        let more = Room::LEARNED.add(held.clone(), lines("\u{1}first of all", 1_000));
        assert_eq!(more.len(), MAX_COMMANDS);
        assert!(more.is_superset(&held));
        let full = Room::LEARNED.add(more.clone(), lines("a", 1_000));
        assert_eq!(full, more);
    }

    #[test]
    fn a_line_that_finds_no_room_leaves_it_to_a_shorter_one() {
        let long: BTreeSet<String> = (0..12)
            .map(|number| format!("{number:02}{}", "x".repeat(1_000)))
            .collect();
        let held = Room::LEARNED.add(BTreeSet::new(), long);
        assert_eq!(held.len(), 12);
        let more = ["y".repeat(500), "z".repeat(100)].into();
        let held = Room::LEARNED.add(held, more);
        assert_eq!((held.len(), held.contains(&"z".repeat(100))), (13, true));
    }
}
