//! Whose processes the programs are told of where their map has no room for all: the bound of the programs' own
//! `follow.rs`, so that a container that ran a great many before the sensor began takes no other's place.

use std::collections::HashMap;

/// Who has how much of the map.
#[derive(Debug)]
pub struct Shares {
    room: u64,
    told: u64,
    by_cgroup: HashMap<u64, u64>,
}

impl Shares {
    pub fn new(room: u64) -> Self {
        Self {
            room,
            told: 0,
            by_cgroup: HashMap::new(),
        }
    }

    /// Whether one more of a cgroup's processes may be told: while it has fewer than are free for all others.
    pub fn take(&mut self, cgroup: u64) -> bool {
        let held = self.by_cgroup.entry(cgroup).or_default();
        let has_room = *held < self.room.saturating_sub(self.told);
        *held += u64::from(has_room);
        self.told += u64::from(has_room);
        has_room
    }
}

/// The places of the processes of these cgroups, each cgroup's first ones before anybody's second: whoever has many waits.
pub fn in_turns(cgroups: impl Iterator<Item = u64>) -> Vec<usize> {
    let mut seen: HashMap<u64, usize> = HashMap::new();
    let turn = |(place, cgroup)| {
        let turns = seen.entry(cgroup).or_default();
        *turns += 1;
        (*turns, place)
    };
    let mut places: Vec<(usize, usize)> = cgroups.enumerate().map(turn).collect();
    places.sort_unstable();
    places.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of each cgroup's processes are told.
    fn told(room: u64, processes: &[u64]) -> HashMap<u64, usize> {
        let mut shares = Shares::new(room);
        let mut told = HashMap::new();
        for place in in_turns(processes.iter().copied()) {
            *told.entry(processes[place]).or_default() += usize::from(shares.take(processes[place]));
        }
        told
    }

    #[test]
    fn a_cgroup_of_a_great_many_takes_no_others_place_and_leaves_room_for_what_comes() {
        // The many began first.
        let processes: Vec<u64> = [vec![1; 1_000], vec![2; 20], vec![3; 1]].concat();
        let told = told(100, &processes);
        assert_eq!((told[&2], told[&3]), (20, 1));
        assert_eq!(told[&1], 40, "half of what the others left");
    }

    #[test]
    fn what_finds_room_is_told_as_it_began() {
        assert_eq!(in_turns([7, 7, 8, 7].into_iter()), [0, 2, 1, 3]);
        assert_eq!(told(100, &[7, 7, 8, 7]), HashMap::from([(7, 3), (8, 1)]));
    }
}
