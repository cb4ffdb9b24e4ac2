//! A network of a test's own: a loopback device with addresses that are not loopback's, so that packets go through the
//! kernel's whole stack and leave the machine nowhere; and, where a test asks for it, a far network behind a cable.

use super::veth;
use rustix::net::{AddressFamily, SocketType};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// All of `192.0.2.0/24` (RFC 5737) is this machine's.
pub const V4: &str = "192.0.2.1";
pub const V4_OTHER: &str = "192.0.2.2";
pub const V6: &str = "2001:db8::1";
/// Behind the cable.
pub const NEAR: &str = "198.51.100.1";
pub const FAR: &str = "198.51.100.53";
pub const FAR_OTHER: &str = "198.51.100.66";
pub const V6_NEAR: &str = "2001:db8:1::1";
pub const V6_FAR: &str = "2001:db8:1::53";
const V6_FAR_OTHER: &str = "2001:db8:1::66";

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
    within(&network(), scene)
}

/// Makes such a network.
pub fn network() -> OwnedFd {
    let network = empty();
    within(&network, || configure("lo:1", [192, 0, 2, 1], V6)).unwrap();
    network
}

/// Runs something in a network, in a thread of this process; sockets that it opens stay there.
pub fn within<T: Send>(network: &OwnedFd, scene: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let kind = Some(LinkNameSpaceType::Network);
            rustix::thread::move_into_link_name_space(network.as_fd(), kind).unwrap();
            scene()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn empty() -> OwnedFd {
    let thread = std::thread::spawn(|| {
        // SAFETY: the network alone; nothing of this thread depends on it.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
        OwnedFd::from(File::open("/proc/thread-self/ns/net").unwrap())
    });
    thread.join().unwrap()
}

/// A network at the other end of a cable, with [`FAR`] and [`FAR_OTHER`] in it.
pub struct Far(OwnedFd);

impl Far {
    /// Lays the cable to the network that the current thread is in, which gets [`NEAR`].
    pub fn new() -> Self {
        let far = Self(empty());
        veth::lay(&far.0).unwrap();
        configure(veth::NEAR_DEVICE, [198, 51, 100, 1], V6_NEAR).unwrap();
        far.inside(|| {
            configure(veth::FAR_DEVICE, [198, 51, 100, 53], V6_FAR).unwrap();
            // Another address of the same device.
            configure(&format!("{}:1", veth::FAR_DEVICE), [198, 51, 100, 66], V6_FAR_OTHER).unwrap();
        });
        far
    }

    /// Runs something in the far network.
    pub fn inside<T: Send>(&self, scene: impl FnOnce() -> T + Send) -> T {
        within(&self.0, scene)
    }
}

pub fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().unwrap(), port)
}

fn configure(device: &str, address: [u8; 4], v6: &str) -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: an all-zero request is valid, and `sockaddr_in` fits into the union.
    let mut request: libc::ifreq = unsafe { zeroed() };
    let real = device.split(':').next().unwrap_or(device);
    // Nobody else is there who could have the address: no need to look for him first.
    for scope in ["all", real] {
        std::fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/accept_dad"), "0")?;
    }
    name(&mut request, real);
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap();
    control(&socket, libc::SIOCSIFFLAGS, &mut request)?;
    control(&socket, libc::SIOCGIFINDEX, &mut request)?;
    // SAFETY: the control has just written it.
    let index = unsafe { request.ifr_ifru.ifru_ifindex };
    name(&mut request, device);
    request.ifr_ifru.ifru_addr = v4(address);
    control(&socket, libc::SIOCSIFADDR, &mut request)?;
    request.ifr_ifru.ifru_netmask = v4([255, 255, 255, 0]);
    control(&socket, libc::SIOCSIFNETMASK, &mut request)?;
    let socket = rustix::net::socket(AddressFamily::INET6, SocketType::DGRAM, None)?;
    let v6: Ipv6Addr = v6.parse().unwrap();
    let mut request = AddressRequest {
        address: v6.octets(),
        prefix: 64,
        device: index,
    };
    control(&socket, libc::SIOCSIFADDR, &mut request)?;
    let start = Instant::now();
    while is_tentative(v6)? {
        assert!(start.elapsed() < CEILING, "{v6} does not become an address");
        std::thread::yield_now();
    }
    Ok(())
}

/// The kernel makes an IPv6 address one in the background.
fn is_tentative(address: Ipv6Addr) -> io::Result<bool> {
    let addresses = std::fs::read_to_string("/proc/thread-self/net/if_inet6")?;
    let text = hex::encode(address.octets());
    let flags = addresses.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ours = *fields.first()? == text;
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
