//! Which learned commands have a feature. A feature that many commands have is kept as one bit a command, one that few have
//! as a list of their numbers, whichever takes less room; most features are one command's alone, and take no more than
//! their slot in the table.

#![expect(
    clippy::disallowed_types,
    reason = "a table of hashes, looked up by the dozen for each search; nothing that is decided depends on its order"
)]

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use crate::features::{Feature, Features};

/// Commands by feature.
#[derive(Clone, Debug, Default)]
pub(super) struct Postings {
    slots: HashMap<Feature, Slot, BuildHasherDefault<Scatter>>,
    few: Vec<Vec<u32>>,
    many: Vec<Bits>,
    /// Places in `few` that are free again.
    free: Vec<u32>,
}

/// Where the commands of a feature stand.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// The number of the only one.
    One(u32),
    /// A place among the few.
    Few(u32),
    /// A place among the many.
    Many(u32),
}

/// A place in four bytes: which it is in the upper two bits.
#[derive(Clone, Copy, Debug)]
struct Slot(u32);

impl Slot {
    const BITS: u32 = 30;

    /// Commands and features beyond a thousand million are beyond any memory.
    const fn new(place: Place) -> Self {
        match place {
            Place::One(number) => Self(number),
            Place::Few(place) => Self(1 << Self::BITS | place),
            Place::Many(place) => Self(2 << Self::BITS | place),
        }
    }

    const fn place(self) -> Place {
        let number = self.0 & ((1 << Self::BITS) - 1);
        match self.0 >> Self::BITS {
            0 => Place::One(number),
            1 => Place::Few(number),
            _ => Place::Many(number),
        }
    }
}

/// One bit a command, up to the last one that has the feature.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    pub words: Vec<u64>,
    pub count: u32,
}

/// The commands that have a feature.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'a> {
    One(u32),
    Few(&'a [u32]),
    Many(&'a Bits),
}

/// Fewest commands that are kept as bits: below, nothing is gained.
const MANY: usize = 64;
/// By how much a list grows at least.
const LEAST_GROWTH: usize = 6;

impl Postings {
    /// Takes in the features of commands, whose numbers begin at `first` and are above all before them.
    pub(super) fn insert(&mut self, first: u32, commands: &[Features]) {
        let mut slots = Vec::new();
        for (number, features) in (first..).zip(commands) {
            // All are looked up before any changes, so that no look-up waits for what another one leads to.
            slots.clear();
            slots.extend(features.all().iter().map(|feature| self.slots.get(feature).copied()));
            for (feature, slot) in features.all().iter().zip(&slots) {
                self.add(*feature, *slot, number);
            }
        }
    }

    fn add(&mut self, feature: Feature, slot: Option<Slot>, number: u32) {
        match slot.map(Slot::place) {
            None => {
                self.slots.insert(feature, Slot::new(Place::One(number)));
            }
            Some(Place::One(first)) => {
                let place = self.place(vec![first, number]);
                self.slots.insert(feature, Slot::new(Place::Few(place)));
            }
            Some(Place::Few(place)) => self.add_to_few(feature, place, number),
            Some(Place::Many(place)) => self.many[place as usize].add(number),
        }
    }

    /// Gives back what room is left over.
    pub(super) fn shrink(&mut self) {
        self.slots.shrink_to_fit();
        self.few.shrink_to_fit();
        self.few.iter_mut().for_each(Vec::shrink_to_fit);
        self.many.shrink_to_fit();
    }

    /// The commands that have a feature.
    pub(super) fn get(&self, feature: Feature) -> Option<Found<'_>> {
        Some(match self.slots.get(&feature)?.place() {
            Place::One(number) => Found::One(number),
            Place::Few(place) => Found::Few(&self.few[place as usize]),
            Place::Many(place) => Found::Many(&self.many[place as usize]),
        })
    }

    /// Every feature with the commands that have it, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Feature, Found<'_>)> {
        let features = self.slots.keys();
        features.filter_map(|feature| Some((*feature, self.get(*feature)?)))
    }

    fn place(&mut self, list: Vec<u32>) -> u32 {
        if let Some(place) = self.free.pop() {
            self.few[place as usize] = list;
            return place;
        }
        self.few.push(list);
        u32::try_from(self.few.len() - 1).expect("fewer than 2^32 features")
    }

    fn add_to_few(&mut self, feature: Feature, place: u32, number: u32) {
        let list = &mut self.few[place as usize];
        // A quarter at a time: doubling would leave half of the room of all lists empty.
        if list.len() == list.capacity() {
            list.reserve_exact(LEAST_GROWTH.max(list.len() / 4));
        }
        list.push(number);
        // 32 bits each, or one bit for each command so far.
        if list.len() >= MANY && list.len() * 32 > number as usize {
            let list = std::mem::take(list);
            self.free.push(place);
            let mut bits = Bits::default();
            for number in list {
                bits.add(number);
            }
            self.many.push(bits);
            let place = u32::try_from(self.many.len() - 1).expect("fewer than 2^32 features");
            self.slots.insert(feature, Slot::new(Place::Many(place)));
        }
    }
}

impl Found<'_> {
    /// How many they are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Few(list) => list.len(),
            Self::Many(bits) => bits.count as usize,
        }
    }

    /// Calls `sink` with the number of each.
    pub(super) fn each(&self, mut sink: impl FnMut(u32)) {
        match self {
            Self::One(number) => sink(*number),
            Self::Few(list) => list.iter().for_each(|number| sink(*number)),
            Self::Many(bits) => {
                for (at, word) in (0_u32..).zip(&bits.words) {
                    let mut left = *word;
                    while left != 0 {
                        sink(at * 64 + left.trailing_zeros());
                        left &= left - 1;
                    }
                }
            }
        }
    }
}

impl Bits {
    fn add(&mut self, number: u32) {
        let word = number as usize / 64;
        if word >= self.words.len() {
            if word >= self.words.capacity() {
                self.words
                    .reserve_exact(word + 1 - self.words.len() + self.words.len() / 4);
            }
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (number % 64);
        self.count += 1;
    }
}

/// Features are hashes already: spread over all bits, and that is enough.
#[derive(Clone, Copy, Debug, Default)]
struct Scatter(u64);

impl Hasher for Scatter {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // 2^64 divided by the golden ratio.
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
