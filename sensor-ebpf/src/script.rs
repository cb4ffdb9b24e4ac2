//! A script's own file: when its execution is told of, the interpreter has taken its place, and the file is released. So
//! where it comes from is noted before, while the kernel looks for who understands it.

use crate::file::{is_foreign, source_at};
use crate::follow::carried;
use crate::idle::idle;
use crate::task::{Address, Task};
use anchorwatch_sensor_common::event::SOURCE_NONE;
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::{
    bindings::BPF_ANY,
    macros::{fentry, lsm, map},
    maps::LruHashMap,
    programs::{FEntryContext, LsmContext},
};

/// By the process that executes: it does one thing at a time (`cred_guard_mutex`, fs/exec.c). An execution that fails
/// leaves its note behind, which says to which one it belongs.
#[map]
static SCRIPTS: LruHashMap<u32, Script> = LruHashMap::with_max_entries(1024, 0);

/// What a file begins with that the kernel hands to an interpreter (fs/binfmt_script.c).
const MARK: u16 = u16::from_ne_bytes(*b"#!");

#[repr(C)]
#[derive(Clone, Copy)]
struct Script {
    /// The execution's `linux_binprm`.
    execution: u64,
    /// One of the `SOURCE_` constants.
    source: u32,
    reserved: u32,
}

#[fentry(function = "security_bprm_check")]
pub fn bprm_entry(ctx: FEntryContext) -> i32 {
    if !idle() {
        note(Address::new(ctx.arg(0)));
    }
    0
}

/// The same as a program of the security hooks, whose verdict is always that it may.
#[lsm(hook = "bprm_check_security")]
pub fn bprm_check(ctx: LsmContext) -> i32 {
    if !idle() {
        note(Address::new(ctx.arg(0)));
    }
    0
}

/// The kernel asks of each file on the way, from the script to the program that is run in the end. The first counts, and
/// behind it what is no part of the image: an interpreter may be a script itself.
#[inline(always)]
fn note(bprm: Address) {
    if bprm.read::<u16>(Field::BinprmBuf) != MARK {
        return;
    }
    let task = Task::current();
    let file = bprm.follow(Field::BinprmFile);
    let (dentry, inode) = (file.follow(Field::FilePathDentry), file.follow(Field::FileInode));
    let root = carried(task.tgid(), task.start_ticks()).map_or(0, |process| process.root);
    let source = source_at(dentry, inode, task, root);
    let is_first = bprm.follow(Field::BinprmInterp) == bprm.follow(Field::BinprmFilename);
    if is_first || is_foreign(source) {
        let script = Script {
            execution: bprm.pointer() as u64,
            source,
            reserved: 0,
        };
        // Without room the script's layer is not told, as where this program is not in place.
        let _noted = SCRIPTS.insert(task.tgid(), script, u64::from(BPF_ANY));
    }
}

/// Where the script of this execution comes from, if that was noted.
#[inline(always)]
pub fn noted(tgid: u32, bprm: Address) -> u32 {
    // SAFETY: the value is copied at once; its process executes, and nobody else writes it.
    match unsafe { SCRIPTS.get(tgid) } {
        Some(script) if script.execution == bprm.pointer() as u64 => script.source,
        _ => SOURCE_NONE,
    }
}
