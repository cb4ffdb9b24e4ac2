//! A cable between two networks, by the kernel's own protocol (rtnetlink(7)): the guest of a virtual machine has no
//! program for it.

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

pub const NEAR_DEVICE: &str = "near0";
pub const FAR_DEVICE: &str = "far0";

/// `include/uapi/linux/{netlink,rtnetlink,if_link,veth}.h`.
const RTM_NEWLINK: u16 = 16;
const FLAGS: u16 = 0x1 | 0x4 | 0x200 | 0x400; // request, acknowledge, exclusive, create
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const NLMSG_ERROR: u16 = 2;

/// `struct nlmsghdr` and `struct ifinfomsg`.
const HEADER: usize = 16;
const INFO: [u8; 16] = [0; 16];

/// Makes the cable, the far end in that network.
pub fn lay(far: &OwnedFd) -> io::Result<()> {
    // `NETLINK_ROUTE` is 0.
    let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    let peer = [
        INFO.to_vec(),
        attribute(IFLA_IFNAME, format!("{FAR_DEVICE}\0").as_bytes()),
        attribute(IFLA_NET_NS_FD, &far.as_raw_fd().to_ne_bytes()),
    ];
    let data = attribute(VETH_INFO_PEER, &peer.concat());
    let info = [attribute(IFLA_INFO_KIND, b"veth\0"), attribute(IFLA_INFO_DATA, &data)];
    let body = [
        INFO.to_vec(),
        attribute(IFLA_IFNAME, format!("{NEAR_DEVICE}\0").as_bytes()),
        attribute(IFLA_LINKINFO, &info.concat()),
    ];
    let body = body.concat();
    let mut message = Vec::new();
    message.extend(u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(FLAGS.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    rustix::net::send(&socket, &message, SendFlags::empty())?;
    let mut answer = [0; 1024];
    let length = rustix::net::recv(&socket, &mut answer, RecvFlags::empty())?.0;
    outcome(&answer[..length])
}

/// The answer holds a negative error number, or zero.
fn outcome(answer: &[u8]) -> io::Result<()> {
    let kind = u16::from_ne_bytes(*answer[4..].first_chunk().unwrap());
    let error = i32::from_ne_bytes(*answer[HEADER..].first_chunk().unwrap());
    assert_eq!(kind, NLMSG_ERROR);
    match error {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}

/// Length, kind, value, and zeros up to a multiple of four.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
