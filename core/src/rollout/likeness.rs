//! Whether two digests are of one image.
//!
//! An image for several platforms is an index of manifests, one a platform, and each has a digest. Runtimes tell the index's
//! or the platform's, so that pods of one image may tell different digests. What ties them is what their nodes say of the
//! images that they hold, as it was when each was recorded.

use super::RecordedContainer;
use crate::id::ImageDigest;

/// Whether two containers run one image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Likeness {
    /// They do.
    Same,
    /// They do not.
    Other,
    /// Nobody tells: they run on different platforms, whose runtimes tell their own part's digest, and no index ties them.
    Unknown,
}

/// Compares what runs somewhere with what was recorded before it.
///
/// A node that holds one image under both digests ties them: its runtime has checked that. So does an index that both were
/// found under, where the recorded one was found under no other: an index that was pushed later may hold the same part for
/// one platform and another for the next, and must not vouch for what it was made to replace. An index that the template
/// names by digest is as good, since it can't be pushed again.
pub(super) fn likeness(recorded: &RecordedContainer, runs: &RecordedContainer) -> Likeness {
    let mut own = recorded.also.iter();
    let index = match (own.next(), own.next()) {
        (Some(index), None) => Some(index),
        (Some(_), Some(_)) | (None, _) => None,
    };
    let vouchers = [Some(&recorded.digest), index, recorded.pinned.as_ref()];
    let is_named = |digest: &ImageDigest| runs.digest == *digest || runs.also.contains(digest);
    if vouchers.into_iter().flatten().any(is_named) {
        return Likeness::Same;
    }
    let platforms_differ = match (&recorded.platform, &runs.platform) {
        (Some(one), Some(other)) => one != other,
        (Some(_) | None, _) => false,
    };
    let is_undecided = recorded.also.is_empty() || runs.also.is_empty() || !recorded.also.is_disjoint(&runs.also);
    if platforms_differ && is_undecided {
        Likeness::Unknown
    } else {
        Likeness::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{at, container, digest, record};

    fn runs(digit: char, also: &[char], platform: &str) -> RecordedContainer {
        RecordedContainer {
            digest: digest(digit),
            also: also.iter().copied().map(digest).collect(),
            platform: Some(platform.to_owned()).filter(|platform| !platform.is_empty()),
            ..record(1, "h1", digit, at(0)).containers[&container()].clone()
        }
    }

    #[test]
    fn an_index_ties_the_parts_of_its_platforms() {
        let recorded = runs('1', &['9'], "linux/amd64");
        assert_eq!(likeness(&recorded, &runs('2', &['9'], "linux/arm64")), Likeness::Same);
        assert_eq!(likeness(&recorded, &runs('9', &[], "")), Likeness::Same, "by the index");
        let by_index = runs('9', &[], "");
        assert_eq!(likeness(&by_index, &runs('2', &['9'], "linux/arm64")), Likeness::Same);
        assert_eq!(likeness(&by_index, &runs('1', &[], "linux/arm64")), Likeness::Other);
    }

    #[test]
    fn an_index_that_was_pushed_later_vouches_for_nothing() {
        // Index 8 holds 1 for one platform, as index 9 does, and 3 for the other.
        let evil = runs('3', &['8'], "linux/arm64");
        assert_eq!(likeness(&runs('1', &['9'], "linux/amd64"), &evil), Likeness::Other);
        // Both were there when it was recorded: nobody can tell under which of them it was rolled out.
        assert_eq!(
            likeness(&runs('1', &['8', '9'], "linux/amd64"), &evil),
            Likeness::Unknown
        );
    }

    #[test]
    fn a_pinned_index_ties_whatever_its_runtimes_tell() {
        let mut recorded = runs('1', &[], "linux/amd64");
        recorded.pinned = Some(digest('9'));
        assert_eq!(likeness(&recorded, &runs('2', &['9'], "linux/arm64")), Likeness::Same);
        assert_eq!(likeness(&recorded, &runs('3', &['8'], "linux/amd64")), Likeness::Other);
    }

    #[test]
    fn only_parts_of_different_platforms_may_be_undecided() {
        let recorded = runs('1', &[], "linux/amd64");
        assert_eq!(likeness(&recorded, &runs('2', &[], "linux/arm64")), Likeness::Unknown);
        assert_eq!(likeness(&recorded, &runs('2', &[], "linux/amd64")), Likeness::Other);
        assert_eq!(likeness(&recorded, &runs('2', &[], "")), Likeness::Other);
        assert_eq!(
            likeness(&runs('1', &[], ""), &runs('2', &[], "linux/arm64")),
            Likeness::Other
        );
    }
}
