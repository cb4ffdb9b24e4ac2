//! Words, with what changes from run to run taken out.

use crate::{
    placeholder::{self, Class, Piece},
    shape,
    signs::{Signs, trimmed_end},
};

/// The one name of a processor that would read as a number behind a joint.
const PROCESSOR: &str = "x86_64";

/// Writes the template of any text: each run of letters, digits and what joins them is judged as a whole, then by its
/// parts; everything else, and placeholders that are there already, stay as they are.
pub(crate) fn template_word(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with('x')
            && let Some(behind) = rest.strip_prefix(PROCESSOR)
        {
            out.push_str(PROCESSOR);
            rest = behind;
            continue;
        }
        match placeholder::next_piece(&mut rest, belongs) {
            None => break,
            Some(Piece::Placeholder(held)) => out.push_str(held),
            Some(Piece::Other(other)) => out.push(other),
            Some(Piece::Run(run)) => {
                // A sentence's full stop or a host's colon is no part of what stands before it.
                let kept = trimmed_end(run, |byte| is_joint(*byte)).len();
                template_run(out, &run[..kept]);
                out.push_str(&run[kept..]);
            }
        }
    }
}

/// Whether nothing in a text can be of any class: all of them need a digit, colons, or the hyphens of a UUID.
pub(crate) fn is_plain(text: &str) -> bool {
    let (mut hyphens, mut tells) = (0, false);
    for byte in text.bytes() {
        hyphens += usize::from(byte == b'-');
        tells |= byte.is_ascii_digit() || byte == b':';
    }
    !tells && hyphens < 4
}

/// The same, of a text whose signs are known.
pub(crate) fn is_plain_by(text: &str, signs: Signs) -> bool {
    let hyphens = || text.bytes().filter(|byte| *byte == b'-').count();
    let may_be_uuid = signs.any(Signs::HYPHEN) && hyphens() >= 4;
    !(may_be_uuid || signs.any(Signs::DIGIT.or(Signs::COLON)))
}

const fn belongs(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'_' | b'+')
}

/// A run as a whole, or else what lies around the UUIDs and dates in it.
fn template_run(out: &mut String, mut run: &str) {
    if is_plain(run) {
        return out.push_str(run);
    }
    while !run.is_empty() {
        if let Some(class) = shape::classify(run) {
            placeholder::put(out, class, run);
            return;
        }
        let Some((at, length, class)) = embedded(run) else {
            return template_pieces(out, run, &SEPARATORS);
        };
        let before = trimmed_end(&run[..at], |byte| is_joint(*byte));
        template_parts(out, before, &SEPARATORS);
        out.push_str(&run[before.len()..at]);
        placeholder::put(out, class, &run[at..at + length]);
        let rest = run[at + length..].trim_start_matches(JOINTS);
        out.push_str(&run[at + length..run.len() - rest.len()]);
        run = rest;
    }
}

/// What parts of a run are separated by, the loosest first.
const SEPARATORS: [&[u8]; 3] = [b":", b"-_+", b"."];

/// What lies between a run's colons, then between hyphens and underscores, then between dots.
fn template_parts(out: &mut String, run: &str, separators: &[&[u8]]) {
    if is_plain(run) {
        return out.push_str(run);
    }
    if let Some(class) = shape::classify(run) {
        placeholder::put(out, class, run);
        return;
    }
    template_pieces(out, run, separators);
}

/// The same, of what is of no class as a whole.
fn template_pieces(out: &mut String, run: &str, separators: &[&[u8]]) {
    let is_in = |separator: &[u8]| run.bytes().any(|byte| separator.contains(&byte));
    let Some(index) = separators.iter().position(|separator| is_in(separator)) else {
        return template_atom(out, run);
    };
    let (separator, finer) = (separators[index], &separators[index + 1..]);
    let mut start = 0;
    for at in (0..run.len()).filter(|at| separator.contains(&run.as_bytes()[*at])) {
        template_parts(out, &run[start..at], finer);
        out.push_str(&run[at..=at]);
        start = at + 1;
    }
    template_parts(out, &run[start..], finer);
}

const JOINTS: [char; 5] = ['.', '-', ':', '_', '+'];

const fn is_joint(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b':' | b'_' | b'+')
}

/// A date: shorter than all else that is looked for.
const SHORTEST_EMBEDDED: usize = 10;
/// Digits of a date. A UUID has four hyphens.
const DATE_DIGITS: usize = 8;

/// The first UUID, date or time with a day that stands between two joints of a run: what holds joints itself would be
/// lost when the run is cut at them.
fn embedded(run: &str) -> Option<(usize, usize, Class)> {
    let bytes = run.as_bytes();
    let count = |is: fn(&u8) -> bool| bytes.iter().filter(|byte| is(byte)).count();
    if run.len() < SHORTEST_EMBEDDED || (count(u8::is_ascii_digit) < DATE_DIGITS && count(|byte| *byte == b'-') < 4) {
        return None;
    }
    let joins = |at: usize| bytes.get(at).is_some_and(|byte| is_joint(*byte));
    let is_edge = |at: usize| at == 0 || at == run.len() || joins(at) || joins(at - 1);
    (0..run.len()).filter(|at| is_edge(*at)).find_map(|at| {
        [36, 20, 19, SHORTEST_EMBEDDED].into_iter().find_map(|length| {
            let end = at + length;
            if end > run.len() || !is_edge(end) || joins(at) {
                return None;
            }
            let class = shape::classify(&run[at..end])?;
            matches!(class, Class::Uuid | Class::Date).then_some((at, length, class))
        })
    })
}

/// Letters with a long number behind them (`worker12345`); shorter ones belong to a name (`x86`, `sha256`, `eth0`), or to
/// a version (`python3`).
fn template_atom(out: &mut String, atom: &str) {
    let stem = trimmed_end(atom, u8::is_ascii_digit);
    if atom.len() - stem.len() >= 4 {
        out.push_str(stem);
        placeholder::put(out, Class::Number, &atom[stem.len()..]);
    } else {
        out.push_str(atom);
    }
}
