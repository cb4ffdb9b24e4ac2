//! The benches of single packages, which criterion runs: `cargo bench --package PACKAGE --bench NAME`.

use anyhow::Result;

use crate::{paths, progress, run};

/// Runs one and returns its figures: a JSON line each, out of what criterion tells people.
pub fn measure(package: &str, name: &str) -> Result<String> {
    let mut command = run::command("cargo");
    command
        .args(["bench", "--quiet", "--package", package, "--bench", name])
        .current_dir(paths::repository());
    let output = progress::step(&format!("measuring {name}"), || run::output(&mut command))?;
    Ok(figures(&output))
}

fn figures(output: &str) -> String {
    let figures: Vec<&str> = output.lines().filter(|line| line.starts_with('{')).collect();
    figures.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_from_what_criterion_writes() {
        let output = "known  time: [1 ns 2 ns 3 ns]\n{\"name\":\"a\"}\nFound 2 outliers\n{\"name\":\"b\"}\n";
        assert_eq!(figures(output), "{\"name\":\"a\"}\n{\"name\":\"b\"}");
    }
}
