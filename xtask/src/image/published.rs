//! What was pushed last, for whoever works with the images by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{paths, run};

/// An image in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// `anchorwatch-operator`, for example.
    pub name: String,
    /// Registry, name and tag; the tag is a hash of the image's content.
    pub reference: String,
    pub tag: String,
    /// Of the manifest, as `status.containerStatuses[].imageID` ends with it.
    pub digest: String,
}

/// By name, from `images.json` in the cache.
fn published() -> Result<BTreeMap<String, Published>> {
    let path = file()?;
    match fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

pub fn remember(images: &[Published]) -> Result<()> {
    let mut all = published()?;
    all.extend(images.iter().map(|image| (image.name.clone(), image.clone())));
    run::write_atomically(&file()?, serde_json::to_string_pretty(&all)? + "\n")
}

fn file() -> Result<PathBuf> {
    Ok(paths::cache()?.join("images.json"))
}
