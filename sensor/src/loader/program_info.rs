//! How often a program was skipped, which aya's `ProgramInfo` leaves out.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `BPF_OBJ_GET_INFO_BY_FD` (`enum bpf_cmd`, include/uapi/linux/bpf.h).
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;

/// `struct bpf_prog_info` up to what 6.1 knows; fields that we do not read are left as padding.
#[repr(C, align(8))]
struct ProgramInfo {
    before: [u8; 208],
    recursion_misses: u64,
    verified_insns: u32,
    behind: [u32; 3],
}

/// The `info` member of `union bpf_attr`.
#[repr(C)]
struct Attributes {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

const _: () = assert!(std::mem::offset_of!(ProgramInfo, recursion_misses) == 208);

/// How often the kernel skipped the program because it was already running on that CPU (from 5.12).
pub fn recursion_misses(program: BorrowedFd<'_>) -> io::Result<u64> {
    read(program).map(|info| info.recursion_misses)
}

fn read(program: BorrowedFd<'_>) -> io::Result<ProgramInfo> {
    let mut info = ProgramInfo {
        before: [0; 208],
        recursion_misses: 0,
        verified_insns: 0,
        behind: [0; 3],
    };
    let attributes = Attributes {
        bpf_fd: u32::try_from(program.as_raw_fd()).map_err(io::Error::other)?,
        info_len: u32::try_from(size_of::<ProgramInfo>()).map_err(io::Error::other)?,
        info: (&raw mut info).addr() as u64,
    };
    // SAFETY: the kernel reads the attributes and writes at most `info_len` bytes to `info`; both live until
    // the call returns. Pointers inside the zeroed info are null with lengths of 0: nothing else is written.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            OBJ_GET_INFO_BY_FD,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(info)
    }
}
