//! Rows under headings, as kubectl prints them.

use std::fmt::Write as _;

/// Lays out rows in columns three spaces apart; the last column is not padded.
pub fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([headings[column].len()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let mut text = String::new();
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>();
    for row in std::iter::once(&headings).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            write!(line, "{cell:<width$}   ").expect("writing to a String can't fail");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
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
}
