//! The one image that the cluster itself needs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::config::{PAUSE, REGISTRY};
use super::state::State;
use crate::image::{Builder, Image};
use crate::run;

/// Builds the pause image from the program in the cluster's tools and pushes it.
pub fn push_pause(state: &State, programs: &Path) -> Result<()> {
    let root = state.path("pause");
    std::fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    std::fs::copy(programs.join("pause"), root.join("pause")).context("cannot copy the pause program")?;
    run::wait_until("the image registry", Duration::from_secs(20), || {
        std::net::TcpStream::connect(REGISTRY).is_ok()
    })?;
    let (name, tag) = PAUSE;
    let image = Image {
        name: name.to_owned(),
        root,
        entrypoint: vec!["/pause".into()],
        environment: Vec::new(),
        user: None,
    };
    Builder::in_folder(&state.path("buildah")).publish_as(REGISTRY, &image, tag.to_owned())?;
    Ok(())
}
