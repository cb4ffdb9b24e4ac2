//! What the guest's console says of the tests.

use anyhow::{Context, Result, ensure};
use std::fmt;

use super::MAX_VERIFIED;

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

/// A program that the guest's kernel took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// As in `tp_btf/sched_process_exec`.
    pub name: String,
    /// How many the verifier walked.
    pub instructions: u64,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The kernel's release.
    pub kernel: String,
    pub tests: Vec<Test>,
    pub passed: usize,
    pub failed: usize,
    /// Bare names and reasons.
    pub skipped: Vec<(String, String)>,
    /// Empty where the tests that were asked for load no program.
    pub verified: Vec<Verified>,
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

impl Test {
    /// Without its module, as a test names itself where it notes that it skips.
    fn bare_name(&self) -> &str {
        self.name.rsplit("::").next().unwrap_or(&self.name)
    }

    fn skipped(&self) -> Option<(String, String)> {
        match &self.outcome {
            Outcome::Skipped(reason) => Some((self.bare_name().to_owned(), reason.clone())),
            Outcome::Passed | Outcome::Failed => None,
        }
    }
}

impl Report {
    /// Whether no test failed, none was skipped (the guest has all that they need), and no program is too much for a
    /// verifier.
    pub fn holds(&self) -> bool {
        let is_bounded = |program: &Verified| program.instructions <= MAX_VERIFIED;
        self.failed == 0 && self.skipped.is_empty() && self.verified.iter().all(is_bounded)
    }

    /// As in `3 passed, 0 failed, 1 skipped`.
    pub fn summary(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed,
            self.failed,
            self.skipped.len()
        )
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
    let verified = said("verified ").filter_map(verified).collect();
    let count = |outcome| tests.iter().filter(|test| test.outcome == outcome).count();
    let (passed, failed) = (count(Outcome::Passed), count(Outcome::Failed));
    ensure!(
        failed > 0 || status == "0",
        "the tests ended with {status}, though none failed"
    );
    let failures = lines
        .iter()
        .position(|line| *line == "failures:")
        .filter(|_| failed > 0);
    Ok(Report {
        kernel,
        passed,
        failed,
        skipped: tests.iter().filter_map(Test::skipped).collect(),
        tests,
        verified,
        failures: failures.map(|start| lines[start..].join("\n")).unwrap_or_default(),
    })
}

/// A line of libtest's, as in `module::name ... ok`. Tests note by their bare name that they skip.
fn test(line: &str, skipped: &[(&str, &str)]) -> Option<Test> {
    let (name, result) = line.rsplit_once(" ... ")?;
    let mut test = Test {
        name: name.to_owned(),
        outcome: if result == "ok" {
            Outcome::Passed
        } else {
            Outcome::Failed
        },
    };
    let reason = skipped.iter().find(|(name, _)| *name == test.bare_name());
    if let (Outcome::Passed, Some((_, reason))) = (&test.outcome, reason) {
        test.outcome = Outcome::Skipped((*reason).to_owned());
    }
    Some(test)
}

/// As in `tp_btf/sched_process_exec 47441`.
fn verified(line: &str) -> Option<Verified> {
    let (name, instructions) = line.rsplit_once(' ')?;
    Some(Verified {
        name: name.to_owned(),
        instructions: instructions.parse().ok()?,
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
        let program = Verified {
            name: "tp_btf/a".to_owned(),
            instructions: 33,
        };
        assert_eq!(report.verified, [program]);
        assert_eq!(report.skipped, [("two".to_owned(), "no overlay: none".to_owned())]);
        assert_eq!(report.summary(), "1 passed, 1 failed, 1 skipped");
        assert!(report.failures.starts_with("failures:\nit broke"));
    }

    #[test]
    fn a_program_that_is_too_much_for_a_verifier_fails_a_run_without_failed_tests() {
        let walked = |instructions: &str| {
            let console = CONSOLE
                .replace("FAILED", "ok")
                .replace("with 101", "with 0")
                .replace("guest: skipped two: no overlay: none", "")
                .replace("a 33", instructions);
            parse(&console).unwrap().holds()
        };
        assert!(walked("a 100000"));
        assert!(!walked("a 100001"));
    }

    #[test]
    fn a_skipped_test_fails_a_run_since_a_guest_has_all_that_tests_need() {
        let skipped = CONSOLE.replace("FAILED", "ok").replace("with 101", "with 0");
        let report = parse(&skipped).unwrap();
        assert_eq!((report.failed, report.skipped.len(), report.holds()), (0, 1, false));
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
