//! From a command line as text back to its arguments.

/// The arguments of a line that [`super::command_line`] wrote. Of any other text, the words that a shell would take from
/// it, as far as that can be told: a quote that does not end ends with the text.
pub fn arguments(line: &str) -> Vec<String> {
    let mut reader = Reader {
        rest: line,
        quoted: false,
        argument: None,
        arguments: Vec::new(),
    };
    while let Some(character) = reader.next() {
        reader.take(character);
    }
    reader.arguments.extend(reader.argument);
    reader.arguments
}

struct Reader<'a> {
    rest: &'a str,
    quoted: bool,
    /// The one that is being read; empty quotes are one, too.
    argument: Option<String>,
    arguments: Vec<String>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    fn take(&mut self, character: char) {
        match character {
            ' ' if !self.quoted => self.arguments.extend(self.argument.take()),
            '\'' => {
                self.quoted = !self.quoted;
                self.argument.get_or_insert_default();
            }
            '\\' => {
                let escaped = self.escaped();
                self.argument.get_or_insert_default().push(escaped);
            }
            plain => self.argument.get_or_insert_default().push(plain),
        }
    }

    /// What stands behind a backslash: `u{…}` is a character by its number, and everything else is itself.
    fn escaped(&mut self) -> char {
        let number = self.rest.strip_prefix("u{").and_then(|rest| rest.split_once('}'));
        let character =
            number.and_then(|(digits, rest)| Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, rest)));
        match character {
            Some((character, rest)) if self.quoted => {
                self.rest = rest;
                character
            }
            Some(_) | None => self.next().unwrap_or('\\'),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::command_line;

    #[test]
    fn what_ends_in_mid_quote_ends_with_the_text() {
        assert_eq!(arguments("sh -c 'echo a…#00"), ["sh", "-c", "echo a…#00"]);
        assert_eq!(arguments("x \\"), ["x", "\\"]);
        assert_eq!(arguments(""), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn a_command_line_is_read_back_as_it_was(argv in prop::collection::vec("[ab '\\\\\n\u{1b}\u{202e}u{}ä-]{0,6}", 0..5)) {
            prop_assert_eq!(arguments(&command_line(&argv)), argv);
        }

        #[test]
        fn any_text_is_read(text in any::<String>()) {
            let length: usize = arguments(&text).iter().map(String::len).sum();
            prop_assert!(length <= text.len());
        }
    }
}
