//! The table that documents how names of destinations read, and what holds for any text.

use proptest::prelude::*;

use super::*;

/// What was looked up, and what it is known by.
const NAMES: [(&str, &str); 48] = [
    ("example.org", "example.org"),
    ("API.Example.ORG.", "api.example.org"),
    ("cart", "cart"),
    // What is registered stays, whatever it looks like.
    ("7f3a9c2e1b.com", "7f3a9c2e1b.com"),
    ("12345.co.uk", "12345.co.uk"),
    ("a.s3.amazonaws.com", "a.s3.amazonaws.com"),
    ("b.s3.amazonaws.com", "b.s3.amazonaws.com"),
    ("logs-1234567890.s3.amazonaws.com", "logs-1234567890.s3.amazonaws.com"),
    ("d111111abcdef8.cloudfront.net", "d111111abcdef8.cloudfront.net"),
    ("app-7f3a9c2e1b.github.io", "app-7f3a9c2e1b.github.io"),
    ("s3.amazonaws.com", "s3.amazonaws.com"),
    ("com", "com"),
    // Below, what is chosen by people stays, too.
    ("v2.api.example.org", "v2.api.example.org"),
    ("eu-west-1.queue.example.org", "eu-west-1.queue.example.org"),
    ("db0.example.org", "db0.example.org"),
    ("python3.example.org", "python3.example.org"),
    ("internationalisation.example.org", "internationalisation.example.org"),
    ("knightsbridge.example.org", "knightsbridge.example.org"),
    ("_dmarc.example.org", "_dmarc.example.org"),
    ("a--b.example.org", "a--b.example.org"),
    // And what is generated becomes a placeholder.
    ("1234.example.org", "<num:2>.example.org"),
    ("shard12.example.org", "shard12.example.org"),
    ("shard-12.example.org", "shard-<num:1>.example.org"),
    ("worker12345.example.org", "worker<num:2>.example.org"),
    ("2026-01-31.example.org", "<date:3>.example.org"),
    (
        "550e8400-e29b-41d4-a716-446655440000.example.org",
        "<uuid:5>.example.org",
    ),
    (
        "job-550e8400-e29b-41d4-a716-446655440000.example.org",
        "job-<uuid:5>.example.org",
    ),
    (
        "da39a3ee5e6b4b0d3255bfef95601890afd80709.example.org",
        "<hex:5>.example.org",
    ),
    ("cache-deadbeef42.example.org", "cache-<hex:3>.example.org"),
    ("k7q2x9w4.example.org", "<token:3>.example.org"),
    ("mzxw6ytboi4gk3tpnzrwk.example.org", "<token:4>.example.org"),
    ("qwrtplkjhgfdszxcvbnm.example.org", "<token:4>.example.org"),
    ("r4---sn-4g5e6nzz.example.org", "r4---sn-<token:3>.example.org"),
    ("ip-10-0-12-3.eu.example.org", "ip-<ip4-private:3>.eu.example.org"),
    ("203-0-113-9.example.org", "<ip4-public:3>.example.org"),
    ("1-2-3-4-5.example.org", "<ip4-public:2>-5.example.org"),
    ("1-2-3.example.org", "1-2-3.example.org"),
    // Data in labels is one destination.
    ("mzxw6ytboi4gk3tp.nzrwk3tpeb2g6idk.example.org", "<token:4>.example.org"),
    ("deadbeef42.1234.t.example.org", "<hex:3>.t.example.org"),
    // In the cluster nothing is registered: the list's own rule is that the last label is a suffix.
    ("cart.shop.svc.cluster.local", "cart.shop.svc.cluster.local"),
    ("db-0.db.shop.svc.cluster.local", "db-0.db.shop.svc.cluster.local"),
    (
        "10-244-0-7.shop.pod.cluster.local",
        "<ip4-private:3>.shop.pod.cluster.local",
    ),
    // Other scripts.
    ("xn--bcher-kva.example.org", "xn--bcher-kva.example.org"),
    ("xn--bcher-kva.xn--p1ai", "xn--bcher-kva.xn--p1ai"),
    ("a1b2c3d4e5.xn--bcher-kva.xn--p1ai", "<hex:3>.xn--bcher-kva.xn--p1ai"),
    ("xn--55qx5d.cn", "xn--55qx5d.cn"),
    ("<num:2>.example.org", "<num:2>.example.org"),
    ("x.<num:2>.y.example.org", "x.<num:2>.y.example.org"),
];

