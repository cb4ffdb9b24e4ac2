//! A network of a test's own: nothing in it but a loopback device with addresses that are not loopback's, so that
//! packets go through the kernel's whole stack and leave the machine nowhere.

use rustix::net::{AddressFamily, SocketType};
use rustix::thread::UnshareFlags;
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// All of `192.0.2.0/24` (RFC 5737) is this machine's.
pub const V4: &str = "192.0.2.1";
pub const V4_OTHER: &str = "192.0.2.2";
pub const V6: &str = "2001:db8::1";

const CEILING: Duration = Duration::from_secs(10);

/// `struct in6_ifreq` (include/uapi/linux/ipv6.h).
#[repr(C)]
struct AddressRequest {
    address: [u8; 16],
    prefix: u32,
    device: i32,
}

/// Runs a scene inside such a network, in a thread of this process.
pub fn inside<T: Send>(scene: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: the network alone; nothing of this thread depends on it.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
            set_up().unwrap();
            scene()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().unwrap(), port)
}

fn set_up() -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: an all-zero request is valid, and `sockaddr_in` fits into the union.
    let mut request: libc::ifreq = unsafe { zeroed() };
    name(&mut request, "lo");
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap();
    control(&socket, libc::SIOCSIFFLAGS, &mut request)?;
    name(&mut request, "lo:1");
    request.ifr_ifru.ifru_addr = v4([192, 0, 2, 1]);
    control(&socket, libc::SIOCSIFADDR, &mut request)?;
    request.ifr_ifru.ifru_netmask = v4([255, 255, 255, 0]);
    control(&socket, libc::SIOCSIFNETMASK, &mut request)?;
    let socket = rustix::net::socket(AddressFamily::INET6, SocketType::DGRAM, None)?;
    let mut request = AddressRequest {
        address: V6.parse::<Ipv6Addr>().unwrap().octets(),
        prefix: 128,
        device: 1, // the loopback device is the first of each network
    };
    control(&socket, libc::SIOCSIFADDR, &mut request)?;
    let start = Instant::now();
    while is_tentative()? {
        assert!(start.elapsed() < CEILING, "{V6} does not become an address");
        std::thread::yield_now();
    }
    Ok(())
}

/// The kernel makes an IPv6 address one in the background.
fn is_tentative() -> io::Result<bool> {
    let addresses = std::fs::read_to_string("/proc/thread-self/net/if_inet6")?;
    let flags = addresses.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ours = fields.first()?.starts_with("20010db8");
        ours.then(|| u32::from_str_radix(fields.get(4)?, 16).ok()).flatten()
    });
    Ok(flags.is_none_or(|flags| flags & libc::IFA_F_TENTATIVE != 0))
}

fn name(request: &mut libc::ifreq, name: &str) {
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
}

fn v4(octets: [u8; 4]) -> libc::sockaddr {
    let address = libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap(),
        sin_port: 0,
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(octets),
        },
        sin_zero: [0; 8],
    };
    const { assert!(size_of::<libc::sockaddr_in>() == size_of::<libc::sockaddr>()) };
    // SAFETY: both are plain bytes of the same size.
    unsafe { std::mem::transmute(address) }
}

fn control<T>(socket: &OwnedFd, what: libc::c_ulong, request: &mut T) -> io::Result<()> {
    // SAFETY: the request is the structure that this control reads, and outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), what as _, std::ptr::from_mut(request)) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
