//! Which processes are followed: the map that says what each carries, and who may have how much of it.
//!
//! A map that is full makes every new process of the node one of unknown origin. So whoever fills it must be the one
//! that loses: a container may add a process while it holds fewer than are free for all others (the dynamic threshold of
//! shared buffers, A. Choudhury and E. Hahne, 1998). One that floods alone gets half of the map, and `n` of them leave
//! one part in `n + 1`, in which a container of ordinary size is not bound. The host's processes, from which containers
//! are started, are bound by the map alone.

use crate::atomic;
use crate::errors::count;
use crate::lineage::heeded;
use anchorwatch_sensor_common::lineage::{
    ACCOUNT_NOBODYS, FOLLOWED_CELLS, FOLLOWED_HELD, FOLLOWED_ROOM, FOLLOWED_TOLD, Process, Share,
};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use aya_ebpf::{
    bindings::{BPF_EXIST, BPF_NOEXIST},
    helpers::generated::bpf_get_current_cgroup_id,
    macros::map,
    maps::{Array, HashMap},
};
use core::ptr::read_volatile;

/// What each process carries, by its id in the host's namespace. Sized at load.
#[map]
static PROCESSES: HashMap<u32, Process> = HashMap::with_max_entries(65_536, 0);

/// How many of them there are and may be, by the `FOLLOWED_` constants.
#[map]
static FOLLOWED: Array<u64> = Array::with_max_entries(FOLLOWED_CELLS, 0);

/// How many of them are each container's. Sized at load.
#[map]
static PROCESS_SHARES: Array<Share> = Array::with_max_entries(1024, 0);

const ONE: u64 = 1;
/// Added, it takes one away.
const ONE_LESS: u64 = u64::MAX;

/// What a process carries, unless the entry is another process's that had the same id.
#[inline(always)]
pub fn carried(tgid: u32, start_ticks: u64) -> Option<&'static Process> {
    // SAFETY: an entry that is replaced while it is read gives at worst a mixture, and only the process itself, its
    // forker and its exit write its entry.
    let process = unsafe { PROCESSES.get(tgid) }?;
    if process.start_ticks == start_ticks {
        Some(process)
    } else {
        None
    }
}

/// On whose account the current task's processes are.
#[inline(always)]
pub fn account_of_current() -> u32 {
    // SAFETY: a helper without arguments.
    match heeded(unsafe { bpf_get_current_cgroup_id() }) {
        Some(slot) => slot.index,
        None => ACCOUNT_NOBODYS,
    }
}

/// Notes what a process carries from now on. What is there already, its own or one's that had the same id, makes way:
/// only more of them need room.
#[inline(always)]
pub fn remember(place: LossPlace, tgid: u32, process: &Process) {
    if cell(FOLLOWED_ROOM) == 0 {
        return; // nobody is followed
    }
    // SAFETY: a number of an entry that nobody else replaces, as in `carried`.
    let former = unsafe { PROCESSES.get(tgid) }.map(|former| former.account);
    let noted = match former {
        Some(former) => replace(tgid, process, former),
        None => add(tgid, process),
    };
    match noted {
        Ok(()) => {}
        // Told apart by container, which is nobody's where the programs are.
        Err(LossReason::ProcessShare) => count(LossPlace::Fork, LossReason::ProcessShare),
        Err(reason) => count(place, reason),
    }
}

#[inline(always)]
fn replace(tgid: u32, process: &Process, former: u32) -> Result<(), LossReason> {
    if PROCESSES.insert(tgid, process, u64::from(BPF_EXIST)).is_err() {
        return Err(LossReason::MapFull);
    }
    if former != process.account {
        charge(process.account, ONE);
        charge(former, ONE_LESS);
    }
    Ok(())
}

#[inline(always)]
fn add(tgid: u32, process: &Process) -> Result<(), LossReason> {
    has_room(process.account)?;
    if PROCESSES.insert(tgid, process, u64::from(BPF_NOEXIST)).is_err() {
        return Err(LossReason::MapFull);
    }
    charge(process.account, ONE);
    change_held(ONE);
    Ok(())
}

/// Whether one more may be on this account. Programs that ask at the same moment may all get the last place.
#[inline(always)]
fn has_room(account: u32) -> Result<(), LossReason> {
    let used = cell(FOLLOWED_HELD).wrapping_add(cell(FOLLOWED_TOLD));
    let free = cell(FOLLOWED_ROOM).wrapping_sub(used) as i64;
    if free <= 0 {
        return Err(LossReason::MapFull);
    }
    let Some(share) = share(account) else { return Ok(()) };
    // SAFETY: the pointer is to a value of an array map, which stays; its words are changed by `atomic` alone.
    unsafe {
        if (read_volatile(&raw const (*share).held) as i64) < free {
            return Ok(());
        }
        atomic::add(&raw mut (*share).refused, 1);
    }
    Err(LossReason::ProcessShare)
}

/// Ends what is carried under an id: once, also where two last threads leave at the same moment.
#[inline(always)]
pub fn forget(tgid: u32) {
    // SAFETY: as in `remember`.
    let Some(process) = (unsafe { PROCESSES.get(tgid) }) else {
        return;
    };
    let account = process.account;
    if PROCESSES.remove(tgid).is_ok() {
        charge(account, ONE_LESS);
        change_held(ONE_LESS);
    }
}

#[inline(always)]
fn charge(account: u32, change: u64) {
    if let Some(share) = share(account) {
        // SAFETY: as in `has_room`.
        unsafe { atomic::add(&raw mut (*share).held, change) };
    }
}

/// None for nobody's account.
#[inline(always)]
fn share(account: u32) -> Option<*mut Share> {
    if account == ACCOUNT_NOBODYS {
        return None;
    }
    PROCESS_SHARES.get_ptr_mut(account)
}

#[inline(always)]
fn change_held(change: u64) {
    if let Some(held) = FOLLOWED.get_ptr_mut(FOLLOWED_HELD) {
        // SAFETY: as in `has_room`.
        unsafe { atomic::add(held, change) };
    }
}

#[inline(always)]
fn cell(index: u32) -> u64 {
    match FOLLOWED.get_ptr(index) {
        // SAFETY: the pointer is to a value of an array map, which stays; volatile, since others change it.
        Some(value) => unsafe { read_volatile(value) },
        None => 0,
    }
}
