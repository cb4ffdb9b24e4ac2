//! What is read of published ranges, and which groups an address lies in.

use proptest::prelude::*;

use super::*;

const AWS: &str = r#"{
  "syncToken": "1", "createDate": "2026-01-01-00-00-00",
  "prefixes": [
    {"ip_prefix": "192.0.2.0/25", "region": "eu-west-1", "service": "AMAZON", "network_border_group": "eu-west-1"},
    {"ip_prefix": "192.0.2.0/25", "region": "eu-west-1", "service": "S3", "network_border_group": "eu-west-1"}
  ],
  "ipv6_prefixes": [
    {"ipv6_prefix": "2001:db8::/40", "region": "eu-west-1", "service": "AMAZON", "network_border_group": "eu-west-1"}
  ]
}"#;

const GOOGLE: &str = r#"{
  "syncToken": "1", "creationTime": "2026-01-01T00:00:00.0",
  "prefixes": [
    {"ipv4Prefix": "192.0.2.0/25", "service": "Google Cloud", "scope": "europe-west1"},
    {"ipv6Prefix": "2001:db8::/40", "service": "Google Cloud", "scope": "europe-west1"}
  ]
}"#;

const AZURE: &str = r#"{
  "changeNumber": 1, "cloud": "Public",
  "values": [
    {"name": "Storage", "id": "Storage", "properties": {"region": "", "systemService": "AzureStorage",
     "addressPrefixes": ["192.0.2.0/25", "2001:db8::/40"], "networkFeatures": ["API"]}},
    {"name": "Sql", "id": "Sql", "properties": {"region": "", "addressPrefixes": []}}
  ]
}"#;

const PLAIN: &str = "# ours\n192.0.2.0/25, 2001:db8::/40  # and theirs\n\r\n";

const LIST: &str = r#"["2001:db8::/40", "192.0.2.0/25"]"#;

