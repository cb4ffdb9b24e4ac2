//! What somebody may do to a chain, and that it is found.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    id::WorkloadKey,
    testkit::{at, workload},
    time::{Duration, Timestamp},
};

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&[seed; 32])
}

fn ring() -> KeyRing {
    let mut ring = KeyRing::default();
    ring.add(None, &signer(1), at(-1_000));
    ring
}

fn spec(revision: u64, recorded: Timestamp) -> Value {
    json!({
        "workload": {"kind": "Deployment", "name": "agent"},
        "revision": revision,
        "containers": [{"name": "agent", "digest": format!("sha256:{revision:064}")}],
        "recordedAt": recorded,
    })
}

fn document(revision: u64) -> Document {
    let seconds = i64::try_from(revision).unwrap() * 100;
    Document::new(
        "shop",
        format!("deployment-agent-{revision}"),
        spec(revision, at(seconds)),
    )
    .unwrap()
}

/// So many records, each sealed after the one before it by the key of this seed.
fn chain(length: u64) -> Vec<Document> {
    extended(Vec::new(), 1..=length, &signer(1))
}

fn extended(mut chain: Vec<Document>, revisions: impl Iterator<Item = u64>, signer: &Signer) -> Vec<Document> {
    for revision in revisions {
        let head = chain.last().map(head_of);
        chain.push(document(revision).seal(head.as_ref(), signer).unwrap().0);
    }
    chain
}

fn head_of(document: &Document) -> Head {
    let link = document.link().unwrap().unwrap();
    Head {
        record: document.name.clone(),
        sequence: link.sequence,
        hash: link.hash,
    }
}

/// The same record after somebody's edit of its specification.
fn edited(document: &Document, edit: impl FnOnce(&mut Value)) -> Document {
    let mut spec = document.clone().into_spec();
    edit(&mut spec);
    Document::new(&document.namespace, &document.name, spec).unwrap()
}

fn checked(documents: &[Document]) -> ChainReport {
    verify(&workload(), documents, &ring(), None)
}

/// The check that fails first, and at which record.
fn found(documents: &[Document]) -> Option<(Check, Option<String>)> {
    let broken = checked(documents).broken;
    broken.map(|broken| (broken.check, broken.record))
}

fn at_record(check: Check, revision: u64) -> (Check, Option<String>) {
    (check, Some(format!("deployment-agent-{revision}")))
}

#[test]
fn a_chain_as_it_was_written_is_whole_in_whatever_order_it_is_listed() {
    let mut documents = chain(4);
    documents.reverse();
    let report = checked(&documents);
    assert_eq!(
        report,
        ChainReport {
            workload: workload(),
            sealed: 4,
            unsealed: Vec::new(),
            pruned_through: None,
            head: Some(head_of(&documents[0])),
            broken: None,
        }
    );
}

#[test]
fn the_hash_of_a_record_is_the_same_for_ever() {
    // Whoever changes the canonical form breaks every chain that exists: a new form gets a new number.
    let sealed = &chain(2)[1];
    assert_eq!(
        head_of(sealed).hash.to_string(),
        "de60d3179ebee4c7c070e965c3b3ac7a0cf1e904c01a297b07932e9c0034775d"
    );
}

#[test]
fn the_order_of_fields_and_members_that_are_null_change_no_hash() {
    let sealed = &chain(1)[0];
    let text = serde_json::to_string(&sealed.clone().into_spec()).unwrap();
    let turned: Vec<String> = {
        let Value::Object(members) = sealed.clone().into_spec() else {
            panic!()
        };
        let members = members.iter().rev();
        members
            .map(|(name, value)| format!("{}:{value}", json!(name)))
            .collect()
    };
    let turned = format!("{{{},\"changeCause\":null}}", turned.join(","));
    assert_ne!(text, turned);
    let again = Document::new("shop", &sealed.name, serde_json::from_str(&turned).unwrap()).unwrap();
    assert_eq!(checked(&[again]).broken, None);
}

#[test]
fn a_deleted_record_is_a_gap_and_a_deleted_beginning_is_found() {
    let mut documents = chain(5);
    documents.remove(2);
    assert_eq!(found(&documents), Some(at_record(Check::Gap, 4)));
    let report = checked(&documents);
    assert!(
        report.broken.as_ref().unwrap().what.contains("1 record is missing"),
        "{report:?}"
    );
    assert_eq!(report.head.unwrap().sequence, 2, "the part before it is whole");
    assert_eq!(found(&chain(5)[2..]), Some(at_record(Check::Beginning, 3)));
}

