//! Three neighbouring characters of a command, whatever is a word in it.

use super::{Kind, Sink};
use crate::placeholder;

/// Tells `sink` each three neighbouring characters of the text in lower case, white space and digits in a row as one
/// character, a placeholder as one of its class.
pub(super) fn visit(text: &str, folded: &mut String, sink: &mut impl Sink) {
    fold(text, folded);
    if folded.is_ascii() {
        return sink.trigrams(folded.as_bytes());
    }
    // Where this character, the one before, and the one before that begin.
    let (mut first, mut second, mut third) = (None, None, 0);
    let ends = folded.char_indices().map(|(at, _)| at).skip(1);
    for end in ends.chain([folded.len()]) {
        if let Some(first) = first {
            sink.take(Kind::Trigram, &folded.as_bytes()[first..end]);
        }
        (first, second, third) = (second, Some(third), end);
    }
}

/// Stands for what has to be looked at as a character: no byte of ASCII reads as this.
const UNTOLD: u8 = u8::MAX;

/// What a byte reads as.
const FOLDED: [u8; 256] = {
    let mut folded = [UNTOLD; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        folded[byte as usize] = match byte {
            b' ' | b'\t'..=b'\r' => b' ',
            b'0'..=b'9' => b'0',
            b'<' => UNTOLD,
            byte => byte.to_ascii_lowercase(),
        };
        byte += 1;
    }
    folded
};

/// Writes the text with a space at both ends, in lower case, with white space and digits in a row as one.
fn fold(text: &str, out: &mut String) {
    let bytes = text.as_bytes();
    let mut folded = std::mem::take(out).into_bytes();
    // Nothing gets longer. To grow by each byte takes longer than to read it.
    folded.clear();
    folded.resize(bytes.len() + 2, b' ');
    let (mut last, mut at, mut end) = (b' ', 0, 1);
    while let Some(&byte) = bytes.get(at) {
        let mut next = FOLDED[usize::from(byte)];
        let mut length = 1;
        if next == UNTOLD {
            match whole(&text[at..]) {
                // White space of other scripts is white space.
                Some((skipped, c)) if c.is_whitespace() => (next, length) = (b' ', skipped),
                Some((skipped, c)) => {
                    end += c.encode_utf8(&mut folded[end..]).len();
                    last = byte;
                    at += skipped;
                    continue;
                }
                None => next = byte,
            }
        }
        at += length;
        if next != last || !matches!(next, b' ' | b'0') {
            folded[end] = next;
            end += 1;
            last = next;
        }
    }
    if last != b' ' {
        folded[end] = b' ';
        end += 1;
    }
    folded.truncate(end);
    *out = String::from_utf8(folded).expect("whole characters of a text");
}

/// What the text begins with that is no character of ASCII: its length, and what stands for it.
fn whole(text: &str) -> Option<(usize, char)> {
    match text.chars().next() {
        Some('<') => sign(text),
        first => first.map(|c| (c.len_utf8(), c)),
    }
}

/// Length and sign of the placeholder that the text begins with. Signs are code points for private use: no text can be
/// mistaken for them by chance.
fn sign(text: &str) -> Option<(usize, char)> {
    let (length, class) = placeholder::at(text)?;
    Some((length, char::from_u32(0xe000 + class as u32)?))
}
