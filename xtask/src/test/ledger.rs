//! What the stages came to: one row each, the skips by name, and the closing line.

use std::fmt::Write;
use std::time::Duration;

/// What a stage came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: Vec<Skip>,
}

/// What was not tested, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    pub name: String,
    pub reason: String,
}

impl Counts {
    pub fn one_passed() -> Self {
        Self {
            passed: 1,
            ..Self::default()
        }
    }

    pub fn one_failed() -> Self {
        Self {
            failed: 1,
            ..Self::default()
        }
    }

    pub fn skipped(name: &str, reason: &str) -> Self {
        Self {
            skipped: vec![Skip {
                name: name.to_owned(),
                reason: reason.to_owned(),
            }],
            ..Self::default()
        }
    }

    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
    }

    /// Adds up the `test result:` lines of cargo. A test that noted a skip returned well, and is no pass.
    pub fn of_cargo(output: &str, skipped: Vec<Skip>) -> Self {
        let (mut passed, mut failed) = (0, 0);
        for line in output
            .lines()
            .filter_map(|line| line.trim().strip_prefix("test result: "))
        {
            passed += number_before(line, " passed");
            failed += number_before(line, " failed");
        }
        Self {
            passed: passed.saturating_sub(skipped.len()),
            failed,
            skipped,
        }
    }
}

fn number_before(line: &str, word: &str) -> usize {
    let digits = |text: &str| {
        text.rsplit(|c: char| !c.is_ascii_digit())
            .next()
            .and_then(|number| number.parse().ok())
    };
    line.find(word).and_then(|end| digits(&line[..end])).unwrap_or(0)
}

/// Lines `name: reason`, as tests write them into `ANCHORWATCH_SKIP_FILE`.
pub fn parse_skips(text: &str) -> Vec<Skip> {
    let parse = |line: &str| {
        let (name, reason) = line.split_once(": ")?;
        Some(Skip {
            name: name.trim().to_owned(),
            reason: reason.trim().to_owned(),
        })
    };
    text.lines().filter_map(parse).collect()
}

/// All rows.
#[derive(Debug, Default)]
pub struct Ledger {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    stage: &'static str,
    counts: Counts,
    took: Duration,
}

impl Ledger {
    pub fn enter(&mut self, stage: &'static str, counts: Counts, took: Duration) {
        self.rows.push(Row { stage, counts, took });
    }

    pub fn total(&self) -> Counts {
        self.rows.iter().fold(Counts::default(), |mut total, row| {
            total.add(row.counts.clone());
            total
        })
    }

    pub fn took(&self) -> Duration {
        self.rows.iter().map(|row| row.took).sum()
    }

    /// Skips that the list does not allow; a line of it is a name, and `#` begins a comment.
    pub fn forbidden<'a>(&'a self, allowed: &str) -> Vec<&'a Skip> {
        let names: Vec<&str> = allowed
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
            .collect();
        self.rows
            .iter()
            .flat_map(|row| &row.counts.skipped)
            .filter(|skip| !names.contains(&skip.name.as_str()))
            .collect()
    }

    /// The table, and a line for each skip.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<20} {:>7} {:>7} {:>8} {:>8}\n",
            "stage", "passed", "failed", "skipped", "seconds"
        );
        for row in &self.rows {
            let counts = &row.counts;
            let seconds = row.took.as_secs_f32();
            // Writing to a string cannot fail.
            writeln!(
                text,
                "{:<20} {:>7} {:>7} {:>8} {seconds:>8.1}",
                row.stage,
                counts.passed,
                counts.failed,
                counts.skipped.len()
            )
            .ok();
        }
        for skip in &self.total().skipped {
            writeln!(text, "SKIPPED {}: {}", skip.name, skip.reason).ok();
        }
        text
    }

    /// Exactly this form: other programs read it.
    pub fn closing_line(&self) -> String {
        let total = self.total();
        format!(
            "{} passed, {} failed, {} skipped",
            total.passed,
            total.failed,
            total.skipped.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO: &str = "\
running 3 tests
test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s
     Running tests/live.rs
test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    #[test]
    fn the_results_of_all_test_binaries_are_added_up() {
        let counts = Counts::of_cargo(CARGO, Vec::new());
        assert_eq!(
            counts,
            Counts {
                passed: 15,
                failed: 1,
                skipped: Vec::new()
            }
        );
    }

    #[test]
    fn a_test_that_noted_a_skip_is_skipped_and_not_passed() {
        let skips = parse_skips("loads_on_lsm: the kernel has no BPF LSM\n\n");
        assert_eq!(
            skips,
            [Skip {
                name: "loads_on_lsm".into(),
                reason: "the kernel has no BPF LSM".into()
            }]
        );
        let counts = Counts::of_cargo(CARGO, skips);
        assert_eq!((counts.passed, counts.skipped.len()), (14, 1));
    }

    #[test]
    fn the_ledger_adds_up_and_closes_with_one_line() {
        let mut ledger = Ledger::default();
        ledger.enter("format", Counts::one_passed(), Duration::from_millis(500));
        ledger.enter("unit", Counts::of_cargo(CARGO, Vec::new()), Duration::from_secs(2));
        ledger.enter("vm", Counts::skipped("vm", "needs root"), Duration::ZERO);
        assert_eq!(ledger.closing_line(), "16 passed, 1 failed, 1 skipped");
        assert_eq!(ledger.took(), Duration::from_millis(2500));
        assert!(
            ledger.table().ends_with("SKIPPED vm: needs root\n"),
            "{}",
            ledger.table()
        );
    }

    #[test]
    fn only_skips_that_are_listed_by_name_are_allowed() {
        let mut ledger = Ledger::default();
        ledger.enter("a", Counts::skipped("advisories", "no network"), Duration::ZERO);
        ledger.enter("b", Counts::skipped("vm", "no root"), Duration::ZERO);
        let names: Vec<&str> = ledger
            .forbidden("# why\nadvisories # cannot be fetched\n")
            .iter()
            .map(|skip| skip.name.as_str())
            .collect();
        assert_eq!(names, ["vm"]);
    }
}
