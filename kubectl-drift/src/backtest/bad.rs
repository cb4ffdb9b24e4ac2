//! Lines that are no observations: each is named by its number, on standard error and in the summary.

use anyhow::ensure;
use serde_json::{Value, json};

/// Most of them that are told of one by one, with the reason of each; of the rest, those that follow each other are told of
/// together.
const ONE_BY_ONE: u64 = 20;
/// Most rows of lines of a file that the summary names.
const MAX_ROWS: usize = 1_000;

/// Lines that are no observations, of all files.
#[derive(Debug)]
pub struct Bad {
    strict: bool,
    files: Vec<BadOfFile>,
    tell: fn(&str),
}

/// Those of one file.
#[derive(Debug)]
struct BadOfFile {
    name: String,
    count: u64,
    rows: Vec<Row>,
    /// The row that goes on, where it was not told of yet.
    open: Option<(Row, String)>,
}

/// Lines that follow each other: the first and the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Row {
    first: u64,
    last: u64,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { first, last } = self;
        if first == last {
            write!(f, "{first}")
        } else {
            write!(f, "{first}-{last}")
        }
    }
}

impl Bad {
    /// None yet. `strict`: the first one is an error. `tell` gets what is said of them.
    pub const fn new(strict: bool, tell: fn(&str)) -> Self {
        Self {
            strict,
            files: Vec::new(),
            tell,
        }
    }

    /// A file begins.
    pub fn begin(&mut self, name: &str) {
        self.end();
        self.files.push(BadOfFile {
            name: name.to_owned(),
            count: 0,
            rows: Vec::new(),
            open: None,
        });
    }

    /// A line of the file that began last, numbered from 1.
    pub fn take(&mut self, line: u64, reason: &str) -> anyhow::Result<()> {
        let tell = self.tell;
        let Some(file) = self.files.last_mut() else {
            return Ok(());
        };
        ensure!(!self.strict, "{}:{line}: {reason}", file.name);
        file.count += 1;
        let room = file.rows.len() < MAX_ROWS;
        match file.rows.last_mut() {
            Some(row) if row.last + 1 == line => row.last = line,
            Some(_) | None if room => file.rows.push(Row {
                first: line,
                last: line,
            }),
            Some(_) | None => {}
        }
        if file.count <= ONE_BY_ONE {
            tell(&format!("{}:{line}: passed over: {reason}", file.name));
            return Ok(());
        }
        match &mut file.open {
            Some((row, _)) if row.last + 1 == line => row.last = line,
            Some(_) | None => {
                file.close(tell);
                file.open = Some((
                    Row {
                        first: line,
                        last: line,
                    },
                    reason.to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// Tells of what was not told of yet.
    pub fn end(&mut self) {
        let tell = self.tell;
        if let Some(file) = self.files.last_mut() {
            file.close(tell);
        }
    }

    /// How many, of all files.
    pub fn count(&self) -> u64 {
        self.files.iter().map(|file| file.count).sum()
    }

    /// As people read it: a line for each file that has some.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.files.iter().filter(|file| file.count > 0).map(|file| {
            let (rows, more) = file.named();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            format!("{}: {}{more}", file.name, rows.join(", "))
        })
    }

    /// As programs read it: of each file that has some, their number, and the numbers of the first so many rows of them.
    pub fn to_json(&self) -> Value {
        let files = self.files.iter().filter(|file| file.count > 0).map(|file| {
            let (rows, more) = file.named();
            json!({ "file": file.name, "count": file.count, "lines": rows, "not_named": more })
        });
        files.collect()
    }
}

impl BadOfFile {
    fn close(&mut self, tell: fn(&str)) {
        match self.open.take() {
            None => {}
            Some((row, reason)) if row.first == row.last => {
                tell(&format!("{}:{row}: passed over: {reason}", self.name));
            }
            Some((row, reason)) => tell(&format!("{}:{row}: passed over, the first: {reason}", self.name)),
        }
    }

    /// Their numbers, and how many are not among these.
    fn named(&self) -> (Vec<String>, u64) {
        let named: u64 = self.rows.iter().map(|row| row.last - row.first + 1).sum();
        (self.rows.iter().map(Row::to_string).collect(), self.count - named)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn bad(lines: impl Iterator<Item = u64>) -> (Bad, Vec<String>) {
        let mut bad = Bad::new(false, |text| {
            TOLD.with_borrow_mut(|told| told.push(text.to_owned()));
        });
        bad.begin("replay.jsonl");
        for line in lines {
            bad.take(line, "nonsense").unwrap();
        }
        bad.end();
        (bad, TOLD.take())
    }

    #[test]
    fn every_bad_line_is_named_by_its_number() {
        let (bad, told) = bad((1..=20).chain(30..=90).chain([100, 102, 103]));
        assert_eq!(told.len(), 23);
        assert_eq!(told[19], "replay.jsonl:20: passed over: nonsense");
        assert_eq!(
            told[20..],
            [
                "replay.jsonl:30-90: passed over, the first: nonsense",
                "replay.jsonl:100: passed over: nonsense",
                "replay.jsonl:102-103: passed over, the first: nonsense",
            ]
        );
        assert_eq!(bad.count(), 84);
        assert_eq!(
            bad.sentences().collect::<Vec<_>>(),
            ["replay.jsonl: 1-20, 30-90, 100, 102-103"]
        );
        assert_eq!(bad.to_json()[0]["lines"], json!(["1-20", "30-90", "100", "102-103"]));
    }

    #[test]
    fn the_summary_stays_short_and_says_how_many_it_does_not_name() {
        let (bad, told) = bad((0..5_000).map(|number| 2 * number + 1));
        assert_eq!(told.len(), 5_000);
        let summary = bad.to_json();
        assert_eq!(summary[0]["lines"].as_array().map(Vec::len), Some(MAX_ROWS));
        assert_eq!(
            (&summary[0]["count"], &summary[0]["not_named"]),
            (&5_000.into(), &4_000.into())
        );
    }

    #[test]
    fn a_strict_reader_ends_with_the_first_one() {
        let mut bad = Bad::new(true, |_| {});
        bad.begin("replay.jsonl");
        assert_eq!(
            bad.take(7, "nonsense").unwrap_err().to_string(),
            "replay.jsonl:7: nonsense"
        );
    }
}
