//! Numbers. Objects have signed ones; what does not fit becomes the nearest that does.

/// A number that can't be negative.
pub fn unsigned<A, B: TryFrom<A> + Default>(number: A) -> B {
    B::try_from(number).unwrap_or_default()
}

/// A number as an object holds it.
pub fn to_i64(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A small number as an object holds it.
pub fn to_i32(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}
