//! `cargo xtask bench quality`: core's example of that name, built as it is shipped.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{paths, progress, run};

/// Measures with the named files, or with core's own corpus: a JSON line a figure.
pub fn measure(benign: Option<&Path>, malicious: &[PathBuf]) -> Result<String> {
    // Whoever names a file means one of the folder that they are in.
    let absolute = |path: &Path| std::path::absolute(path).with_context(|| format!("{} is no path", path.display()));
    let mut command = run::command("cargo");
    command.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "anchorwatch-core",
        "--example",
        "quality",
        "--",
        "--json",
    ]);
    command.current_dir(paths::repository());
    if let Some(path) = benign {
        command.arg("--benign").arg(absolute(path)?);
    }
    for path in malicious {
        command.arg("--malicious").arg(absolute(path)?);
    }
    progress::step("measuring quality", || run::output(&mut command))
}
