//! A text as words, and what the words before make of the next one.

use super::{
    disguise::undisguised,
    entropy,
    fed::{self, Hints},
    keys, named,
    program::is_program,
    tool::{self, Flag, Place, Program},
    url,
};
use crate::{
    placeholder::{Class, is_whole, put},
    signs::{Signs, trimmed_end},
};

/// What the words before announced.
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts about what was read, not states of one thing"
)]
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Context {
    program: Option<Program>,
    /// The next word is, or holds, a secret.
    awaited: Option<Place>,
    /// The word before was a bare name that announces one, if a sign or a quoted text follows.
    named: bool,
    /// A setting is made: a bare name is followed by its value.
    sets: bool,
    /// Variables are set for a program: each word is an assignment as a whole.
    assigns: bool,
    /// A header's cookies go on as long as words are `name=value`.
    cookies: bool,
    /// What `echo` writes holds a secret.
    written: Option<Place>,
    hints: Hints,
}

/// Schemes that stand between `Authorization:` and the secret.
const SCHEMES: [&str; 7] = [
    "bearer",
    "basic",
    "token",
    "digest",
    "apikey",
    "negotiate",
    "aws4-hmac-sha256",
];

/// An argument without secrets; `None` where it holds none. White space makes it a text of its own.
pub(super) fn redact_argument(argument: &str, context: &mut Context) -> Option<String> {
    let signs = Signs::of(argument);
    if !signs.has_space(argument) {
        return redact_word(argument, signs, context);
    }
    context.named = false;
    // What begins like an assignment may be a shell's text that begins with one.
    let is_assigned = context.assigns || argument.starts_with('-');
    let expected = redact_expected(argument, context);
    if expected.is_some() {
        return expected;
    }
    if is_assigned && let Some((name, value)) = argument.split_once('=') {
        // A program under a secret's name is a text of its own.
        return redact_assigned(argument)
            .or_else(|| Some(format!("{name}={}", redact_text(value, &mut Context::default())?)));
    }
    redact_text(argument, &mut Context::default())
}

/// A text without secrets; `None` where it holds none.
pub(super) fn redact_text(text: &str, context: &mut Context) -> Option<String> {
    if let Some(text) = keys::redact_keys(text) {
        return Some(text);
    }
    context.hints = Hints::of(text);
    let mut out: Option<String> = None;
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let length = if is_separator(first) {
            separate(context, first);
            first.len_utf8()
        } else {
            word_length(&text[at..])
        };
        let piece = &text[at..at + length];
        let redacted = if is_separator(first) {
            None
        } else {
            expect_written(context, text, at, length);
            let redacted = redact_word(piece, Signs::of(piece), context);
            context.awaited = expected_next(context, &text[..at], piece).or(context.awaited);
            redacted
        };
        match (&mut out, redacted) {
            (None, None) => {}
            (None, Some(redacted)) => {
                let mut begun = String::with_capacity(text.len());
                begun.push_str(&text[..at]);
                begun.push_str(&redacted);
                out = Some(begun);
            }
            (Some(out), redacted) => out.push_str(redacted.as_deref().unwrap_or(piece)),
        }
        at += length;
    }
    out
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')')
}

/// Another command begins behind a separator, unless the text goes on with what was announced.
fn separate(context: &mut Context, separator: char) {
    let goes_on = (separator.is_whitespace() && separator != '\n') || (context.hints.sql && separator == '(');
    if !goes_on {
        *context = Context {
            hints: context.hints,
            cookies: context.cookies && separator == ';',
            ..Context::default()
        };
    }
}

/// Whether a word is, or holds, a secret because the text feeds it to a program.
fn expect_written(context: &mut Context, text: &str, at: usize, length: usize) {
    let word = &text[at..at + length];
    if !context.hints.feeds {
        return;
    }
    if context.written.is_none() && matches!(word.rsplit('/').next(), Some("echo" | "printf" | "print")) {
        context.written = fed::written(&text[at + length..]);
    } else if context.awaited.is_none() && !word.starts_with('-') && !word.contains('%') {
        context.awaited = context.written;
    }
}

/// What the next word is because of this one, where the text feeds a secret to a program or answers a prompt.
fn expected_next(context: &Context, before: &str, word: &str) -> Option<Place> {
    match word {
        "send" if context.hints.prompts => Some(Place::Value),
        "<<<" if context.hints.feeds => fed::here(before),
        _ => None,
    }
}

