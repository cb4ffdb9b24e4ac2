//! In which form a command tells what it found.

use clap::ValueEnum;
use serde::Serialize;

/// Form of what a command tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// The same with all that is known.
    Wide,
    /// One JSON document.
    Json,
    /// The same as YAML.
    Yaml,
}

impl Output {
    /// Prints a document, or `text` for people: with all that is known where it is asked whether.
    pub fn print(self, document: &impl Serialize, text: impl FnOnce(bool) -> String) -> anyhow::Result<()> {
        print!("{}", self.rendered(document, text)?);
        Ok(())
    }

    fn rendered(self, document: &impl Serialize, text: impl FnOnce(bool) -> String) -> anyhow::Result<String> {
        Ok(match self {
            Self::Table => text(false),
            Self::Wide => text(true),
            Self::Json => serde_json::to_string_pretty(document)? + "\n",
            Self::Yaml => serde_yaml::to_string(document)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_and_a_text_are_told_as_they_are_asked_for() {
        let told = |output: Output| {
            let text = |wide| format!("wide: {wide}\n");
            output.rendered(&json!({"a": 1}), text).unwrap()
        };
        assert_eq!(told(Output::Table), "wide: false\n");
        assert_eq!(told(Output::Wide), "wide: true\n");
        assert_eq!(told(Output::Json), "{\n  \"a\": 1\n}\n");
        assert_eq!(told(Output::Yaml), "a: 1\n");
    }
}
