//! Domain names in a message: labels and pointers to where a name goes on (RFC 1035, section 4.1.4).

use std::fmt::Write as _;

/// Longest name in a message, lengths of labels and the root included (RFC 1035, section 2.3.4).
const MAX_WIRE: usize = 255;
/// Longest text that is kept: what a name of hosts takes at most, those that are all escapes do not fit.
const MAX_TEXT: usize = 253;

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the name goes on behind the end of the message")]
    Short,
    #[error("the name is longer than 255 bytes")]
    Long,
    #[error("the name points at itself or further on")]
    Loop,
    #[error("the name has a label of an unknown kind")]
    Label,
}

/// Reads the name at `start`; returns it as text and where what follows it begins.
///
/// Lower-case, without the dot at the end. Bytes that host names do not have become `\DDD`, so that two names are
/// equal only where their bytes are, but for case.
pub(super) fn read(message: &[u8], start: usize) -> Result<(String, usize), NameError> {
    let mut text = String::new();
    let mut wire = 1;
    let mut at = start;
    // A pointer leads to before the piece that it ends: so does the next, and there is no loop.
    let mut piece = start;
    let mut behind = None;
    loop {
        let length = *message.get(at).ok_or(NameError::Short)?;
        match length {
            0 => return Ok((text, behind.unwrap_or(at + 1))),
            1..=63 => {
                let label = message
                    .get(at + 1..at + 1 + usize::from(length))
                    .ok_or(NameError::Short)?;
                wire += 1 + label.len();
                push(&mut text, label);
                if wire > MAX_WIRE || text.len() > MAX_TEXT {
                    return Err(NameError::Long);
                }
                at += 1 + label.len();
            }
            0xc0.. => {
                let low = *message.get(at + 1).ok_or(NameError::Short)?;
                let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                if target >= piece {
                    return Err(NameError::Loop);
                }
                behind = behind.or(Some(at + 2));
                at = target;
                piece = target;
            }
            64..=0xbf => return Err(NameError::Label),
        }
    }
}

fn push(text: &mut String, label: &[u8]) {
    if !text.is_empty() {
        text.push('.');
    }
    for byte in label {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => text.push(char::from(*byte)),
            b'A'..=b'Z' => text.push(char::from(byte.to_ascii_lowercase())),
            // Writing to a string cannot fail.
            byte => drop(write!(text, "\\{byte:03}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_and_goes_on_where_it_points() {
        let message = b"\x03Foo\x03COM\0\x03www\xc0\x00!";
        assert_eq!(read(message, 0), Ok(("foo.com".to_owned(), 9)));
        assert_eq!(read(message, 9), Ok(("www.foo.com".to_owned(), 15)));
        assert_eq!(read(b"\0", 0), Ok((String::new(), 1)));
    }

    #[test]
    fn bytes_that_hosts_do_not_have_are_escaped_and_stay_apart() {
        assert_eq!(read(b"\x03a.b\0", 0), Ok(("a\\046b".to_owned(), 5)));
        assert_eq!(read(b"\x02\x1b\xff\0", 0), Ok(("\\027\\255".to_owned(), 4)));
    }

    #[test]
    fn pointers_at_themselves_onwards_and_in_circles_are_refused() {
        assert_eq!(read(b"\xc0\x00", 0), Err(NameError::Loop));
        assert_eq!(read(b"\xc0\x02\0", 0), Err(NameError::Loop));
        assert_eq!(read(b"\x01a\xc0\x00", 0), Err(NameError::Loop));
        assert_eq!(read(b"\xc0\x02\xc0\x00", 2), Err(NameError::Loop));
        assert_eq!(read(b"\x01a\x01b\xc0\x00", 2), Err(NameError::Loop));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        assert_eq!(read(b"", 0), Err(NameError::Short));
        assert_eq!(read(b"\x05ab", 0), Err(NameError::Short));
        assert_eq!(read(b"\x02ab", 0), Err(NameError::Short));
        assert_eq!(read(b"\xc0", 0), Err(NameError::Short));
        assert_eq!(read(b"\x40", 0), Err(NameError::Label));
        let mut long = [b"\x3f".as_slice(), &[b'a'; 63]].concat().repeat(4);
        long.push(0);
        assert_eq!(read(&long, 0), Err(NameError::Long));
        assert_eq!(
            read(&[&[63_u8][..], &[0xff; 63], &[63], &[0xff; 63], &[0]].concat(), 0),
            Err(NameError::Long)
        );
    }
}
