//! What an execution gained, and what it is attached to.

use crate::fixture::{Live, live, skip};
use anchorwatch_sensor::decode::Exec;
use rustix::fs::XattrFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{self, File, Permissions};
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Nobody in particular, and no root.
const SOMEBODY: u32 = 1234;

/// Runs a command that ends at once, and gives the execution that it made.
fn executed(live: &mut Live, command: &mut Command) -> Exec {
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.pid == pid)).unwrap();
    exec
}

/// Real user, effective user, mark of the file, gained capabilities.
fn privileges(exec: &Exec) -> (u32, u32, bool, Option<u64>) {
    (exec.uid, exec.euid, exec.setuid, exec.caps_gained)
}

/// The capabilities that a file can give at most, as the kernel shows them.
fn bounding() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let bits = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
    u64::from_str_radix(bits.trim(), 16).unwrap()
}

#[test]
fn a_file_marked_setuid_gives_its_owner_and_what_he_may_do() {
    let Some(mut live) = live("a_file_marked_setuid_gives_its_owner_and_what_he_may_do") else {
        return;
    };
    let payload = live.scene.payload();
    fs::set_permissions(&payload, Permissions::from_mode(0o4755)).unwrap();
    let exec = executed(&mut live, Command::new(&payload).uid(SOMEBODY));
    assert_eq!(privileges(&exec), (SOMEBODY, 0, true, Some(bounding())));
    // To its owner it gives nothing that he does not have.
    let exec = executed(&mut live, &mut Command::new(&payload));
    assert_eq!(privileges(&exec), (0, 0, false, Some(0)));
    fs::set_permissions(&payload, Permissions::from_mode(0o2755)).unwrap();
    let exec = executed(&mut live, Command::new(&payload).uid(SOMEBODY).gid(SOMEBODY));
    assert_eq!(privileges(&exec), (SOMEBODY, SOMEBODY, true, Some(0)));
}

/// `CAP_NET_RAW` (include/uapi/linux/capability.h).
const NET_RAW: u32 = 13;

#[test]
fn a_file_with_capabilities_gives_these_and_no_other_user() {
    let name = "a_file_with_capabilities_gives_these_and_no_other_user";
    let Some(mut live) = live(name) else {
        return;
    };
    // `struct vfs_cap_data` of revision 2 with its mark for "effective": permitted and inheritable, low words first.
    let data: Vec<u8> = [0x0200_0001_u32, 1 << NET_RAW, 0, 0, 0]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let payload = live.scene.payload();
    match rustix::fs::setxattr(&payload, "security.capability", &data, XattrFlags::empty()) {
        Err(rustix::io::Errno::OPNOTSUPP) => return skip(name, "no capabilities of files here").unwrap_or_default(),
        set => set.unwrap(),
    }
    let exec = executed(&mut live, Command::new(&payload).uid(SOMEBODY));
    assert_eq!(privileges(&exec), (SOMEBODY, SOMEBODY, false, Some(1 << NET_RAW)));
    let exec = executed(&mut live, &mut Command::new(&payload));
    assert_eq!(privileges(&exec), (0, 0, false, Some(0)));
}

#[test]
fn a_controlling_terminal_is_told_from_a_terminal_and_from_none() {
    let name = "a_controlling_terminal_is_told_from_a_terminal_and_from_none";
    let Some(mut live) = live(name) else {
        return;
    };
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap();
    let path = std::ffi::OsString::from_vec(path.into_bytes());
    let terminal = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(path)
        .unwrap();
    for controls in [true, false] {
        let slave = terminal.try_clone().unwrap();
        let mut command = Command::new(live.scene.payload());
        command.stdin(slave.try_clone().unwrap());
        // SAFETY: two system calls between fork and exec.
        unsafe {
            command.pre_exec(move || {
                rustix::process::setsid()?;
                if controls {
                    rustix::process::ioctl_tiocsctty(slave.as_fd())?;
                }
                Ok(())
            });
        }
        assert_eq!(executed(&mut live, &mut command).terminal, controls);
    }
}

/// What a descriptor can lead to, by name, and whether that is a socket of the network.
fn ends() -> Vec<(Stdio, &'static str, bool)> {
    // Without an address of this machine's: a virtual machine may have none.
    let network = OwnedFd::from(UdpSocket::bind("0.0.0.0:0").unwrap());
    let newer = OwnedFd::from(std::net::TcpListener::bind("[::]:0").unwrap());
    let (local, _other_end) = UnixStream::pair().unwrap();
    let (_reader, pipe) = std::io::pipe().unwrap();
    vec![
        (network.into(), "udp", true),
        (newer.into(), "tcp over IPv6", true),
        (OwnedFd::from(local).into(), "local", false),
        (pipe.into(), "pipe", false),
        (Stdio::null(), "null", false),
    ]
}

#[test]
fn a_network_socket_as_standard_input_or_output_is_told_from_everything_else() {
    let name = "a_network_socket_as_standard_input_or_output_is_told_from_everything_else";
    let Some(mut live) = live(name) else {
        return;
    };
    for (end, kind, socket) in ends() {
        let mut command = Command::new(live.scene.payload());
        let exec = executed(&mut live, command.args([kind, "in"]).stdin(end).stdout(Stdio::null()));
        assert_eq!((exec.stdin_socket, exec.stdout_socket), (socket, false), "{kind} in");
    }
    for (end, kind, socket) in ends() {
        let mut command = Command::new(live.scene.payload());
        let exec = executed(&mut live, command.args([kind, "out"]).stdin(Stdio::null()).stdout(end));
        assert_eq!((exec.stdin_socket, exec.stdout_socket), (false, socket), "{kind} out");
    }
    let mut closed = Command::new(live.scene.payload());
    // SAFETY: two system calls between fork and exec.
    unsafe {
        closed.pre_exec(|| {
            libc::close(0);
            libc::close(1);
            Ok(())
        });
    }
    let exec = executed(&mut live, &mut closed);
    assert_eq!((exec.stdin_socket, exec.stdout_socket), (false, false), "closed");
}
