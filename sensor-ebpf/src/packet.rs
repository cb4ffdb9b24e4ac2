//! UDP packets, read behind their IP headers.

use crate::socket::End;
use anchorwatch_sensor_common::network::mapped;
use aya_ebpf::{bindings::__sk_buff, helpers::generated::bpf_skb_load_bytes};
use core::ffi::c_void;
use core::mem::{MaybeUninit, size_of};
use core::ptr::read_volatile;

/// Protocol numbers and IPv6 extension headers (include/uapi/linux/in.h and in6.h).
const HOP_BY_HOP: u8 = 0;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ROUTING: u8 = 43;
const DESTINATION_OPTIONS: u8 = 60;

/// Most IPv6 extension headers that are passed over; what has more is not looked at.
const MAX_EXTENSIONS: u32 = 4;

const V4_HEADER: usize = 20;
const IPV6_HEADER: u32 = 40;
const UDP_HEADER: u32 = 8;

/// `LOOPBACK_IFINDEX` (include/net/flow.h).
const LOOPBACK_DEVICE: u32 = 1;

/// Anything but "don't fragment" in the word of an IPv4 header that tells of fragments.
const FRAGMENT: u16 = 0x3fff;

/// No limit of [`Packet::copy`] is beyond it.
const LENGTH_MASK: u32 = 0x7ff;

/// A packet as its socket sees it.
#[derive(Clone, Copy)]
pub struct Packet(*mut __sk_buff);

/// A whole UDP datagram.
pub struct Datagram {
    pub source: End,
    pub destination: End,
    /// Where its payload begins in the packet.
    pub payload: u32,
    /// Bytes of it.
    pub length: u32,
}

#[repr(C)]
struct V4 {
    version_and_words: u8,
    service: u8,
    length: u16,
    id: u16,
    fragment: u16,
    hops: u8,
    protocol: u8,
    checksum: u16,
    source: u32,
    destination: u32,
}

#[repr(C)]
struct V6 {
    version_and_flow: u32,
    length: u16,
    next: u8,
    hops: u8,
    source: [u32; 4],
    destination: [u32; 4],
}

#[repr(C)]
struct Ports {
    source: u16,
    destination: u16,
    length: u16,
    checksum: u16,
}

impl Packet {
    pub const fn new(skb: *mut __sk_buff) -> Self {
        Self(skb)
    }

    pub const fn pointer(self) -> *mut __sk_buff {
        self.0
    }

    /// Copies a header; None where the packet is shorter.
    #[inline(always)]
    pub fn load<T>(self, at: u32) -> Option<T> {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes all of the value or fails; the types here are made of integers alone.
        unsafe {
            if bpf_skb_load_bytes(self.0.cast(), at, value.as_mut_ptr().cast(), size_of::<T>() as u32) == 0 {
                Some(value.assume_init())
            } else {
                None
            }
        }
    }

    /// Copies `length` bytes, or `limit` (at most 2048) if there are more; false where there are none.
    ///
    /// # Safety
    /// `to` points to room for `limit` bytes.
    #[inline(always)]
    pub unsafe fn copy(self, at: u32, to: *mut u8, length: u32, limit: u32) -> bool {
        if length == 0 {
            return false;
        }
        let length = if length > limit { limit } else { length };
        // SAFETY: a reference. Volatile, so that the bounds stay for the verifier, which has lost what the compiler still
        // knows; by arithmetic, since 6.1 learns nothing from "not zero".
        let length = unsafe { read_volatile(&raw const length) };
        let length = (length.wrapping_sub(1) & LENGTH_MASK).wrapping_add(1);
        let length = if length > limit { limit } else { length };
        // SAFETY: the helper writes at most that many bytes, for which the caller vouches.
        unsafe { bpf_skb_load_bytes(self.0.cast(), at, to.cast(), length) == 0 }
    }

    /// Whether it is plainly TCP's: most packets are, and of no interest here.
    #[inline(always)]
    pub fn is_tcp(self) -> bool {
        // SAFETY: fields of the context, as the verifier checks.
        let (start, end) = unsafe { ((*self.0).data as usize, (*self.0).data_end as usize) };
        // Without a helper, whose call costs more than the rest; a header that lies elsewhere is read as any other.
        if start + V4_HEADER > end {
            return false;
        }
        let header = start as *const u8;
        // The protocol's place behind the version of IP.
        // SAFETY: inside the packet, as the verifier checks.
        unsafe { *header.add(if *header >> 4 == 4 { 9 } else { 6 }) == TCP }
    }

    /// The socket that sends or receives it; null if there is none.
    #[inline(always)]
    pub fn socket(self) -> *mut c_void {
        // SAFETY: a field of the context, as the verifier checks.
        unsafe { (*self.0).__bindgen_anon_2.sk }.cast()
    }

    /// Whether it came by the loopback device, which is the first of each network.
    #[inline(always)]
    pub fn is_from_loopback(self) -> bool {
        // SAFETY: a field of the context, as the verifier checks.
        unsafe { (*self.0).ingress_ifindex == LOOPBACK_DEVICE }
    }

    /// The datagram in it; None for everything else and for fragments, of which only the first has ports.
    #[inline(always)]
    pub fn datagram(self) -> Option<Datagram> {
        match self.load::<u8>(0)? >> 4 {
            4 => self.datagram4(),
            6 => self.datagram6(),
            _ => None,
        }
    }

    #[inline(always)]
    fn datagram4(self) -> Option<Datagram> {
        let head: V4 = self.load(0)?;
        if head.protocol != UDP || u16::from_be(head.fragment) & FRAGMENT != 0 {
            return None;
        }
        let behind = u32::from(head.version_and_words & 0xf) * 4;
        self.ports(behind, mapped(head.source), mapped(head.destination))
    }

    #[inline(always)]
    fn datagram6(self) -> Option<Datagram> {
        let head: V6 = self.load(0)?;
        let mut next = head.next;
        let mut at = IPV6_HEADER;
        for _ in 0..MAX_EXTENSIONS {
            if !matches!(next, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS) {
                break;
            }
            let [behind, words]: [u8; 2] = self.load(at)?;
            next = behind;
            at = at.wrapping_add((u32::from(words) + 1) * 8);
        }
        if next != UDP {
            return None;
        }
        self.ports(at, head.source, head.destination)
    }

    #[inline(always)]
    fn ports(self, at: u32, source: [u32; 4], destination: [u32; 4]) -> Option<Datagram> {
        let ports: Ports = self.load(at)?;
        let length = u32::from(u16::from_be(ports.length));
        Some(Datagram {
            source: End {
                address: source,
                port: u16::from_be(ports.source),
            },
            destination: End {
                address: destination,
                port: u16::from_be(ports.destination),
            },
            payload: at.wrapping_add(UDP_HEADER),
            length: if length < UDP_HEADER {
                0
            } else {
                length.wrapping_sub(UDP_HEADER)
            },
        })
    }
}
