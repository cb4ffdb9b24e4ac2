//! What is told of chains that are whole, and of those that are not.

use anchorwatch_core::{
    chain::{Head, Signer},
    time::Timestamp,
};
use clap::Parser;
use serde_json::json;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(line: &[&str]) -> Args {
    Line::parse_from([&["verify"], line].concat()).args
}

fn signer() -> Signer {
    Signer::from_seed(&[1; 32])
}

fn ring() -> KeyRing {
    let mut ring = KeyRing::default();
    ring.add(None, &signer(), Timestamp::from_secs(0));
    ring
}

/// A chain of so many records, and its head.
fn chain(name: &str, length: u64) -> (Vec<Document>, Head) {
    let mut head: Option<Head> = None;
    let documents = (1..=length).map(|revision| {
        let spec = json!({
            "workload": {"kind": "Deployment", "name": name}, "revision": revision, "recordedAt": "2026-01-01T00:00:00Z",
        });
        let document = Document::new("shop", format!("deployment-{name}-{revision}"), spec).unwrap();
        let (sealed, next) = document.seal(head.as_ref(), &signer()).unwrap();
        head = Some(next);
        sealed
    });
    let documents = documents.collect();
    (documents, head.unwrap())
}

fn checked(documents: Vec<Document>, line: &[&str]) -> anyhow::Result<Report> {
    check(&ring(), documents, &args(line), "shop")
}

#[test]
fn chains_that_are_whole_say_so_with_their_heads() {
    let (a, head) = chain("a", 2);
    let (b, _) = chain("b", 1);
    let report = checked([a, b].concat(), &[]).unwrap();
    assert!(report.whole);
    let text = render::text(&report);
    assert!(
        text.contains(&format!("Deployment/a   2         {}   whole", head.hash)),
        "{text}"
    );
    assert!(text.contains("2 chains, 3 signed records, 0 broken"), "{text}");
    assert!(text.contains(&signer().public().id().to_string()), "{text}");
}

#[test]
fn a_break_says_what_was_found_what_it_means_and_what_to_do() {
    let (mut documents, _) = chain("a", 3);
    documents.remove(1);
    let report = checked(documents, &[]).unwrap();
    assert!(!report.whole);
    let text = render::text(&report);
    for says in [
        "BROKEN: gap",
        "between deployment-a-1, number 1, and deployment-a-3, number 3, 1 record is missing",
        "that means   records were deleted from the middle",
        "what to do   find in the API server's audit log",
    ] {
        assert!(text.contains(says), "{says} is not in:\n{text}");
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["chains"][0]["broken"]["check"], "gap");
    assert_eq!(json["chains"][0]["broken"]["record"], "deployment-a-3");
    assert!(json["chains"][0]["explanation"]["advice"].is_string());
}

#[test]
fn a_head_that_was_kept_outside_tells_a_chain_that_was_cut_off() {
    let (documents, head) = chain("a", 3);
    let kept = head.hash.to_string();
    let line = ["deployment/a", "--head", &kept];
    assert!(checked(documents.clone(), &line).unwrap().whole);
    assert!(!checked(documents[..2].to_vec(), &line).unwrap().whole);
    assert!(!checked(Vec::new(), &line).unwrap().whole, "nothing is left of it");
}

#[test]
fn a_workload_that_is_not_there_is_an_error_with_its_name() {
    let error = checked(chain("a", 1).0, &["deployment/b"]).unwrap_err().to_string();
    assert_eq!(error, "namespace shop has no RolloutRecord of deployment/b");
    assert_eq!(checked(Vec::new(), &["b"]).unwrap_err().to_string(), MISNAMED);
    assert!(checked(chain("a", 1).0, &["Deployment/a"]).unwrap().whole);
}

#[test]
fn keys_that_are_not_trusted_break_it_although_every_chain_is_whole() {
    let other = Signer::from_seed(&[2; 32]).public().id().to_string();
    let report = checked(chain("a", 1).0, &["--trust-key", &other]).unwrap();
    assert!(!report.whole && report.keys.is_some());
    let text = render::text(&report);
    assert!(text.contains("the public keys: the first key is"), "{text}");
    let own = signer().public().id().to_string();
    assert!(checked(chain("a", 1).0, &["--trust-key", &own]).unwrap().whole);
}

#[test]
fn what_a_record_holds_can_not_speak_to_a_terminal() {
    let spec = json!({"workload": {"kind": "Deployment", "name": "a\u{1b}[31m"}, "chain": 1});
    let report = checked(vec![Document::new("shop", "x", spec).unwrap()], &[]).unwrap();
    assert!(!render::text(&report).contains('\u{1b}'));
}
