//! Text from inside a container, made fit for keys and for people's terminals.

mod arguments;

use sha2::{Digest, Sha256};

pub use arguments::arguments;

/// Longest path that is kept whole, in bytes. Linux allows 4096; a baseline holds many.
pub const MAX_PATH: usize = 512;
/// Longest name that is kept whole, in bytes: `NAME_MAX` of Linux.
pub const MAX_NAME: usize = 255;
/// Longest piece of foreign text in a sentence, in characters.
const MAX_SHOWN: usize = 160;
/// Bytes that the mark of a shortened text takes: `…#` and 32 hexadecimal digits.
const MARK: usize = '…'.len_utf8() + 1 + 32;

/// The text itself, where it has at most `limit` bytes; else its beginning, `…#` and 128 bits of the SHA-256 of the
/// whole, so that texts that differ anywhere still differ. Shortening twice changes nothing more.
pub fn bounded(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let hash = hex::encode(&Sha256::digest(text.as_bytes())[..16]);
    let mut end = limit.saturating_sub(MARK);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…#{hash}", &text[..end])
}

/// As [`bounded`], for a command line: its beginning and its end stay, and the mark stands for what is between. What
/// does harm is seldom in the middle of what a person types, and whoever puts it there leaves the mark.
pub fn bounded_line(line: String, limit: usize) -> String {
    if line.len() <= limit {
        return line;
    }
    let hash = hex::encode(&Sha256::digest(line.as_bytes())[..16]);
    let room = limit.saturating_sub(MARK + 1);
    let mut head = room - room / 3;
    while !line.is_char_boundary(head) {
        head -= 1;
    }
    let mut tail = line.len() - room / 3;
    while !line.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{}…#{hash} {}", &line[..head], &line[tail..])
}

/// Bytes of a text in JSON: a control character takes six, a quote or backslash two.
pub(crate) fn json_len(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            0..=0x1f => 6,
            b'"' | b'\\' => 2,
            _ => 1,
        })
        .sum()
}

/// The text as a sentence may show it: control characters, line separators and characters that reorder or hide text
/// are written as `\u{…}`, and a long text is cut in its middle. An empty one reads `(nothing)`.
pub fn shown(text: &str) -> String {
    if text.is_empty() {
        return "(nothing)".to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= MAX_SHOWN {
        return characters.iter().map(|character| escape(*character)).collect();
    }
    let half = MAX_SHOWN / 2;
    let head = characters[..half].iter().map(|character| escape(*character));
    let tail = characters[characters.len() - half..]
        .iter()
        .map(|character| escape(*character));
    head.chain(std::iter::once("…".to_owned())).chain(tail).collect()
}

/// A command line as one line that a terminal, an object and a person take: arguments with spaces between them, in quotes
/// where a shell would want them, and escaped as [`shown`] does. Different command lines read differently.
pub fn command_line(argv: &[String]) -> String {
    let mut line = String::with_capacity(argv.iter().map(|argument| argument.len() + 3).sum());
    for (index, argument) in argv.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        let plain = |c: char| {
            c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | ',' | '+' | '@' | '%' | '<' | '>')
        };
        if !argument.is_empty() && argument.chars().all(plain) {
            line.push_str(argument);
            continue;
        }
        line.push('\'');
        for character in argument.chars() {
            match character {
                '\'' => line.push_str("'\\''"),
                '\\' => line.push_str("\\\\"),
                character if is_plain(character) => line.push(character),
                character => line.extend(character.escape_unicode()),
            }
        }
        line.push('\'');
    }
    line
}

fn escape(character: char) -> String {
    if is_plain(character) {
        character.to_string()
    } else {
        character.escape_unicode().to_string()
    }
}

/// Whether a character neither controls a terminal nor hides or reorders text.
pub fn is_plain(character: char) -> bool {
    let hides = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !(character.is_control() || hides)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_and_reordering_characters_are_escaped() {
        assert_eq!(shown("/tmp/\u{1b}[31m\n"), "/tmp/\\u{1b}[31m\\u{a}");
        assert_eq!(shown("/tmp/\u{202e}hs.x"), "/tmp/\\u{202e}hs.x");
        assert_eq!(shown("/usr/bin/größe"), "/usr/bin/größe");
        assert_eq!(shown(""), "(nothing)");
    }

    #[test]
    fn long_texts_that_differ_at_their_end_still_differ() {
        let long = |end: &str| bounded(format!("/{}{end}", "ä".repeat(3_000)), MAX_PATH);
        assert_ne!(long("a"), long("b"));
        assert!(long("a").len() <= MAX_PATH);
    }

    #[test]
    fn a_command_line_reads_as_one_types_it() {
        let line = |argv: &[&str]| command_line(&argv.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["sleep", "<num:2>"]), "sleep <num:2>");
        assert_eq!(line(&["sh", "-c", "echo it's; id"]), "sh -c 'echo it'\\''s; id'");
        assert_eq!(
            line(&["x", "", "\u{1b}[2J\n\u{202e}"]),
            "x '' '\\u{1b}[2J\\u{a}\\u{202e}'"
        );
    }

    proptest! {
        #[test]
        fn different_command_lines_read_differently(
            a in prop::collection::vec("[ab '\\\\\n\u{1b}u{}]{0,4}", 0..4),
            b in prop::collection::vec("[ab '\\\\\n\u{1b}u{}]{0,4}", 0..4),
        ) {
            prop_assert_eq!(command_line(&a) == command_line(&b), a == b);
            prop_assert!(command_line(&a).chars().all(is_plain));
        }

        #[test]
        fn shortening_is_bounded_and_idempotent(text in ".{0,3000}", limit in 40_usize..2_000) {
            let once = bounded(text.clone(), limit);
            prop_assert!(once.len() <= limit);
            prop_assert_eq!(bounded(once.clone(), limit), once);
            let line = bounded_line(text, limit);
            prop_assert!(line.len() <= limit);
            prop_assert_eq!(bounded_line(line.clone(), limit), line);
        }

        #[test]
        fn what_is_shown_is_short_and_harmless(text in any::<String>()) {
            let text = shown(&text);
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert!(text.chars().count() <= (MAX_SHOWN + 1) * 10);
        }
    }
}
