//! What addresses are, and which range stands for them.

use proptest::prelude::*;

use super::*;

/// An address, its class, and the range that stands for it as a destination.
const TABLE: [(&str, AddressClass, &str); 24] = [
    ("127.0.0.1", AddressClass::Loopback, "127.0.0.0/24"),
    ("127.8.9.10", AddressClass::Loopback, "127.8.9.0/24"),
    ("0.0.0.0", AddressClass::Loopback, "0.0.0.0/24"),
    ("::", AddressClass::Loopback, "::/56"),
    ("::1", AddressClass::Loopback, "::/56"),
    ("::ffff:127.0.0.1", AddressClass::Loopback, "127.0.0.0/24"),
    ("::ffff:0.0.0.0", AddressClass::Loopback, "0.0.0.0/24"),
    ("169.254.169.254", AddressClass::LinkLocal, "169.254.169.0/24"),
    ("fe80::1:2:3:4", AddressClass::LinkLocal, "fe80::/56"),
    ("224.0.0.251", AddressClass::Multicast, "224.0.0.0/24"),
    ("255.255.255.255", AddressClass::Multicast, "255.255.255.0/24"),
    ("ff02::fb", AddressClass::Multicast, "ff02::/56"),
    ("10.1.2.3", AddressClass::Private, "10.1.2.0/24"),
    ("172.31.0.1", AddressClass::Private, "172.31.0.0/24"),
    ("192.168.1.1", AddressClass::Private, "192.168.1.0/24"),
    ("100.64.0.10", AddressClass::Private, "100.64.0.0/24"),
    ("fd00:ec2::254", AddressClass::Private, "fd00:ec2::/56"),
    ("203.0.113.9", AddressClass::Public, "203.0.113.0/24"),
    ("::ffff:203.0.113.9", AddressClass::Public, "203.0.113.0/24"),
    ("100.128.0.1", AddressClass::Public, "100.128.0.0/24"),
    ("2001:db8:1:2ff:3::4", AddressClass::Public, "2001:db8:1:200::/56"),
    ("64:ff9b::203.0.113.9", AddressClass::Public, "64:ff9b::cb00:7100/120"),
    (
        "64:ff9b:1::203.0.113.9",
        AddressClass::Public,
        "64:ff9b:1::cb00:7100/120",
    ),
    ("64:ff9b:2::1", AddressClass::Public, "64:ff9b:2::/56"),
];

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn an_address_is_of_a_class_and_stands_for_its_neighbours() {
    for (text, class, prefix) in TABLE {
        let seen = address(text);
        assert_eq!(AddressClass::of(seen), class, "{text}");
        assert_eq!(IpPrefix::of_destination(seen).to_string(), prefix, "{text}");
    }
}

#[test]
fn a_range_reads_as_it_is_written() {
    for (text, expected) in [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::/0", "::/0"),
    ] {
        assert_eq!(
            text.parse::<IpPrefix>().map(|prefix| prefix.to_string()).as_deref(),
            Ok(expected)
        );
    }
}

#[test]
fn what_is_no_range_is_refused_with_what_was_expected() {
    for (text, expected) in [
        ("", "is no range of addresses"),
        ("example.org", "is no range of addresses"),
        ("192.0.2.0/33", "is no range of addresses"),
        ("192.0.2.0/+8", "is no range of addresses"),
        ("192.0.2.0/", "is no range of addresses"),
        ("192.0.2.0/24/8", "is no range of addresses"),
        ("2001:db8::/129", "is no range of addresses"),
        ("fe80::1%eth0", "is no range of addresses"),
        ("192.0.2.7/24", "expected 192.0.2.0/24"),
        ("2001:db8::1/32", "expected 2001:db8::/32"),
        ("::ffff:192.0.2.7/120", "expected 192.0.2.0/24"),
    ] {
        let error = text.parse::<IpPrefix>().expect_err(text);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        any::<[u8; 4]>().prop_map(|octets| IpAddr::V6(Ipv4Addr::from(octets).to_ipv6_mapped())),
    ]
}

proptest! {
    #[test]
    fn a_range_that_was_written_and_read_is_the_same(address in any_address(), length: u8) {
        let prefix = IpPrefix::new(address, length);
        let written = serde_json::to_string(&prefix).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<IpPrefix>(&written).expect("the same"), prefix);
    }

    #[test]
    fn an_address_lies_in_the_range_that_stands_for_it(address in any_address()) {
        let prefix = IpPrefix::of_destination(address);
        prop_assert!(prefix.contains(address));
        prop_assert_eq!(IpPrefix::of_destination(prefix.address()), prefix);
        prop_assert_eq!(AddressClass::of(folded(address)), AddressClass::of(address));
    }

    #[test]
    fn any_text_is_a_range_or_an_error(text in any::<String>()) {
        if let Ok(prefix) = text.parse::<IpPrefix>() {
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }
    }
}
