//! The graph of `hnsw_rs` over sets of features: what is near, as good as always.

use anchorwatch_core::features::Features;
use hnsw_rs::prelude::Hnsw;

use crate::jaccard::{Jaccard, common_and_union, compared};

/// Links of a point to its neighbours.
const LINKS: usize = 24;
/// Candidates that are looked at for each point that is taken in.
const EF_CONSTRUCTION: usize = 96;
/// Layers of the graph, as `hnsw_rs` has at most.
const LAYERS: usize = 16;
/// Candidates that are looked at for each search.
const EF_SEARCH: usize = 192;

/// Sets of features, by nearness.
pub struct Graph {
    links: Hnsw<'static, u32, Jaccard>,
    places: Vec<Vec<u32>>,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph")
            .field("places", &self.places.len())
            .finish_non_exhaustive()
    }
}

impl Graph {
    /// Of these, numbered as they come.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Features>) -> Self {
        Self::at(all.into_iter().map(compared).collect())
    }

    /// Of these places, each of which should be there once: points at the same place crowd each other's neighbours out.
    pub(crate) fn at(places: Vec<Vec<u32>>) -> Self {
        let mut links = Hnsw::new(LINKS, places.len().max(1), LAYERS, EF_CONSTRUCTION, Jaccard);
        for (number, place) in places.iter().enumerate() {
            links.insert_slice((place, number));
        }
        links.set_searching_mode(true);
        Self { links, places }
    }

    /// The nearest by their numbers, with their exact similarity, the nearest first. A few may be missed.
    pub fn nearest(&self, asked: &Features, wanted: usize) -> Vec<(usize, f64)> {
        let asked = compared(asked);
        self.near(&asked, wanted)
            .map(|number| {
                let (common, union) = common_and_union(&asked, &self.places[number]);
                (number, f64::from(common) / f64::from(union.max(1)))
            })
            .collect()
    }

    /// The similarity of the nearest, by comparing all.
    pub fn nearest_by_comparing(&self, asked: &Features) -> f64 {
        let asked = compared(asked);
        let all = self.places.iter().map(|place| common_and_union(&asked, place));
        all.map(|(common, union)| f64::from(common) / f64::from(union.max(1)))
            .fold(0.0, f64::max)
    }

    pub(crate) fn near(&self, asked: &[u32], wanted: usize) -> impl Iterator<Item = usize> + use<> {
        let found = if wanted == 0 || self.places.is_empty() {
            Vec::new()
        } else {
            self.links.search(asked, wanted, EF_SEARCH.max(wanted))
        };
        found.into_iter().map(|neighbour| neighbour.d_id)
    }

    pub(crate) fn place(&self, number: usize) -> &[u32] {
        &self.places[number]
    }
}
