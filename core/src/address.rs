//! Addresses of the network, and prefixes of them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// The address as it is meant: an IPv4 address that is written as an IPv6 one (`::ffff:192.0.2.1`) is the IPv4 address.
pub const fn folded(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => address,
        },
    }
}

/// What an address is good for, as far as the address itself tells.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum AddressClass {
    /// It leads back into the network namespace that it is used in. Linux takes a connection to the unspecified address
    /// for one to loopback (`ip_route_output_key_hash_rcu` in net/ipv4/route.c, 6.1), so that it is one of these.
    Loopback,
    /// Good on its link alone, as those of metadata services are.
    LinkLocal,
    /// A group of receivers, or all of a link.
    Multicast,
    /// Of a private network.
    Private,
    /// Anything else.
    Public,
}

impl AddressClass {
    /// The class of an address, folded first.
    pub const fn of(address: IpAddr) -> Self {
        match folded(address) {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => Self::of_v6(v6),
        }
    }

    const fn of_v4(address: Ipv4Addr) -> Self {
        if address.is_loopback() || address.is_unspecified() {
            Self::Loopback
        } else if address.is_link_local() {
            Self::LinkLocal
        } else if address.is_multicast() || address.is_broadcast() {
            Self::Multicast
        } else if address.is_private() || is_shared(address) {
            Self::Private
        } else {
            Self::Public
        }
    }

    const fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() || address.is_unspecified() {
            Self::Loopback
        } else if address.is_unicast_link_local() {
            Self::LinkLocal
        } else if address.is_multicast() {
            Self::Multicast
        } else if address.is_unique_local() {
            Self::Private
        } else {
            Self::Public
        }
    }

    /// Its name in sentences and recordings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// 100.64.0.0/10 (RFC 6598), which some clouds give to pods and nodes.
const fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0xc0 == 64
}

/// A range of addresses that begin alike; no bit behind its length is set, and none is written as mapped.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpPrefix(IpNet);

/// Why a text is no prefix.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IpPrefixError {
    /// Neither an address nor an address with a length.
    #[error("{text:?} is no range of addresses: expected CIDR notation such as 192.0.2.0/24 or 2001:db8::/32")]
    Syntax {
        /// The text, shortened.
        text: String,
    },
    /// Bits behind the length are set: perhaps the address is wrong, perhaps the length.
    #[error("{text:?} sets bits behind its length: expected {expected}")]
    HostBits {
        /// The text.
        text: String,
        /// The range that it lies in.
        expected: IpPrefix,
    },
}

impl IpPrefix {
    /// The addresses whose first `length` bits are those of `address`; a length beyond the address's own is the address
    /// alone. An address that is written as mapped is folded, and its length counted in the IPv4 address.
    pub fn new(address: IpAddr, length: u8) -> Self {
        match (address, folded(address)) {
            (IpAddr::V6(_), IpAddr::V4(v4)) if length >= 96 => Self::of_v4(v4, length - 96),
            (IpAddr::V6(v6), _) => Self::of_v6(v6, length),
            (IpAddr::V4(v4), _) => Self::of_v4(v4, length),
        }
    }

    fn of_v4(address: Ipv4Addr, length: u8) -> Self {
        Self(Ipv4Net::new_assert(address, length.min(32)).trunc().into())
    }

    fn of_v6(address: Ipv6Addr, length: u8) -> Self {
        Self(Ipv6Net::new_assert(address, length.min(128)).trunc().into())
    }

    /// The range that stands for a destination without a name: /24, or /56, which is what a site gets. Addresses that
    /// hold an IPv4 one behind the prefix of a translator (RFC 6052, RFC 8215) count by that one, as /120: else all of
    /// the Internet were a single destination behind such a translator.
    pub fn of_destination(address: IpAddr) -> Self {
        match folded(address) {
            IpAddr::V4(v4) => Self::of_v4(v4, 24),
            IpAddr::V6(v6) if is_translated(v6) => Self::of_v6(v6, 120),
            IpAddr::V6(v6) => Self::of_v6(v6, 56),
        }
    }

    /// Its first address.
    pub fn address(self) -> IpAddr {
        self.0.network()
    }

    /// How many bits its addresses have in common: 0 to 32 or 128.
    pub const fn length(self) -> u8 {
        match self.0 {
            IpNet::V4(net) => net.prefix_len(),
            IpNet::V6(net) => net.prefix_len(),
        }
    }

    /// Whether the address, folded, lies in it.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&folded(address))
    }

    pub(crate) const fn net(self) -> IpNet {
        self.0
    }
}

/// In `64:ff9b::/96` or `64:ff9b:1::/48`.
const fn is_translated(address: Ipv6Addr) -> bool {
    const WELL_KNOWN: u128 = 0x0064_ff9b << 96;
    const LOCAL: u128 = 0x0064_ff9b_0001 << 80;
    let bits = address.to_bits();
    bits >> 32 << 32 == WELL_KNOWN || bits >> 80 << 80 == LOCAL
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for IpPrefix {
    type Err = IpPrefixError;

    /// Reads CIDR notation; an address without a length is a range of its own.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || IpPrefixError::Syntax {
            text: crate::text::shown(text),
        };
        let (address, length) = match text.split_once('/') {
            None => (text, None),
            Some((address, length)) => (address, Some(length)),
        };
        let address: IpAddr = address.parse().map_err(|_| syntax())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => longest,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|length| *length <= longest)
                .ok_or_else(syntax)?,
            Some(_) => return Err(syntax()),
        };
        let prefix = Self::new(address, length);
        let is_first = prefix.address() == address || prefix.address() == folded(address);
        if is_first {
            Ok(prefix)
        } else {
            Err(IpPrefixError::HostBits {
                text: text.to_owned(),
                expected: prefix,
            })
        }
    }
}

impl TryFrom<String> for IpPrefix {
    type Error = IpPrefixError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<IpPrefix> for String {
    fn from(prefix: IpPrefix) -> Self {
        prefix.to_string()
    }
}

#[cfg(test)]
mod tests;
