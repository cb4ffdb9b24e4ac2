//! Whether a chain is whole: which record is the first that does not fit, and why.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Break, Check, Checkpoint, Document, FORM, Head, KeyRing, Link, RecordHash};
use crate::{
    id::WorkloadKey,
    time::{Duration, Timestamp},
};

/// How long after a key was replaced the operator's clock may still have written a time before that: clocks are stepped.
const CLOCK_STEP: Duration = Duration::from_hours(2);

/// What was found of a workload's chain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainReport {
    /// The workload.
    pub workload: WorkloadKey,
    /// Number of records that are sealed.
    pub sealed: usize,
    /// Names of records that were never sealed and are older than the chain: written by a version that did not.
    pub unsealed: Vec<String>,
    /// Every record up to this number was pruned after its retention.
    pub pruned_through: Option<u64>,
    /// The newest record, as far as the chain is whole.
    pub head: Option<Head>,
    /// The first thing that is wrong.
    pub broken: Option<Break>,
}

/// Records by the workload that they speak of. What names none is put under its own name, where its chain says so.
pub fn by_workload(documents: impl IntoIterator<Item = Document>) -> BTreeMap<WorkloadKey, Vec<Document>> {
    let mut sorted: BTreeMap<WorkloadKey, Vec<Document>> = BTreeMap::new();
    for document in documents {
        let unknown = || WorkloadKey::new(&document.namespace, "Unknown", &document.name);
        let workload = document.workload().unwrap_or_else(unknown);
        sorted.entry(workload).or_default().push(document);
    }
    sorted
}

/// One hash over the heads of many chains, whatever their order: where a single number can be kept outside.
pub fn heads_digest<'a>(heads: impl IntoIterator<Item = (&'a WorkloadKey, &'a Head)>) -> RecordHash {
    let ordered: BTreeMap<&WorkloadKey, &Head> = heads.into_iter().collect();
    let mut hash = Sha256::new();
    for (workload, head) in ordered {
        hash.update(format!("{workload} {} {}\n", head.sequence, head.hash));
    }
    RecordHash::new(hash.finalize().into())
}

/// Checks the records of one workload. `kept` is the hash of a head that was kept outside: it has to be in the chain.
/// Whether the ring itself can be trusted is another question: [`KeyRing::check`].
pub fn verify(
    workload: &WorkloadKey,
    documents: &[Document],
    ring: &KeyRing,
    kept: Option<&RecordHash>,
) -> ChainReport {
    let mut report = ChainReport {
        workload: workload.clone(),
        sealed: 0,
        unsealed: Vec::new(),
        pruned_through: None,
        head: None,
        broken: None,
    };
    report.broken = walk(&mut report, documents, ring, kept).err();
    report
}

/// A record that has a link.
struct Sealed<'a> {
    document: &'a Document,
    link: Link,
}

fn walk(
    report: &mut ChainReport,
    documents: &[Document],
    ring: &KeyRing,
    kept: Option<&RecordHash>,
) -> Result<(), Break> {
    let mut chain = sealed(documents)?;
    chain.sort_by(|a, b| (a.link.sequence, &a.document.name).cmp(&(b.link.sequence, &b.document.name)));
    report.sealed = chain.len();
    report.unsealed = unsealed(documents, &chain)?;
    let checkpoint = beginning(&chain, ring)?;
    report.pruned_through = checkpoint.map(|checkpoint| checkpoint.through);
    let mut before: Option<(&Sealed<'_>, usize)> = None;
    for record in &chain {
        if let Some((last, _)) = before {
            follows(last, record)?;
        }
        let place = genuine(record, ring)?;
        if let Some((last, last_place)) = before
            && place < last_place
        {
            let what = format!(
                "{} is signed with key {}, which was replaced before {} was signed",
                record.name(),
                record.link.key,
                last.name()
            );
            return Err(record.broken(Check::Retired, what));
        }
        before = Some((record, place));
        report.head = Some(record.head());
    }
    let held = |hash: &RecordHash| {
        chain.iter().any(|record| record.link.hash == *hash)
            || checkpoint.is_some_and(|checkpoint| checkpoint.hash == *hash)
    };
    match kept {
        Some(kept) if !held(kept) => {
            let what = format!("no record of the chain has the hash {kept}, which was its head once");
            Err(Break::new(Check::Head, None, what))
        }
        Some(_) | None => Ok(()),
    }
}

fn sealed(documents: &[Document]) -> Result<Vec<Sealed<'_>>, Break> {
    let mut chain = Vec::new();
    for document in documents {
        let unreadable = |error: &dyn std::fmt::Display| {
            let what = format!("{} can't be read: {error}", document.name);
            Break::new(Check::Readable, Some(&document.name), what)
        };
        if document.workload().is_none() {
            return Err(unreadable(&"it names no workload"));
        }
        match document.link() {
            Ok(Some(link)) if link.form != FORM => {
                let what = format!("it is sealed in form {}, and this version knows form {FORM}", link.form);
                return Err(unreadable(&what));
            }
            Ok(Some(link)) => chain.push(Sealed { document, link }),
            Ok(None) => {}
            Err(error) => return Err(unreadable(&error)),
        }
    }
    Ok(chain)
}

