//! Colours, on terminals only.

use std::io::IsTerminal;

/// Whether words are coloured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Paint(bool);

impl Paint {
    /// Without colours.
    pub const NEVER: Self = Self(false);
    /// With colours.
    #[cfg(test)]
    pub const ALWAYS: Self = Self(true);

    /// With colours where standard output is a terminal that has them and nobody asked for none (<https://no-color.org>).
    pub fn of_output() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let is_dumb = set("TERM").is_none_or(|terminal| terminal == "dumb");
        Self(std::io::stdout().is_terminal() && !is_dumb && set("NO_COLOR").is_none())
    }

    /// A word in the colour of what it means: a severity or a state; any other as it is.
    pub fn word(self, word: &str) -> String {
        let colour = match word {
            "Critical" => "1;31",
            "High" | "Escalated" => "31",
            "Medium" | "Open" | "PendingReview" => "33",
            "Low" | "Info" | "Observed" | "Resolved" | "Dismissed" => "2",
            "Suppressed" | "Accepted" => "32",
            "Denied" => "35",
            _ => return word.to_owned(),
        };
        if self.0 {
            format!("\u{1b}[{colour}m{word}\u{1b}[0m")
        } else {
            word.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_mean_something_are_coloured_and_only_where_asked_for() {
        assert_eq!(Paint::ALWAYS.word("High"), "\u{1b}[31mHigh\u{1b}[0m");
        assert_eq!(Paint::ALWAYS.word("/usr/bin/High"), "/usr/bin/High");
        assert_eq!(Paint::NEVER.word("High"), "High");
    }
}
