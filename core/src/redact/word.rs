//! A text as words, and what the words before make of the next one.

use super::{
    entropy, named,
    tool::{self, Flag, Place},
};
use crate::normalise::{Class, is_placeholder, put_placeholder};

/// What the words before announced.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    program: Option<&'static str>,
    /// The next word is, or holds, a secret.
    awaited: Option<Place>,
    /// The word before was a bare name that announces one, if `=` or `:` follows.
    named: bool,
}

/// Schemes that stand between `Authorization:` and the secret.
const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "digest", "apikey", "aws4-hmac-sha256"];

/// An argument without secrets. White space makes it a text of its own.
pub(super) fn redact_argument(argument: &str, context: &mut Context) -> String {
    if argument.contains(char::is_whitespace) && context.awaited.is_none() {
        context.named = false;
        redact_text(argument, &mut Context::default())
    } else {
        redact_word(argument, context)
    }
}

/// A text without secrets.
pub(super) fn redact_text(text: &str, context: &mut Context) -> String {
    let text = entropy::redact_keys(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() || matches!(first, ';' | '|' | '&' | '(' | ')') {
            if !first.is_whitespace() || first == '\n' {
                *context = Context::default();
            }
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (word, after) = rest.split_at(word_length(rest));
            out.push_str(&redact_word(word, context));
            rest = after;
        }
    }
    out
}

/// Length of the word that the text begins with; white space and separators inside closed quotes belong to it.
fn word_length(text: &str) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')') {
            break;
        }
        at += c.len_utf8();
        if matches!(c, '"' | '\'') {
            at += text[at..].find(c).map_or(0, |close| close + 1);
        }
    }
    at
}

fn redact_word(word: &str, context: &mut Context) -> String {
    let named = std::mem::take(&mut context.named);
    if named && matches!(word, "=" | ":" | "=>" | ":=") {
        context.awaited = Some(Place::Value);
        return word.to_owned();
    }
    if let Some(place) = context.awaited.take() {
        if place == Place::Value && is_scheme(word) {
            context.awaited = Some(place);
            return word.to_owned();
        }
        if let Some(redacted) = redact_from(word, 0, place) {
            return redacted;
        }
    }
    if let Some(program) = context.program {
        match tool::flag(program, word) {
            Some(Flag::Next(place)) => {
                context.awaited = Some(place);
                return word.to_owned();
            }
            Some(Flag::Attached(at, place)) => {
                if let Some(redacted) = redact_from(word, at, place) {
                    return redacted;
                }
            }
            None => {}
        }
    }
    if let Some(inner) = quoted(word).filter(|inner| inner.contains(char::is_whitespace)) {
        let quote = &word[..1];
        return format!("{quote}{}{quote}", redact_text(inner, &mut Context::default()));
    }
    context.program = tool::program(word).or(context.program);
    let tail = word.trim_end_matches(['"', '\'', '\\', ']']);
    let stem = tail.trim_end_matches([':', '=', '"', '\'', '\\', ']']);
    let name = stem.len() - stem.bytes().rev().take_while(|byte| named::is_name_byte(*byte)).count();
    if named::announces(&stem[name..]) {
        let is_flag = stem[name..].starts_with('-');
        context.awaited = (is_flag || tail.ends_with([':', '='])).then_some(Place::Value);
        context.named = context.awaited.is_none();
    }
    in_word(word)
}

/// A word, judged by itself.
fn in_word(word: &str) -> String {
    // `openssl -passin pass:x` and its like.
    if let Some(secret) = word.strip_prefix("pass:").filter(|secret| !named::is_harmless(secret)) {
        let mut out = "pass:".to_owned();
        put_placeholder(&mut out, Class::Secret, secret);
        return out;
    }
    if let Some((name, value)) = word.split_once('=')
        && let Some(inner) = quoted(value)
        && named::announces(name)
    {
        let mut out = word[..word.len() - inner.len() - 1].to_owned();
        if named::is_harmless(inner) {
            out.push_str(inner);
        } else {
            put_placeholder(&mut out, Class::Secret, inner);
        }
        out.push_str(&value[..1]);
        return out;
    }
    let inside = redact_inside(word);
    entropy::redact_tokens(&named::redact_values(&named::redact_urls(&inside)))
}

/// Quoted parts of a word that hold white space are texts of their own: `-H"Authorization: Bearer x"`.
fn redact_inside(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(open) = rest.find(['"', '\'']) {
        let quote = &rest[open..=open];
        let Some(length) = rest[open + 1..].find(quote) else {
            break;
        };
        let inner = &rest[open + 1..open + 1 + length];
        out.push_str(&rest[..=open]);
        if inner.contains(char::is_whitespace) {
            out.push_str(&redact_text(inner, &mut Context::default()));
        } else {
            out.push_str(inner);
        }
        out.push_str(quote);
        rest = &rest[open + length + 2..];
    }
    out.push_str(rest);
    out
}

/// The word with its secret from `at` on taken out; `None` where it holds none.
fn redact_from(word: &str, at: usize, place: Place) -> Option<String> {
    let value = &word[at..];
    let quote = quoted(value).map(|_| &value[..1]).unwrap_or_default();
    let inner = quoted(value).unwrap_or(value);
    let start = tool::secret_at(place, inner)?;
    let (kept, secret) = inner.split_at(start);
    if (at == 0 && quote.is_empty() && value.starts_with('-')) || named::is_harmless(secret) || is_placeholder(secret) {
        return None;
    }
    let mut out = format!("{}{quote}{kept}", &word[..at]);
    put_placeholder(&mut out, Class::Secret, secret);
    out.push_str(quote);
    Some(out)
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text[1..].strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

fn is_scheme(word: &str) -> bool {
    SCHEMES.contains(&word.to_ascii_lowercase().as_str())
}
