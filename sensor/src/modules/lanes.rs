//! Whose turn it is: containers take turns, and within one its files do, so that neither a large file nor a flood
//! keeps others waiting.

use std::collections::{HashMap, VecDeque};

/// Work in turns.
#[derive(Debug)]
pub struct Lanes<T> {
    lanes: HashMap<u64, VecDeque<T>>,
    /// Lanes with work, each once.
    turns: VecDeque<u64>,
    len: usize,
    limits: LaneLimits,
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct LaneLimits {
    pub all: usize,
    pub lane: usize,
}

impl<T> Lanes<T> {
    pub fn new(limits: LaneLimits) -> Self {
        Self {
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            len: 0,
            limits,
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the lane takes more.
    pub fn has_room(&self, lane: u64) -> bool {
        self.len < self.limits.all && self.lanes.get(&lane).map_or(0, VecDeque::len) < self.limits.lane
    }

    /// Adds work at the end of its lane, whatever the limits.
    pub fn push(&mut self, lane: u64, work: T) {
        let queue = self.lanes.entry(lane).or_default();
        if queue.is_empty() {
            self.turns.push_back(lane);
        }
        queue.push_back(work);
        self.len += 1;
    }

    /// What is next, with its lane; pushed again, it takes its next turn after all others.
    pub fn pop(&mut self) -> Option<(u64, T)> {
        let lane = self.turns.pop_front()?;
        let queue = self.lanes.get_mut(&lane)?;
        let work = queue.pop_front()?;
        self.len -= 1;
        if queue.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        Some((lane, work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LaneLimits = LaneLimits { all: 4, lane: 3 };

    #[test]
    fn lanes_take_turns_and_so_does_what_is_in_one() {
        let mut lanes = Lanes::new(LIMITS);
        for (lane, work) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1")] {
            lanes.push(lane, work);
        }
        let mut order = Vec::new();
        for _ in 0..6 {
            let (lane, work) = lanes.pop().unwrap();
            order.push(work);
            lanes.push(lane, work);
        }
        assert_eq!(order, ["a1", "b1", "a2", "b1", "a3", "b1"]);
    }

    #[test]
    fn a_full_lane_leaves_room_for_others() {
        let mut lanes = Lanes::new(LIMITS);
        for work in 0..3 {
            assert!(lanes.has_room(1));
            lanes.push(1, work);
        }
        assert!(!lanes.has_room(1));
        assert!(lanes.has_room(2));
        lanes.push(2, 0);
        assert!(!lanes.has_room(3));
    }

    #[test]
    fn what_is_done_leaves_nothing_behind() {
        let mut lanes = Lanes::new(LIMITS);
        lanes.push(1, "a");
        assert_eq!(lanes.pop(), Some((1, "a")));
        assert_eq!(lanes.pop(), None);
        assert!(lanes.is_empty() && lanes.lanes.is_empty() && lanes.turns.is_empty());
    }
}
