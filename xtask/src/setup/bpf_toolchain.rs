//! What builds the eBPF programs: nightly Rust, the source of Rust's `core`, and bpf-linker.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{cargo_tool, debian, tool, versions};
use crate::run;

/// How to get one, for whoever reads that it is missing.
pub const HOW_TO_GET: &str = "`cargo xtask bpf` gets what it needs: rustup's nightly with rust-src \
    (rustup toolchain install nightly --component rust-src), or else Debian's rust-src, and bpf-linker";

/// Debian's suites that may carry a rust-src as new as the nightly compiler.
const SUITES: [&str; 2] = ["forky", "sid"];

/// A toolchain that is all there.
#[derive(Debug)]
pub struct Toolchain {
    /// Release, commit and date of the compiler.
    pub rustc: String,
    /// A hash of `core`'s source, and of where it lies if that is outside the compiler's own folder: cargo puts that path
    /// into the names of symbols.
    pub core: String,
    pub sysroot: PathBuf,
    /// Rust's `library` folder.
    pub library: PathBuf,
    /// The folder that holds bpf-linker.
    pub linker: PathBuf,
}

/// Finds a toolchain without getting anything; `None` if a part is missing.
pub fn find() -> Result<Option<Toolchain>> {
    let (Some(compiler), Some(linker)) = (Compiler::find(), cargo_tool::present_bpf_linker()?) else {
        return Ok(None);
    };
    let library = Some(compiler.own_library()).filter(|path| path.is_dir());
    match library.or(debian_library_in_cache(&compiler)?) {
        Some(library) => compiler.with(library, &linker).map(Some),
        None => Ok(None),
    }
}

/// Whether nightly Rust is there, whatever else is missing.
pub fn has_nightly() -> bool {
    Compiler::find().is_some()
}

/// Gets what is missing.
pub fn get() -> Result<Toolchain> {
    let compiler = Compiler::find().map_or_else(Compiler::install, Ok)?;
    let linker = cargo_tool::bpf_linker()?;
    let library = compiler.library()?;
    compiler.with(library, &linker)
}

#[derive(Debug)]
struct Compiler {
    version: String,
    sysroot: PathBuf,
}

impl Compiler {
    fn find() -> Option<Self> {
        let ask = |argument: &[&str]| {
            run::output(run::command("rustup").args(["run", "nightly", "rustc"]).args(argument)).ok()
        };
        let version = ask(&["--version"])?.strip_prefix("rustc ")?.to_owned();
        Some(Self {
            version,
            sysroot: ask(&["--print", "sysroot"])?.into(),
        })
    }

    fn install() -> Result<Self> {
        if !run::has("rustup") {
            bail!("the eBPF programs need nightly Rust, and there is no rustup to get it: see https://rustup.rs");
        }
        let arguments = [
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
            "--component",
            "rust-src",
        ];
        run::logged(run::command("rustup").args(arguments), "rustup").context("cannot install nightly Rust")?;
        Self::find().context("nightly Rust was installed and still does not answer")
    }

    fn own_library(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust/library")
    }

    /// The compiler's own source if rustup has it, else Debian's of the same release.
    fn library(&self) -> Result<PathBuf> {
        if self.own_library().is_dir() {
            return Ok(self.own_library());
        }
        let add = ["component", "add", "rust-src", "--toolchain", "nightly"];
        if run::succeeds(run::command("rustup").args(add)) && self.own_library().is_dir() {
            return Ok(self.own_library());
        }
        for suite in SUITES {
            let version = debian::version_in(suite, "rust-src")?;
            if version.is_some_and(|version| release(&version) == release(&self.version)) {
                return library_in(&debian::unpacked(suite, &["rust-src"])?);
            }
        }
        bail!(
            "rustup cannot fetch rust-src for {}, and Debian ({}) has no rust-src of release {}",
            self.version,
            SUITES.join(", "),
            release(&self.version)
        )
    }

    fn with(self, library: PathBuf, linker: &Path) -> Result<Toolchain> {
        let linker = linker.parent().context("bpf-linker is in no folder")?.to_owned();
        let mut sources = Vec::new();
        files(&library.join("core/src"), &mut sources)?;
        let outside = if library.starts_with(&self.sysroot) {
            String::new()
        } else {
            library.display().to_string()
        };
        let core = tool::fingerprint(&[&outside], &sources)?;
        Ok(Toolchain {
            rustc: self.version,
            core,
            sysroot: self.sysroot,
            library,
            linker,
        })
    }
}

fn debian_library_in_cache(compiler: &Compiler) -> Result<Option<PathBuf>> {
    for suite in SUITES {
        if let Some(folder) = debian::present(suite, &["rust-src"])?
            && let Ok(library) = library_in(&folder)
            && library
                .to_string_lossy()
                .contains(&format!("rustc-{}.", release(&compiler.version)))
        {
            return Ok(Some(library));
        }
    }
    Ok(None)
}

/// Debian unpacks it as `usr/src/rustc-VERSION/library`.
fn library_in(folder: &Path) -> Result<PathBuf> {
    let sources = folder.join("usr/src");
    let entries = fs::read_dir(&sources).with_context(|| format!("cannot read {}", sources.display()))?;
    let library = |entry: fs::DirEntry| Some(entry.path().join("library")).filter(|path| path.join("core").is_dir());
    entries
        .flatten()
        .find_map(library)
        .with_context(|| format!("{} holds no library of Rust", sources.display()))
}

/// Major and minor number: `1.97` of `1.97.0-nightly (…)` and of `1.97.1+dfsg1-1`.
fn release(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// All files below, in an order that does not depend on the file system.
fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// One line about it.
pub fn describe(toolchain: &Toolchain) -> String {
    format!(
        "rustc {}, core {}, bpf-linker {}",
        toolchain.rustc,
        toolchain.core,
        versions::BPF_LINKER
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_and_packages_of_one_release_belong_together() {
        assert_eq!(
            release("1.97.0-nightly (e50aa6fba 2026-05-19)"),
            release("1.97.1+dfsg1-1")
        );
        assert_ne!(
            release("1.97.0-nightly (e50aa6fba 2026-05-19)"),
            release("1.98.0+dfsg1-1")
        );
    }
}
