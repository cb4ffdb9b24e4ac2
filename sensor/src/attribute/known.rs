//! What attribution knows, for who asks.

use std::collections::HashMap;
use std::sync::Arc;

use super::Attributor;
use super::cgroup::{ContainerId, Holder, Placement};
use super::pod::Container;
use crate::losses::{Owner, Whose};
use crate::snapshot::SeededProcess;

impl Attributor {
    /// The containers that run, as far as the API server has told of them.
    pub fn running(&self) -> Vec<Arc<Container>> {
        self.places.running()
    }

    /// Whether events of the pod may still come.
    pub fn knows_pod(&self, uid: &str) -> bool {
        self.places.pods.knows(uid)
    }

    /// The names of a pod's container, as far as they are known.
    pub fn owner(&self, id: &ContainerId) -> Option<Owner> {
        self.places.known_of_pod(id).as_deref().map(Owner::from)
    }

    /// Whose the events of a cgroup are.
    pub fn whose(&self, cgroup: u64) -> Whose {
        match self.places.cgroups.get(cgroup) {
            Some(Placement::Container(place)) => match &place.holder {
                Holder::Pod(_) => Whose::Container(place.id.clone()),
                Holder::Host(container) => Whose::Owner(Owner::from(&**container)),
            },
            Some(Placement::Host | Placement::Runtime | Placement::Unrecognised) | None => Whose::Unknown,
        }
    }

    /// The cgroups that are containers' own, by those in which such processes are.
    pub fn own_cgroups(&self, processes: &[SeededProcess]) -> HashMap<u64, u64> {
        let cgroups = &self.places.cgroups;
        let own = processes
            .iter()
            .filter_map(|process| match cgroups.get(process.cgroup_id)? {
                Placement::Container(place) => Some((process.cgroup_id, cgroups.slots.own_cgroup(&place.id)?)),
                Placement::Host | Placement::Runtime | Placement::Unrecognised => None,
            });
        own.collect()
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub fn pods(&self) -> usize {
        self.places.pods.len()
    }

    pub fn cgroups(&self) -> usize {
        self.places.cgroups.len()
    }

    /// Ancestors of which nothing was known any more.
    pub const fn unresolved_ancestors(&self) -> u64 {
        self.unresolved_ancestors
    }
}
