//! The guest's root file system: busybox, the tests with the libraries that they load, and kernel modules.

use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::kernel::Files;
use crate::{paths, run};

/// What runs first in the guest.
const INIT: &str = "e2e/vm/init";
const BUSYBOX: [&str; 2] = ["/bin/busybox", "/usr/bin/busybox"];

/// Writes the archive below `work` and returns its path.
pub fn make(work: &Path, live: &Path, files: &Files) -> Result<PathBuf> {
    let root = work.join("root");
    for folder in ["bin", "lib", "lib64", "modules", "spare"] {
        fs::create_dir_all(root.join(folder)).with_context(|| format!("cannot make {folder}"))?;
    }
    let busybox = BUSYBOX.iter().map(Path::new).find(|path| path.exists());
    copy(busybox.context("busybox is missing")?, &root.join("bin/busybox"))?;
    copy(&paths::repository().join(INIT), &root.join("init"))?;
    copy(live, &root.join("live"))?;
    // Line tables are most of the file and of no use to the guest's memory. Without strip it is only slower.
    run::succeeds(run::command("strip").arg("--strip-debug").arg(root.join("live")));
    for library in libraries(live)? {
        let inside = library.strip_prefix("/").unwrap_or(&library);
        copy(&library, &root.join(inside))?;
    }
    for module in &files.modules {
        copy_module(module, &root.join("modules"))?;
    }
    copy_module(&files.spare, &root.join("spare"))?;
    pack(&root, &work.join("initramfs"))
}

/// What the dynamic linker would load, the linker included.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let said = run::output(run::command("ldd").arg(program))?;
    Ok(said
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect())
}

fn copy_module(module: &Path, folder: &Path) -> Result<()> {
    let name = module.file_name().context("a module has a name")?;
    let copied = folder.join(name);
    copy(module, &copied)?;
    if copied.extension() == Some(OsStr::new("xz")) {
        run::quiet(run::command("xz").arg("--decompress").arg(&copied))?;
    }
    Ok(())
}

/// Follows links, since libraries are reached through some, and makes the folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// In the format that the kernel unpacks.
fn pack(root: &Path, archive: &Path) -> Result<PathBuf> {
    let mut find = run::command("find");
    let mut names = find
        .arg(".")
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run find")?;
    let list = names.stdout.take().context("find has no output")?;
    let mut cpio = run::command("cpio");
    cpio.args(["--create", "--format=newc", "--quiet"])
        .current_dir(root)
        .stdin(list)
        .stdout(File::create(archive).with_context(|| format!("cannot write {}", archive.display()))?);
    let packed = cpio.status().context("cannot run cpio")?;
    ensure!(
        names.wait()?.success() && packed.success(),
        "the guest's files cannot be packed"
    );
    Ok(archive.to_path_buf())
}
