//! Image digests of pods that showed something.

use anchorwatch_core::{id::ImageDigest, seen::Seen};

/// How an object says that different digests were seen.
const SEVERAL: &str = "*";

/// From an object's optional field.
pub fn digest_from_crd(field: Option<String>) -> Seen<ImageDigest> {
    match field {
        Some(text) if text == SEVERAL => Seen::Several,
        Some(text) => text.parse().map_or(Seen::Unknown, Seen::One),
        None => Seen::Unknown,
    }
}

/// To an object's optional field.
pub fn digest_to_crd(digest: &Seen<ImageDigest>) -> Option<String> {
    match digest {
        Seen::Unknown => None,
        Seen::One(digest) => Some(digest.to_string()),
        Seen::Several => Some(SEVERAL.to_owned()),
    }
}