#[test]
fn an_altered_record_is_found_whichever_field_it_is() {
    type Edit = fn(&mut Value);
    let edits: [Edit; 6] = [
        |spec| spec["containers"][0]["digest"] = json!("sha256:f"),
        |spec| spec["revision"] = json!(9),
        |spec| spec["recordedAt"] = json!("2020-01-01T00:00:00Z"),
        |spec| spec["added"] = json!("unknown to this version"),
        |spec| spec["chain"]["previous"] = json!("0".repeat(64)),
        |spec| spec["chain"]["added"] = json!(1),
    ];
    for edit in edits {
        let mut documents = chain(3);
        documents[2] = edited(&documents[2], edit);
        let check = found(&documents).unwrap().0;
        assert!(matches!(check, Check::Content | Check::Order), "{check:?}");
    }
}

#[test]
fn an_altered_record_with_a_hash_that_fits_lacks_the_signature() {
    let mut documents = chain(1);
    let altered = edited(&documents[0], |spec| {
        spec["containers"][0]["digest"] = json!("sha256:f");
    });
    let hash = altered.hash().unwrap();
    documents[0] = edited(&altered, |spec| spec["chain"]["hash"] = json!(hash));
    assert_eq!(found(&documents), Some(at_record(Check::Signature, 1)));
}

#[test]
fn records_that_changed_places_are_found() {
    let mut documents = chain(3);
    let (second, third) = (documents[1].clone().into_spec(), documents[2].clone().into_spec());
    documents[1] = Document::new("shop", "deployment-agent-2", third).unwrap();
    documents[2] = Document::new("shop", "deployment-agent-3", second).unwrap();
    assert_eq!(
        found(&documents),
        Some(at_record(Check::Content, 3)),
        "a hash is of the name, too"
    );
    // And without their hashes and signatures, renumbered:
    let mut documents = chain(3);
    for (index, sequence) in [(1, 3), (2, 2)] {
        documents[index] = edited(&documents[index], |spec| spec["chain"]["sequence"] = json!(sequence));
    }
    assert_eq!(found(&documents), Some(at_record(Check::Order, 3)));
}

#[test]
fn a_record_of_another_namespace_does_not_fit() {
    let sealed = chain(1).remove(0);
    let moved = Document::new("other", sealed.name.clone(), sealed.into_spec()).unwrap();
    let elsewhere = WorkloadKey::new("other", "Deployment", "agent");
    let report = verify(&elsewhere, &[moved], &ring(), None);
    assert_eq!(report.broken.unwrap().check, Check::Content);
}

#[test]
fn a_chain_that_was_cut_off_lacks_the_head_that_was_kept_outside() {
    let documents = chain(5);
    let kept = head_of(&documents[4]).hash;
    let report = |documents: &[Document]| verify(&workload(), documents, &ring(), Some(&kept));
    assert_eq!(report(&documents).broken, None);
    assert_eq!(report(&documents[..4]).broken.unwrap().check, Check::Head);
    assert_eq!(report(&[]).broken.unwrap().check, Check::Head, "nothing is left of it");
    // A head that was kept a while ago is in the chain still.
    assert_eq!(report(&extended(documents, 6..=7, &signer(1))).broken, None);
}

#[test]
fn a_chain_that_was_signed_anew_with_another_key_is_found() {
    let forged = extended(Vec::new(), 1..=3, &signer(9));
    assert_eq!(found(&forged), Some(at_record(Check::Key, 1)));
    // Under the name of the real key:
    let id = signer(1).public().id();
    let renamed = edited(&forged[0], |spec| spec["chain"]["key"] = json!(id));
    let hash = renamed.hash().unwrap();
    let renamed = edited(&renamed, |spec| spec["chain"]["hash"] = json!(hash));
    assert_eq!(found(&[renamed]), Some(at_record(Check::Signature, 1)));
    // With the forger's key among the public ones, the ring does not hold.
    let mut ring = ring();
    ring.add(None, &signer(9), at(0));
    assert_eq!(verify(&workload(), &forged, &ring, None).broken, None);
    assert_eq!(ring.check(&BTreeSet::new()).unwrap_err().check, Check::Keys);
}

#[test]
fn two_records_of_one_number_are_a_fork() {
    let mut documents = chain(2);
    let head = head_of(&documents[0]);
    documents.push(document(3).seal(Some(&head), &signer(1)).unwrap().0);
    assert_eq!(found(&documents), Some(at_record(Check::Fork, 3)));
}

