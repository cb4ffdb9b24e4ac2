//! Words, with what changes from run to run taken out.

use super::{
    placeholder::{self, Class},
    shape,
};

const PROCESSOR: &str = "x86_64";

/// Writes the template of any text: each run of letters, digits and what joins them is judged as a whole, then by its
/// parts; everything else, and placeholders that are there already, stay as they are.
pub(crate) fn template_word(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = placeholder::length_at(rest) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        // The one name of a processor that would read as a number behind a joint.
        if rest.starts_with(PROCESSOR) {
            out.push_str(PROCESSOR);
            rest = &rest[PROCESSOR.len()..];
            continue;
        }
        let end = run(rest);
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            // A sentence's full stop or a host's colon is no part of what stands before it.
            let kept = rest[..end].trim_end_matches(['.', ':', '-', '_', '+']).len();
            template_run(out, &rest[..kept]);
            out.push_str(&rest[kept..end]);
            rest = &rest[end..];
        }
    }
}

fn run(text: &str) -> usize {
    text.bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'_' | b'+'))
        .count()
}

/// A run as a whole, or else what lies between its colons, then its hyphens and underscores, then its dots.
fn template_run(out: &mut String, run: &str) {
    if let Some(class) = shape::classify(run) {
        placeholder::put(out, class, run);
        return;
    }
    if let Some((at, length, class)) = embedded(run) {
        template_run(out, run[..at].trim_end_matches(JOINTS));
        out.push_str(&run[run[..at].trim_end_matches(JOINTS).len()..at]);
        placeholder::put(out, class, &run[at..at + length]);
        let rest = &run[at + length..];
        let joints = rest.len() - rest.trim_start_matches(JOINTS).len();
        out.push_str(&rest[..joints]);
        return template_run(out, &rest[joints..]);
    }
    let joint = [&[':'][..], &['-', '_', '+'], &['.']]
        .into_iter()
        .find(|joint| run.contains(*joint));
    let Some(joint) = joint else {
        return template_atom(out, run);
    };
    let mut start = 0;
    for (at, found) in run.match_indices(joint) {
        template_run(out, &run[start..at]);
        out.push_str(found);
        start = at + found.len();
    }
    template_run(out, &run[start..]);
}

const JOINTS: [char; 5] = ['.', '-', ':', '_', '+'];

/// The first UUID, date or time with a day that stands between two joints of a run: what holds joints itself would be
/// lost when the run is cut at them.
fn embedded(run: &str) -> Option<(usize, usize, Class)> {
    let is_edge =
        |at: usize| at == 0 || at == run.len() || run[at..].starts_with(JOINTS) || run[..at].ends_with(JOINTS);
    (0..run.len()).filter(|at| is_edge(*at)).find_map(|at| {
        [36, 20, 19, 10].into_iter().find_map(|length| {
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
