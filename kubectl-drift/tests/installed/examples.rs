//! Every example of every help does what it says.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use super::{
    recorded,
    support::{Home, PLUGIN, said},
};

/// A help, each line of it on one line.
fn help(arguments: &[&str]) -> String {
    let mut command = Command::new(PLUGIN);
    said(&command.args(arguments).env("COLUMNS", "1000").output().unwrap())
}

/// The examples of a command's help.
fn examples(command: &str) -> Vec<String> {
    let help = help(&[command, "--help"]);
    let from_examples = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    let lines = from_examples.take_while(|line| line.starts_with("  "));
    lines.map(|line| line.trim().to_owned()).collect()
}

/// Every command, as the help lists them.
fn commands() -> Vec<String> {
    let help = help(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = listed.take_while(|line| line.starts_with("  "));
    let names = lines
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// A home with what the examples read, and folders that they write to.
fn home() -> Home {
    let home = Home::new(recorded::objects());
    let observation = "{\"time\":\"2026-01-01T00:00:00Z\",\"workload\":\"shop/Deployment/cart\",\"container\":\"app\",\
                       \"feed\":\"process\",\"process\":{\"executable\":\"/usr/bin/date\",\"parent\":\"/usr/bin/python3\",\
                       \"argv\":[\"date\"]}}\n";
    for name in ["monday.jsonl", "tuesday.jsonl", "today"] {
        home.file(name, observation);
    }
    home.file(
        "policy.yaml",
        "apiVersion: anchorwatch.dev/v1alpha1\nkind: DriftPolicy\nmetadata: {name: agents}\nspec: {selector: {matchLabels: \
         {app: agent}}}\n",
    );
    for folder in [
        ".local/bin/x",
        ".local/share/bash-completion/completions/x",
        ".zfunc/x",
        ".config/fish/completions/x",
    ] {
        home.file(folder, "");
    }
    assert!(home.sh("gzip today").status.success());
    home
}

/// What a command may end with, where its example has nothing to complain of.
fn expected(command: &str) -> &'static [i32] {
    match command {
        // What was recorded is older than a sensor may be silent, and was signed by nobody.
        "status" => &[3],
        "verify" => &[0, 1, 3],
        // Nothing may be left of what was asked for.
        "export" => &[0, 3],
        _ => &[0],
    }
}

#[test]
fn every_example_of_every_help_runs() {
    let home = home();
    let (mut run, mut without) = (0, Vec::new());
    for command in commands() {
        let examples = examples(&command);
        if examples.is_empty() {
            without.push(command.clone());
        }
        for example in examples.iter().filter(|example| !example.contains("--watch")) {
            // What stands in brackets is for the person to fill in.
            let line = example
                .split(" [")
                .next()
                .unwrap_or(example)
                .replace("git diff", "true");
            let output = home.sh(&line);
            let code = output.status.code();
            assert!(
                code.is_some_and(|code| expected(&command).contains(&code)),
                "{line} ended with {code:?}:\n{}",
                said(&output)
            );
            assert!(!said(&output).contains('\u{1b}'), "{line} prints escape sequences");
            run += 1;
        }
    }
    assert_eq!(without, Vec::<String>::new(), "these have no example");
    assert!(run >= 25, "{run}");
}

#[test]
fn a_watch_prints_what_there_is_and_goes_on() {
    let home = home();
    let mut watch = home
        .command("kubectl-drift")
        .args(["list", "-n", "shop", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("NAME"));
    assert!(lines.next().unwrap().unwrap().starts_with("deployment-agent-4f0c9d1e"));
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn an_export_is_what_can_be_piped_into_apply() {
    let home = home();
    let output = home.sh("kubectl drift export deploy/agent -n shop");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let approval: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(approval["kind"], "BehaviorApproval");
    assert!(!text.contains("/usr/bin/bash"), "{text}");
}

#[test]
fn a_search_asks_for_what_was_typed_without_its_secret_and_shows_the_answer() {
    let home = home();
    let output = home.sh("kubectl drift search 'curl -u admin:hunter2correct http://x' -A -o json");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    // The recorded answer repeats what was asked.
    let said = said(&output);
    assert!(said.contains("curl -u ") && !said.contains("hunter2correct"), "{said}");
    let output = home.sh("kubectl drift search --like deployment-agent-4f0c9d1e -n shop");
    assert!(super::support::said(&output).contains("/usr/bin/bash"));
}

#[test]
fn a_context_that_is_not_there_and_a_namespace_without_anything_are_told() {
    let home = home();
    for (line, code, expected) in [
        (
            "kubectl drift list --context nowhere",
            1,
            "no usable context \"nowhere\"",
        ),
        (
            "kubectl drift baseline nobody -n shop",
            1,
            "nothing was learned of a workload \"nobody\"",
        ),
        ("kubectl drift report --since forever", 2, "is no period such as 7d"),
        ("kubectl drift list --watch -o json", 1, "--watch prints rows or names"),
        (
            "kubectl drift diff agent --from 9",
            1,
            "there is no record of revision 9 of Deployment/agent: there are 3, 4, 5",
        ),
    ] {
        let output = home.sh(line);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", said(&output));
        assert!(said(&output).contains(expected), "{line}: {}", said(&output));
    }
}
