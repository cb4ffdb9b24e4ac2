//! What stands for a piece of text that was taken out: `<class:n>`, where n is the base-2 logarithm of its length.

/// What a piece of text was, as far as its shape tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// A secret, by its name or shape.
    Secret,
    /// High entropy in the alphabet of base64: a secret, or an encoded payload.
    Base64,
    /// High entropy in letters and digits.
    Token,
    /// Hexadecimal digits.
    Hex,
    /// A UUID.
    Uuid,
    /// A date or a time of day.
    Date,
    /// A decimal number of two digits or more.
    Number,
    /// A process id in a path below `/proc`.
    Pid,
    /// A version: numbers with dots between them.
    Version,
    /// The random part of a temporary name.
    Temporary,
    /// An IPv4 address of this host.
    Ip4Loopback,
    /// An IPv4 address of a private network.
    Ip4Private,
    /// An IPv4 address that is only good on its link, as those of metadata services are.
    Ip4Link,
    /// Any other IPv4 address.
    Ip4Public,
    /// An IPv6 address.
    Ip6,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 15] = [
        Self::Secret,
        Self::Base64,
        Self::Token,
        Self::Hex,
        Self::Uuid,
        Self::Date,
        Self::Number,
        Self::Pid,
        Self::Version,
        Self::Temporary,
        Self::Ip4Loopback,
        Self::Ip4Private,
        Self::Ip4Link,
        Self::Ip4Public,
        Self::Ip6,
    ];

    /// Its name inside a placeholder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Base64 => "base64",
            Self::Token => "token",
            Self::Hex => "hex",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Number => "num",
            Self::Pid => "pid",
            Self::Version => "version",
            Self::Temporary => "temp",
            Self::Ip4Loopback => "ip4-loopback",
            Self::Ip4Private => "ip4-private",
            Self::Ip4Link => "ip4-link",
            Self::Ip4Public => "ip4-public",
            Self::Ip6 => "ip6",
        }
    }

    /// The class of a name.
    fn of_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"secret" => Self::Secret,
            b"base64" => Self::Base64,
            b"token" => Self::Token,
            b"hex" => Self::Hex,
            b"uuid" => Self::Uuid,
            b"date" => Self::Date,
            b"num" => Self::Number,
            b"pid" => Self::Pid,
            b"version" => Self::Version,
            b"temp" => Self::Temporary,
            b"ip4-loopback" => Self::Ip4Loopback,
            b"ip4-private" => Self::Ip4Private,
            b"ip4-link" => Self::Ip4Link,
            b"ip4-public" => Self::Ip4Public,
            b"ip6" => Self::Ip6,
            _ => return None,
        })
    }
}

/// Writes the placeholder of `text`. Only the magnitude of its length is kept, so that a secret's length stays vague
/// while a long payload still differs from a short argument.
pub(crate) fn put(out: &mut String, class: Class, text: &str) {
    let length = text.chars().count().max(1).ilog2();
    out.push('<');
    out.push_str(class.name());
    out.push(':');
    // At most 63. The formatter takes as long as all the rest.
    for digit in [length / 10, length % 10].into_iter().skip(usize::from(length < 10)) {
        out.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
    out.push('>');
}

/// The length in bytes of the placeholder that `text` begins with, if it does.
#[inline]
pub(crate) fn length_at(text: &str) -> Option<usize> {
    at(text).map(|(length, _)| length)
}

/// The length in bytes of the placeholder that `text` begins with, and its class, if it does.
#[inline]
pub(crate) fn at(text: &str) -> Option<(usize, Class)> {
    // Asked at most places of a text, and hardly one of them is this.
    if text.as_bytes().first() == Some(&b'<') {
        read(&text.as_bytes()[1..])
    } else {
        None
    }
}

/// What follows the first sign of a placeholder.
fn read(rest: &[u8]) -> Option<(usize, Class)> {
    let colon = rest.iter().take(13).position(|byte| *byte == b':')?;
    let class = Class::of_name(&rest[..colon])?;
    let digits = rest[colon + 1..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let end = colon + 1 + digits;
    ((1..=2).contains(&digits) && rest.get(end) == Some(&b'>')).then_some((end + 2, class))
}

/// Whether the text is one placeholder and nothing else.
pub(crate) fn is_whole(text: &str) -> bool {
    length_at(text) == Some(text.len())
}

/// What a text consists of, as far as rewriting it matters.
pub(crate) enum Piece<'a> {
    /// A placeholder that is there already.
    Placeholder(&'a str),
    /// Bytes that belong together.
    Run(&'a str),
    /// A character that belongs to nothing.
    Other(char),
}

/// Cuts the next piece off a text: placeholders stay whole, and bytes for which `belongs` holds (ASCII alone) make runs.
pub(crate) fn next_piece<'a>(rest: &mut &'a str, belongs: impl Fn(u8) -> bool) -> Option<Piece<'a>> {
    let first = rest.chars().next()?;
    let length = if first == '<' { length_at(rest) } else { None };
    let end = length.unwrap_or_else(|| rest.bytes().take_while(|byte| belongs(*byte)).count());
    let (piece, after) = rest.split_at(if end == 0 { first.len_utf8() } else { end });
    *rest = after;
    Some(if length.is_some() {
        Piece::Placeholder(piece)
    } else if end > 0 {
        Piece::Run(piece)
    } else {
        Piece::Other(first)
    })
}

/// A text in which pieces become placeholders, one behind the other. One that stays as it is costs nothing.
pub(crate) struct Rewritten<'a> {
    text: &'a str,
    /// As far as the text was taken over.
    done: usize,
    out: String,
}

impl<'a> Rewritten<'a> {
    /// Of a text that nothing was found in yet.
    pub(crate) const fn of(text: &'a str) -> Self {
        Self {
            text,
            done: 0,
            out: String::new(),
        }
    }

    /// Puts a placeholder where `piece` stands: it begins `at` there.
    pub(crate) fn put(&mut self, at: usize, class: Class, piece: &str) {
        self.out.push_str(&self.text[self.done..at]);
        put(&mut self.out, class, piece);
        self.done = at + piece.len();
    }

    /// Adds what has to stand behind the last placeholder, and did not.
    pub(crate) fn add(&mut self, sign: Option<char>) {
        self.out.extend(sign);
    }

    /// The text with its placeholders; `None` where it is as it was.
    pub(crate) fn changed(mut self) -> Option<String> {
        if self.out.is_empty() {
            return None;
        }
        self.out.push_str(&self.text[self.done..]);
        (self.out != self.text).then_some(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found_by_its_class_and_length() {
        for class in Class::ALL {
            let mut text = String::new();
            put(&mut text, class, "0123456789abcdef");
            assert_eq!(at(&format!("{text}:9>")), Some((text.len(), class)), "{text}");
        }
        for text in [
            "",
            "<",
            "<num",
            "<num:",
            "<num:>",
            "<num:123>",
            "<NUM:1>",
            "<number:1>",
            "<ip4-loopbacks:1>",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
