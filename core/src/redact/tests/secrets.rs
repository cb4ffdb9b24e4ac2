//! The corpus of secrets.

use super::*;
use crate::{
    features::{Command, named},
    normalise,
};

fn secrets() -> Vec<Line> {
    corpus(include_str!("../../../corpus/secrets.txt"))
}

/// What must not be left of a secret: it as a whole, and any eight characters of it that stand together.
fn traces(secret: &str) -> Vec<String> {
    let characters: Vec<char> = secret.chars().collect();
    let pieces = characters
        .windows(8.min(characters.len()))
        .map(|piece| piece.iter().collect());
    // What a `name=value` in a secret's place is called may be left: its value may not.
    let names = ["password", "session=", "PRIVATE ", "BEGIN "];
    let is_name = |piece: &String| names.iter().any(|name| piece.contains(name)) || piece.contains("-----");
    pieces.filter(|piece| !is_name(piece)).collect()
}

#[test]
fn the_corpus_holds_what_it_promises() {
    let secrets = secrets();
    assert!(secrets.len() >= 200, "{}", secrets.len());
    assert!(secrets.iter().all(|line| !line.marked.is_empty()));
}

#[test]
fn no_secret_is_left_in_a_command_line_nor_in_its_template() {
    let mut left = Vec::new();
    for Line { argv, marked } in secrets() {
        for written in [redact_argv(argv.clone()), normalise::command_line(argv.clone())] {
            let text = written.join(" ¦ ");
            let traces = marked.iter().flat_map(|secret| traces(secret));
            left.extend(
                traces
                    .filter(|trace| text.contains(trace))
                    .take(1)
                    .map(|_| (argv.join(" ¦ "), text.clone())),
            );
        }
    }
    assert!(left.is_empty(), "{} are left: {left:#?}", left.len());
}

#[test]
fn no_secret_is_left_in_a_line_that_is_read_as_a_shell_would_be_given_it() {
    let mut left = Vec::new();
    for Line { argv, marked } in secrets() {
        let argv = vec!["sh".to_owned(), "-c".to_owned(), quoted(&argv)];
        let text = normalise::command_line(argv.clone()).join(" ");
        let traces = marked.iter().flat_map(|secret| traces(secret));
        left.extend(
            traces
                .filter(|trace| text.contains(trace))
                .take(1)
                .map(|_| (argv[2].clone(), text.clone())),
        );
    }
    assert!(left.is_empty(), "{} are left: {left:#?}", left.len());
}

/// With quotes around what holds white space, where no quotes are inside.
fn quoted(argv: &[String]) -> String {
    let quote = |argument: &String| match (
        argument.contains([' ', ';', '&', '|']),
        argument.contains('"'),
        argument.contains('\''),
    ) {
        (true, false, _) => format!("\"{argument}\""),
        (true, true, false) => format!("'{argument}'"),
        _ => argument.clone(),
    };
    argv.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[test]
fn no_feature_is_made_from_a_secret() {
    for Line { argv, marked } in secrets() {
        let argv = normalise::command_line(argv);
        let command = Command {
            executable: "/usr/bin/tool",
            parent: "",
            argv: &argv,
        };
        let texts: Vec<String> = named(&command).into_iter().map(|(_, text)| text).collect();
        for trace in marked.iter().flat_map(|secret| traces(secret)) {
            let trace = trace.to_lowercase();
            assert!(
                !texts.iter().any(|text| text.to_lowercase().contains(&trace)),
                "{argv:?}: {trace}"
            );
        }
    }
}

#[test]
fn two_secrets_of_one_length_leave_the_same_features() {
    let announced = corpus(include_str!("../../../corpus/secrets.txt"))
        .into_iter()
        .filter(|line| line.marked == ["correcthorse"]);
    let mut lines = 0;
    for Line { argv, .. } in announced {
        let other: Vec<String> = argv
            .iter()
            .map(|argument| argument.replace("correcthorse", "Xk7#q!wv9zZm"))
            .collect();
        assert_eq!(
            normalise::command_line(argv.clone()),
            normalise::command_line(other),
            "{argv:?}"
        );
        lines += 1;
    }
    assert!(lines > 80, "{lines}");
}
