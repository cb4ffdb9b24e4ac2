//! The operator's and the sensor's images: one static binary each.

use std::env::consts::ARCH;

use anyhow::{Context, Result};

use super::builder::Image;
use crate::{paths, progress, run};

/// What can be built.
pub const PARTS: [&str; 2] = ["operator", "sensor"];

/// Anybody but root; the image has no user database that could name it.
const NOBODY: &str = "65532:65532";

/// Builds the binaries in one go and lays out an image for each.
pub fn build(parts: &[&str]) -> Result<Vec<Image>> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let target = format!("{ARCH}-unknown-linux-gnu");
    let mut command = run::command("cargo");
    command
        .args(["build", "--release", "--locked", "--target", &target])
        .current_dir(paths::repository());
    for part in parts {
        command.args([
            "--package",
            &format!("anchorwatch-{part}"),
            "--bin",
            &format!("anchorwatch-{part}"),
        ]);
    }
    // Static, so that the image needs nothing beside the binary.
    command.env("RUSTFLAGS", "-C target-feature=+crt-static");
    progress::step(
        &format!("building {} (about 5 minutes the first time)", parts.join(" and ")),
        || run::logged(&mut command, "image-build"),
    )?;
    let release = paths::target().join(target).join("release");
    parts
        .iter()
        .map(|part| lay_out(part, &release.join(format!("anchorwatch-{part}"))))
        .collect()
}

fn lay_out(part: &str, binary: &std::path::Path) -> Result<Image> {
    let name = format!("anchorwatch-{part}");
    let root = paths::cache_folder("image")?.join(&name);
    if root.exists() {
        std::fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    std::fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    std::fs::copy(binary, root.join(&name)).with_context(|| format!("cannot copy {}", binary.display()))?;
    Ok(Image {
        entrypoint: vec![format!("/{name}")],
        environment: Vec::new(),
        // The sensor's DaemonSet says itself what it runs as.
        user: (part == "operator").then(|| NOBODY.to_owned()),
        name,
        root,
    })
}