#[test]
fn names_read_as_the_table_says() {
    for (seen, expected) in NAMES {
        assert_eq!(domain_name(seen).as_deref(), Ok(expected), "{seen}");
        assert_eq!(domain_name(expected).as_deref(), Ok(expected), "{expected}");
    }
}

#[test]
fn what_is_no_name_of_a_host_is_refused() {
    let long_label = format!("{}.example.org", "a".repeat(64));
    let long_name = format!("{}example.org", "a.".repeat(123));
    for (text, expected) in [
        ("", NameError::Length),
        (".", NameError::Length),
        ("..", NameError::Length),
        ("a..b", NameError::Length),
        ("example.org..", NameError::Length),
        (&long_label, NameError::Length),
        (&long_name, NameError::Length),
        ("bücher.example.org", NameError::Character),
        ("a b.example.org", NameError::Character),
        ("a\0.example.org", NameError::Character),
        ("a\u{1b}[2J.example.org", NameError::Character),
        ("*.example.org", NameError::Character),
        ("<nothing:2>.example.org", NameError::Character),
        ("a/b.example.org", NameError::Character),
        ("10.0.0.1", NameError::Address),
        ("1.2.3.0x7f", NameError::Address),
        ("127", NameError::Address),
        ("::1", NameError::Character),
    ] {
        assert_eq!(domain_name(text), Err(expected), "{text:?}");
    }
}

#[test]
fn a_long_name_below_a_registered_one_stays_bounded() {
    let label = "a-12-".repeat(12);
    let name = format!("{}.{}.{}.example.org", &label[..59], &label[..59], &label[..59]);
    let known = domain_name(&name).expect("a name");
    assert_eq!(known, "<token:8>.example.org");
    assert_eq!(domain_name(&known).as_deref(), Ok("<token:8>.example.org"));
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9_-]{1,63}",
        "[a-z]{1,12}",
        "[0-9]{1,12}(-[0-9]{1,3}){0,5}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "xn--[a-z0-9-]{1,20}",
        "<(num|token|hex|uuid):[0-9]{1,2}>",
        "(token|password|key|ghp_|-|_){1,4}[a-z0-9]{0,20}",
    ]
}

fn suffix() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "org",
        "co.uk",
        "s3.amazonaws.com",
        "github.io",
        "cluster.local",
        "xn--p1ai",
        "ck",
        "eu-west-1.compute.amazonaws.com",
    ])
}

proptest! {
    #[test]
    fn a_name_that_was_normalised_stays_as_it_is(labels in prop::collection::vec(label(), 0..6), suffix in suffix()) {
        let name = labels.into_iter().chain([suffix.to_owned()]).collect::<Vec<_>>().join(".");
        if let Ok(once) = domain_name(&name) {
            prop_assert!(once.len() <= MAX_NAME);
            prop_assert_eq!(domain_name(&once), Ok(once));
        }
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in any::<String>()) {
        if let Ok(once) = domain_name(&text) {
            prop_assert!(once.is_ascii() && !once.bytes().any(|byte| byte.is_ascii_control() || byte.is_ascii_uppercase()));
            prop_assert_eq!(domain_name(&once), Ok(once));
        }
    }

    #[test]
    fn who_registered_a_name_is_never_lost(labels in prop::collection::vec(label(), 1..5), suffix in suffix()) {
        let name = labels.into_iter().chain([suffix.to_owned()]).collect::<Vec<_>>().join(".");
        if let Ok(once) = domain_name(&name) {
            let registered = registered(&name);
            prop_assert!(once == registered || once.ends_with(&format!(".{registered}")), "{} of {}", once, registered);
        }
    }

    #[test]
    fn case_and_a_dot_at_the_end_do_not_matter(name in "[a-zA-Z0-9-]{1,20}(\\.[a-zA-Z0-9-]{1,20}){0,4}") {
        prop_assert_eq!(domain_name(&name), domain_name(&format!("{}.", name.to_ascii_uppercase())));
    }
}
