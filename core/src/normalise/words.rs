//! Words, with what changes from run to run taken out.

use crate::{
    placeholder::{self, Class, Piece},
    shape,
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
                let kept = run.trim_end_matches(JOINTS).len();
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

const fn belongs(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'_' | b'+')
}

/// A run as a whole, or else what lies around the UUIDs and dates in it.
fn template_run(out: &mut String, mut run: &str) {
    while !run.is_empty() {
        if let Some(class) = shape::classify(run) {
            placeholder::put(out, class, run);
            return;
        }
        let Some((at, length, class)) = embedded(run) else {
            break;
        };
        let before = run[..at].trim_end_matches(JOINTS);
        template_parts(out, before, &SEPARATORS);
        out.push_str(&run[before.len()..at]);
        placeholder::put(out, class, &run[at..at + length]);
        let rest = run[at + length..].trim_start_matches(JOINTS);
        out.push_str(&run[at + length..run.len() - rest.len()]);
        run = rest;
    }
    template_parts(out, run, &SEPARATORS);
}

/// What parts of a run are separated by, the loosest first.
const SEPARATORS: [&[char]; 3] = [&[':'], &['-', '_', '+'], &['.']];

/// What lies between a run's colons, then between hyphens and underscores, then between dots.
fn template_parts(out: &mut String, run: &str, separators: &[&[char]]) {
    if let Some(class) = shape::classify(run) {
        placeholder::put(out, class, run);
        return;
    }
    let Some(index) = separators.iter().position(|separator| run.contains(*separator)) else {
        return template_atom(out, run);
    };
    let (separator, finer) = (separators[index], &separators[index + 1..]);
    let mut start = 0;
    for (at, found) in run.match_indices(separator) {
        template_parts(out, &run[start..at], finer);
        out.push_str(found);
        start = at + found.len();
    }
    template_parts(out, &run[start..], finer);
}

const JOINTS: [char; 5] = ['.', '-', ':', '_', '+'];

/// A date: shorter than all else that is looked for.
const SHORTEST_EMBEDDED: usize = 10;

/// The first UUID, date or time with a day that stands between two joints of a run: what holds joints itself would be
/// lost when the run is cut at them.
fn embedded(run: &str) -> Option<(usize, usize, Class)> {
    if run.len() < SHORTEST_EMBEDDED {
        return None;
    }
    let is_edge =
        |at: usize| at == 0 || at == run.len() || run[at..].starts_with(JOINTS) || run[..at].ends_with(JOINTS);
    (0..run.len()).filter(|at| is_edge(*at)).find_map(|at| {
        [36, 20, 19, SHORTEST_EMBEDDED].into_iter().find_map(|length| {
            let end = at + length;
            if end > run.len() || !is_edge(end) || run[at..].starts_with(JOINTS) {
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
    let stem = atom.trim_end_matches(|c: char| c.is_ascii_digit());
    if atom.len() - stem.len() >= 4 {
        out.push_str(stem);
        placeholder::put(out, Class::Number, &atom[stem.len()..]);
    } else {
        out.push_str(atom);
    }
}