fn prefix(text: &str) -> IpPrefix {
    text.parse().expect("a range")
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn every_published_shape_is_read() {
    for text in [AWS, GOOGLE, AZURE, PLAIN, LIST, &format!("\u{feff}{AWS}")] {
        assert_eq!(
            parse(text),
            Ok(vec![prefix("192.0.2.0/25"), prefix("2001:db8::/40")]),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_read_is_refused_with_its_place() {
    let wrong = |text: &str, from: &str, to: &str| text.replacen(from, to, 1);
    for (text, expected) in [
        (
            wrong(AWS, "192.0.2.0/25", "x"),
            "prefixes[0].ip_prefix: \"x\" is no range",
        ),
        (
            wrong(AWS, "2001:db8::/40", "2001:db8::1/40"),
            "ipv6_prefixes[0].ipv6_prefix: ",
        ),
        (
            wrong(AWS, "ip_prefix", "cidr"),
            "prefixes[0]: no range of addresses, expected ip_prefix",
        ),
        (wrong(GOOGLE, "192.0.2.0/25", ""), "prefixes[0].ipv4Prefix: "),
        (
            wrong(AZURE, "2001:db8", "::g"),
            "values[0].properties.addressPrefixes[1]: ",
        ),
        (
            wrong(AZURE, "addressPrefixes", "prefixes"),
            "missing field `addressPrefixes` at line 5",
        ),
        (wrong(PLAIN, "2001:", "20010:"), "line 2: "),
        (wrong(LIST, "192", "999"), "[1]: "),
        (r#"{"items": []}"#.to_owned(), "no list of ranges"),
        (
            r#"{"prefixes": {}}"#.to_owned(),
            "not read as JSON: invalid type: map, expected a sequence",
        ),
        (r#"{"prefixes": []}"#.to_owned(), "no range of addresses in it"),
        ("{".to_owned(), "not read as JSON: EOF"),
        ("[".repeat(100_000), "not read as JSON"),
        ("# nothing".to_owned(), "no range of addresses in it"),
        (String::new(), "no range of addresses in it"),
        (" ".repeat(MAX_TEXT + 1), "bytes are too long"),
    ] {
        let error = parse(&text).expect_err(&text[..text.len().min(80)]);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn more_ranges_than_are_kept_are_refused() {
    let text = |count: u32| {
        let lines: Vec<String> = (0..count)
            .map(|n| std::net::Ipv4Addr::from(n * 4).to_string())
            .collect();
        lines.join("\n")
    };
    let most = u32::try_from(MAX_PREFIXES).expect("fits");
    assert_eq!(parse(&text(most)).map(|found| found.len()), Ok(MAX_PREFIXES));
    assert!(matches!(
        parse(&text(most + 1)),
        Err(GroupError::TooManyPrefixes { .. })
    ));
    let half = parse(&text(most / 2 + 1)).expect("half of them");
    let groups = Groups::new([("a".to_owned(), half.clone()), ("b".to_owned(), half)]);
    assert!(matches!(groups, Err(GroupError::TooManyPrefixes { .. })));
}

#[test]
fn a_group_has_a_name_that_a_sentence_can_show() {
    let named = |name: &str| Groups::new([(name.to_owned(), vec![])]).map(|_| ());
    assert_eq!(named("aws-s3.eu_west"), Ok(()));
    for name in ["", "a b", "a\n", "größe", &"a".repeat(64)] {
        assert!(matches!(named(name), Err(GroupError::Name { .. })), "{name:?}");
    }
    let many = (0..65).map(|number| (format!("g{number}"), vec![]));
    assert_eq!(Groups::new(many), Err(GroupError::TooManyGroups { count: 65 }));
}

#[test]
fn an_address_lies_in_every_group_that_has_a_range_around_it() {
    let groups = Groups::new([
        ("s3".to_owned(), vec![prefix("192.0.2.0/28"), prefix("2001:db8:1::/48")]),
        (
            "aws".to_owned(),
            vec![prefix("192.0.2.0/24"), prefix("192.0.2.0/30"), prefix("2001:db8::/32")],
        ),
        ("single".to_owned(), vec![prefix("203.0.113.9")]),
    ])
    .expect("groups");
    for (text, expected) in [
        ("192.0.2.1", &["aws", "s3"][..]),
        ("::ffff:192.0.2.1", &["aws", "s3"]),
        ("192.0.2.99", &["aws"]),
        ("192.0.3.1", &[]),
        ("203.0.113.9", &["single"]),
        ("203.0.113.8", &[]),
        ("2001:db8:1::1", &["aws", "s3"]),
        ("2001:db8:2::1", &["aws"]),
        ("::c000:201", &[]),
    ] {
        assert_eq!(groups.of(address(text)).collect::<Vec<_>>(), expected, "{text}");
    }
    assert_eq!(groups.prefixes(), 6);
    assert_eq!(Groups::default().of(address("192.0.2.1")).count(), 0);
}

fn any_prefix() -> impl Strategy<Value = IpPrefix> {
    // Few addresses, so that ranges lie in each other.
    let v4 = (0..8_u8, any::<u8>(), 0..=32_u8).prop_map(|(a, b, length)| (IpAddr::from([a, b, 0, 1]), length));
    let v6 = (any::<u16>(), 0..=128_u8)
        .prop_map(|(a, length)| (IpAddr::from([0x2001, 0xdb8, a & 0x8001, 0, 0, 0, 0, 1]), length));
    prop_oneof![v4, v6].prop_map(|(address, length)| IpPrefix::new(address, length))
}

proptest! {
    #[test]
    fn the_index_finds_what_a_look_at_each_range_finds(
        listed in prop::collection::vec((0..5_u8, any_prefix()), 0..60),
        probes in prop::collection::vec(any_prefix(), 1..20),
    ) {
        let named = listed.iter().map(|(group, prefix)| (format!("g{group}"), vec![*prefix]));
        let groups = Groups::new(named).expect("groups");
        for probe in probes {
            let address = probe.address();
            let expected: BTreeSet<String> = listed
                .iter()
                .filter(|(_, prefix)| prefix.contains(address))
                .map(|(group, _)| format!("g{group}"))
                .collect();
            let found: Vec<&str> = groups.of(address).collect();
            prop_assert_eq!(found, expected.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_order_of_groups_does_not_matter(listed in prop::collection::vec((0..5_u8, any_prefix()), 0..30)) {
        let named = |(group, prefix): &(u8, IpPrefix)| (format!("g{group}"), vec![*prefix]);
        let forward = Groups::new(listed.iter().map(named)).expect("groups");
        let backward = Groups::new(listed.iter().rev().map(named)).expect("groups");
        prop_assert_eq!(&forward, &backward);
        prop_assert_eq!(serde_json::to_string(&forward).expect("JSON"), serde_json::to_string(&backward).expect("JSON"));
    }

    #[test]
    fn any_text_is_ranges_or_an_error(text in "([\\[{\"a-z0-9:./, #}\\]]|prefixes|ip_prefix|values){0,40}") {
        if let Ok(found) = parse(&text) {
            prop_assert!(!found.is_empty());
        }
    }
}
