//! `kubectl drift backtest` as scripts use it: its exit codes, standard input, and what it holds of a long recording.

use std::{
    io::Write as _,
    process::{Child, Command, Output, Stdio},
};

use super::support::{Home, PLUGIN, said};

/// A line of a recording: at a second, a shell ran a script.
fn line(second: u64, script: &str) -> String {
    let (hour, minute, second) = (second / 3_600 % 24, second / 60 % 60, second % 60);
    format!(
        "{{\"time\":\"2026-01-01T{hour:02}:{minute:02}:{second:02}Z\",\"workload\":\"shop/Deployment/cart\",\"container\":\
         \"app\",\"feed\":\"process\",\"process\":{{\"executable\":\"/usr/bin/bash\",\"parent\":\"/usr/bin/python3\",\"argv\":\
         [\"bash\",\"-c\",\"{script}\"]}}}}\n"
    )
}

fn home() -> Home {
    let home = Home::new([].into());
    let learned: String = (0..40)
        .map(|number| line(number, &format!("ls /data/{number}")))
        .collect();
    home.file("learn.jsonl", &learned);
    home.file("known.jsonl", &line(50, "ls /data/7"));
    home.file(
        "new.jsonl",
        &line(50, "ls /data/7").replace("/usr/bin/bash", "/usr/bin/nc"),
    );
    home.file("bad.jsonl", "no observation\n");
    home
}

fn backtest(home: &Home, arguments: &str) -> Output {
    home.sh(&format!("kubectl drift backtest --maturity elapsed:0s {arguments}"))
}

#[test]
fn scripts_tell_no_drift_from_drift_and_both_from_misuse_by_the_exit_code() {
    let home = home();
    for (arguments, code) in [
        ("--learn learn.jsonl --replay known.jsonl", 0),
        ("--learn learn.jsonl --replay new.jsonl", 1),
        ("--learn learn.jsonl --replay new.jsonl -o json", 1),
        ("--learn learn.jsonl --replay bad.jsonl", 0),
        ("--learn learn.jsonl --replay bad.jsonl --strict", 2),
        ("--learn learn.jsonl --replay nothing.jsonl", 2),
        ("--learn - --replay -", 2),
        ("--learn learn.jsonl --replay known.jsonl --policy bad.jsonl", 2),
        ("--learn learn.jsonl --replay known.jsonl -o xml", 2),
        ("--learn learn.jsonl", 2),
    ] {
        let output = backtest(&home, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {}", said(&output));
    }
}

#[test]
fn a_dash_is_standard_input_for_either_recording() {
    let home = home();
    for arguments in [
        "--learn - --replay new.jsonl < learn.jsonl",
        "--learn learn.jsonl --replay - < new.jsonl",
    ] {
        let output = backtest(&home, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments}: {}", said(&output));
        assert!(said(&output).contains("process-outside-baseline"), "{arguments}");
    }
}

/// The most memory that a process has held so far, in KiB: `VmHWM` of proc(5).
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_recording_ten_times_as_long_takes_no_more_memory() {
    let home = home();
    let mut child = Command::new(PLUGIN)
        .args([
            "backtest",
            "--maturity",
            "elapsed:0s",
            "--learn",
            "learn.jsonl",
            "--replay",
            "-",
        ])
        .current_dir(home.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut replay = |lines: std::ops::Range<u64>| {
        for number in lines {
            // One of a hundred is a command that never ran: a number would read like any other.
            let named: String = number
                .to_string()
                .bytes()
                .map(|digit| char::from(digit + b'a' - b'0'))
                .collect();
            let script = if number % 100 == 0 {
                format!("ls /data/{named}")
            } else {
                format!("ls /data/{number}")
            };
            input.write_all(line(number, &script).as_bytes()).unwrap();
        }
        input.flush().unwrap();
    };
    replay(0..2_000);
    let early = peak(&child);
    replay(2_000..20_000);
    let late = peak(&child);
    drop(input);
    assert!(child.wait().unwrap().code().is_some());
    // What may grow are the commands that were told apart, which have a bound of their own.
    assert!(late < early + 8 * 1_024, "{early} KiB, then {late} KiB");
}
