//! Secrets that nobody announces: tokens of well-known issuers, and runs that were drawn by lot.

use crate::{
    placeholder::{Class, Piece, Rewritten, next_piece},
    shape::{is_hex, is_random, is_uuid},
    signs::{pieces, trimmed_end},
};

/// What tokens of well-known issuers begin with, and how many characters follow at least. Two letters say little: there
/// hexadecimal digits alone may follow.
const ISSUED: [(&str, usize); 85] = [
    ("1//0", 30),
    ("AAAAA", 30),
    ("ABIA", 12),
    ("AC", 32),
    ("ACCA", 12),
    ("AGE-SECRET-KEY-", 20),
    ("AIza", 30),
    ("AKCp", 30),
    ("AKIA", 12),
    ("AQVN", 30),
    ("ASIA", 12),
    ("ATATT3", 20),
    ("ATBB", 20),
    ("CCIPAT_", 20),
    ("EAAC", 30),
    ("EZAK", 40),
    ("EZTK", 40),
    ("FLWSECK-", 16),
    ("GOCSPX-", 20),
    ("HRKU-", 20),
    ("NRAK-", 20),
    ("PMAK-", 20),
    ("SG.", 20),
    ("SK", 32),
    ("aio_", 20),
    ("atlasv1.", 20),
    ("bkua_", 20),
    ("dapi", 28),
    ("dckr_pat_", 16),
    ("doo_v1_", 20),
    ("dop_v1_", 20),
    ("dor_v1_", 20),
    ("dp.ct.", 20),
    ("dp.pt.", 20),
    ("dp.st.", 20),
    ("dt0c01.", 20),
    ("duffel_live_", 16),
    ("eyJ", 16),
    ("figd_", 20),
    ("fio-u-", 20),
    ("fm2_", 20),
    ("gho_", 20),
    ("ghp_", 20),
    ("ghr_", 20),
    ("ghs_", 20),
    ("ghu_", 20),
    ("github_pat_", 20),
    ("glagent-", 16),
    ("glc_", 20),
    ("glcbt-", 16),
    ("gldt-", 16),
    ("glpat-", 16),
    ("glptt-", 16),
    ("glrt-", 16),
    ("glsa_", 20),
    ("glsoat-", 16),
    ("hf_", 20),
    ("hvb.", 20),
    ("hvs.", 20),
    ("key-", 32),
    ("lin_api_", 20),
    ("live_", 30),
    ("npm_", 20),
    ("ntn_", 20),
    ("pat-", 30),
    ("pscale_", 20),
    ("pul-", 20),
    ("pypi-", 20),
    ("rk_live_", 12),
    ("rk_test_", 12),
    ("rubygems_", 20),
    ("sbp_", 20),
    ("secret_", 20),
    ("shpat_", 16),
    ("shpca_", 16),
    ("shppa_", 16),
    ("shpss_", 16),
    ("sk-", 16),
    ("sk_live_", 12),
    ("sk_test_", 12),
    ("sntrys_", 20),
    ("whsec_", 16),
    ("xapp-", 16),
    ("xox", 12),
    ("ya29.", 16),
];

/// Shortest of them all, prefix included.
pub(super) const SHORTEST_ISSUED: usize = 15;

/// Shortest run that is judged by its entropy. Passwords are shorter, but so are words.
const SHORTEST: usize = 16;

/// Longest rest of a run that is judged as a whole again behind each joint: keys that are drawn by lot have 40 to 88
/// characters, and judging every rest of a long run costs the square of its length.
const LONGEST_REST: usize = 256;

/// A piece of text without tokens; `text` holds no quotes and no white space that matter.
pub(super) fn redact_tokens(text: &str) -> Option<String> {
    redact_runs(text, token)
}

/// A piece of text without tokens of well-known issuers.
pub(super) fn redact_issued(text: &str) -> Option<String> {
    redact_runs(text, |run| is_issued(run).then_some(Class::Secret))
}

/// Whether a text is long enough anywhere for a token that is known by its beginning.
pub(super) fn may_be_issued(text: &str) -> bool {
    let mut runs = text.as_bytes().split(|byte| !is_token_byte(*byte) || *byte == b'/');
    text.len() >= SHORTEST_ISSUED && runs.any(|run| run.len() >= SHORTEST_ISSUED)
}

/// Whether a text is long enough anywhere for a token.
pub(super) fn has_long_run(text: &str) -> bool {
    let mut runs = text.as_bytes().split(|byte| !is_token_byte(*byte));
    text.len() >= SHORTEST_ISSUED && runs.any(|run| run.len() >= SHORTEST_ISSUED)
}

