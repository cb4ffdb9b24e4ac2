//! The images that the cluster itself needs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::config::REGISTRY;
use super::state::State;
use crate::image::{Builder, Image};
use crate::run;

/// Builds an image of a single static program, and pushes it once the registry answers.
pub fn push(state: &State, program: &Path, (name, tag): (&str, &str)) -> Result<()> {
    let root = state.path("image").join(name);
    std::fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    std::fs::copy(program, root.join(name)).with_context(|| format!("cannot copy {}", program.display()))?;
    run::wait_until("the image registry", Duration::from_secs(20), || {
        std::net::TcpStream::connect(REGISTRY).is_ok()
    })?;
    let image = Image {
        name: name.to_owned(),
        root,
        entrypoint: vec![format!("/{name}")],
        environment: Vec::new(),
        user: None,
    };
    Builder::in_folder(&state.path("buildah")).publish_as(REGISTRY, &image, tag.to_owned())?;
    Ok(())
}
