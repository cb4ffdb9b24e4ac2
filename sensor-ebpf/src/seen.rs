//! The first-seen filter: what a container does again and again is sent once, and counted from then on.
//!
//! A program makes a key of all that its event says ([`crate::hash`], beginning with [`Slot::container`]), asks
//! [`decide`] (or [`admit`], where it does not need to know for what a swallowed event stands), sends the record, and
//! says by [`Admission::sent`] whether it went out:
//!
//! ```ignore
//! let slot = slot::of_current(cgroup_id);
//! let mut hash = hash::new(KIND_FLOW);
//! hash.word(slot.container);
//! hash.word(address);
//! let ask = Ask { feed: FilterFeed::Network, slot, key: hash.finish(), sensitive: false, stands_for: 0, now_ns };
//! let Some(admission) = seen::admit(&ask) else { return };
//! record.key = ask.key;
//! record.repeats = admission.repeats;
//! let sent = emit::output(Ring::Events, record, length, ask.urgency());
//! admission.sent(&ask, sent);
//! ```
//!
//! The order is what makes it safe: look up, then the container's quota, then the ring, and only then the key is
//! remembered. So what was dropped is never taken for seen; a flood stops at its own quota before it can push other
//! containers' keys out; and a key that is pushed out makes an event show again, never hides one. User space removes a
//! key whose event it could not keep.
//!
//! Rules of concurrency: any program may be interrupted by another (softirq) or run on several CPUs, cgroup programs can
//! be preempted. Nothing here holds state outside map values, and those are changed by [`crate::atomic`] alone. Two
//! first events at the same moment may both be sent; an LRU element that is re-used between look-up and addition may
//! count one repeat for another key. Totals are exact.

use crate::atomic;
use crate::emit::Urgency;
use crate::errors::count;
use crate::quota::pay;
use anchorwatch_sensor_common::filter::{FILTER_FEEDS, FilterFeed, LOST, Lost, SeenValue, Slot, Totals, totals_index};
use aya_ebpf::{
    bindings::BPF_ANY,
    macros::map,
    maps::{LruHashMap, PerCpuArray},
};
use core::ptr::{read_volatile, write_volatile};

/// A feed's keys are its own: mappings push out no executions. Sized at load.
#[map]
static SEEN_PROCESS: LruHashMap<u64, SeenValue> = LruHashMap::with_max_entries(65_536, 0);
/// Sized at load.
#[map]
static SEEN_NETWORK: LruHashMap<u64, SeenValue> = LruHashMap::with_max_entries(65_536, 0);
/// Sized at load.
#[map]
static SEEN_MODULE: LruHashMap<u64, SeenValue> = LruHashMap::with_max_entries(65_536, 0);

/// By [`totals_index`]. Sized at load.
#[map]
static TOTALS: PerCpuArray<Totals> = PerCpuArray::with_max_entries(1024 * FILTER_FEEDS as u32, 0);

/// After how many nanoseconds a known event is let through again; set by user space at load.
#[unsafe(no_mangle)]
static REFRESH_NS: u64 = 600_000_000_000;

/// An event that wants to be sent.
pub struct Ask {
    pub feed: FilterFeed,
    pub slot: Slot,
    /// 0 if no key covers all that it is: it is never known.
    pub key: u64,
    /// Sent each time, as far as the quota for such events reaches; beyond it, what is known is swallowed. All others
    /// are sent when they are new, and once per interval.
    pub sensitive: bool,
    /// What this event gives for later equal ones to stand for, if it is sent.
    pub stands_for: u64,
    pub now_ns: u64,
}

/// What becomes of it.
pub enum Decision {
    Send(Admission),
    /// It is known; what the last one that was sent stands for.
    Swallowed(u64),
    /// Over its quota, and counted as that.
    Lost,
}

/// The right to send a record, whose outcome has to be told by [`Admission::sent`].
pub struct Admission {
    /// How many equal events were swallowed since the last one.
    pub repeats: u64,
}

impl Ask {
    #[inline(always)]
    pub fn urgency(&self) -> Urgency {
        if self.sensitive {
            Urgency::Sensitive
        } else {
            Urgency::Ordinary
        }
    }

    /// What the map knows of it.
    #[inline(always)]
    fn known(&self) -> Option<*mut SeenValue> {
        if self.key == 0 {
            return None;
        }
        seen(self.feed).get_ptr_mut(self.key)
    }
}

/// Whether an event is to be sent; if not, it is counted.
#[inline(always)]
pub fn admit(ask: &Ask) -> Option<Admission> {
    match decide(ask) {
        Decision::Send(admission) => Some(admission),
        Decision::Swallowed(_) | Decision::Lost => None,
    }
}