fn redact_runs(text: &str, judge: impl Fn(&str) -> Option<Class>) -> Option<String> {
    let mut rewritten = Rewritten::of(text);
    let mut rest = text;
    while let Some(piece) = next_piece(&mut rest, is_token_byte) {
        match piece {
            Piece::Placeholder(_) | Piece::Other(_) => {}
            Piece::Run(run) => redact_run(&mut rewritten, run, text.len() - rest.len() - run.len(), &judge),
        }
    }
    rewritten.changed()
}

pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'=' | b'.' | b'~')
}

/// Base64 has slashes, and so do paths: a run that begins at `at` is judged as a whole, then what follows each joint.
fn redact_run(rewritten: &mut Rewritten<'_>, mut run: &str, mut at: usize, judge: &impl Fn(&str) -> Option<Class>) {
    let mut is_whole = true;
    loop {
        if (is_whole || run.len() <= LONGEST_REST)
            && let Some(class) = judge(run)
        {
            return rewritten.put(at, class, run);
        }
        is_whole = false;
        let joint = run.bytes().position(|byte| matches!(byte, b'/' | b'=' | b'.' | b'~'));
        let part = &run[..joint.unwrap_or(run.len())];
        if let Some(class) = judge(part) {
            rewritten.put(at, class, part);
        }
        let Some(joint) = joint else { return };
        run = &run[joint + 1..];
        at += joint + 1;
    }
}

fn token(run: &str) -> Option<Class> {
    if run.len() < SHORTEST_ISSUED {
        return None;
    }
    if is_issued(run) {
        return Some(Class::Secret);
    }
    if is_uuid(run.as_bytes()) {
        return Some(Class::Uuid);
    }
    if run.len() >= SHORTEST && is_hex(run.as_bytes()) {
        return Some(Class::Hex);
    }
    if run.starts_with(['/', '.', '-']) {
        return None;
    }
    let word = trimmed_end(run, |byte| *byte == b'=');
    let is_joint = |byte: u8| matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~');
    // The first part of most is a word, and nothing else of them matters then.
    let parts = || pieces(word, is_joint).filter(|part| !part.is_empty());
    if word.len() < SHORTEST || parts().any(is_word_like) {
        return None;
    }
    let has = |is: fn(&u8) -> bool| word.as_bytes().iter().any(is);
    // No alphabet of base64 has slashes and hyphens both.
    let is_mixed = has(|byte| *byte == b'/') && has(|byte| matches!(byte, b'-' | b'_'));
    if is_mixed || has(|byte| matches!(byte, b'.' | b'=' | b'~')) || !is_random(word, SHORTEST) {
        return None;
    }
    Some(if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Class::Token
    } else {
        Class::Base64
    })
}

/// Where the prefixes are that begin with a byte.
const BY_FIRST: [(usize, usize); 128] = {
    let mut ranges = [(0, 0); 128];
    let mut at = 0;
    while at < ISSUED.len() {
        let range = &mut ranges[ISSUED[at].0.as_bytes()[0] as usize];
        if range.1 == 0 {
            range.0 = at;
        }
        at += 1;
        range.1 = at;
    }
    ranges
};

fn is_issued(run: &str) -> bool {
    let Some(first) = run.bytes().next().filter(|_| run.len() >= SHORTEST_ISSUED) else {
        return false;
    };
    let (from, to) = BY_FIRST.get(usize::from(first)).copied().unwrap_or_default();
    ISSUED[from..to].iter().any(|(prefix, least)| {
        run.strip_prefix(prefix).is_some_and(|rest| {
            let digits = prefix.len() == 2 || *prefix == "key-";
            rest.len() >= *least && !rest.contains('/') && (!digits || rest.bytes().all(|b| b.is_ascii_hexdigit()))
        })
    })
}

/// A part of a path or of a hyphenated name: one case of letters, with a digit or two behind.
fn is_word_like(part: &str) -> bool {
    let letters = trimmed_end(part, u8::is_ascii_digit);
    letters.len() >= 3
        && part.len() - letters.len() <= 3
        && (letters.bytes().all(|byte| byte.is_ascii_lowercase())
            || letters.bytes().all(|byte| byte.is_ascii_uppercase())
            || letters[1..].bytes().all(|byte| byte.is_ascii_lowercase()))
        && !is_random(part, 12)
}
