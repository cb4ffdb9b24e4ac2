//! What was made of a command line stays what it was: baselines and calibrations hold it. Whoever makes redaction,
//! templates or features faster must not change them; whoever changes them on purpose writes the new digest here.

use anchorwatch_core::{
    features::{Command, Features},
    normalise, redact,
};
use sha2::{Digest, Sha256};

const CORPORA: [&str; 5] = [
    include_str!("../corpus/benign.txt"),
    include_str!("../corpus/execs.txt"),
    include_str!("../corpus/malicious.txt"),
    include_str!("../corpus/payloads.txt"),
    include_str!("../corpus/secrets.txt"),
];

/// What the code looks for, to be put together at random.
const PIECES: [&str; 96] = [
    "password",
    "--token",
    "TOKEN",
    "API_KEY",
    "--password=",
    "secret",
    "pass:",
    "key",
    "=",
    ":",
    "\"",
    "'",
    "\\",
    "%3D",
    "%22",
    " ",
    " ",
    " ",
    "\n",
    ";",
    "|",
    "&",
    "(",
    ")",
    "{",
    "[",
    "]",
    "}",
    ",",
    "://",
    "@",
    "-p",
    "-u",
    "-e",
    "-c",
    "--eval",
    "-H",
    "mysql",
    "curl",
    "sh",
    "bash",
    "python3",
    "docker",
    "env",
    "/dev/tcp/",
    "echo ",
    "<<<",
    "chpasswd",
    "sudo -S",
    "-----BEGIN PRIVATE KEY-----",
    "-----END",
    "Cookie:",
    "Bearer ",
    "Authorization: ",
    "set ",
    "eval",
    "IDENTIFIED BY ",
    "assword:",
    "send ",
    "<secret:3>",
    "<num:2>",
    "<",
    ">",
    "pа",
    "\u{200b}",
    "größe",
    "日本",
    "1.2.3.4",
    "127.0.0.1",
    "::1",
    "fe80::1",
    "2026-01-01",
    "10:00",
    "v1.2.3",
    "x",
    "worker12345",
    "4711",
    "0xdeadbeef",
    "deadbeef01",
    "123e4567-e89b-12d3-a456-426614174000",
    "AKIAABCDEFGHIJKLMNOP",
    "q8Zr4Kp2Xw9Lm5Tn7Vb3",
    "ghp_",
    "SK",
    "\\x41",
    "\\u0041",
    "$HOME",
    "`id`",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/tmp/tmp.aB3dE5fG",
    "/proc/4711/fd",
    "/",
    "..",
    "~",
    "-",
    "a=b",
];

/// A number after the other (splitmix64): the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % limit as u64).expect("below an index")
    }

    fn text(&mut self) -> String {
        (0..self.below(10)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }
}

fn written() -> impl Iterator<Item = Vec<String>> {
    // Headings came later, and are no commands.
    let lines = CORPORA.into_iter().flat_map(str::lines);
    let lines = lines.filter(|line| !line.starts_with("## "));
    let lines = lines.map(|line| line.replace(['⟦', '⟧', '·'], ""));
    lines.flat_map(|line| {
        let split: Vec<String> = line.split(" ¦ ").map(str::to_owned).collect();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        [split, words, ["bash", "-c", &line].map(str::to_owned).to_vec()]
    })
}

fn made_up() -> impl Iterator<Item = Vec<String>> {
    let mut numbers = Numbers(1);
    std::iter::repeat_with(move || (0..=numbers.below(5)).map(|_| numbers.text()).collect()).take(4_000)
}

/// A digest of all that is made of command lines.
fn digest(command_lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut digest = Sha256::new();
    for argv in command_lines {
        let templates = normalise::command_line(argv.clone());
        let features = Features::of(&Command {
            executable: templates.first().map_or("", String::as_str),
            parent: "/usr/bin/python3",
            argv: &templates,
        });
        let joined = argv.join(" ");
        let texts = templates
            .into_iter()
            .chain([
                redact::redact(&joined),
                normalise::path(&joined),
                redact::redact_path(&joined).into_owned(),
            ])
            .chain(redact::redact_argv(argv.clone()))
            .chain(normalise::template_argv(argv));
        for text in texts {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
        for feature in features.all() {
            digest.update(feature.bits().to_le_bytes());
        }
    }
    hex::encode(digest.finalize())
}

#[test]
fn what_people_write_is_redacted_templated_and_taken_apart_as_ever() {
    assert_eq!(
        digest(written()),
        "2d4750578e108765f4c4e74eb7c332b488341200b638c7292ca96ac3714c583f"
    );
}

#[test]
fn what_nobody_writes_is_redacted_templated_and_taken_apart_as_ever() {
    assert_eq!(
        digest(made_up()),
        "9156367c0620f614afa0073cda76bfbeac13e19e39d5b2641ce5c6ef95676e9b"
    );
}
