//! A part that most values lack: one word while it is empty, so that what is walked through lies closer together.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What can be empty.
pub trait Empty: Default + PartialEq + 'static {
    /// An empty one.
    const EMPTY: &'static Self;
}

/// A part that is read as any other, and has room of its own only where it says something.
#[derive(Clone, Debug, Default)]
pub struct Rare<T>(Option<Box<T>>);

impl<T: Empty> From<T> for Rare<T> {
    fn from(value: T) -> Self {
        Self((value != *T::EMPTY).then(|| Box::new(value)))
    }
}

impl<T: Empty> Rare<T> {
    /// What it says.
    pub fn into_inner(self) -> T {
        self.0.map_or_else(T::default, |value| *value)
    }
}

impl<T: Empty> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: Empty> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Empty> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Empty + Eq> Eq for Rare<T> {}

impl<T: Empty> PartialEq<T> for Rare<T> {
    fn eq(&self, other: &T) -> bool {
        **self == *other
    }
}

impl<T: Empty + Serialize> Serialize for Rare<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Empty + Deserialize<'de>> Deserialize<'de> for Rare<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Empty for Vec<u8> {
        const EMPTY: &'static Self = &Self::new();
    }

    #[test]
    fn it_reads_and_writes_as_what_it_holds_and_takes_a_word() {
        assert_eq!(size_of::<Rare<Vec<u8>>>(), size_of::<usize>());
        let mut rare = Rare::<Vec<u8>>::from(Vec::new());
        assert!(rare.is_empty() && rare.0.is_none());
        rare.push(7);
        assert_eq!((rare.as_slice(), rare == vec![7]), (&[7][..], true));
        assert_eq!(serde_json::to_string(&rare).unwrap(), "[7]");
        let mut emptied: Rare<Vec<u8>> = serde_json::from_str("[7]").unwrap();
        assert_eq!(emptied.clone().into_inner(), [7]);
        emptied.clear();
        assert_eq!(emptied, Rare::default());
    }
}
