//! Bytes of the kernel → text that the API server and a terminal take.

use anchorwatch_core::redact::redact_path;
use anchorwatch_core::text::{MAX_NAME, MAX_PATH, bounded};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What stands for a path of which nothing is known.
pub const UNKNOWN: &str = "?";

/// Stands before a path whose beginning was too long for the kernel program.
const CUT_HEAD: &str = "…/";

/// A path as text without secrets that are announced in it; never empty and never longer than [`MAX_PATH`].
pub fn path(bytes: &[u8], head_is_cut: bool) -> String {
    if bytes.is_empty() {
        return UNKNOWN.to_owned();
    }
    let head = if head_is_cut { CUT_HEAD } else { "" };
    let text = plain(bytes)
        .filter(|_| !head_is_cut)
        .map_or_else(|| escaped(head, bytes).into(), Cow::Borrowed);
    bounded(redact_path(&text).into_owned(), MAX_PATH)
}

/// Bytes that read as text as they are: most paths.
fn plain(bytes: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\';
    str::from_utf8(bytes).ok().filter(|_| bytes.iter().all(is_plain))
}

/// A file's name as text, redacted as a path is; never longer than [`MAX_NAME`].
pub fn name(bytes: &[u8]) -> String {
    bounded(redact_path(&escaped("", bytes)).into_owned(), MAX_NAME)
}

/// What follows the last slash.
pub fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Different bytes give different text: what is escaped can't be written otherwise.
fn escaped(head: &str, bytes: &[u8]) -> String {
    let mut text = String::with_capacity(head.len() + bytes.len());
    text.push_str(head);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '\\' {
                text.push_str("\\\\");
            } else if character.is_control() {
                escape(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(character);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(text, "\\x{byte:02x}").expect("a String takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_ordinary_path_is_unchanged() {
        assert_eq!(path("/usr/bin/käse".as_bytes(), false), "/usr/bin/käse");
        assert_eq!(path(b"bin/bash", true), "…/bin/bash");
        assert_eq!(path(b"", false), "?");
    }

    #[test]
    fn odd_bytes_are_escaped() {
        assert_eq!(path(b"/a\xff\x1b[0m\\x", false), "/a\\xff\\x1b[0m\\\\x");
    }

    #[test]
    fn a_base_name_follows_the_last_slash() {
        assert_eq!(base_name(b"/bin/sh"), b"sh");
        assert_eq!(base_name(b"sh"), b"sh");
        assert_eq!(base_name(b"/bin/"), b"");
    }

    #[test]
    fn a_secret_in_a_path_stays_on_the_node() {
        assert_eq!(path(b"/run/token=correcthorse/x", false), "/run/token=<secret:3>/x");
        assert_eq!(name(b"x://me:correcthorse@h"), "x://<secret:3>@h");
        assert_eq!(path(b"/run/password=ab\xffcdef", false), "/run/password=<secret:3>");
    }

    proptest! {
        #[test]
        fn different_bytes_give_different_text(
            a in prop::collection::vec(prop::sample::select(b"\\x0f\xff\x0f/~a".to_vec()), 0..12),
            b in prop::collection::vec(prop::sample::select(b"\\x0f\xff\x0f/~a".to_vec()), 0..12),
        ) {
            prop_assert_eq!(name(&a) == name(&b), a == b);
        }

        #[test]
        fn any_path_is_bounded_and_printable(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
            let text = path(&bytes, false);
            prop_assert!(!text.is_empty() && text.len() <= MAX_PATH);
            prop_assert!(!text.chars().any(char::is_control));
        }

        #[test]
        fn long_names_that_differ_at_their_end_stay_different(a in any::<u8>(), b in any::<u8>()) {
            let long = |end: u8| { let mut bytes = vec![b'a'; 600]; bytes.push(end); bytes };
            prop_assert_eq!(name(&long(a)) == name(&long(b)), a == b);
        }
    }
}
