//! Secrets that a program reads from its standard input: `echo x | sudo -S …`, `passwd --stdin <<< x`, and what `expect`
//! sends when it is asked for a password.

use super::tool::Place;

/// What asks for a secret on its standard input.
const READERS: [&str; 14] = [
    "--passphrase-fd",
    "--password-stdin",
    "--pw-stdin",
    "--token-stdin",
    "--with-token",
    "cryptsetup",
    "kinit",
    "openssl passwd",
    "pass stdin",
    "passwd --stdin",
    "passwd -s",
    "smbpasswd",
    "sudo -S",
    "vault login -",
];

/// How far ahead the reader of a pipe is looked for, in bytes.
const HORIZON: usize = 512;

/// What a text says as a whole.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Hints {
    /// Something in it reads a secret from its standard input.
    pub feeds: bool,
    /// It is SQL that sets a password.
    pub sql: bool,
    /// It answers a prompt for a password.
    pub prompts: bool,
}

impl Hints {
    /// What a text says.
    pub(super) fn of(text: &str) -> Self {
        // Most texts lack a letter of each: no search then.
        let seen = text
            .bytes()
            .fold(0_u128, |seen, byte| seen | 1 << (byte & 127).to_ascii_lowercase());
        let may_hold = |word: &str| word.bytes().all(|byte| seen & 1 << byte != 0);
        let pipes = may_hold("|") || may_hold("<");
        let may_ask = may_hold("assword") || may_hold("dentified");
        if !pipes && !may_ask {
            return Self::default();
        }
        let asks = may_ask
            && ["assword", "ASSWORD", "dentified", "DENTIFIED"]
                .iter()
                .any(|word| text.contains(word));
        let is_sql = |text: &str| {
            let text = text.to_ascii_lowercase();
            let changes = ["alter ", "create ", "set password", "grant "];
            text.contains("identified by") || changes.iter().any(|change| text.contains(change))
        };
        Self {
            feeds: pipes && (text.contains("chpasswd") || READERS.iter().any(|reader| text.contains(reader))),
            sql: asks && is_sql(text),
            prompts: asks && text.contains("send"),
        }
    }
}

/// Where the secret is in what `echo` or `printf` writes, if the program behind the next pipe reads one. `rest` begins
/// behind the name of the one that writes.
pub(super) fn written(rest: &str) -> Option<Place> {
    let rest = &rest[..boundary(rest, HORIZON)];
    let pipeline = rest.split(['\n', ';']).next().unwrap_or(rest);
    let reader = pipeline.split('|').nth(1)?;
    reads(reader)
}

/// Where the secret is in a here-string, if the program before it reads one.
pub(super) fn here(before: &str) -> Option<Place> {
    let mut from = before.len().saturating_sub(HORIZON);
    while !before.is_char_boundary(from) {
        from += 1;
    }
    let command = before[from..].rsplit(['\n', ';', '|', '&']).next()?;
    reads(command)
}

fn reads(command: &str) -> Option<Place> {
    if command.contains("chpasswd") {
        return Some(Place::AfterColon);
    }
    READERS
        .iter()
        .any(|reader| command.contains(reader))
        .then_some(Place::Value)
}

fn boundary(text: &str, limit: usize) -> usize {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}
