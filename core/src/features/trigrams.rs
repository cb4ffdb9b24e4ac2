//! Three neighbouring characters of a command, whatever is a word in it.

use super::Kind;
use crate::placeholder;

/// Calls `sink` with each three neighbouring characters of the text in lower case, white space and digits in a row as one
/// character, a placeholder as one of its class.
pub(super) fn visit(text: &str, folded: &mut String, sink: &mut impl FnMut(Kind, &[u8])) {
    fold(text, folded);
    if folded.is_ascii() {
        return folded
            .as_bytes()
            .windows(3)
            .for_each(|three| sink(Kind::Trigram, three));
    }
    // Where this character, the one before, and the one before that begin.
    let (mut first, mut second, mut third) = (None, None, 0);
    let ends = folded.char_indices().map(|(at, _)| at).skip(1);
    for end in ends.chain([folded.len()]) {
        if let Some(first) = first {
            sink(Kind::Trigram, &folded.as_bytes()[first..end]);
        }
        (first, second, third) = (second, Some(third), end);
    }
}

/// What a byte of ASCII reads as.
const FOLDED: [u8; 128] = {
    let mut folded = [0; 128];
    let mut byte: u8 = 0;
    while byte < 128 {
        folded[byte as usize] = match byte {
            b' ' | b'\t'..=b'\r' => b' ',
            b'0'..=b'9' => b'0',
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
    folded.clear();
    folded.push(b' ');
    let (mut last, mut at) = (b' ', 0);
    while let Some(&byte) = bytes.get(at) {
        let whole = if byte == b'<' || !byte.is_ascii() {
            whole(&text[at..])
        } else {
            None
        };
        if let Some((length, c)) = whole.filter(|(_, c)| !c.is_whitespace()) {
            folded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            last = byte;
            at += length;
            continue;
        }
        at += whole.map_or(1, |(length, _)| length);
        // White space of other scripts is white space.
        let next = FOLDED.get(usize::from(byte)).copied().unwrap_or(b' ');
        if next != last || !matches!(next, b' ' | b'0') {
            folded.push(next);
            last = next;
        }
    }
    if last != b' ' {
        folded.push(b' ');
    }
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
