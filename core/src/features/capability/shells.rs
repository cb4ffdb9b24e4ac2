//! What is told from words and their order: shells, and addresses.

use std::net::Ipv4Addr;

use super::{Kind, Sink};

const RUNS_SHELL: &str = "runs a shell";
const PIPES_TO_SHELL: &str = "pipes into a shell";
const INTERACTIVE: &str = "runs an interactive shell";
const ENDS_IN_SHELL: &str = "ends in a shell";
/// Also told by patterns.
pub(super) const ADDRESS: &str = "names an address";

/// Tells `sink` what the words of a text in lower case tell.
pub(super) fn visit(text: &str, sink: &mut impl Sink) {
    if !(may_name_shell(text) || may_name_address(text)) {
        return;
    }
    let mut told = Told::default();
    let mut rest = text;
    while !rest.is_empty() {
        let length = word(rest);
        let (word, behind) = rest.split_at(length);
        let mark = behind.chars().next().map_or(0, char::len_utf8);
        let (mark, behind) = behind.split_at(mark);
        told.take(word);
        told.take(mark);
        rest = behind;
    }
    let Told {
        runs,
        pipes,
        is_interactive,
        ends,
        address,
        ..
    } = told;
    for (is_told, name) in [
        (runs, RUNS_SHELL),
        (pipes, PIPES_TO_SHELL),
        (is_interactive, INTERACTIVE),
        (ends, ENDS_IN_SHELL),
        // Addresses of text that is a program are not templated.
        (address, ADDRESS),
    ] {
        if is_told {
            sink.take(Kind::Capability, name.as_bytes());
        }
    }
}

/// Every shell's name ends a word, and in these two letters.
fn may_name_shell(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((_, behind)) = bytes.split_first() else {
        return false;
    };
    // All pairs, without an early end: the processor compares several at a time.
    let pairs = bytes.iter().zip(behind);
    if pairs.filter(|pair| matches!(pair, (b's', b'h'))).count() == 0 {
        return false;
    }
    let ends = |at: usize| bytes.get(at).is_none_or(|byte| !is_word_byte(*byte));
    let mut pairs = bytes.windows(2).enumerate();
    pairs.any(|(at, pair)| pair == b"sh" && ends(at + 2))
}

fn may_name_address(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() >= 3
}

const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Length of the word that a text begins with, 0 if it begins with a mark.
fn word(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0;
    while let Some(byte) = bytes.get(end) {
        if is_word_byte(*byte) {
            end += 1;
            continue;
        }
        match text[end..].chars().next() {
            Some(c) if c.is_alphanumeric() => end += c.len_utf8(),
            Some(_) | None => break,
        }
    }
    end
}

/// What the words so far told.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is told by itself")]
struct Told<'a> {
    runs: bool,
    pipes: bool,
    is_interactive: bool,
    /// A shell was named that is not the first word, and since then nothing but what closes something.
    ends: bool,
    address: bool,
    /// The last word that says more than where a program is.
    before: Option<&'a str>,
    /// Whether any word came, and whether the last one was a shell.
    began: bool,
    after_shell: bool,
}

impl<'a> Told<'a> {
    fn take(&mut self, word: &'a str) {
        if word == "/" || word.trim().is_empty() {
            return;
        }
        let is_shell = matches!(word, "sh" | "bash" | "zsh" | "dash" | "ash" | "ksh" | "csh");
        self.is_interactive |= self.after_shell && matches!(word, "-i" | "-p" | "-li" | "-il" | "-l");
        self.after_shell = is_shell;
        if is_shell {
            self.runs = true;
            self.pipes |= self.before == Some("|");
            self.ends = self.began;
        } else {
            self.ends &= matches!(word, "'" | "\"" | ";" | ")" | "`");
        }
        if !matches!(word, "bin" | "usr" | "env" | "local") {
            self.before = Some(word);
        }
        self.began = true;
        self.address |= word.as_bytes()[0].is_ascii_digit() && word.parse::<Ipv4Addr>().is_ok();
    }
}
