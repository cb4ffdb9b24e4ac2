//! Other programs, run so that a failure says what was run and what it answered.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::paths;

/// How much of a failed program's output is shown.
const SHOWN_LINES: usize = 30;

/// A command that finds administration programs also where a user's PATH lacks their folders.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path()).stdin(Stdio::null());
    command
}

/// The PATH with the administration folders at its end.
pub fn search_path() -> OsString {
    let known = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&known).chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    env::join_paths(folders).unwrap_or(known)
}

/// Whether a program of this name would be found.
pub fn has(program: &str) -> bool {
    env::split_paths(&search_path()).any(|folder| folder.join(program).is_file())
}

/// Runs it to its end and returns its standard output, trimmed.
pub fn output(command: &mut Command) -> Result<String> {
    let result = captured(command)?;
    ensure!(result.status.success(), "{}", failure(command, &result));
    Ok(String::from_utf8_lossy(&result.stdout).trim().to_owned())
}

/// Runs it to its end, silently unless it fails.
pub fn quiet(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Whether it ends well; what it says is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    captured(command).is_ok_and(|result| result.status.success())
}

/// Runs it with its output on our terminal.
pub fn shown(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", line(command)))?;
    ensure!(status.success(), "{} ended with {status}", line(command));
    Ok(())
}

/// Runs something long: all of its output goes to a log file, whose end is shown when it fails.
pub fn logged(command: &mut Command, log: &str) -> Result<()> {
    let path = paths::cache_folder("log")?.join(log);
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    command.stdout(file.try_clone()?).stderr(file);
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", line(command)))?;
    if !status.success() {
        let text = std::fs::read(&path).unwrap_or_default();
        let shown = last_lines(&String::from_utf8_lossy(&text));
        bail!(
            "{} ended with {status}; all of its output is in {}\n{shown}",
            line(command),
            path.display()
        );
    }
    Ok(())
}

/// Asks again and again until it holds, at most for `limit`.
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !holds() {
        ensure!(
            started.elapsed() < limit,
            "gave up after {} s waiting for {what}",
            limit.as_secs()
        );
        sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Writes a file whole or not at all.
pub fn write_atomically(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let folder = path
        .parent()
        .with_context(|| format!("{} has no folder", path.display()))?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, content.as_ref())?;
    file.persist(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

fn captured(command: &mut Command) -> Result<Output> {
    command
        .output()
        .with_context(|| format!("cannot run {}", line(command)))
}

fn failure(command: &Command, result: &Output) -> String {
    let said = [&result.stdout, &result.stderr]
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .concat();
    format!("{} ended with {}\n{}", line(command), result.status, last_lines(&said))
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let text = words
        .map(std::ffi::OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ");
    format!("`{text}`")
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let error = output(command("sh").args(["-c", "echo out; echo why >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "`sh -c echo out; echo why >&2; exit 3` ended with exit status: 3\nout\nwhy"
        );
    }

    #[test]
    fn only_the_end_of_a_long_output_is_shown() {
        let text = (0..100).map(|number| number.to_string()).collect::<Vec<_>>().join("\n");
        assert_eq!(last_lines(&text).lines().next(), Some("70"));
    }

    #[test]
    fn waiting_ends_at_its_limit_with_the_name_of_what_did_not_come() {
        let error = wait_until("nothing", Duration::ZERO, || false).unwrap_err().to_string();
        assert_eq!(error, "gave up after 0 s waiting for nothing");
    }
}