/// Names of the records without a link. They have to be older than the first that has one.
fn unsealed(documents: &[Document], chain: &[Sealed<'_>]) -> Result<Vec<String>, Break> {
    let first = chain.first().and_then(Sealed::recorded_at);
    let mut names = Vec::new();
    for document in documents {
        if chain.iter().any(|record| std::ptr::eq(record.document, document)) {
            continue;
        }
        let recorded = document.recorded_at().ok().flatten();
        if first.is_some_and(|first| recorded.is_none_or(|recorded| recorded > first)) {
            let what = format!(
                "{} carries neither hash nor signature, and is younger than ones that do",
                document.name
            );
            return Err(Break::new(Check::Sealed, Some(&document.name), what));
        }
        names.push(document.name.clone());
    }
    Ok(names)
}

/// The checkpoint that accounts for what lies before the first record, if anything does.
fn beginning(chain: &[Sealed<'_>], ring: &KeyRing) -> Result<Option<Checkpoint>, Break> {
    let Some(first) = chain.first() else { return Ok(None) };
    let Some(previous) = first.link.previous else {
        if first.link.sequence == 1 {
            return Ok(None);
        }
        let what = format!(
            "{} is number {} and names no record before it",
            first.name(),
            first.link.sequence
        );
        return Err(first.broken(Check::Beginning, what));
    };
    for record in chain {
        let Ok(Some(checkpoint)) = record.document.checkpoint() else {
            continue;
        };
        let accounts = checkpoint.through.checked_add(1) == Some(first.link.sequence) && checkpoint.hash == previous;
        if accounts && genuine(record, ring).is_ok() {
            return Ok(Some(checkpoint));
        }
    }
    let what = format!(
        "the chain begins with {}, number {}; no signed checkpoint says that what was before it was pruned",
        first.name(),
        first.link.sequence
    );
    Err(first.broken(Check::Beginning, what))
}

/// Whether a record takes its place after the one before it.
fn follows(last: &Sealed<'_>, record: &Sealed<'_>) -> Result<(), Break> {
    let (before, here) = (last.link.sequence, record.link.sequence);
    if before == here {
        let what = format!("{} and {} are both number {here}", last.name(), record.name());
        return Err(record.broken(Check::Fork, what));
    }
    if before.checked_add(1) != Some(here) {
        let missing = here - before - 1;
        let what = format!(
            "between {}, number {before}, and {}, number {here}, {missing} {} missing",
            last.name(),
            record.name(),
            if missing == 1 { "record is" } else { "records are" }
        );
        return Err(record.broken(Check::Gap, what));
    }
    if record.link.previous != Some(last.link.hash) {
        let named = record
            .link
            .previous
            .map_or_else(|| "none".to_owned(), |hash| hash.short());
        let what = format!(
            "{} follows a record of hash {named}, but {} before it has {}",
            record.name(),
            last.name(),
            last.link.hash.short()
        );
        return Err(record.broken(Check::Order, what));
    }
    Ok(())
}

/// Whether a record is what was sealed, by a key of the ring; the key's place in it.
fn genuine(record: &Sealed<'_>, ring: &KeyRing) -> Result<usize, Break> {
    let Link {
        hash,
        key: id,
        signature,
        ..
    } = &record.link;
    let name = record.name();
    match record.document.hash() {
        Ok(made) if made == *hash => {}
        Ok(made) => {
            let what = format!("{name} has the hash {}, but says {}", made.short(), hash.short());
            return Err(record.broken(Check::Content, what));
        }
        Err(error) => return Err(record.broken(Check::Content, format!("{name}: {error}"))),
    }
    let Some((place, key)) = ring.get(id) else {
        let what = format!("{name} is signed with key {id}, which is not among the public keys");
        return Err(record.broken(Check::Key, what));
    };
    if !key.public.signed(hash, signature) {
        let what = format!("the signature of {name} was not made with key {id}");
        return Err(record.broken(Check::Signature, what));
    }
    match (key.until, record.recorded_at()) {
        (Some(until), Some(recorded)) if recorded > until.plus(CLOCK_STEP) => {
            let what = format!("{name} was written at {recorded}, and its key {id} was replaced at {until}");
            Err(record.broken(Check::Retired, what))
        }
        _ => Ok(place),
    }
}

impl Sealed<'_> {
    fn name(&self) -> &str {
        &self.document.name
    }

    fn recorded_at(&self) -> Option<Timestamp> {
        self.document.recorded_at().ok().flatten()
    }

    fn head(&self) -> Head {
        Head {
            record: self.document.name.clone(),
            sequence: self.link.sequence,
            hash: self.link.hash,
        }
    }

    fn broken(&self, check: Check, what: String) -> Break {
        Break::new(check, Some(self.name()), what)
    }
}