/// Length of the word that the text begins with; white space and separators inside closed quotes belong to it.
fn word_length(text: &str) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if is_separator(c) {
            break;
        }
        at += c.len_utf8();
        if matches!(c, '"' | '\'') {
            at += text[at..].find(c).map_or(0, |close| close + 1);
        }
    }
    at
}

fn redact_word(word: &str, signs: Signs, context: &mut Context) -> Option<String> {
    let is_quoted = word.starts_with(['"', '\'']);
    if std::mem::take(&mut context.named) {
        if matches!(word, "=" | ":" | "=>" | ":=") {
            context.awaited = Some(Place::Value);
            return None;
        }
        if context.sets || (context.hints.sql && is_quoted) {
            context.awaited.get_or_insert(Place::Value);
        }
    }
    let is_announced = context.awaited.is_some();
    if let Some(redacted) = redact_expected(word, context) {
        return Some(redacted);
    }
    if context.cookies && !is_announced {
        match word.find('=') {
            Some(sign) => return redact_from(word, sign + 1, Place::Value),
            None => context.cookies = false,
        }
    }
    if context.awaited.is_some() {
        // A scheme, or a flag whose value comes next.
        return None;
    }
    if let Some(inner) = quoted(word).filter(|inner| inner.starts_with('-') || inner.contains(char::is_whitespace)) {
        let quote = &word[..1];
        let redacted = redact_argument(inner, context)?;
        return Some(format!("{quote}{redacted}{quote}"));
    }
    let plain = if signs.any(DISGUISES) { undisguised(word) } else { None };
    let Some(plain) = plain else {
        announce(word, signs, context);
        return redact_alone(word, signs);
    };
    let plain_signs = Signs::of(&plain);
    announce(&plain, plain_signs, context);
    redact_alone(word, signs).or_else(|| redact_alone(&plain, plain_signs))
}

/// What a word that wears a disguise holds.
const DISGUISES: Signs = Signs::QUOTE.or(Signs::ESCAPE).or(Signs::FOREIGN);

/// A word, judged by nothing but itself; `None` where it holds no secret.
fn redact_alone(word: &str, signs: Signs) -> Option<String> {
    if (word.len() < entropy::SHORTEST_ISSUED && !signs.any(Signs::QUOTE.or(Signs::JOINT))) || is_whole(word) {
        return None;
    }
    redact_assigned(word).or_else(|| in_word(word, signs))
}

/// A word in a place where a secret is: because it was announced, or as the value of a program's flag.
fn redact_expected(word: &str, context: &mut Context) -> Option<String> {
    if let Some(place) = context.awaited.take() {
        if place == Place::Value && is_scheme(word) {
            context.awaited = Some(place);
            return None;
        }
        if let Some(redacted) = redact_from(word, 0, place) {
            return Some(redacted);
        }
    }
    match context.program?.flag(word)? {
        Flag::Next(place) => {
            context.awaited = Some(place);
            None
        }
        Flag::Attached(at, place) => redact_from(word, at, place),
    }
}

/// What a word announces of those that follow.
fn announce(word: &str, signs: Signs, context: &mut Context) {
    if !word.starts_with('-') {
        context.program = tool::program(word, signs).or(context.program);
        context.sets |= matches!(word, "set" | "config" | "SET" | "CONFIG");
    }
    let sets_variable = |program: Program| program.runs_containers && matches!(word, "-e" | "--env");
    context.assigns = matches!(word, "env" | "export")
        || context.program.is_some_and(sets_variable)
        || (context.assigns && word.contains('='));
    // All that is looked for from here on has a name's letters, but for SQL's `by`.
    if !named::may_announce(signs.letters()) && !context.hints.sql {
        return;
    }
    let closes = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\' | b']');
    let tail = trimmed_end(word, closes);
    let stem = trimmed_end(tail, |byte| closes(byte) || matches!(byte, b':' | b'='));
    let begins = stem.len() - stem.bytes().rev().take_while(|byte| named::is_name_byte(*byte)).count();
    let name = &stem[begins..];
    let is_header =
        tail.ends_with(':') && (name.eq_ignore_ascii_case("cookie") || name.eq_ignore_ascii_case("set-cookie"));
    if is_header {
        context.awaited = Some(Place::Value);
        context.cookies = true;
    } else if named::announces(name) {
        let is_flag = (name.starts_with('-') && stem.trim_start_matches(['"', '\'']) == name)
            || context.program.is_some_and(|program| program.takes_words);
        context.awaited = (is_flag || tail.ends_with([':', '='])).then_some(Place::Value);
        context.named = context.awaited.is_none();
    } else if name.eq_ignore_ascii_case("convertto-securestring") {
        context.awaited = Some(Place::Value);
    } else if context.hints.sql && name.eq_ignore_ascii_case("by") {
        context.named = true;
    }
}

