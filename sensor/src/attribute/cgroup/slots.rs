//! Which containers have slots of their own in the kernel's filter: what is to be told to it.

use std::collections::HashMap;

use super::ContainerId;
use crate::decode::FilterKey;

/// Something that the kernel's first-seen filter is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterOrder {
    /// A container, by its own cgroup.
    Register(u64),
    /// A cgroup that lies below a container's, and was there before that was registered.
    Below { cgroup: u64, container: u64 },
    /// A container whose cgroup is gone.
    Release(u64),
    /// An event that could not be kept: it is to show again as if it were new.
    Forget(FilterKey),
    /// An event that was told of, and would be told otherwise now: it is let through once more, with what was swallowed.
    LetThrough(FilterKey),
    /// A cgroup of the host: nothing is wanted of it.
    Ignore(u64),
    /// No longer.
    Heed(u64),
}

/// Containers by their own cgroups: the first of a container's that was told of, since cgroups come from the root.
#[derive(Debug, Default)]
pub struct Slots {
    cgroups: HashMap<ContainerId, u64>,
    containers: HashMap<u64, ContainerId>,
    orders: Vec<FilterOrder>,
}

impl Slots {
    pub fn entered(&mut self, cgroup: u64, container: &ContainerId) {
        match self.cgroups.get(container) {
            None => {
                self.cgroups.insert(container.clone(), cgroup);
                self.containers.insert(cgroup, container.clone());
                self.orders.push(FilterOrder::Register(cgroup));
            }
            Some(own) if *own == cgroup => {}
            Some(own) => self.orders.push(FilterOrder::Below {
                cgroup,
                container: *own,
            }),
        }
    }

    pub fn own_cgroup(&self, container: &ContainerId) -> Option<u64> {
        self.cgroups.get(container).copied()
    }

    pub fn left(&mut self, cgroup: u64) {
        if let Some(container) = self.containers.remove(&cgroup) {
            self.cgroups.remove(&container);
            self.orders.push(FilterOrder::Release(cgroup));
        }
    }

    pub fn ignore(&mut self, cgroup: u64) {
        self.orders.push(FilterOrder::Ignore(cgroup));
    }

    pub fn heed(&mut self, cgroup: u64) {
        self.orders.push(FilterOrder::Heed(cgroup));
    }

    pub fn forget(&mut self, key: FilterKey) {
        self.orders.push(FilterOrder::Forget(key));
    }

    pub fn let_through(&mut self, key: FilterKey) {
        self.orders.push(FilterOrder::LetThrough(key));
    }

    pub fn take_orders(&mut self) -> Vec<FilterOrder> {
        std::mem::take(&mut self.orders)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_registered_once_by_its_own_cgroup_and_released_with_it() {
        let container = ContainerId::parse(&"a".repeat(64)).unwrap();
        let mut slots = Slots::default();
        slots.entered(1, &container);
        slots.entered(1, &container);
        slots.entered(2, &container);
        slots.left(2);
        slots.left(1);
        slots.left(1);
        let below = FilterOrder::Below {
            cgroup: 2,
            container: 1,
        };
        let expected = [FilterOrder::Register(1), below, FilterOrder::Release(1)];
        assert_eq!(slots.take_orders(), expected);
        assert_eq!(slots.take_orders(), []);
    }
}
