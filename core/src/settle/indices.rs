//! Which arguments of a command line something is true of; most often none.

/// A set of indices. Most command lines have fewer than 64 arguments: those take no room of their own.
#[derive(Debug, Default)]
pub(crate) struct Indices {
    /// A bit for each of the first 64.
    first: u64,
    /// For each of those behind them.
    rest: Vec<bool>,
}

const FIRST: usize = u64::BITS as usize;

impl Indices {
    pub(crate) fn add(&mut self, index: usize) {
        match index.checked_sub(FIRST) {
            None => self.first |= 1 << index,
            Some(index) => {
                self.rest.resize(self.rest.len().max(index + 1), false);
                self.rest[index] = true;
            }
        }
    }

    /// Takes an index out, and tells whether it was there.
    pub(crate) fn take(&mut self, index: usize) -> bool {
        match index.checked_sub(FIRST) {
            None => {
                let held = self.first & 1 << index != 0;
                self.first &= !(1 << index);
                held
            }
            Some(index) => self.rest.get_mut(index).is_some_and(std::mem::take),
        }
    }

    pub(crate) fn join(&mut self, other: &Self) {
        self.first |= other.first;
        let rest = other.rest.iter().enumerate().filter(|(_, held)| **held);
        rest.for_each(|(index, _)| self.add(FIRST + index));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first == 0 && !self.rest.contains(&true)
    }

    /// All of them, the least first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        let mut first = self.first;
        let first = std::iter::from_fn(move || {
            let index = first.trailing_zeros();
            first &= first.checked_sub(1)?;
            Some(index as usize)
        });
        let rest = self.rest.iter().enumerate().filter(|(_, held)| **held);
        first.chain(rest.map(|(index, _)| FIRST + index))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_of_indices_is_a_set(
            added in prop::collection::vec(0..130_usize, 0..8),
            joined in prop::collection::vec(0..130_usize, 0..8),
            taken in 0..130_usize,
        ) {
            let (mut indices, mut other) = (Indices::default(), Indices::default());
            for index in &added {
                indices.add(*index);
            }
            for index in &joined {
                other.add(*index);
            }
            indices.join(&other);
            let mut set: BTreeSet<usize> = added.into_iter().chain(joined).collect();
            prop_assert!(indices.iter().eq(set.iter().copied()));
            prop_assert_eq!(indices.take(taken), set.remove(&taken));
            prop_assert!(indices.iter().eq(set.iter().copied()));
            prop_assert_eq!(indices.is_empty(), set.is_empty());
        }
    }
}
