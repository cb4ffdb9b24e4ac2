//! Rows under headings, as kubectl prints them.

use crate::paint::Paint;

/// The widths of a table's columns: rows that come later are laid out as those before.
#[derive(Clone, Debug)]
pub struct Columns(Vec<usize>);

impl Columns {
    /// As wide as the widest cell.
    pub fn of(headings: &[&str], rows: &[Vec<String>]) -> Self {
        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .chain([headings[column].len()])
                .max()
                .unwrap_or(0)
        };
        Self((0..headings.len()).map(width).collect())
    }

    /// A row: columns three spaces apart, the last one not padded.
    pub fn line<'a>(&self, cells: impl IntoIterator<Item = &'a str>, paint: Paint) -> String {
        let mut line = String::new();
        let mut gap = 0;
        for (cell, width) in cells.into_iter().zip(&self.0) {
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(&paint.word(cell));
            gap = 3 + width.saturating_sub(cell.chars().count());
        }
        format!("{}\n", line.trim_end())
    }
}

/// Lays out rows under headings, without colours.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    painted(headings, rows, Paint::NEVER).1
}

/// Lays out rows under headings, and tells how wide their columns are.
pub fn painted(headings: &[&str], rows: &[Vec<String>], paint: Paint) -> (Columns, String) {
    let columns = Columns::of(headings, rows);
    let mut text = columns.line(headings.iter().copied(), Paint::NEVER);
    for row in rows {
        text.push_str(&columns.line(row.iter().map(String::as_str), paint));
    }
    (columns, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![
            vec!["Medium".to_owned(), "x".to_owned()],
            vec!["Low".to_owned(), "größe".to_owned()],
        ];
        assert_eq!(
            table(&["SEVERITY", "NAME"], &rows),
            "SEVERITY   NAME\nMedium     x\nLow        größe\n"
        );
    }

    #[test]
    fn a_row_that_comes_later_stands_under_those_before_and_colours_take_no_room() {
        let rows = vec![vec!["deployment-agent-1".to_owned(), "High".to_owned(), "x".to_owned()]];
        let (columns, text) = painted(&["NAME", "SEVERITY", "WHAT"], &rows, Paint::ALWAYS);
        assert!(
            text.ends_with("deployment-agent-1   \u{1b}[31mHigh\u{1b}[0m       x\n"),
            "{text:?}"
        );
        assert_eq!(
            columns.line(["a", "Low", "y"], Paint::NEVER),
            "a                    Low        y\n"
        );
    }
}
