//! Programs of somebody else's, attached to a cgroup.

use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

/// `enum bpf_cmd`, `enum bpf_prog_type`, `enum bpf_attach_type` and a flag (include/uapi/linux/bpf.h).
const PROG_LOAD: libc::c_long = 5;
const PROG_ATTACH: libc::c_long = 8;
pub const CGROUP_SKB: u32 = 8;
pub const CGROUP_SOCK_ADDR: u32 = 18;
pub const CGROUP_INET_INGRESS: u32 = 0;
pub const CGROUP_INET4_CONNECT: u32 = 10;
pub const ALLOW_MULTI: u32 = 1 << 1;

/// `r0 = 1; exit`: lets everything through.
pub static ALLOW: [u64; 2] = [0x0000_0001_0000_00b7, 0x0000_0000_0000_0095];

/// Where the expected attach type lies in `union bpf_attr`, counted in words behind [`Load::license`].
const EXPECTED_ATTACH_TYPE: usize = 5;

/// `union bpf_attr` for `PROG_LOAD`.
#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    code: u64,
    license: u64,
    rest: [u64; 13],
}

/// The same for `PROG_ATTACH`.
#[repr(C)]
struct Attach {
    cgroup: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

/// Attaches a program, which goes with its cgroup.
pub fn attach(cgroup: &Path, program: u32, hook: u32, flags: u32, code: &'static [u64]) -> io::Result<()> {
    let mut rest = [0; 13];
    // The lower half of that word is the index of a network device.
    rest[EXPECTED_ATTACH_TYPE] = u64::from(hook) << 32;
    let program = bpf(
        PROG_LOAD,
        &Load {
            kind: program,
            instructions: u32::try_from(code.len()).unwrap(),
            code: code.as_ptr().addr() as u64,
            license: c"GPL".as_ptr().addr() as u64,
            rest,
        },
    )?;
    // SAFETY: the kernel has just given it to us.
    let program = unsafe { OwnedFd::from_raw_fd(program) };
    let cgroup = File::open(cgroup)?;
    bpf(
        PROG_ATTACH,
        &Attach {
            cgroup: cgroup.as_raw_fd().cast_unsigned(),
            program: program.as_raw_fd().cast_unsigned(),
            kind: hook,
            flags,
        },
    )
    .map(drop)
}

fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<i32> {
    // SAFETY: the kernel reads that many bytes of attributes, and what they point to is static.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(i32::try_from(result).unwrap())
    }
}
