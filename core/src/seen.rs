//! What several reports say of one thing: nothing yet, one value, or different ones.

use serde::{Deserialize, Serialize};

/// What was seen of a value that should be one. A lattice: [`Seen::join`] is commutative, associative and idempotent,
/// and once two values differed no third report makes them agree again.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Seen<T> {
    /// Nobody told yet.
    #[default]
    Unknown,
    /// Everybody who told said this.
    One(T),
    /// Different values were told.
    Several,
}

impl<T: Eq> Seen<T> {
    /// What both say together.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, known) | (known, Self::Unknown) => known,
            (Self::One(a), Self::One(b)) if a == b => Self::One(a),
            _ => Self::Several,
        }
    }

    /// The value, where exactly one was told.
    pub const fn one(&self) -> Option<&T> {
        match self {
            Self::One(value) => Some(value),
            Self::Unknown | Self::Several => None,
        }
    }
}

impl<T: AsRef<str> + From<String>> Seen<T> {
    /// How [`Seen::Several`] is written in an object: no digest, label or name can read like that.
    pub const SEVERAL: &'static str = "*";

    /// As an object's optional field holds it: absent, the value, or `*`.
    pub fn to_field(&self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::One(value) => Some(value.as_ref().to_owned()),
            Self::Several => Some(Self::SEVERAL.to_owned()),
        }
    }

    /// From an object's optional field. An empty text counts as absent.
    pub fn from_field(field: Option<String>) -> Self {
        match field {
            None => Self::Unknown,
            Some(text) if text.is_empty() => Self::Unknown,
            Some(text) if text == Self::SEVERAL => Self::Several,
            Some(text) => Self::One(T::from(text)),
        }
    }
}

impl<T> From<Option<T>> for Seen<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Self::One)
    }
}
