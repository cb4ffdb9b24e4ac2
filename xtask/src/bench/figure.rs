//! Figures as the benches write them, and the tables that are made of them.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One figure: a JSON line.
#[derive(Debug, Deserialize)]
pub struct Figure {
    pub name: String,
    value: f64,
    unit: String,
    /// Absent for what is shown for comparison.
    budget: Option<f64>,
    pub holds: bool,
    rounds: usize,
    spread: f64,
}

pub fn parse(lines: &str) -> Result<Vec<Figure>> {
    let parse = |line| serde_json::from_str(line).with_context(|| format!("a bench wrote {line:?}"));
    lines.lines().filter(|line| !line.is_empty()).map(parse).collect()
}

/// For a terminal.
pub fn table(figures: &[Figure]) -> String {
    let mut text = format!(
        "{:<46} {:>10} {:>10} {:>10} {:>7}  unit\n",
        "what", "value", "budget", "spread", "rounds"
    );
    for figure in figures {
        let mark = if figure.holds { "" } else { "  OVER BUDGET" };
        let budget = figure.budget.map_or("-".to_owned(), number);
        writeln!(
            text,
            "{:<46} {:>10} {budget:>10} {:>10} {:>7}  {}{mark}",
            figure.name,
            number(figure.value),
            number(figure.spread),
            figure.rounds,
            figure.unit
        )
        .ok();
    }
    text
}

/// For the documentation, in Markdown.
pub fn markdown(figures: &[Figure]) -> String {
    let mut text = "| what | measured | budget | middle half within | rounds |\n|---|---:|---:|---:|---:|\n".to_owned();
    for figure in figures {
        let mark = if figure.holds { "" } else { " (over)" };
        let budget = figure
            .budget
            .map_or("—".to_owned(), |budget| format!("{} {}", number(budget), figure.unit));
        let (value, spread) = (number(figure.value), number(figure.spread));
        let Figure { name, unit, rounds, .. } = figure;
        writeln!(
            text,
            "| {name} | {value} {unit}{mark} | {budget} | {spread} | {rounds} |"
        )
        .ok();
    }
    text
}

/// Three digits at least, no more than four behind the point.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        r#"{"name":"a","value":1.0,"unit":"ms","budget":2.0,"holds":true,"rounds":3,"spread":0.5}"#,
        "\n",
        r#"{"name":"b","value":3.25,"unit":"ms","budget":2.0,"holds":false,"rounds":3,"spread":0.5}"#,
        "\n",
        r#"{"name":"c","value":123.4,"unit":"%","budget":null,"holds":true,"rounds":3,"spread":0.00123}"#,
        "\n"
    );

    #[test]
    fn figures_become_a_table_that_shows_what_is_over_budget() {
        let text = table(&parse(LINES).unwrap());
        let marked: Vec<&str> = text.lines().filter(|line| line.ends_with("OVER BUDGET")).collect();
        assert_eq!(marked.len(), 1);
        assert!(marked[0].starts_with("b "), "{text}");
    }

    #[test]
    fn figures_become_a_table_for_the_documentation() {
        let expected = "\
            | what | measured | budget | middle half within | rounds |\n\
            |---|---:|---:|---:|---:|\n\
            | a | 1 ms | 2 ms | 0.5 | 3 |\n\
            | b | 3.25 ms (over) | 2 ms | 0.5 | 3 |\n\
            | c | 123 % | — | 0.0012 | 3 |\n";
        assert_eq!(markdown(&parse(LINES).unwrap()), expected);
    }
}
