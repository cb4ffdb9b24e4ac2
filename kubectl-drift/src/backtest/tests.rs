//! The command as a whole, over files.

use std::{fs, path::Path};

use clap::Parser;
use serde_json::Value;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

const LEARNED: &str = r#"{"time":"2026-01-01T00:00:00Z","workload":"shop/Deployment/cart","container":"app","feed":"process","process":{"executable":"/usr/bin/date","parent":"/usr/bin/python3","argv":["date","+%s"]}}"#;
const SHELL: &str = r#"{"time":"2026-01-02T00:00:00Z","workload":"shop/Deployment/cart","container":"app","feed":"process","process":{"executable":"/usr/bin/bash","parent":"/usr/bin/python3","argv":["bash","-c","id"]}}"#;

fn write(folder: &Path, name: &str, lines: &[&str]) -> String {
    let path = folder.join(name);
    fs::write(&path, lines.join("\n")).unwrap();
    path.display().to_string()
}

fn test(learn: &[&str], replay: &[&str], more: &[&str]) -> (anyhow::Result<bool>, String) {
    let folder = tempfile::tempdir().unwrap();
    let learn = write(folder.path(), "learn.jsonl", learn);
    let replay = write(folder.path(), "replay.jsonl", replay);
    let mut arguments = vec!["backtest", "--learn", &learn, "--replay", &replay];
    arguments.extend(more);
    let args = Cli::try_parse_from(arguments).unwrap().args;
    let mut out = Vec::new();
    let mut found = Found::default();
    let result = carry_out(&args, &mut out, &mut found).map(|()| found.drift);
    (result, String::from_utf8(out).unwrap())
}

const AT_ONCE: [&str; 4] = ["--maturity", "elapsed:0s", "-o", "json"];

#[test]
fn each_replayed_line_gets_a_line_under_its_own_number_and_the_summary_comes_last() {
    let (drifts, out) = test(&[LEARNED], &[LEARNED, "", "{", SHELL], &AT_ONCE);
    assert!(drifts.unwrap());
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["line"], &lines[0]["verdict"]), (&1.into(), &"known".into()));
    assert_eq!((&lines[1]["line"], &lines[1]["verdict"]), (&4.into(), &"drift".into()));
    assert_eq!(lines[1]["rules"][0], "process-outside-baseline");
    for field in ["p", "novelty", "nearest"] {
        assert!(lines[1].get(field).is_some(), "{field} is missing: {}", lines[1]);
    }
    let summary = &lines[2]["summary"];
    assert_eq!(
        (&summary["lines"], &summary["alerts"], &summary["bad_lines"]),
        (&2.into(), &1.into(), &1.into())
    );
    let bad = &summary["bad_line_numbers"][0];
    assert!(bad["file"].as_str().unwrap().ends_with("replay.jsonl"), "{bad}");
    assert_eq!(bad["lines"], serde_json::json!(["3"]));
}

/// What the sensor writes of a program that connects and maps a library: a test of its own holds it to that.
const RECORDED: &str = include_str!("../../../sensor/src/record/drive/recorded.jsonl");

#[test]
fn what_a_sensor_recorded_is_known_and_what_differs_from_it_drifts_in_every_feed() {
    let recorded: Vec<&str> = RECORDED.lines().collect();
    let changes = [
        ("/usr/bin/demo", "/usr/bin/other"),
        ("203.0.113.9", "198.51.100.7"),
        ("libx.so", "liby.so"),
    ];
    let differing: Vec<String> = recorded
        .iter()
        .zip(changes)
        .map(|(line, (before, after))| {
            assert!(line.contains(before), "{line}");
            line.replace(before, after)
        })
        .collect();
    let replay: Vec<&str> = recorded
        .iter()
        .copied()
        .chain(differing.iter().map(String::as_str))
        .collect();
    let mut arguments = AT_ONCE.to_vec();
    arguments.push("--strict");
    let (drifts, out) = test(&recorded, &replay, &arguments);
    assert!(drifts.unwrap());
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let judged: Vec<(&str, &str)> = lines[..6]
        .iter()
        .map(|line| {
            (
                line["verdict"].as_str().unwrap(),
                line["rules"][0].as_str().unwrap_or_default(),
            )
        })
        .collect();
    let expected = [
        ("known", ""),
        ("known", ""),
        ("known", ""),
        ("drift", "process-outside-baseline"),
        ("drift", "new-destination"),
        ("drift", "unapproved-module"),
    ];
    assert_eq!(judged, expected);
}

#[test]
fn a_replay_of_what_was_learned_is_without_drift() {
    let (drifts, out) = test(&[LEARNED, SHELL], &[SHELL, LEARNED], &["--maturity", "elapsed:0s"]);
    assert!(!drifts.unwrap());
    assert!(
        out.contains("2 lines judged over 1.0 days: 2 known, 0 learned, 0 drift"),
        "{out}"
    );
}

#[test]
fn the_table_shows_what_drifted_and_obeys_no_escape_sequence() {
    let evil = SHELL.replace("/usr/bin/bash", "/tmp/\\u001b[2Jx");
    let (_, out) = test(&[LEARNED], &[&evil], &["--maturity", "elapsed:0s"]);
    assert!(
        out.contains("process-outside-baseline") && !out.contains('\u{1b}'),
        "{out}"
    );
}

#[test]
fn a_bad_line_is_fatal_where_that_is_asked_for() {
    let (result, _) = test(&[LEARNED], &["", "nonsense"], &["--strict"]);
    let error = format!("{:#}", result.unwrap_err());
    assert!(error.contains("replay.jsonl:2: "), "{error}");
}

#[test]
fn a_line_of_many_megabytes_is_passed_over_and_the_next_is_read() {
    let long = "x".repeat(3_000_000);
    let (drifts, out) = test(&[LEARNED], &[&long, LEARNED], &AT_ONCE);
    assert!(!drifts.unwrap());
    assert!(out.starts_with("{\"line\":2,"), "{out}");
}

#[test]
fn standard_input_can_be_read_once_only() {
    let args = Cli::try_parse_from(["backtest", "--learn", "-", "--replay", "-"])
        .unwrap()
        .args;
    let error = carry_out(&args, &mut Vec::new(), &mut Found::default()).unwrap_err();
    assert!(error.to_string().contains("can't both be standard input"), "{error}");
}

/// A reader that has seen enough after so many bytes.
struct Pipe(usize);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn where_nobody_reads_on_what_was_judged_until_then_is_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let learn = write(folder.path(), "learn.jsonl", &[LEARNED]);
    for (replayed, drift) in [([SHELL, LEARNED], true), ([LEARNED, LEARNED], false)] {
        let replay = write(folder.path(), "replay.jsonl", &replayed);
        let arguments = ["backtest", "--learn", &learn, "--replay", &replay];
        let args = Cli::try_parse_from(arguments.into_iter().chain(AT_ONCE)).unwrap().args;
        let mut found = Found::default();
        let error = carry_out(&args, &mut Pipe(600), &mut found).unwrap_err();
        assert!(is_broken_pipe(&error), "{error:#}");
        assert_eq!(found.drift, drift);
    }
}
