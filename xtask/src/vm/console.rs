//! What the guest's console says of the tests.

use anyhow::{Context, Result, ensure};
use std::fmt;

/// How a test in the guest ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    pub name: String,
    pub outcome: Outcome,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The kernel's release.
    pub kernel: String,
    pub tests: Vec<Test>,
    /// Programs with the number of instructions that the verifier walked.
    pub verified: Vec<String>,
    /// The end of the console, if anything failed.
    pub failures: String,
}

impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Passed => write!(formatter, "passed  {}", self.name),
            Outcome::Failed => write!(formatter, "FAILED  {}", self.name),
            Outcome::Skipped(reason) => write!(formatter, "skipped {}: {reason}", self.name),
        }
    }
}

impl Report {
    /// As in `3 passed, 0 failed, 1 skipped`.
    pub fn summary(&self) -> String {
        let count = |wanted: fn(&Outcome) -> bool| self.tests.iter().filter(|test| wanted(&test.outcome)).count();
        format!(
            "{} passed, {} failed, {} skipped",
            count(|outcome| *outcome == Outcome::Passed),
            count(|outcome| *outcome == Outcome::Failed),
            count(|outcome| matches!(outcome, Outcome::Skipped(_)))
        )
    }

    pub fn succeeded(&self) -> bool {
        self.tests.iter().all(|test| test.outcome != Outcome::Failed)
    }
}

/// Reads the console; an error if the tests did not run to their end.
pub fn parse(console: &str) -> Result<Report> {
    let lines: Vec<&str> = console.lines().map(str::trim).collect();
    let said = |prefix: &'static str| lines.iter().filter_map(move |line| line.strip_prefix(prefix));
    let status = said("guest: tests ended with ")
        .next()
        .context("no line says how the tests ended")?;
    let kernel = said("guest: kernel ")
        .next()
        .context("no line names the kernel")?
        .to_owned();
    let skipped: Vec<(&str, &str)> = said("guest: skipped ")
        .filter_map(|line| line.split_once(": "))
        .collect();
    let tests: Vec<Test> = said("test ").filter_map(|line| test(line, &skipped)).collect();
    ensure!(!tests.is_empty(), "no test ran");
    let verified = said("verified ").map(str::to_owned).collect();
    let failed = tests.iter().any(|test| test.outcome == Outcome::Failed);
    ensure!(
        failed || status == "0",
        "the tests ended with {status}, though none failed"
    );
    let failures = lines.iter().position(|line| *line == "failures:").filter(|_| failed);
    let failures = failures.map(|start| lines[start..].join("\n")).unwrap_or_default();
    Ok(Report {
        kernel,
        tests,
        verified,
        failures,
    })
}

/// A line of libtest's, as in `module::name ... ok`. Tests skip by their bare name.
fn test(line: &str, skipped: &[(&str, &str)]) -> Option<Test> {
    let (name, result) = line.rsplit_once(" ... ")?;
    let bare = name.rsplit("::").next().unwrap_or(name);
    let reason = skipped.iter().find(|(skipped, _)| *skipped == bare);
    let outcome = match (result, reason) {
        ("ok", Some((_, reason))) => Outcome::Skipped((*reason).to_owned()),
        ("ok", None) => Outcome::Passed,
        _ => Outcome::Failed,
    };
    Some(Test {
        name: name.to_owned(),
        outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "\
        guest: kernel 6.1.0-1-cloud-amd64\r\n\
        running 3 tests\r\n\
        test files::one ... ok\r\n\
        test lineage::two ... ok\r\n\
        test loss::three ... FAILED\r\n\
        verified tp_btf/a 33\r\n\
        failures:\r\n\
        it broke\r\n\
        guest: skipped two: no overlay: none\r\n\
        guest: tests ended with 101\r\n";

    fn named(name: &str, outcome: Outcome) -> Test {
        Test {
            name: name.to_owned(),
            outcome,
        }
    }

    #[test]
    fn tests_are_read_with_their_outcomes_and_skips_with_their_reasons() {
        let report = parse(CONSOLE).unwrap();
        let expected = [
            named("files::one", Outcome::Passed),
            named("lineage::two", Outcome::Skipped("no overlay: none".to_owned())),
            named("loss::three", Outcome::Failed),
        ];
        assert_eq!(report.tests, expected);
        assert_eq!(report.kernel, "6.1.0-1-cloud-amd64");
        assert_eq!(report.verified, ["tp_btf/a 33"]);
        assert_eq!(report.summary(), "1 passed, 1 failed, 1 skipped");
        assert!(report.failures.starts_with("failures:\nit broke"));
        assert!(!report.succeeded());
    }

    #[test]
    fn a_guest_that_does_not_come_to_its_end_is_an_error() {
        let cut = CONSOLE.rsplit_once("guest: tests").unwrap().0;
        assert_eq!(parse(cut).unwrap_err().to_string(), "no line says how the tests ended");
    }

    #[test]
    fn tests_that_end_badly_without_a_failed_one_are_an_error() {
        let killed = CONSOLE.replace("FAILED", "ok").replace("with 101", "with 137");
        assert!(parse(&killed).is_err());
    }
}
