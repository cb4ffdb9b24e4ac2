//! Which container something happened in: cgroup → place → container.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::cgroup::hierarchy::Hierarchy;
use super::cgroup::{Cgroups, ContainerId, Holder, Place, Placement};
use super::pod::{Container, Pods};
use super::process::{ProcFolder, ProcessAt};
use super::seats::Seats;
use crate::clock::boot_nanos;

/// All that is known of the node's cgroups and pods.
#[derive(Debug)]
pub struct Places {
    pub cgroups: Cgroups,
    pub pods: Pods,
    seats: Seats,
    proc: ProcFolder,
    hierarchy: Option<Hierarchy>,
}

impl Places {
    /// Remembers so many cgroups at most.
    pub fn new(cgroups: usize, proc: ProcFolder) -> Self {
        Self {
            cgroups: Cgroups::new(cgroups),
            pods: Pods::default(),
            seats: Seats::default(),
            proc,
            hierarchy: None,
        }
    }

    /// Cgroups that nobody told of are looked up there.
    pub fn look_up_in(&mut self, hierarchy: Hierarchy) {
        self.hierarchy = Some(hierarchy);
    }

    /// By the cgroups that we were told of, else by the hierarchy, else by `/proc`; `None` if all of them have lost it.
    pub fn placement(&mut self, cgroup: u64, process: ProcessAt) -> Option<Placement> {
        if let Some(placement) = self.cgroups.get(cgroup) {
            return Some(placement.clone());
        }
        let by_id = self
            .hierarchy
            .as_ref()
            .and_then(|hierarchy| hierarchy.path(cgroup).ok());
        if let Some(path) = by_id {
            return Some(self.cgroups.insert(cgroup, &path, process.at_ns));
        }
        let path = self.proc.cgroup(process)?;
        Some(self.cgroups.insert_by_process(cgroup, &path, process.at_ns))
    }

    /// The same for a cgroup of which the kernel says in which container's it lies: those below a container are not told
    /// of.
    pub fn placement_in(&mut self, cgroup: u64, container: u64, process: ProcessAt) -> Option<Placement> {
        if cgroup != container
            && self.cgroups.get(cgroup).is_none()
            && let Some(placement @ Placement::Container(_)) = self.cgroups.get(container)
        {
            return Some(placement.clone());
        }
        self.placement(cgroup, process)
    }

    /// By the statuses of pods, else by where the process sits.
    pub fn container(&mut self, place: &Place, process: ProcessAt) -> Option<Arc<Container>> {
        let pod = match &place.holder {
            Holder::Host(container) => return Some(Arc::clone(container)),
            Holder::Pod(pod) => pod,
        };
        if let Some(by_status) = self.pods.get(&place.id) {
            return Some(Arc::clone(by_status));
        }
        self.seats.look(&place.id, pod, || self.proc.seat(process));
        self.known_of_pod(&place.id)
    }

    /// The same without another look at the process.
    pub fn known(&self, place: &Place) -> Option<Arc<Container>> {
        match &place.holder {
            Holder::Pod(_) => self.known_of_pod(&place.id),
            Holder::Host(container) => Some(Arc::clone(container)),
        }
    }

    /// The same of a pod's.
    pub fn known_of_pod(&self, id: &ContainerId) -> Option<Arc<Container>> {
        let by_status = self.pods.get(id).map(Arc::clone);
        by_status.or_else(|| self.pods.at(self.seats.get(id)?, id))
    }

    /// The containers that run, as far as they are known.
    pub fn running(&self) -> Vec<Arc<Container>> {
        let running: HashMap<&ContainerId, Arc<Container>> = self
            .cgroups
            .containers()
            .filter_map(|place| Some((&place.id, self.known(place)?)))
            .collect();
        running.into_values().collect()
    }

    /// Forgets what has been gone for a while.
    pub fn expire(&mut self, now: Instant) {
        self.pods.expire(now);
        if let Some(hierarchy) = &self.hierarchy {
            self.cgroups.sweep(|id| hierarchy.is_gone(id), boot_nanos(), now);
        }
        self.cgroups.expire(now);
    }
}
