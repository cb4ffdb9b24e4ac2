//! Under which names flows were told that the kernel's filter knows.
//!
//! The filter knows a flow by its address and swallows it where it comes again, whatever the container has looked up
//! meanwhile. So an answer that gives the address a name under which the flow was not told yet makes it show again. What
//! came between the answer and its being read here is swallowed all the same, and shows when the filter's interval is
//! over.

use lru::LruCache;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::cgroup::ContainerId;
use crate::decode::FilterKey;

/// Flows of one container to one address: programs, ports and magnitudes of what was sent.
const FLOWS: usize = 16;
/// Names that a flow was told under, as many as an address has at a time.
const NAMES: usize = 4;

/// Flows by container and address. What finds no room is forgotten by the filter too: it shows again, and is never hidden.
#[derive(Debug)]
pub(super) struct Told {
    addresses: LruCache<(ContainerId, IpAddr), Vec<ToldFlow>>,
    again: Vec<FilterKey>,
}

#[derive(Debug)]
struct ToldFlow {
    key: FilterKey,
    /// The latest one last; `None` for having none.
    names: Vec<Option<Arc<str>>>,
}

impl Told {
    /// Remembers so many addresses at most.
    pub fn new(addresses: NonZeroUsize) -> Self {
        Self {
            addresses: LruCache::new(addresses),
            again: Vec::new(),
        }
    }

    /// A flow was told under a name.
    pub fn told(&mut self, container: &ContainerId, address: IpAddr, key: FilterKey, name: Option<Arc<str>>) {
        let at = (container.clone(), address);
        if let Some(flows) = self.addresses.get_mut(&at) {
            if let Some(flow) = flows.iter_mut().find(|flow| flow.key == key) {
                flow.named(name);
                return;
            }
            if flows.len() >= FLOWS {
                self.again.push(flows.remove(0).key);
            }
            flows.push(ToldFlow::new(key, name));
            return;
        }
        if let Some((_, flows)) = self.addresses.push(at, vec![ToldFlow::new(key, name)]) {
            self.again.extend(flows.iter().map(|flow| flow.key));
        }
    }

    /// A container was given a name for an address: what was not told under it is to show again.
    pub fn named(&mut self, container: &ContainerId, address: IpAddr, name: &Arc<str>) {
        let Some(flows) = self.addresses.get(&(container.clone(), address)) else {
            return;
        };
        let news = flows.iter().filter(|flow| !flow.is_told_under(name));
        self.again.extend(news.map(|flow| flow.key));
    }

    /// A flow is to show again.
    pub fn again(&mut self, key: FilterKey) {
        self.again.push(key);
    }

    /// What is to show again since this was last asked.
    pub fn take_again(&mut self) -> Vec<FilterKey> {
        std::mem::take(&mut self.again)
    }
}

impl ToldFlow {
    fn new(key: FilterKey, name: Option<Arc<str>>) -> Self {
        Self { key, names: vec![name] }
    }

    fn is_told_under(&self, name: &Arc<str>) -> bool {
        self.names.iter().flatten().any(|told| told == name)
    }

    fn named(&mut self, name: Option<Arc<str>>) {
        self.names.retain(|told| *told != name);
        if self.names.len() >= NAMES {
            self.names.remove(0);
        }
        self.names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_sensor_common::filter::FilterFeed;
    use std::net::Ipv4Addr;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

    fn key(hash: u64) -> FilterKey {
        FilterKey {
            feed: FilterFeed::Network,
            hash,
        }
    }

    fn container(digit: &str) -> ContainerId {
        ContainerId::parse(&digit.repeat(64)).unwrap()
    }

    fn name(name: &str) -> Arc<str> {
        name.into()
    }

    fn told(addresses: usize) -> Told {
        Told::new(NonZeroUsize::new(addresses).unwrap())
    }

    #[test]
    fn a_flow_shows_again_under_each_name_once() {
        let (mut told, id) = (told(8), container("a"));
        told.told(&id, ADDRESS, key(1), None);
        told.named(&id, ADDRESS, &name("api.example.org"));
        assert_eq!(told.take_again(), [key(1)]);
        told.told(&id, ADDRESS, key(1), Some(name("api.example.org")));
        told.named(&id, ADDRESS, &name("api.example.org"));
        assert_eq!(told.take_again(), []);
        told.named(&id, ADDRESS, &name("other.example.org"));
        assert_eq!(told.take_again(), [key(1)]);
        told.told(&id, ADDRESS, key(1), Some(name("other.example.org")));
        told.named(&id, ADDRESS, &name("api.example.org"));
        assert_eq!(told.take_again(), []);
    }

    #[test]
    fn a_name_is_of_one_container_and_one_address() {
        let mut told = told(8);
        told.told(&container("a"), ADDRESS, key(1), None);
        told.named(&container("b"), ADDRESS, &name("api.example.org"));
        let other = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));
        told.named(&container("a"), other, &name("api.example.org"));
        assert_eq!(told.take_again(), []);
    }

    #[test]
    fn what_finds_no_room_shows_again() {
        let mut told = told(1);
        for hash in 1..=17 {
            told.told(&container("a"), ADDRESS, key(hash), None);
        }
        assert_eq!(told.take_again(), [key(1)]);
        told.told(&container("b"), ADDRESS, key(99), None);
        let pushed_out: Vec<FilterKey> = (2..=17).map(key).collect();
        assert_eq!(told.take_again(), pushed_out);
    }
}
