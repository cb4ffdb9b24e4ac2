//! A bounded table that many containers share, and that none of them can fill for the others.
//!
//! An owner may add an entry while it has fewer than are free for all others, as the programs have it of processes
//! (`follow.rs`: the dynamic threshold of shared buffers, A. Choudhury and E. Hahne, 1998); after that, each new one takes
//! the place of an old one of its own. Which of them goes is decided by a second chance (the clock algorithm, F. Corbató,
//! 1968): an entry that was used since it was last looked at stays. One that floods alone gets half of the table.

use std::collections::VecDeque;
use std::hash::Hash;
use std::num::NonZeroUsize;

use crate::keyed::KeyedMap;

/// Entries by key; each has an owner, by the id of its container's cgroup.
#[derive(Debug)]
pub struct Rooms<K, V> {
    entries: KeyedMap<K, Entry<V>>,
    /// Keys in the order in which they came or had their second chance.
    owners: KeyedMap<u64, VecDeque<K>>,
    limit: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    used: bool,
}

impl<K: Clone + Eq + Hash, V> Rooms<K, V> {
    /// Holds so many entries at most.
    pub fn new(limit: NonZeroUsize) -> Self {
        Self {
            entries: KeyedMap::default(),
            owners: KeyedMap::default(),
            limit: limit.get(),
        }
    }

    /// Adds an owner's entry, or gives one that is there another value. Not kept where all room is others'.
    pub fn insert(&mut self, owner: u64, key: K, value: V) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.value = value;
            return;
        }
        let free = self.limit.saturating_sub(self.entries.len());
        let own = self.owners.entry(owner).or_default();
        if own.len() >= free && !give_way(own, &mut self.entries) {
            return;
        }
        own.push_back(key.clone());
        self.entries.insert(key, Entry { value, used: false });
    }

    /// A value, which is used by that.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        let entry = self.entries.get_mut(key)?;
        entry.used = true;
        Some(&entry.value)
    }

    /// A value, without a use of it.
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The same, to change it.
    pub fn peek_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Forgets all that is of an owner who is gone.
    pub fn forget(&mut self, owner: u64) {
        for key in self.owners.remove(&owner).into_iter().flatten() {
            self.entries.remove(&key);
        }
    }
}

/// Takes away the first that had its chance; false where there is none at all. A chance is used up, so that all have had
/// theirs after one round.
fn give_way<K: Eq + Hash, V>(own: &mut VecDeque<K>, entries: &mut KeyedMap<K, Entry<V>>) -> bool {
    while let Some(key) = own.pop_front() {
        match entries.get_mut(&key) {
            Some(entry) if entry.used => {
                entry.used = false;
                own.push_back(key);
            }
            Some(_) | None => {
                entries.remove(&key);
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOD: u64 = 1;
    const QUIET: u64 = 2;
    const LATE: u64 = 3;

    fn rooms(limit: usize) -> Rooms<u64, &'static str> {
        Rooms::new(NonZeroUsize::new(limit).unwrap())
    }

    fn known(rooms: &Rooms<u64, &str>, keys: impl Iterator<Item = u64>) -> usize {
        keys.filter(|key| rooms.peek(key).is_some()).count()
    }

    fn fill(rooms: &mut Rooms<u64, &'static str>, owner: u64, keys: impl Iterator<Item = u64>) {
        keys.for_each(|key| rooms.insert(owner, key, "x"));
    }

    #[test]
    fn who_floods_pushes_out_nobody_elses() {
        let mut rooms = rooms(100);
        fill(&mut rooms, QUIET, 0..10);
        fill(&mut rooms, FLOOD, 1_000..11_000);
        assert_eq!(known(&rooms, 0..10), 10);
        assert_eq!(known(&rooms, 1_000..11_000), 45, "half of what the other left");
        fill(&mut rooms, LATE, 100..130);
        assert_eq!(known(&rooms, 100..130), 23, "half of what those two left");
        rooms.forget(FLOOD);
        fill(&mut rooms, LATE, 100..130);
        assert_eq!((known(&rooms, 0..10), known(&rooms, 100..130)), (10, 30));
        assert_eq!(rooms.entries.len(), 40);
        assert!(!rooms.owners.contains_key(&FLOOD));
    }

    #[test]
    fn what_is_used_outlives_a_flood_of_its_owners_own() {
        let mut rooms = rooms(64);
        rooms.insert(FLOOD, 1, "used");
        for key in 2..5_000 {
            assert_eq!(rooms.get(&1), Some(&"used"), "{key}");
            rooms.insert(FLOOD, key, "x");
        }
        assert_eq!(rooms.peek(&2), None);
    }

    #[test]
    fn where_all_are_used_the_oldest_gives_way() {
        let mut rooms = rooms(8);
        for key in 0..6 {
            rooms.insert(FLOOD, key, "x");
            assert!(rooms.get(&key).is_some());
        }
        assert_eq!((known(&rooms, 0..2), known(&rooms, 2..6)), (0, 4));
    }

    #[test]
    fn another_value_takes_no_more_room() {
        let mut rooms = rooms(4);
        fill(&mut rooms, FLOOD, [1, 1, 1, 1].into_iter());
        rooms.insert(FLOOD, 1, "y");
        *rooms.peek_mut(&1).unwrap() = "z";
        assert_eq!(
            (rooms.peek(&1), rooms.entries.len(), rooms.owners[&FLOOD].len()),
            (Some(&"z"), 1, 1)
        );
    }

    #[test]
    fn where_all_room_is_others_nothing_is_kept() {
        let mut rooms = rooms(1);
        rooms.insert(QUIET, 1, "x");
        rooms.insert(FLOOD, 2, "x");
        assert_eq!((rooms.peek(&1), rooms.peek(&2)), (Some(&"x"), None));
    }
}
