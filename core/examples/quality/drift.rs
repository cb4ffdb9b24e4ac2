//! A workload that changes: of each program the first command comes at a time of its own, and the others after it.

use std::collections::BTreeMap;

use crate::chance::Chance;

/// Parts that time is cut into.
const TIMES: usize = 1 << 20;

/// The commands in the order in which such a workload shows them.
pub fn order<'a>(lines: &'a [String], chance: &mut Chance) -> Vec<&'a String> {
    let mut begins: BTreeMap<&str, usize> = BTreeMap::new();
    let mut timed: Vec<(usize, &String)> = Vec::with_capacity(lines.len());
    for line in lines {
        let program = line.split_whitespace().next().unwrap_or_default();
        let begin = *begins.entry(program).or_insert_with(|| chance.below(TIMES));
        timed.push((begin + chance.below(TIMES - begin), line));
    }
    timed.sort_unstable();
    timed.into_iter().map(|(_, line)| line).collect()
}
