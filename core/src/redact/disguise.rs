//! Words as whoever reads them at last reads them: quotes inside a word, escapes, per cent signs and letters that only
//! look like others hide a name from a search, not from a shell, a server or a person.

use std::borrow::Cow;

/// The word without its disguise; `None` where it wears none.
pub(super) fn undisguised(word: &str) -> Option<String> {
    if !word
        .bytes()
        .any(|byte| matches!(byte, b'%' | b'\\' | b'"' | b'\'') || !byte.is_ascii())
    {
        return None;
    }
    let mut plain = Cow::Borrowed(word);
    for step in [decoded, unescaped, unquoted, folded] {
        if let Some(next) = step(&plain) {
            plain = Cow::Owned(next);
        }
    }
    match plain {
        Cow::Owned(plain) if plain != word => Some(plain),
        Cow::Owned(_) | Cow::Borrowed(_) => None,
    }
}

/// Per cent signs of URLs. What is no UTF-8 then stays as it is.
fn decoded(word: &str) -> Option<String> {
    replaced(word, '%', |behind| {
        let digits = behind.get(..2)?;
        Some((u8::from_str_radix(digits, 16).ok()?, 2))
    })
}

/// `\x41`, as shells, C, Python and JavaScript have it; `\u0041`, as JSON has it, for ASCII.
fn unescaped(word: &str) -> Option<String> {
    replaced(word, '\\', |behind| {
        let (skipped, digits) = match behind.as_bytes().first()? {
            b'x' => (1, behind.get(1..3)?),
            b'u' => (3, behind.strip_prefix("u00")?.get(..2)?),
            _ => return None,
        };
        Some((u8::from_str_radix(digits, 16).ok()?, skipped + 2))
    })
}

/// Replaces what `read` makes of the text behind each `mark`: a byte, and how many bytes it took.
fn replaced(word: &str, mark: char, read: impl Fn(&str) -> Option<(u8, usize)>) -> Option<String> {
    word.find(mark)?;
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find(mark) {
        let (before, behind) = (&rest[..at], &rest[at + 1..]);
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = read(behind).unwrap_or((mark as u8, 0));
        bytes.push(byte);
        rest = &behind[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// Without quotes, and backslashes before letters, that stand between letters (`pass"wor"d`, `pa\ssword`): a shell takes
/// them away.
fn unquoted(word: &str) -> Option<String> {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let is_quote = |c: char| matches!(c, '"' | '\'' | '\\');
    if !word.contains(is_quote) {
        return None;
    }
    let mut plain = String::with_capacity(word.len());
    let mut characters = word.chars().peekable();
    let mut inside = false;
    while let Some(c) = characters.next() {
        let next = characters.peek().copied();
        let joins = is_letter(plain.chars().next_back()) && (is_letter(next) || next.is_some_and(is_quote));
        if is_quote(c) && (joins || inside) {
            // A quote that opened inside a word is closed, too; `''` between letters is nothing at all.
            inside = c != '\\' && !inside;
        } else {
            plain.push(c);
        }
    }
    Some(plain)
}

/// Letters of other scripts that look like Latin ones as those, and what cannot be seen not at all.
fn folded(word: &str) -> Option<String> {
    if word.is_ascii() {
        return None;
    }
    Some(word.chars().filter_map(look_alike).collect())
}

/// From Unicode's confusables (UTS 39): the lower-case letters and signs that names of secrets are made of.
fn look_alike(c: char) -> Option<char> {
    let offset = |from: char, to: char| {
        let at = c as u32 - from as u32;
        char::from_u32(to as u32 + at).unwrap_or(c)
    };
    Some(match c {
        // Soft hyphen, zero-width characters, marks of direction, variation selectors.
        '\u{ad}'
        | '\u{34f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => return None,
        '\u{ff01}'..='\u{ff5e}' => offset('\u{ff01}', '!'),
        // Mathematical letters: thirteen alphabets of 52 letters.
        '\u{1d400}'..='\u{1d6a3}' => {
            let at = (c as u32 - 0x1d400) % 52;
            let from = if at < 26 {
                u32::from(b'A') + at
            } else {
                u32::from(b'a') + at - 26
            };
            char::from_u32(from).unwrap_or(c)
        }
        'а' | 'α' | 'ɑ' | 'á' | 'à' | 'ä' | 'å' | 'ā' => 'a',
        'с' | 'ϲ' | 'ç' => 'c',
        'ԁ' | 'ɗ' => 'd',
        'е' | 'ё' | 'ε' | 'é' | 'è' | 'ê' | 'ë' => 'e',
        'һ' => 'h',
        'і' | 'ι' | 'ı' | 'í' | 'ì' | 'ï' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'ո' | 'ń' => 'n',
        'о' | 'ο' | 'ö' | 'ó' | 'ò' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' | 'ś' | 'ş' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' | 'ü' | 'ú' => 'u',
        'ѡ' | 'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' | 'ý' => 'y',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'С' => 'C',
        'Е' | 'Ε' => 'E',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Н' | 'Η' => 'H',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'Ѕ' => 'S',
        'Т' | 'Τ' => 'T',
        'Ԝ' => 'W',
        '‐'..='―' | '−' | '﹣' => '-',
        '“' | '”' | '„' => '"',
        '‘' | '’' | '‚' => '\'',
        '꞉' | '∶' => ':',
        '﹦' | '═' => '=',
        c => c,
    })
}