/// An argument or word that is one assignment as a whole: `--password=x y`, `API_KEY=x,y`. What follows the sign is the
/// secret, whatever it holds, unless it is a program.
fn redact_assigned(word: &str) -> Option<String> {
    // `openssl -passin pass:x` and its like.
    let (name, value) = match word.split_once('=') {
        Some(parts) => parts,
        None => word.strip_prefix("pass:").map(|value| ("pass", value))?,
    };
    let is_variable = |name: &str| {
        let is_byte = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        !name.is_empty() && name.bytes().all(is_byte)
    };
    let leads = is_flag(name) || is_variable(name) || name == "pass";
    if !leads || !named::announces(name) || is_program(value) {
        return None;
    }
    redact_from(word, name.len() + 1, Place::Value)
}

/// What stands inside a word that is no assignment; `None` where it holds no secret.
fn in_word(word: &str, signs: Signs) -> Option<String> {
    let (quotes, joints) = (signs.any(Signs::QUOTE), signs.any(Signs::JOINT));
    let mut changed: Option<String> = None;
    let mut step = |applies: bool, step: super::Step| {
        if applies && let Some(next) = step(changed.as_deref().unwrap_or(word)) {
            changed = Some(next);
        }
    };
    step(quotes, redact_inside);
    step(signs.any(Signs::COLON), url::redact_urls);
    step(joints && signs.any(Signs::AT), url::redact_userinfo);
    step(joints, named::redact_values);
    step(entropy::has_long_run(word), entropy::redact_tokens);
    changed
}

/// Quoted parts of a word that hold white space are texts of their own: `-H"Authorization: Bearer x"`.
fn redact_inside(word: &str) -> Option<String> {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(open) = rest.find(['"', '\'']) {
        let quote = &rest[open..=open];
        let Some(length) = rest[open + 1..].find(quote) else {
            break;
        };
        let inner = &rest[open + 1..open + 1 + length];
        out.push_str(&rest[..=open]);
        let redacted = inner
            .contains(char::is_whitespace)
            .then(|| redact_text(inner, &mut Context::default()));
        out.push_str(redacted.flatten().as_deref().unwrap_or(inner));
        out.push_str(quote);
        rest = &rest[open + length + 2..];
    }
    out.push_str(rest);
    (out != word).then_some(out)
}

/// The word with its secret from `at` on taken out; `None` where it holds none.
fn redact_from(word: &str, at: usize, place: Place) -> Option<String> {
    let value = &word[at..];
    let quote = quoted(value).map(|_| &value[..1]).unwrap_or_default();
    let inner = quoted(value).unwrap_or(value);
    let range = tool::secret_in(place, inner)?;
    let secret = &inner[range.clone()];
    let is_next_flag = at == 0 && quote.is_empty() && is_flag(value);
    if is_next_flag || named::is_harmless(secret) || is_whole(secret) || is_program(secret) {
        return None;
    }
    let mut out = format!("{}{quote}{}", &word[..at], &inner[..range.start]);
    put(&mut out, Class::Secret, secret);
    out.push_str(&inner[range.end..]);
    out.push_str(quote);
    Some(out)
}

/// Whether a word reads like a flag: one or two hyphens and a name, with or without a value. A password that begins with a
/// hyphen seldom does.
fn is_flag(word: &str) -> bool {
    let name = word
        .strip_prefix("--")
        .or_else(|| word.strip_prefix('-'))
        .unwrap_or_default();
    let name = name.split(['=', ' ']).next().unwrap_or_default();
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.'))
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text[1..].strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

fn is_scheme(word: &str) -> bool {
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}