#[test]
fn a_record_without_a_seal_is_told_and_breaks_a_chain_that_is_older() {
    let mut documents = vec![document(1)];
    assert_eq!(checked(&documents).unsealed, ["deployment-agent-1"]);
    documents.push(document(2).seal(None, &signer(1)).unwrap().0);
    assert_eq!(checked(&documents).broken, None, "an earlier version wrote it");
    documents.push(document(3));
    assert_eq!(found(&documents), Some(at_record(Check::Sealed, 3)));
}

#[test]
fn what_is_no_record_is_told_by_its_name() {
    for (edit, says) in [
        (json!({}), "names no workload"),
        (
            json!({"workload": {"kind": "Deployment", "name": "agent"}, "chain": 3}),
            "spec.chain",
        ),
        (
            json!({"workload": {"kind": "Deployment", "name": "agent"}, "chain": {
                "form": 2, "sequence": 1, "key": "ab".repeat(16), "hash": "ab".repeat(32), "signature": "ab".repeat(64),
            }}),
            "form 2",
        ),
    ] {
        let document = Document::new("shop", "x", edit).unwrap();
        let broken = checked(&[document]).broken.unwrap();
        assert_eq!(broken.check, Check::Readable);
        assert!(broken.what.contains(says), "{broken:?}");
    }
    assert_eq!(Document::new("shop", "x", json!([])), Err(Unreadable::NoObject));
}

mod pruned {
    use super::*;

    /// Records 1 to 6, of which 1 to 3 were pruned; the checkpoint is number 7.
    fn pruned(checkpoint: &Checkpoint) -> Vec<Document> {
        let documents = chain(6);
        let head = head_of(&documents[5]);
        let spec = edited(&document(7), |spec| spec["checkpoint"] = json!(checkpoint));
        let sealed = spec.seal(Some(&head), &signer(1)).unwrap().0;
        [&documents[3..], &[sealed]].concat()
    }

    fn honest() -> Checkpoint {
        Checkpoint {
            through: 3,
            hash: head_of(&chain(6)[2]).hash,
        }
    }

    #[test]
    fn what_was_pruned_under_a_checkpoint_is_no_break() {
        let report = checked(&pruned(&honest()));
        assert_eq!((report.broken, report.pruned_through), (None, Some(3)));
        let kept = honest().hash;
        assert_eq!(
            verify(&workload(), &pruned(&honest()), &ring(), Some(&kept)).broken,
            None
        );
    }

    #[test]
    fn a_checkpoint_covers_what_it_names_and_no_more() {
        let documents = pruned(&honest());
        assert_eq!(found(&documents[1..]), Some(at_record(Check::Beginning, 5)));
        let other = Checkpoint {
            hash: head_of(&chain(6)[1]).hash,
            ..honest()
        };
        assert_eq!(found(&pruned(&other)), Some(at_record(Check::Beginning, 4)));
    }

    #[test]
    fn a_checkpoint_that_the_operator_did_not_sign_covers_nothing() {
        let mut documents = pruned(&honest());
        let last = documents.len() - 1;
        documents[last] = edited(&documents[last], |spec| spec["revision"] = json!(8));
        assert_eq!(found(&documents), Some(at_record(Check::Beginning, 4)));
    }
}

mod keys {
    use super::*;

    fn rotated() -> KeyRing {
        let mut ring = ring();
        ring.add(Some(&signer(1)), &signer(2), at(250));
        ring
    }

    #[test]
    fn a_chain_goes_on_under_the_next_key() {
        let documents = extended(chain(2), 3..=4, &signer(2));
        assert_eq!(verify(&workload(), &documents, &rotated(), None).broken, None);
        assert_eq!(rotated().check(&BTreeSet::new()), Ok(()));
        assert_eq!(rotated().keys()[0].until, Some(at(250)));
    }

    #[test]
    fn a_replaced_key_signs_nothing_after_the_next_one_did_nor_long_after() {
        let documents = extended(extended(chain(2), 3..=3, &signer(2)), 4..=4, &signer(1));
        let report = verify(&workload(), &documents, &rotated(), None);
        assert_eq!(report.broken.unwrap().check, Check::Retired);
        let late = spec(2, at(250).plus(Duration::from_hours(3)));
        let late = Document::new("shop", "deployment-agent-2", late).unwrap();
        let documents = chain(1);
        let late = late.seal(Some(&head_of(&documents[0])), &signer(1)).unwrap().0;
        let report = verify(&workload(), &[&documents[..], &[late]].concat(), &rotated(), None);
        assert_eq!(report.broken.unwrap().check, Check::Retired);
    }

