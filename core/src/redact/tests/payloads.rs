//! The corpus of payloads.

use super::*;
use crate::{
    features::{Command, Kind, named},
    normalise,
    placeholder::Class,
};

fn payloads() -> Vec<Line> {
    corpus(include_str!("../../../corpus/payloads.txt"))
}

fn capabilities(argv: &[String]) -> Vec<String> {
    let command = Command {
        executable: "/bin/sh",
        parent: "",
        argv,
    };
    let named = named(&command).into_iter();
    let told = named.filter(|(feature, _)| feature.kind() == Kind::Capability);
    // That something names a credential, or an address, is what is taken out of it.
    told.map(|(_, text)| text)
        .filter(|text| !text.starts_with("names "))
        .collect()
}

/// The command with something else in each place of its payload.
fn with(line: &Line, other: &str) -> Vec<String> {
    let replace = |argument: &String| {
        let marked = line.marked.iter();
        marked.fold(argument.clone(), |argument, payload| argument.replace(payload, other))
    };
    line.argv.iter().map(replace).collect()
}

#[test]
fn no_payload_vanishes() {
    for line in payloads() {
        let written = normalise::command_line(line.argv.clone());
        for other in ["", "aGk=", "ls"] {
            assert_ne!(written, normalise::command_line(with(&line, other)), "{:?}", line.argv);
        }
        let text = written.join(" ");
        for payload in &line.marked {
            let magnitude = payload.len().ilog2();
            let shape = [Class::Base64, Class::Token, Class::Hex]
                .iter()
                .any(|class| text.contains(&format!("<{}:{magnitude}>", class.name())));
            let words = payload
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|word| word.len() > 1);
            let (kept, all) = words.fold((0, 0), |(kept, all), word| {
                (kept + usize::from(text.contains(word)), all + 1)
            });
            assert!(
                shape || (all > 0 && kept * 10 >= all * 6),
                "{kept} of {all} words of {payload} are left in {text}"
            );
        }
    }
}

#[test]
fn what_a_payload_can_do_is_told_from_what_is_left_of_it() {
    let mut lost = Vec::new();
    for line in payloads() {
        let told = capabilities(&normalise::command_line(line.argv.clone()));
        let before = capabilities(&line.argv);
        lost.extend(
            before
                .into_iter()
                .filter(|one| !told.contains(one))
                .map(|one| (one, line.argv.join(" ¦ "))),
        );
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn what_attackers_are_known_to_type_keeps_what_it_can_do() {
    let lines = include_str!("../../../corpus/malicious.txt")
        .lines()
        .filter(|line| !line.is_empty());
    for line in lines {
        let argv = ["bash", "-c", line].map(str::to_owned).to_vec();
        let told = capabilities(&normalise::command_line(argv.clone()));
        let lost: Vec<String> = capabilities(&argv)
            .into_iter()
            .filter(|one| !told.contains(one))
            .collect();
        assert!(lost.is_empty(), "{lost:?} of {line}: {:?}", redact_argv(argv));
    }
}
