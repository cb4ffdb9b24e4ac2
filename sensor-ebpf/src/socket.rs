//! A `struct sock`, read by offsets.

use crate::structure::{Fields, Structure, Typed};
use crate::task::{self, Address as Pointer};
use anchorwatch_sensor_common::network::{Address, mapped};
use anchorwatch_sensor_common::offsets::Field;
use core::ptr::read_volatile;

/// `AF_INET6` (include/linux/socket.h).
const AF_INET6: u16 = 10;

/// Inode number of the host's network namespace, 0 if it could not be found out.
#[unsafe(no_mangle)]
static HOST_NETWORK_NAMESPACE: u32 = 0;

/// Bit of `sk_userlocks`: the port was asked for, not chosen (`SOCK_BINDPORT_LOCK`, include/net/sock.h).
const BINDPORT_LOCK: u8 = 8;

#[derive(Clone, Copy)]
pub struct Socket<S = Typed>(S);

/// One side of a socket.
pub struct End {
    pub address: Address,
    /// In host order.
    pub port: u16,
}

impl Socket {
    /// An argument of a program that traces.
    pub const fn new(pointer: *const u8) -> Self {
        Self(Typed::new(pointer))
    }

    /// Payload of a TCP connection, each byte counted once. Beyond what the verifier knows of the type.
    #[inline(always)]
    pub fn bytes_sent(self) -> u64 {
        let socket = self.0.address();
        let sent: u64 = socket.read(Field::TcpBytesSent);
        sent.wrapping_sub(socket.read(Field::TcpBytesRetransmitted))
    }

    /// The number by which the kernel tells it from all others, 0 where nobody asked for one yet.
    #[inline(always)]
    pub fn cookie(self) -> u64 {
        self.0.read(Field::SockCookie)
    }

    /// Whether the kernel chose the local port.
    #[inline(always)]
    pub fn port_is_chosen(self) -> bool {
        self.0.address().read_bits(Field::SockUserlocks) & BINDPORT_LOCK == 0
    }
}

impl Socket<Pointer> {
    /// The same for a pointer of a program's context.
    #[inline(always)]
    pub fn of_context(pointer: *const u8) -> Self {
        Self(Pointer::plain(pointer))
    }
}

impl<S: Structure> Socket<S> {
    #[inline(always)]
    pub fn protocol(self) -> u32 {
        u32::from(self.0.read::<u16>(Field::SockProtocol))
    }

    #[inline(always)]
    pub fn local(self) -> End {
        End {
            address: self.address(Field::SockLocalV4, Field::SockLocalV6),
            port: self.0.read(Field::SockLocalPort),
        }
    }

    #[inline(always)]
    pub fn remote(self) -> End {
        End {
            address: self.address(Field::SockRemoteV4, Field::SockRemoteV6),
            port: u16::from_be(self.0.read(Field::SockRemotePort)),
        }
    }

    /// A socket of IPv6 that talks IPv4 holds both, the second mapped.
    #[inline(always)]
    fn address(self, v4: Field, v6: Field) -> Address {
        if self.0.read::<u16>(Field::SockFamily) == AF_INET6 && task::has(v6) {
            self.0.read(v6)
        } else {
            mapped(self.0.read(v4))
        }
    }

    /// Whether it is in the host's network.
    #[inline(always)]
    pub fn in_host_network(self) -> bool {
        if !task::has(Field::SockNet) || !task::has(Field::NetInum) {
            return false;
        }
        // SAFETY: a static; volatile, because user space sets the value at load.
        let host = unsafe { read_volatile(&raw const HOST_NETWORK_NAMESPACE) };
        host != 0 && self.0.follow(Field::SockNet).read::<u32>(Field::NetInum) == host
    }
}
