//! What a process is known by when its number comes again, and when its container has no `/proc` of its own.

use crate::files::{in_root, overlay_scene};
use crate::fixture::{live, skip};
use crate::payload;
use anchorwatch_sensor::attribute::process::{ProcFolder, ProcessAt};
use anchorwatch_sensor::decode::Exec;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command};

/// The number that the kernel gave last in this process's namespace; it counts on from what is written there
/// (`include/linux/pid_namespace.h`).
const LAST: &str = "/proc/sys/kernel/ns_last_pid";

/// How often a number is asked for that another process may be quicker to get.
const TRIES: usize = 100;

/// A process with this number, which is free.
fn with_number(pid: u32, program: &std::path::Path) -> Option<Child> {
    for _ in 0..TRIES {
        fs::write(LAST, (pid - 1).to_string()).ok()?;
        let mut child = Command::new(program).arg("second").spawn().unwrap();
        if child.id() == pid {
            return Some(child);
        }
        child.wait().unwrap();
    }
    None
}

#[test]
fn a_number_that_comes_again_is_another_process_with_its_own_parent() {
    let name = "a_number_that_comes_again_is_another_process_with_its_own_parent";
    let Some(mut live) = live(name) else { return };
    let payload = live.scene.payload();
    let mut shell = live
        .scene
        .shell(&format!("{} first & echo $!; wait", payload.display()));
    let output = shell.output().unwrap();
    let pid: u32 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    let Some(mut second) = with_number(pid, &payload) else {
        return skip(name, "the number can't be had again").unwrap_or_default();
    };
    assert!(second.wait().unwrap().success());
    let us = live.snapshot.processes.iter();
    let us = us
        .clone()
        .find(|process| process.pid == std::process::id())
        .unwrap()
        .exec_id;
    let last = |word: &'static [u8]| move |exec: &&Exec| exec.argv.last() == Some(word);
    let execs = live.execs(|exec| exec.pid == pid);
    let first = execs.iter().find(last(b"first")).unwrap();
    let second = execs.iter().find(last(b"second")).unwrap();
    assert_ne!(first.exec_id, second.exec_id);
    assert_eq!((first.ancestors[1], second.ancestors[0]), (us, us));
    assert_ne!(first.ancestors[0], us, "the shell is between");
    // Whoever asks `/proc` of the first one gets no answer about the second.
    let at = ProcessAt {
        pid,
        at_ns: first.time_ns,
    };
    assert_eq!(ProcFolder::new("/proc".into()).executable(at), None);
}

#[test]
fn a_script_in_a_container_that_has_no_proc_is_found_by_the_nodes() {
    let name = "a_script_in_a_container_that_has_no_proc_is_found_by_the_nodes";
    let Some(mut live) = live(name) else { return };
    let base = live.scene.path("overlay");
    fs::create_dir(&base).unwrap();
    let here = base.clone();
    // A thread's own mounts: nothing of them is seen outside.
    let Some(mut child) = std::thread::spawn(move || waiting_script(&here)).join().unwrap() else {
        return skip(name, "no overlay filesystem").unwrap_or_default();
    };
    let pid = child.id();
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.pid == pid)).unwrap();
    let at = ProcessAt {
        pid,
        at_ns: exec.time_ns,
    };
    let proc = ProcFolder::new("/proc".into());
    assert_eq!((exec.script, exec.filename.as_slice()), (true, b"./script".as_slice()));
    assert_eq!(proc.script(at, &exec.filename), b"/folder/script");
    assert_eq!(proc.executable(at).as_deref(), Some(b"/waiting".as_slice()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(proc.script(at, b"./script"), b"./script", "it is gone");
}

/// Runs a script by a relative name, with an overlay as root in which nothing is mounted; it waits to be killed.
fn waiting_script(base: &std::path::Path) -> Option<Child> {
    let merged = overlay_scene(base)?;
    payload::write_waiting(&merged.join("waiting"));
    fs::create_dir(merged.join("folder")).unwrap();
    let script = merged.join("folder/script");
    fs::write(&script, "#!/waiting\n").unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("./script");
    in_root(&mut command, &merged);
    // SAFETY: a system call between fork and exec.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(&mut command, || Ok(rustix::process::chdir("/folder")?));
    }
    Some(command.spawn().unwrap())
}
