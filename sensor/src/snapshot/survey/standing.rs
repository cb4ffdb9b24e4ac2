//! A process that stands there → the execution that it must have come from.

use crate::attribute::text;
use crate::decode::{Arguments, Exec, FileId, FileSource};
use crate::snapshot::SeededProcess;
use std::fs;
use std::path::Path;

/// The kernel's name of a process holds so many bytes (`TASK_COMM_LEN` less its NUL, include/linux/sched.h).
const NAME: usize = 15;

/// An execution with what `/proc` tells of it. Arguments and name are the process's to change: they were read from a
/// process that the sensor did not see start. `sockets`: whether standard input and output are sockets of the network.
pub fn exec(
    process: &SeededProcess,
    (source, file): (FileSource, Option<FileId>),
    sockets: [bool; 2],
    terminal: bool,
) -> Exec {
    let script = script(process);
    let [stdin_socket, stdout_socket] = sockets;
    Exec {
        time_ns: process.found_ns,
        pid: process.pid,
        uid: process.uid,
        euid: process.uid,
        cgroup_id: process.cgroup_id,
        container: process.cgroup_id,
        key: None,
        repeats: 0,
        exec_id: process.exec_id,
        ancestors: process.ancestors.clone(),
        origin: process.origin,
        source,
        file,
        script_source: None,
        runtime_stage: false,
        executable: process.executable.clone(),
        path_truncated: false,
        filename: script.unwrap_or(&process.executable).to_vec(),
        script: script.is_some(),
        stdin_socket,
        stdout_socket,
        terminal,
        setuid: false,
        caps_gained: None,
        argv: process.argv.iter().collect(),
        argv_truncated: false,
        argv_end: Arguments::default(),
        argv_total: total(&process.argv),
    }
}

/// Bytes of arguments, each with its NUL.
fn total(argv: &[Vec<u8>]) -> u32 {
    let bytes: usize = argv.iter().map(|argument| argument.len() + 1).sum();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The script that the executable interprets by its `#!` line: the kernel puts it behind the interpreter and at most
/// one argument, and names the process after it. An interpreter that was given a script as an argument is named after
/// itself.
fn script(process: &SeededProcess) -> Option<&[u8]> {
    let named = |path: &[u8]| cut(text::base_name(path)) == process.name;
    if process.name.is_empty() || named(&process.executable) {
        return None;
    }
    let behind = process.argv.iter().skip(1).take(2);
    behind.map(Vec::as_slice).find(|argument| named(argument))
}

fn cut(name: &[u8]) -> &[u8] {
    &name[..name.len().min(NAME)]
}

/// Whether a descriptor is a socket of the network, as it is looked at at an execution.
pub fn is_network_socket(process: &Path, descriptor: u32) -> bool {
    let Ok(target) = fs::read_link(process.join("fd").join(descriptor.to_string())) else {
        return false;
    };
    let Some(inode) = target
        .to_str()
        .and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']'))
    else {
        return false;
    };
    ["tcp", "tcp6", "udp", "udp6"].into_iter().any(|table| {
        let table = fs::read_to_string(process.join("net").join(table)).unwrap_or_default();
        table
            .lines()
            .skip(1)
            .any(|line| line.split_ascii_whitespace().nth(9) == Some(inode))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::testkit::seeded;

    fn process(executable: &str, name: &str, argv: &[&str]) -> SeededProcess {
        SeededProcess {
            argv: argv.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
            name: name.as_bytes().to_vec(),
            ..seeded(executable)
        }
    }

    fn script_of(executable: &str, name: &str, argv: &[&str]) -> Option<String> {
        let exec = exec(
            &process(executable, name, argv),
            (FileSource::Image, None),
            [false; 2],
            false,
        );
        exec.script
            .then(|| String::from_utf8_lossy(&exec.filename).into_owned())
    }

    #[test]
    fn a_script_is_told_by_the_name_that_the_kernel_gives_its_process() {
        let found = script_of("/bin/sh", "entrypoint.sh", &["/bin/sh", "/app/entrypoint.sh", "serve"]);
        assert_eq!(found.as_deref(), Some("/app/entrypoint.sh"));
        let found = script_of(
            "/bin/sh",
            "a-name-longer-t",
            &["/bin/sh", "-e", "./a-name-longer-than-15.sh"],
        );
        assert_eq!(found.as_deref(), Some("./a-name-longer-than-15.sh"));
    }

    #[test]
    fn a_script_that_is_an_argument_is_none() {
        assert_eq!(script_of("/bin/sh", "sh", &["sh", "/app/entrypoint.sh"]), None);
        assert_eq!(
            script_of("/usr/bin/python3.11", "python3", &["python3", "/app/x.py"]),
            None
        );
        assert_eq!(
            script_of("/bin/sh", "renamed", &["/bin/sh", "/app/entrypoint.sh"]),
            None
        );
        assert_eq!(script_of("/bin/sh", "", &[]), None);
    }

    #[test]
    fn a_socket_of_the_network_as_standard_input_or_output_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("fd")).unwrap();
        fs::create_dir(folder.path().join("net")).unwrap();
        std::os::unix::fs::symlink("socket:[4711]", folder.path().join("fd/0")).unwrap();
        assert!(!is_network_socket(folder.path(), 0));
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 20 4 30 10 -1\n";
        fs::write(folder.path().join("net/tcp"), table).unwrap();
        assert!(is_network_socket(folder.path(), 0) && !is_network_socket(folder.path(), 1));
        std::os::unix::fs::symlink("socket:[4711]", folder.path().join("fd/1")).unwrap();
        assert!(is_network_socket(folder.path(), 1));
    }
}
