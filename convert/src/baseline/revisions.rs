//! The revisions of a baseline: a list, which entries refer to by a bit each.

use std::collections::BTreeSet;

use anchorwatch_core::{
    baseline::{MAX_REVISIONS, Revisions as Watched},
    id::TemplateHash,
};
use anchorwatch_crds::v1alpha1::ObservedRevision;

use super::{hours_from_crd, hours_to_crd};

/// The revisions of a baseline, and their places in its object.
pub(super) struct Revisions {
    /// They, and when they were watched.
    pub watched: Watched,
    /// Which bit stands for which.
    places: Vec<TemplateHash>,
}

impl Revisions {
    /// From an object's list. What is beyond the most that are told apart is left out.
    pub fn of_object(list: &[ObservedRevision]) -> Self {
        let list = &list[..list.len().min(MAX_REVISIONS)];
        let hash = |revision: &ObservedRevision| TemplateHash::from(revision.template_hash.as_str());
        let watched = list
            .iter()
            .map(|revision| (hash(revision), hours_from_crd(&revision.observed)));
        Self {
            watched: watched.collect(),
            places: list.iter().map(hash).collect(),
        }
    }

    /// From what was learned.
    pub fn of_baseline(watched: &Watched) -> Self {
        Self {
            watched: watched.clone(),
            places: watched.keys().cloned().collect(),
        }
    }

    /// To an object's list.
    pub fn to_object(&self) -> Vec<ObservedRevision> {
        let revisions = self.watched.iter().map(|(hash, hours)| ObservedRevision {
            template_hash: hash.to_string(),
            observed: hours_to_crd(hours),
        });
        revisions.collect()
    }

    /// Those that an entry's bits stand for.
    pub fn of_bits(&self, bits: i32) -> BTreeSet<TemplateHash> {
        let is_set = |place: usize| {
            bits.cast_unsigned()
                .checked_shr(u32::try_from(place).unwrap_or(u32::MAX))
        };
        let places = self.places.iter().enumerate();
        let shown = places.filter(|(place, _)| is_set(*place).is_some_and(|bits| bits & 1 == 1));
        shown.map(|(_, hash)| hash.clone()).collect()
    }

    /// The bits that stand for these.
    pub fn to_bits(&self, shown: &BTreeSet<TemplateHash>) -> i32 {
        let places = self.places.iter().enumerate();
        let bits = places
            .filter(|(_, hash)| shown.contains(*hash))
            .map(|(place, _)| 1 << place);
        bits.fold(0, |bits, bit: i32| bits | bit)
    }
}
