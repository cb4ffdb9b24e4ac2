//! What bytes a text is made of, told in one pass: most words hold nothing that any closer look is for.

/// Sorts of bytes that a text holds, a bit each, and its letters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Signs(u64);

impl Signs {
    /// White space of ASCII. Beyond ASCII there is more: see [`Self::FOREIGN`].
    pub const SPACE: Self = Self(1);
    /// `"` and `'`.
    pub const QUOTE: Self = Self(1 << 1);
    /// `%` and `\\`.
    pub const ESCAPE: Self = Self(1 << 2);
    /// What is not ASCII.
    pub const FOREIGN: Self = Self(1 << 3);
    /// What may stand between a name and its value, or opens a tag: `=`, `:`, `<`.
    pub const JOINT: Self = Self(1 << 4 | Self::COLON.0);
    /// `:`.
    pub const COLON: Self = Self(1 << 7);
    /// `@`.
    pub const AT: Self = Self(1 << 5);
    /// What ends words outside quotes: `;`, `|`, `&`, `(`, `)`.
    pub const SEPARATOR: Self = Self(1 << 6);
    /// A digit of ASCII.
    pub const DIGIT: Self = Self(1 << 8);
    /// `-`.
    pub const HYPHEN: Self = Self(1 << 9);
    /// `/`.
    pub const SLASH: Self = Self(1 << 10);
    /// Where the letters of ASCII begin, a bit each, capitals as small ones.
    const LETTERS: u32 = 32;

    /// Of each byte.
    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut byte: u8 = 0;
        loop {
            table[byte as usize] = Self::sort(byte).0;
            let letter = byte.to_ascii_lowercase();
            if letter.is_ascii_lowercase() {
                table[byte as usize] |= 1 << (Self::LETTERS + (letter - b'a') as u32);
            }
            if byte == u8::MAX {
                break table;
            }
            byte += 1;
        }
    };

    const fn sort(byte: u8) -> Self {
        match byte {
            b' ' | b'\t'..=b'\r' => Self::SPACE,
            b'"' | b'\'' => Self::QUOTE,
            b'%' | b'\\' => Self::ESCAPE,
            b':' => Self::COLON,
            b'=' | b'<' => Self(Self::JOINT.0 & !Self::COLON.0),
            b'@' => Self::AT,
            b';' | b'|' | b'&' | b'(' | b')' => Self::SEPARATOR,
            b'0'..=b'9' => Self::DIGIT,
            b'-' => Self::HYPHEN,
            b'/' => Self::SLASH,
            0x80.. => Self::FOREIGN,
            _ => Self(0),
        }
    }

    /// Those of a text.
    pub fn of(text: &str) -> Self {
        Self(
            text.bytes()
                .fold(0, |signs, byte| signs | Self::TABLE[usize::from(byte)]),
        )
    }

    /// The letters of ASCII that it holds, capital or small, one bit each: `a` is the lowest.
    pub const fn letters(self) -> u32 {
        (self.0 >> Self::LETTERS) as u32
    }

    /// Either's.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of the others is among them.
    pub const fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether the text whose signs these are holds white space of any script.
    pub fn has_space(self, text: &str) -> bool {
        self.any(Self::SPACE) || (self.any(Self::FOREIGN) && text.contains(char::is_whitespace))
    }
}

/// A text without the bytes at its end for which `is_end` holds, which must be ASCII's alone.
pub(crate) fn trimmed_end(text: &str, is_end: impl Fn(&u8) -> bool) -> &str {
    let kept = text.bytes().rposition(|byte| !is_end(&byte));
    &text[..kept.map_or(0, |at| at + 1)]
}

/// What lies between the bytes of a text for which `is_joint` holds, which must be ASCII's alone.
pub(crate) fn pieces(text: &str, is_joint: impl Fn(u8) -> bool) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let joint = text.bytes().position(&is_joint);
        rest = joint.map(|joint| &text[joint + 1..]);
        Some(&text[..joint.unwrap_or(text.len())])
    })
}

/// What follows the last slash of a path with these signs: most words are too short for the standard library's search to pay.
pub(crate) fn base_name(path: &str, signs: Signs) -> &str {
    if !signs.any(Signs::SLASH) {
        return path;
    }
    let slash = path.bytes().rposition(|byte| byte == b'/');
    &path[slash.map_or(0, |slash| slash + 1)..]
}

/// Which lengths the words of a sorted table have, by their first byte: most words that are looked up are none of them, and
/// are told by that.
#[derive(Debug)]
pub(crate) struct Lengths([u32; 128]);

impl Lengths {
    /// Of words of ASCII, each of 1 to 31 bytes.
    pub const fn of(words: &[&str]) -> Self {
        let mut lengths = Self([0; 128]);
        let mut at = 0;
        while at < words.len() {
            let word = words[at].as_bytes();
            lengths.0[word[0] as usize] |= 1 << word.len();
            at += 1;
        }
        lengths
    }

    /// Whether a word that begins like this one may be one of them.
    pub fn may_begin(&self, word: &str) -> bool {
        let lengths = word.bytes().next().and_then(|first| self.0.get(usize::from(first)));
        lengths.is_some_and(|lengths| *lengths != 0)
    }

    /// Whether a word may be one of them.
    pub fn may_hold(&self, word: &str) -> bool {
        let lengths = word.bytes().next().and_then(|first| self.0.get(usize::from(first)));
        lengths.is_some_and(|lengths| word.len() < 32 && lengths & 1 << word.len() != 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn white_space_is_found_as_the_standard_library_finds_it(text in "[ a\t\u{b}\u{1c}\u{85}\u{a0}\u{2003}\u{200b}é]{0,3}") {
            prop_assert_eq!(Signs::of(&text).has_space(&text), text.contains(char::is_whitespace));
        }

        #[test]
        fn a_word_of_a_table_may_be_in_it(word in "[a-z]{1,31}", other in ".{0,40}") {
            let lengths = Lengths::of(&["seven", "x"]);
            prop_assert!(lengths.may_hold("seven") && lengths.may_hold("x"));
            prop_assert!(lengths.may_begin(&word) == word.starts_with(['s', 'x']));
            let alike = |word: &str| (word.starts_with('s') && word.len() == 5) || word == "x";
            prop_assert_eq!(lengths.may_hold(&word), alike(&word));
            prop_assert_eq!(lengths.may_hold(&other), alike(&other));
        }
    }
}
