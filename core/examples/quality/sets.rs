//! Commands of one kind, out of files of one command a line.

/// Commands of one kind, or all of a file.
pub struct Set {
    /// The file's name, and the kind where the file tells kinds apart.
    pub name: String,
    /// The kind, as its heading has it; empty for all of a file.
    pub kind: String,
    pub lines: Vec<String>,
}

/// Begins the commands of a kind.
const HEADING: &str = "## ";

pub fn read(path: &str) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path} can't be read: {error}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The commands of a text, whatever their kind.
pub fn lines(text: &str) -> Vec<String> {
    let kept = text.lines().map(str::trim);
    let kept = kept.filter(|line| !line.is_empty() && !line.starts_with("# ") && !line.starts_with(HEADING));
    kept.map(str::to_owned).collect()
}

/// All commands of a text as one set and, where it has headings, those of each kind as another.
pub fn by_kind(file: &str, text: &str) -> Vec<Set> {
    let mut sets = vec![Set {
        name: file.to_owned(),
        kind: String::new(),
        lines: lines(text),
    }];
    // What comes before the first heading is of no kind.
    for part in format!("\n{text}").split(&format!("\n{HEADING}")).skip(1) {
        let (kind, text) = part.split_once('\n').unwrap_or((part, ""));
        let kind = kind.trim();
        sets.push(Set {
            name: format!("{file}, {kind}"),
            kind: kind.to_owned(),
            lines: lines(text),
        });
    }
    sets.retain(|set| !set.lines.is_empty());
    sets
}
