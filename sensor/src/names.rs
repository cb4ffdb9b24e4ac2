//! Which name a container had looked up for an address that it then talks to.
//!
//! An answer is kept with the resolver that gave it, and counts for what its pod's specification asks for
//! ([`resolvers`]): a container that reconfigures itself to a resolver of its own names nothing. That the container had
//! asked (id and question) was checked in the kernel. Names are kept as they are known by ([`domain_name`]), so that
//! data in labels takes no room and leaves no node.
//!
//! Looked up is with the time of the flow, not of its arrival: an answer from before counts whenever it was read, one
//! from after does not.

pub mod resolvers;
#[cfg(test)]
mod tests;

use anchorwatch_core::address::{AddressClass, folded};
use anchorwatch_core::normalise::{NameError, domain_name};
use anchorwatch_sensor_common::network::NAME_GRACE_SECONDS;
use lru::LruCache;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::dns::Answer;
use crate::keyed::KeyedMap;

/// Most names that an address has at a time; the one that was answered longest ago goes first.
const NAMES: usize = 4;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct NameLimits {
    /// Addresses of one container.
    pub per_container: usize,
    /// Addresses of all containers.
    pub total: usize,
}

impl Default for NameLimits {
    /// About 200 bytes for an address with one name: 13 MB at most.
    fn default() -> Self {
        Self {
            per_container: 4096,
            total: 65_536,
        }
    }
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Kept,
    /// From loopback, where a container answers itself.
    Loopback,
    /// The question is no name of a host.
    NoName(NameError),
    /// Without an address that leads out of the pod.
    NoAddress,
}

/// The names that containers have looked up. A container fills its own room alone; where all room is taken, the
/// container that has most gives its oldest.
#[derive(Debug)]
pub struct Names<K> {
    containers: KeyedMap<K, LruCache<IpAddr, Vec<Named>>>,
    total: usize,
    limits: NameLimits,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: Arc<str>,
    resolver: SocketAddr,
    /// From the first answer of a row without a gap to when the last one is no longer good, in nanoseconds of
    /// `CLOCK_BOOTTIME`.
    since_ns: u64,
    until_ns: u64,
    /// The last answer.
    last_ns: u64,
}

impl<K: Clone + Eq + Hash + Ord> Names<K> {
    pub fn new(limits: NameLimits) -> Self {
        Self {
            containers: KeyedMap::default(),
            total: 0,
            limits,
        }
    }

    /// Takes over what a resolver answered at a time of `CLOCK_BOOTTIME`, in nanoseconds.
    pub fn answer(&mut self, container: &K, resolver: SocketAddr, at_ns: u64, answer: &Answer) -> Taken {
        if AddressClass::of(resolver.ip()) == AddressClass::Loopback {
            return Taken::Loopback;
        }
        let name: Arc<str> = match domain_name(&answer.question) {
            Ok(name) => name.into(),
            Err(error) => return Taken::NoName(error),
        };
        let mut taken = Taken::NoAddress;
        for (address, ttl) in &answer.addresses {
            if AddressClass::of(*address) == AddressClass::Loopback {
                continue;
            }
            taken = Taken::Kept;
            let named = Named::new(Arc::clone(&name), resolver, at_ns, *ttl);
            self.insert(container, folded(*address), named);
        }
        taken
    }

    /// The name that the container had looked up for an address when it talked to it, from a resolver that counts. Where
    /// there are several, the one that it was told last.
    pub fn name(
        &mut self,
        container: &K,
        address: IpAddr,
        at_ns: u64,
        counts: impl Fn(SocketAddr) -> bool,
    ) -> Option<Arc<str>> {
        let names = self.containers.get_mut(container)?.get(&folded(address))?;
        names
            .iter()
            .filter(|named| (named.since_ns..=named.until_ns).contains(&at_ns) && counts(named.resolver))
            .max_by_key(|named| (named.last_before(at_ns), &named.name))
            .map(|named| Arc::clone(&named.name))
    }

    /// Forgets what is no longer good. What happened a while ago may be asked for later than it was good, so that
    /// `before_ns` is a minute or more in the past.
    pub fn expire(&mut self, before_ns: u64) {
        for addresses in self.containers.values_mut() {
            let over: Vec<IpAddr> = addresses
                .iter()
                .filter(|(_, names)| names.iter().all(|named| named.until_ns < before_ns))
                .map(|(address, _)| *address)
                .collect();
            for address in over {
                addresses.pop(&address);
                self.total -= 1;
            }
        }
        self.containers.retain(|_, addresses| !addresses.is_empty());
    }

    /// Addresses with names.
    pub const fn len(&self) -> usize {
        self.total
    }

    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn insert(&mut self, container: &K, address: IpAddr, named: Named) {
        let addresses = self
            .containers
            .entry(container.clone())
            .or_insert_with(LruCache::unbounded);
        if let Some(names) = addresses.get_mut(&address) {
            return merge(names, named);
        }
        addresses.put(address, vec![named]);
        self.total += 1;
        if addresses.len() > self.limits.per_container {
            addresses.pop_lru();
            self.total -= 1;
        } else if self.total > self.limits.total {
            self.shrink_the_largest();
        }
    }

    fn shrink_the_largest(&mut self) {
        let largest = self
            .containers
            .iter_mut()
            .max_by_key(|(container, addresses)| (addresses.len(), *container));
        if let Some((_, addresses)) = largest
            && addresses.pop_lru().is_some()
        {
            self.total -= 1;
        }
    }
}

fn merge(names: &mut Vec<Named>, new: Named) {
    let same = names
        .iter_mut()
        .find(|named| named.name == new.name && named.resolver == new.resolver);
    if let Some(known) = same {
        return known.renew(&new);
    }
    names.push(new);
    if names.len() > NAMES {
        let oldest = (0..names.len()).min_by_key(|index| (names[*index].last_ns, &names[*index].name));
        if let Some(oldest) = oldest {
            names.swap_remove(oldest);
        }
    }
}

impl Named {
    fn new(name: Arc<str>, resolver: SocketAddr, at_ns: u64, ttl: Duration) -> Self {
        let good_ns =
            u64::try_from((ttl + Duration::from_secs(NAME_GRACE_SECONDS.into())).as_nanos()).unwrap_or(u64::MAX);
        Self {
            name,
            resolver: SocketAddr::new(folded(resolver.ip()), resolver.port()),
            since_ns: at_ns,
            until_ns: at_ns.saturating_add(good_ns),
            last_ns: at_ns,
        }
    }

    /// Takes over another answer of the same name; answers may be read in another order than they came in.
    fn renew(&mut self, other: &Self) {
        let meet = self.since_ns <= other.until_ns && other.since_ns <= self.until_ns;
        if meet {
            self.since_ns = self.since_ns.min(other.since_ns);
            self.until_ns = self.until_ns.max(other.until_ns);
            self.last_ns = self.last_ns.max(other.last_ns);
        } else if other.since_ns > self.until_ns {
            self.clone_from(other);
        }
    }

    /// The last answer that is known to have come before a time.
    const fn last_before(&self, at_ns: u64) -> u64 {
        if self.last_ns <= at_ns {
            self.last_ns
        } else {
            self.since_ns
        }
    }
}
