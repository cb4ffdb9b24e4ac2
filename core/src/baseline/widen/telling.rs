//! What says so much by being there that nothing else may stand for it.

/// Programs that run whatever they are given, or give privileges away: a shell out of a workload is news, however many
/// other programs of `/usr/bin` it was learned to start.
const RUN_ANYTHING: &[&str] = &[
    "ash",
    "at",
    "awk",
    "base64",
    "bash",
    "batch",
    "bpftool",
    "bun",
    "busybox",
    "capsh",
    "chattr",
    "chroot",
    "chsh",
    "crontab",
    "csh",
    "curl",
    "dash",
    "dd",
    "deno",
    "docker",
    "doas",
    "env",
    "expect",
    "find",
    "fish",
    "gawk",
    "gcc",
    "gdb",
    "insmod",
    "java",
    "kubectl",
    "ksh",
    "ld",
    "lua",
    "mawk",
    "mkfifo",
    "modprobe",
    "mount",
    "nsenter",
    "node",
    "openssl",
    "passwd",
    "perl",
    "php",
    "pkexec",
    "python",
    "ruby",
    "runc",
    "screen",
    "script",
    "setpriv",
    "sh",
    "strace",
    "su",
    "sudo",
    "systemctl",
    "systemd-run",
    "tar",
    "tclsh",
    "tmux",
    "unshare",
    "useradd",
    "vi",
    "xargs",
    "zsh",
];

/// Programs that talk to whomever they are told to.
const TALK_TO_ANYBODY: &[&str] = &[
    "chisel", "curl", "ftp", "nc", "ncat", "netcat", "nmap", "openssl", "rsync", "scp", "sftp", "socat", "ssh",
    "telnet", "tftp", "wget", "wget2",
];

/// Whether a program runs whatever it is given, or talks to whomever it is told to.
pub(super) fn runs_anything(executable: &str) -> bool {
    is_one_of(executable, RUN_ANYTHING) || is_one_of(executable, TALK_TO_ANYBODY)
}

/// Whether a program talks to whomever it is told to, or is a shell that can be made to: where it went is told one by one.
/// Interpreters are the workload itself as often as not.
pub(super) fn talks_to_anybody(executable: &str) -> bool {
    const SHELLS: &[&str] = &["ash", "bash", "busybox", "csh", "dash", "ksh", "sh", "zsh"];
    is_one_of(executable, TALK_TO_ANYBODY) || is_one_of(executable, SHELLS)
}

/// Whether a Service or workload is the cluster's own.
pub(super) fn is_of_the_cluster(namespace: &str, name: &str) -> bool {
    namespace == "kube-system" || (namespace == "default" && name == "kubernetes")
}

/// Whether the file's name is one of these, with a version behind it or none: `python3.11`, `perl5.36-x86_64-linux-gnu`,
/// `nc.openbsd`.
fn is_one_of(executable: &str, names: &[&str]) -> bool {
    let name = executable.rsplit('/').next().unwrap_or_default();
    names.iter().any(|known| {
        let rest = name.strip_prefix(known);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_name_whatever_its_folder_and_version() {
        for program in [
            "/bin/sh",
            "/usr/local/bin/python3.11",
            "/usr/bin/perl5.36-x86_64-linux-gnu",
            "/bin/nc.openbsd",
            "gcc-12",
        ] {
            assert!(runs_anything(program), "{program}");
        }
        for program in [
            "/usr/bin/date",
            "/usr/bin/shred",
            "/usr/bin/atop",
            "/usr/bin/nodejs-helper",
            "",
        ] {
            assert!(!runs_anything(program), "{program}");
        }
        assert!(talks_to_anybody("/usr/bin/wget") && !talks_to_anybody("/usr/bin/python3"));
    }
}
