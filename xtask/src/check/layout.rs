//! How long files may be, and how modules are laid out. (How long functions may be is clippy's: `clippy.toml`.)

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Verdict;
use crate::{paths, run};

const LONGEST_FILE: usize = 500;

pub fn check() -> Result<Verdict> {
    let root = paths::repository();
    let mut found = Vec::new();
    for file in rust_files(&root)? {
        let text = fs::read_to_string(root.join(&file)).with_context(|| format!("cannot read {}", file.display()))?;
        found.extend(violations(&file, &text));
    }
    if found.is_empty() {
        Ok(Verdict::Holds)
    } else {
        bail!("{}", found.join("\n"))
    }
}

/// What git knows or would add: no build output.
fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs"];
    let listed = run::output(run::command("git").args(arguments).current_dir(root))?;
    Ok(listed
        .lines()
        .map(PathBuf::from)
        .filter(|file| root.join(file).is_file())
        .collect())
}

fn violations(file: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        found.push(format!(
            "{} has {lines} lines, and {LONGEST_FILE} is the most",
            file.display()
        ));
    }
    if file.ends_with("mod.rs") {
        found.push(format!("{} is to be named after its folder, beside it", file.display()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_mod_files_are_found() {
        let long = "\n".repeat(LONGEST_FILE + 1);
        assert_eq!(
            violations(Path::new("a.rs"), &long),
            ["a.rs has 501 lines, and 500 is the most"]
        );
        assert_eq!(
            violations(Path::new("a/mod.rs"), ""),
            ["a/mod.rs is to be named after its folder, beside it"]
        );
        assert!(violations(Path::new("a.rs"), &long[1..]).is_empty());
    }
}
