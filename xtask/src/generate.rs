//! `cargo xtask generate`: what is written from the types and never by hand, and the check that it is current.

mod rules;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{paths, run};

/// Says where a generated file comes from, so that nobody edits it.
const HEADER: &str = "# Written by `cargo xtask generate` from the types in crds/src. Do not edit.\n";

/// Write the files that are generated from the types, or check that they are current.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Change nothing; fail if a file is not what would be written.
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.check {
        return check();
    }
    let root = paths::repository();
    let changes = differences(&root, &files()?)?;
    for change in &changes {
        match &change.content {
            Some(content) => run::write_atomically(&change.path, content)?,
            None => std::fs::remove_file(&change.path)?,
        }
        println!("{}", relative(&root, &change.path).display());
    }
    Ok(())
}

/// Fails if a file is not what would be written.
pub fn check() -> Result<()> {
    let root = paths::repository();
    match summary(&root, &differences(&root, &files()?)?) {
        Some(text) => bail!("{text}"),
        None => Ok(()),
    }
}

/// A file that is not as it should be: its content, or `None` where it should not be there.
#[derive(Debug)]
struct Change {
    path: PathBuf,
    content: Option<String>,
}

/// A folder, and what has to be in it; beside that it may hold no other manifests.
#[derive(Debug)]
struct Folder {
    path: &'static str,
    files: Vec<(String, String)>,
}

fn files() -> Result<Vec<Folder>> {
    let mut plain = Folder {
        path: "crds/manifests",
        files: Vec::new(),
    };
    let mut chart = Folder {
        path: "charts/anchorwatch-crds/templates",
        files: Vec::new(),
    };
    for manifest in anchorwatch_crds::manifests() {
        let name = format!("{}.yaml", manifest.name);
        plain.files.push((name.clone(), yaml(&manifest.object)?));
        chart.files.push((name, template(&kept(manifest.object))?));
    }
    let reference = Folder {
        path: "docs/reference",
        files: vec![
            ("recording.schema.json".to_owned(), recording()?),
            ("alert-transition.schema.json".to_owned(), transition()?),
            ("cli.md".to_owned(), command_line()?),
            ("rules.md".to_owned(), rules::page()),
        ],
    };
    Ok(vec![plain, chart, reference])
}

/// The reference of the plugin's command line, as the plugin itself prints it: from the definitions that it parses by.
fn command_line() -> Result<String> {
    let mut command = run::command("cargo");
    command
        .args([
            "run",
            "--quiet",
            "--locked",
            "--package",
            "kubectl-drift",
            "--",
            "__reference",
        ])
        .current_dir(paths::repository());
    Ok(format!("{}\n", run::output(&mut command)?))
}

/// The schema of a recording's line. JSON has no comments: that it is generated stands in the reference beside it.
fn recording() -> Result<String> {
    let schema = anchorwatch_core::observation::schema::schema();
    Ok(format!("{}\n", serde_json::to_string_pretty(&schema)?))
}

/// The schema of a line about an alert.
fn transition() -> Result<String> {
    let schema = anchorwatch_core::alert::transition::schema();
    Ok(format!("{}\n", serde_json::to_string_pretty(&schema)?))
}

/// A definition that `helm uninstall` leaves behind: deleting it would delete every object of its kind.
fn kept(mut object: Value) -> Value {
    object["metadata"]["annotations"]["helm.sh/resource-policy"] = json!("keep");
    object
}

fn yaml(object: &Value) -> Result<String> {
    Ok(format!("{HEADER}{}", serde_yaml::to_string(object)?))
}

/// As YAML that Helm copies as it is.
fn template(object: &Value) -> Result<String> {
    let text = yaml(object)?;
    anyhow::ensure!(
        !text.contains("{{"),
        "a description contains {{{{, which Helm would take for its own"
    );
    Ok(text)
}

fn differences(root: &Path, folders: &[Folder]) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for folder in folders {
        let path = root.join(folder.path);
        for (name, content) in &folder.files {
            let file = path.join(name);
            if std::fs::read_to_string(&file).ok().as_ref() != Some(content) {
                changes.push(Change {
                    path: file,
                    content: Some(content.clone()),
                });
            }
        }
        changes.extend(superfluous(&path, &folder.files)?);
    }
    Ok(changes)
}

fn superfluous(folder: &Path, files: &[(String, String)]) -> Result<Vec<Change>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut changes = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let known = path
            .file_name()
            .is_some_and(|name| files.iter().any(|(file, _)| name == file.as_str()));
        if !known && path.extension().is_some_and(|ending| ending == "yaml") {
            changes.push(Change { path, content: None });
        }
    }
    Ok(changes)
}

fn summary(root: &Path, changes: &[Change]) -> Option<String> {
    if changes.is_empty() {
        return None;
    }
    let names: Vec<String> = changes
        .iter()
        .map(|change| relative(root, &change.path).display().to_string())
        .collect();
    Some(format!(
        "not current: {}\nmend it with `cargo xtask generate`",
        names.join(", ")
    ))
}

fn relative<'a>(root: &Path, path: &'a Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> Vec<Folder> {
        vec![Folder {
            path: "made",
            files: vec![("a.yaml".into(), "a: 1\n".into())],
        }]
    }

    #[test]
    fn a_missing_a_changed_and_a_superfluous_file_are_told_with_what_mends_them() {
        let root = tempfile::tempdir().unwrap();
        run::write_atomically(&root.path().join("made/b.yaml"), "b: 1\n").unwrap();
        let told = |root: &Path| summary(root, &differences(root, &folder()).unwrap());
        let mended = "mend it with `cargo xtask generate`";
        assert_eq!(
            told(root.path()),
            Some(format!("not current: made/a.yaml, made/b.yaml\n{mended}"))
        );
        std::fs::remove_file(root.path().join("made/b.yaml")).unwrap();
        run::write_atomically(&root.path().join("made/a.yaml"), "a: 2\n").unwrap();
        assert_eq!(told(root.path()), Some(format!("not current: made/a.yaml\n{mended}")));
        run::write_atomically(&root.path().join("made/a.yaml"), "a: 1\n").unwrap();
        assert_eq!(told(root.path()), None);
    }

    #[test]
    fn the_charts_definitions_are_kept_on_uninstall() {
        let of_types = |folder: &Folder| !folder.path.starts_with("docs/");
        for folder in files().unwrap().into_iter().filter(of_types) {
            for (name, text) in &folder.files {
                let kept = text.contains("helm.sh/resource-policy: keep");
                assert_eq!(kept, folder.path.starts_with("charts/"), "{}/{name}", folder.path);
            }
        }
    }
}