    #[test]
    fn a_clock_that_was_stepped_breaks_nothing() {
        let early = Document::new("shop", "deployment-agent-3", spec(3, at(-3_000))).unwrap();
        let documents = chain(2);
        let early = early.seal(Some(&head_of(&documents[1])), &signer(1)).unwrap().0;
        let report = verify(&workload(), &[&documents[..], &[early]].concat(), &rotated(), None);
        assert_eq!(report.broken, None);
    }

    #[test]
    fn a_key_that_nobody_vouches_for_breaks_the_ring_until_it_is_trusted() {
        let mut ring = ring();
        ring.add(None, &signer(3), at(100));
        let first = signer(1).public().id();
        let third = signer(3).public().id();
        assert!(
            ring.check(&BTreeSet::new())
                .unwrap_err()
                .what
                .contains(&third.to_string())
        );
        assert_eq!(ring.check(&BTreeSet::from([first, third])), Ok(()));
        assert!(
            ring.check(&BTreeSet::from([third])).is_err(),
            "and then the first has to be, too"
        );
    }

    #[test]
    fn a_ring_that_was_tampered_with_does_not_hold() {
        let written = serde_json::to_value(rotated()).unwrap();
        let tampered = |edit: &dyn Fn(&mut Value)| {
            let mut keys = written.clone();
            edit(&mut keys);
            let ring: KeyRing = serde_json::from_value(keys).unwrap();
            ring.check(&BTreeSet::new()).unwrap_err().what
        };
        let forged = signer(9).public();
        let exchanged = tampered(&|keys| keys[1]["public"] = json!(forged));
        assert!(exchanged.contains("does not have the public key"), "{exchanged}");
        let put_in = tampered(&|keys| {
            keys[1]["public"] = json!(forged);
            keys[1]["id"] = json!(forged.id());
        });
        assert!(put_in.contains("that is not so"), "{put_in}");
        let twice = tampered(&|keys| keys[1] = keys[0].clone());
        assert!(twice.contains("twice"), "{twice}");
        let emptied = tampered(&|keys| *keys = json!([]));
        assert!(emptied.contains("no public key"), "{emptied}");
    }

    #[test]
    fn a_ring_comes_back_as_it_was_written() {
        let written = serde_json::to_string(&rotated()).unwrap();
        assert_eq!(serde_json::from_str::<KeyRing>(&written).unwrap(), rotated());
    }
}

#[test]
fn every_check_says_what_it_means_and_what_to_do() {
    for check in Check::ALL {
        assert!(!check.meaning().is_empty() && !check.advice().is_empty());
        assert_eq!(json!(check), json!(check.name()));
    }
}

#[test]
fn one_hash_over_many_heads_tells_any_change() {
    let documents = chain(2);
    let (a, b) = (workload(), WorkloadKey::new("shop", "Deployment", "b"));
    let (one, two) = (head_of(&documents[0]), head_of(&documents[1]));
    assert_eq!(
        heads_digest([(&a, &one), (&b, &two)]),
        heads_digest([(&b, &two), (&a, &one)])
    );
    assert_ne!(
        heads_digest([(&a, &one), (&b, &two)]),
        heads_digest([(&a, &two), (&b, &one)])
    );
    assert_ne!(heads_digest([(&a, &one)]), heads_digest([(&a, &one), (&b, &two)]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever subset of a chain is left, in whatever order: it is whole only if it is a beginning of it, and the head
    /// that was kept outside tells that, too.
    #[test]
    fn no_choice_of_records_passes_for_the_chain(kept in prop::collection::vec(any::<bool>(), 6), shift in 0_usize..6) {
        let documents = chain(6);
        let head = head_of(&documents[5]).hash;
        let mut left: Vec<Document> = documents.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(d, _)| d.clone()).collect();
        let number = left.len();
        left.rotate_left(shift.min(number));
        let is_beginning = kept.iter().take(number).all(|kept| *kept);
        prop_assert_eq!(checked(&left).broken.is_none(), is_beginning);
        let against_head = verify(&workload(), &left, &ring(), Some(&head)).broken.is_none();
        prop_assert_eq!(against_head, number == 6);
    }
}