/// The same, for who needs to know for what a swallowed event stands.
#[inline(always)]
pub fn decide(ask: &Ask) -> Decision {
    if let Some(value) = ask.known() {
        // SAFETY: the pointer is to a map value, valid for the program's run; see the module for what may change it.
        unsafe {
            let due_ns = read_volatile(&raw const (*value).due_ns);
            let due = ask.sensitive || ask.now_ns >= due_ns;
            if due
                && pay(ask.feed, &ask.slot, ask.sensitive, ask.now_ns)
                && (ask.sensitive || atomic::replace(&raw mut (*value).due_ns, due_ns, next(ask)))
            {
                let repeats = atomic::take(&raw mut (*value).repeats);
                return Decision::Send(Admission { repeats });
            }
            return Decision::Swallowed(swallow(ask, value));
        }
    }
    if pay(ask.feed, &ask.slot, ask.sensitive, ask.now_ns) {
        return Decision::Send(Admission { repeats: 0 });
    }
    lose(ask, Lost::Quota, Lost::SensitiveQuota);
    Decision::Lost
}

impl Admission {
    /// Says whether the record went out. What did not is counted as lost, also where it was known; what it would have
    /// told of others is told by the next one.
    #[inline(always)]
    pub fn sent(self, ask: &Ask, sent: bool) {
        if sent {
            if let Some(totals) = totals(ask) {
                // SAFETY: the pointer is to this CPU's value of an array map.
                unsafe { atomic::add(&raw mut (*totals).delivered, 1) };
            }
            remember(ask);
            return;
        }
        lose(ask, Lost::RingFull, Lost::SensitiveRingFull);
        if let Some(value) = ask.known() {
            // SAFETY: the pointer is to a map value, valid for the program's run. Due at once: the next one tells.
            unsafe {
                atomic::add(&raw mut (*value).repeats, self.repeats);
                write_volatile(&raw mut (*value).due_ns, 0);
            }
        }
    }
}

/// Notes that an event went out. Without room or under contention it shows again, which is no loss.
#[inline(always)]
fn remember(ask: &Ask) {
    if let Some(value) = ask.known() {
        // SAFETY: the pointer is to a map value, valid for the program's run. What was swallowed meanwhile stays counted.
        unsafe {
            write_volatile(&raw mut (*value).due_ns, next(ask));
            write_volatile(&raw mut (*value).stands_for, ask.stands_for);
        }
    } else if ask.key != 0 {
        let value = SeenValue {
            due_ns: next(ask),
            repeats: 0,
            stands_for: ask.stands_for,
        };
        let _remembered = seen(ask.feed).insert(ask.key, &value, u64::from(BPF_ANY));
    }
}

#[inline(always)]
fn seen(feed: FilterFeed) -> &'static LruHashMap<u64, SeenValue> {
    match feed {
        FilterFeed::Process => &SEEN_PROCESS,
        FilterFeed::Network | FilterFeed::Dns => &SEEN_NETWORK,
        FilterFeed::Module => &SEEN_MODULE,
    }
}

/// When a key that is sent now is let through again.
#[inline(always)]
fn next(ask: &Ask) -> u64 {
    // SAFETY: a static; volatile, because user space sets the value at load.
    ask.now_ns.wrapping_add(unsafe { read_volatile(&raw const REFRESH_NS) })
}

/// Counts an event that the next one of its key tells; for what it stands.
///
/// # Safety
/// `value` is a map value's, valid for the program's run.
#[inline(always)]
unsafe fn swallow(ask: &Ask, value: *mut SeenValue) -> u64 {
    if let Some(totals) = totals(ask) {
        // SAFETY: the pointer is to this CPU's value of an array map.
        unsafe { atomic::add(&raw mut (*totals).swallowed, 1) };
    }
    // SAFETY: as the caller says.
    unsafe {
        atomic::add(&raw mut (*value).repeats, 1);
        read_volatile(&raw const (*value).stands_for)
    }
}

/// Counts it for the node, and for its container: who floods is to be known by name.
#[inline(always)]
fn lose(ask: &Ask, ordinary: Lost, sensitive: Lost) {
    let why = if ask.sensitive { sensitive } else { ordinary };
    count(ask.feed.place(), why.reason());
    if let Some(totals) = totals(ask) {
        // SAFETY: the pointer is to this CPU's value of an array map, and the masked index is within the array.
        unsafe {
            let counter = (&raw mut (*totals).lost).cast::<u64>().add(why as usize & (LOST - 1));
            atomic::add(counter, 1);
        }
    }
}

#[inline(always)]
fn totals(ask: &Ask) -> Option<*mut Totals> {
    TOTALS.get_ptr_mut(totals_index(ask.slot.index, ask.feed))
}
