//! Images of the tests: a folder `e2e/images/NAME` with an `image.toml` that says what goes into it.
//!
//! ```toml
//! packages = ["python3", "bash"]          # of Debian, with what they depend on
//! entrypoint = ["/usr/bin/python3", "/opt/agent.py"]
//! [files]                                 # in this folder = in the image
//! "agent.py" = "/opt/agent.py"
//! [environment]
//! PYTHONUNBUFFERED = "1"
//! [variants.next.files]                   # the image NAME-next: the same and these files
//! "at-start" = "/etc/agent/at-start"
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::builder::Image;
use crate::setup::debian;
use crate::{paths, run};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    #[serde(default)]
    packages: Vec<String>,
    entrypoint: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    variants: BTreeMap<String, Variant>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variant {
    #[serde(default)]
    files: BTreeMap<String, String>,
}

/// The image of this name: a folder, or a folder and one of its variants with a hyphen between them.
pub fn of(name: &str) -> Result<Image> {
    let images = paths::repository().join("e2e/images");
    let (folder, variant) = locate(&images, name).with_context(|| {
        format!(
            "there is no image {name}: neither operator, sensor nor a folder of {}",
            images.display()
        )
    })?;
    let file = folder.join("image.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut description: Description =
        toml::from_str(&text).with_context(|| format!("cannot read {}", file.display()))?;
    if let Some(variant) = variant {
        let variant = description
            .variants
            .remove(&variant)
            .with_context(|| format!("{} has no variant {variant}", file.display()))?;
        description.files.extend(variant.files);
    }
    lay_out(name, &folder, description)
}

fn locate(images: &Path, name: &str) -> Option<(PathBuf, Option<String>)> {
    let described = |folder: &str| Some(images.join(folder)).filter(|path| path.join("image.toml").exists());
    if let Some(folder) = described(name) {
        return Some((folder, None));
    }
    let (folder, variant) = name.rsplit_once('-')?;
    Some((described(folder)?, Some(variant.to_owned())))
}

fn lay_out(name: &str, folder: &Path, description: Description) -> Result<Image> {
    let root = paths::cache_folder("image")?.join(name);
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    if description.packages.is_empty() {
        fs::create_dir_all(&root)?;
    } else {
        let packages: Vec<&str> = description.packages.iter().map(String::as_str).collect();
        run::quiet(
            run::command("cp")
                .arg("--archive")
                .arg(debian::rootfs(&packages)?)
                .arg(&root),
        )?;
    }
    for (source, target) in &description.files {
        let inside = target
            .strip_prefix('/')
            .with_context(|| format!("{target} is not an absolute path"))?;
        ensure!(!inside.split('/').any(|part| part == ".."), "{target} leaves the image");
        let path = root.join(inside);
        fs::create_dir_all(path.parent().unwrap_or(&root))?;
        let source = folder.join(source);
        fs::copy(&source, &path).with_context(|| format!("cannot copy {}", source.display()))?;
    }
    let environment = description.environment.into_iter().collect();
    Ok(Image {
        name: name.to_owned(),
        root,
        entrypoint: description.entrypoint,
        environment,
        user: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_folder_or_a_folder_and_a_variant() {
        let images = tempfile::tempdir().unwrap();
        run::write_atomically(&images.path().join("job-runner/image.toml"), "").unwrap();
        let runner = images.path().join("job-runner");
        assert_eq!(locate(images.path(), "job-runner"), Some((runner.clone(), None)));
        assert_eq!(
            locate(images.path(), "job-runner-next"),
            Some((runner, Some("next".into())))
        );
        assert_eq!(locate(images.path(), "job"), None);
    }

    #[test]
    fn a_misspelt_field_of_a_description_is_an_error() {
        let error = toml::from_str::<Description>("entrypoint = []\npackage = []\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("unknown field `package`"), "{error}");
    }

    #[test]
    fn every_description_in_the_tree_can_be_read() {
        for entry in fs::read_dir(paths::repository().join("e2e/images")).unwrap().flatten() {
            let file = entry.path().join("image.toml");
            let description: Description = toml::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            let variants = description.variants.values().flat_map(|variant| variant.files.keys());
            for source in description.files.keys().chain(variants) {
                assert!(entry.path().join(source).exists(), "{} names {source}", file.display());
            }
        }
    }
}
