//! How much a baseline holds. Room is reserved by what an entry is good for, so that no flood of one sort pushes out, or
//! shuts out, another: novelty can't crowd out what was learned, nor hide what can never be suppressed.

use super::{Baseline, Entry, EntryState, FeedBaseline};
use crate::decide::Verdict;

/// Most entries of a feed.
pub const MAX_ENTRIES: usize = 2_048;

/// What an entry competes with for room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Class {
    Learned,
    Novel,
    Grave,
}

impl Class {
    const fn of(state: EntryState) -> Self {
        match state {
            EntryState::Learned => Self::Learned,
            EntryState::Quarantined { rule } if rule.needs_baseline() => Self::Novel,
            EntryState::Quarantined { .. } => Self::Grave,
        }
    }

    /// Most entries of a feed: together [`MAX_ENTRIES`].
    const fn entries(self) -> usize {
        match self {
            Self::Learned => 1_536,
            Self::Novel => 384,
            Self::Grave => 128,
        }
    }

    /// Most bytes of the whole baseline. With the sightings (600 KiB) it stays below the 1.5 MiB that etcd takes in one
    /// request, after which no write of the object would succeed any more.
    const fn bytes(self) -> usize {
        match self {
            Self::Learned => 320 * 1_024,
            Self::Novel => 160 * 1_024,
            Self::Grave => 64 * 1_024,
        }
    }
}

/// Whether a behaviour that `verdict` was passed on finds room in `feed` as a new entry of `size` bytes, where `used` was
/// measured over the whole baseline.
pub(super) fn has_room(feed: &FeedBaseline, used: &Used, verdict: Verdict, size: usize) -> bool {
    let class = match verdict {
        Verdict::Known | Verdict::Learned => Class::Learned,
        Verdict::Drift { rule } => Class::of(EntryState::Quarantined { rule }),
    };
    let held = feed
        .entries
        .values()
        .filter(|entry| Class::of(entry.state) == class)
        .count();
    held < class.entries() && used.of(class).saturating_add(size) <= class.bytes()
}

/// Bytes that the entries of a baseline take, sightings aside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    learned: usize,
    novel: usize,
    grave: usize,
}

impl Used {
    pub(super) fn by(baseline: &Baseline) -> Self {
        let mut used = Self::default();
        for (_, _, entry) in baseline.entries() {
            used.add(entry);
        }
        used
    }

    pub(super) fn add(&mut self, entry: &Entry) {
        let held = match Class::of(entry.state) {
            Class::Learned => &mut self.learned,
            Class::Novel => &mut self.novel,
            Class::Grave => &mut self.grave,
        };
        *held = held.saturating_add(size(entry));
    }

    const fn of(&self, class: Class) -> usize {
        match class {
            Class::Learned => self.learned,
            Class::Novel => self.novel,
            Class::Grave => self.grave,
        }
    }
}

/// What the fields of fixed width and the names of all fields take in JSON, rounded up.
const FRAME: usize = 420;

/// About how many bytes an entry takes in the object, sightings aside: never less than it really takes.
pub(super) fn size(entry: &Entry) -> usize {
    let crate::behaviour::Behaviour::Process(process) = &entry.behaviour;
    let texts = [
        process.parent(),
        process.executable(),
        process.script().unwrap_or_default(),
        process.applet().unwrap_or_default(),
    ];
    let texts = texts.into_iter().chain(entry.lineage.iter().map(String::as_str));
    texts.map(|text| json_len(text) + 3).sum::<usize>() + FRAME
}

/// Bytes of a text in JSON: a control character takes six, a quote or backslash two.
fn json_len(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            0..=0x1f => 6,
            b'"' | b'\\' => 2,
            _ => 1,
        })
        .sum()
}
