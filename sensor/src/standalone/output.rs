//! Where alerts are told, and how.

use anchorwatch_core::severity::Severity;
use std::io::{self, Write};

use super::alert::Told;
use crate::record::line;

/// How alerts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A line of text each; severities are coloured where `colours` says so.
    Text { colours: bool },
    /// JSON Lines.
    Json,
}

/// Writes alerts and counts them.
#[derive(Debug)]
pub struct Output<W> {
    style: Style,
    to: W,
    written: u64,
}

impl<W: Write> Output<W> {
    pub const fn new(style: Style, to: W) -> Self {
        Self { style, to, written: 0 }
    }

    /// Tells an alert at once.
    pub fn tell(&mut self, alert: &Told) -> io::Result<()> {
        match self.style {
            Style::Json => self.to.write_all(line(alert)?.as_bytes())?,
            Style::Text { colours: false } => writeln!(self.to, "{alert}")?,
            Style::Text { colours: true } => writeln!(self.to, "{}{alert}\u{1b}[0m", colour(alert.severity))?,
        }
        self.written += 1;
        self.to.flush()
    }

    /// How many alerts were told.
    pub const fn written(&self) -> u64 {
        self.written
    }
}

/// The sequence that begins a severity's colour (ECMA-48, select graphic rendition).
const fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Info | Severity::Low => "\u{1b}[36m",
        Severity::Medium => "\u{1b}[33m",
        Severity::High => "\u{1b}[31m",
        Severity::Critical => "\u{1b}[1;31m",
    }
}

#[cfg(test)]
mod tests {
    use super::super::alert::Deviation;
    use super::*;
    use anchorwatch_core::alert::AlertState;
    use anchorwatch_core::behaviour::Feed;
    use anchorwatch_core::id::WorkloadKey;
    use anchorwatch_core::text::is_plain;
    use anchorwatch_core::time::Timestamp;
    use std::collections::BTreeMap;

    fn alert() -> Told {
        let time = Timestamp::from_secs(1_767_225_600);
        let finding = |sentence: &str| Deviation {
            feed: Feed::Process,
            rule: "fileless-execution",
            severity: Severity::High,
            terms: vec!["base High".to_owned()],
            sentence: sentence.to_owned(),
            commands: vec!["x \u{202e}\n".to_owned()],
            score: None,
            lineage: vec!["/usr/bin/a".to_owned(), "/tmp/\u{9b}2J".to_owned()],
            first_seen: time,
            snapshot: false,
        };
        Told {
            time,
            alert: "unit-demo-1".to_owned(),
            workload: WorkloadKey::new("host", "Unit", "de\u{1b}[2Jmo.service"),
            state: AlertState::Escalated,
            severity: Severity::High,
            findings: ["it has no file", "b\u{7}", "c", "d", "e"].map(finding).to_vec(),
            told_before: 2,
            lost: BTreeMap::new(),
        }
    }

    fn told(style: Style) -> String {
        let mut output = Output::new(style, Vec::new());
        output.tell(&alert()).unwrap();
        assert_eq!(output.written(), 1);
        String::from_utf8(output.to).unwrap()
    }

    #[test]
    fn an_alert_is_one_line_that_orders_a_terminal_about_in_neither_form() {
        for style in [Style::Json, Style::Text { colours: false }] {
            let told = told(style);
            let line = told.strip_suffix('\n').unwrap();
            assert!(line.chars().all(is_plain), "{line:?}");
        }
    }

    #[test]
    fn colours_stand_around_the_line_and_nowhere_else() {
        let told = told(Style::Text { colours: true });
        let inner = told
            .strip_prefix("\u{1b}[31m")
            .and_then(|told| told.strip_suffix("\u{1b}[0m\n"));
        assert_eq!(inner, Some(alert().to_string().as_str()));
    }

    #[test]
    fn json_reads_back_with_the_text_as_it_was() {
        let read: serde_json::Value = serde_json::from_str(&told(Style::Json)).unwrap();
        assert_eq!(read["workload"], "host/Unit/de\u{1b}[2Jmo.service");
        let gravest = &read["findings"][0];
        assert_eq!(
            (&read["severity"], &read["state"], &gravest["commands"][0]),
            (&"High".into(), &"Escalated".into(), &"x \u{202e}\n".into())
        );
    }

    #[test]
    fn a_line_spells_out_the_gravest_and_counts_the_rest() {
        let told = told(Style::Text { colours: false });
        let (_, what) = told.split_once("mo.service: ").unwrap();
        let what = what.split("; lineage").next().unwrap();
        let rule = "[fileless-execution]";
        let expected =
            format!("it has no file {rule}; also b\\u{{7}} {rule}; also c {rule}; and 2 more; beside 2 told before");
        assert_eq!(what, expected);
    }
}
