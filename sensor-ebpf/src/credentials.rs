//! What a process may do, and what it gained by executing a file.

use crate::task::{Address, Task, has};
use anchorwatch_sensor_common::event::{FLAG_CAPS_UNKNOWN, FLAG_SETUID};
use anchorwatch_sensor_common::offsets::Field;

/// `S_ISUID` and `S_ISGID` (include/uapi/linux/stat.h).
const SET_ID: u16 = 0o6000;

/// Effective user id in the host's namespace.
#[inline(always)]
pub fn effective_user(task: Task) -> u32 {
    task.credentials().read(Field::CredEuid)
}

/// The capabilities that an execution gave beyond what any execution would have given, and flags that go with them.
///
/// The kernel marks an execution as secure exactly if it changed the effective user or group, or if it gave somebody
/// who is not root of the namespace more than the ambient capabilities (`cap_bprm_creds_from_file`,
/// security/commoncap.c, 6.1); security modules may mark others, for which a root's own capabilities are left out.
#[inline(always)]
pub fn privileges_gained(task: Task, bprm: Address, file: Address) -> (u64, u32) {
    if !has(Field::BinprmSecureexec) {
        return (0, FLAG_CAPS_UNKNOWN);
    }
    if bprm.read_bits(Field::BinprmSecureexec) & 1 == 0 {
        return (0, 0);
    }
    let mode: u16 = file.follow(Field::FileInode).read(Field::InodeMode);
    let set_id = mode & SET_ID != 0;
    let credentials = task.credentials();
    let is_root = aya_ebpf::helpers::bpf_get_current_uid_gid() as u32 == 0;
    let gained = if is_root && !set_id {
        0
    } else {
        credentials.read::<u64>(Field::CredCapEffective) & !credentials.read::<u64>(Field::CredCapAmbient)
    };
    (gained, if set_id { FLAG_SETUID } else { 0 })
}
