//! What a command could do, told from words in it. A capability is no verdict: a workload that downloads all day has
//! learned to; one that never opened a socket from a shell and now does shows something new, whatever surrounds it.

mod shells;

use std::sync::LazyLock;

use aho_corasick::{Anchored, StartKind, automaton::Automaton, dfa::DFA};

use super::Kind;

/// Capabilities, and the texts that tell of them, in lower case. A text of letters alone must stand as a word of its own.
pub const CAPABILITIES: [(&str, &[&str]); 17] = [
    (
        "opens a socket",
        &[
            "/dev/tcp",
            "/dev/udp",
            "/inet/tcp",
            "/inet/udp",
            "socket",
            "fsockopen",
            "ztcp",
            "net.dial",
            "s_client",
            "nc",
            "ncat",
            "netcat",
            "socat",
            "telnet",
            "net/http",
            "webrick",
            "http.server",
            "php -s",
            "httpd",
            "rcat",
            "net.socket",
            "simplehttpserver",
            "tcpsocket",
            "tcpserver",
            "createconnection",
            "net.connect",
            "pwncat",
            "chisel",
        ],
    ),
    (
        "starts programs from a script",
        &[
            "pty.spawn",
            "os.system",
            "subprocess",
            "popen",
            "child_process",
            "proc_open",
            "system(",
            "os.execute",
            "execl",
            "exec.command",
            "passthru",
            "shell_exec",
            "exec(",
            "exec sprintf",
            "!/bin",
            r"\! /bin",
            "exec=",
            "exec:",
            "spawn",
            "getruntime",
            "processbuilder",
            "--eval",
            ".shell",
            "execve",
            "exec \"",
            "pre-invoke",
            "command=",
        ],
    ),
    (
        "redirects descriptors",
        &[
            "0>&1", "<&", ">&3", ">&4", ">&5", "dup2", "<>/dev", "<> /dev", "fileno", "fdopen", ">&$", "1>&0",
            ">& /dev/", ">&/dev/", "2>&3",
        ],
    ),
    ("makes a named pipe", &["mkfifo", "mknod", "os.mkfifo"]),
    (
        "runs code given in place",
        &[
            "python -c",
            "python3 -c",
            "python2 -c",
            "perl -m",
            "ruby -e",
            "ruby -r",
            "php -r",
            "node -e",
            "lua -e",
            "lua5",
            "jjs",
            "-c 'import",
            "-c \"import",
            "go run",
            "begin {",
            "begin{s",
            "__import__",
            "eval(",
            "tclsh",
            "exec(base64",
            "eval ",
        ],
    ),
    (
        "decodes",
        &[
            "base64 -d",
            "base64 --d",
            "xxd -r",
            "openssl enc",
            "b64decode",
            "decode_base64",
            "openssl base64",
            "uudecode",
            "fromhex",
            "base64 /",
            r"\x",
        ],
    ),
    (
        "names credentials",
        &[
            "/etc/shadow",
            "/etc/passwd",
            "sudoers",
            "id_rsa",
            "id_dsa",
            "id_ed25519",
            ".ssh",
            "authorized_keys",
            "known_hosts",
            ".aws",
            "aws_secret",
            ".kube",
            "serviceaccount",
            ".git-credentials",
            ".htpasswd",
            "/etc/group",
            "passphrase",
            "password",
            "credential",
            "secret",
            ".rhosts",
            "hosts.equiv",
            "bash_history",
            "/environ",
            "chpasswd",
            ".netrc",
            ".pgpass",
        ],
    ),
    (
        "makes itself last",
        &[
            "crontab",
            "/etc/cron",
            "cron.d",
            ".bashrc",
            ".bash_profile",
            ".profile",
            "systemctl enable",
            "ld.so.preload",
            "ld_preload",
            "ld_library_path",
            "/etc/rc",
            "init.d",
            ".service",
            "useradd",
            "usermod",
            "adduser",
            "systemd",
            "at now",
        ],
    ),
    (
        "changes or seeks privileges",
        &[
            "u+s",
            "g+s",
            "+s",
            "u=s",
            "g=s",
            "4755",
            "-4000",
            "-2000",
            "-6000",
            "setcap",
            "getcap",
            "cap_setuid",
            "=xs",
            "nopasswd",
            "-writable",
            "-o w",
            "-222",
            "-0002",
            "-perm -2 ",
            "sh -p",
            "sudo -u#",
            "-nouser",
            "setuid",
        ],
    ),
    (
        "hides traces",
        &[
            "histfile",
            "history -c",
            "histcontrol",
            "histsize",
            "bash_history",
            "/var/log",
            "touch -a",
            "touch -t",
            "chattr",
            "auditctl",
            "auditd",
            "setenforce",
            "iptables",
            "ufw",
            "rsyslog",
            "shred",
        ],
    ),
    ("uses temporary folders", &["/tmp", "/dev/shm", "/var/tmp"]),
    (
        "reaches for the kernel or the host",
        &[
            "insmod",
            "modprobe",
            "/proc/sys",
            "sysctl",
            "core_pattern",
            "nsenter",
            "unshare",
            "chroot",
            "cgroup",
            "notify_on_release",
            "docker",
            "kubectl",
            "/proc/1/",
            "randomize_va",
            "ld-linux",
            "ld.so",
            "gdb",
            "strace",
            "ltrace",
            "/proc/self",
            "release_agent",
        ],
    ),
    (
        "looks around",
        &[
            "whoami",
            "uname -a",
            "/etc/issue",
            "lsmod",
            "netstat",
            "lsb-release",
            "169.254.169.254",
            "<ip4-link",
            "nmap",
            "tcpdump",
            "arp ",
            "lastlog",
            "getent",
            "sudo -l",
            "dockerenv",
            "dockerfile",
            "docker-compose",
            "linenum",
            "linpeas",
            "masscan",
        ],
    ),
    (
        "fetches or sends files",
        &[
            "curl",
            "wget",
            "getstore",
            "urlretrieve",
            "urlopen",
            "scp",
            "rsync",
            "ftp",
            "tftp",
            "post-file",
        ],
    ),
    ("searches the whole file system", &["find / "]),
    ("leaves its terminal", &["$(tty)", "setsid", "nohup", "disown", " & "]),
    (shells::ADDRESS, &["://", "<ip4-"]),
];

/// What the capabilities' texts are found by.
struct Patterns {
    /// Which three bytes one of them may begin with, five bits of each.
    beginnings: Box<[bool; 1 << 15]>,
    automaton: DFA,
    /// Of each its capability, and whether it must stand as a word.
    meanings: Vec<(usize, bool)>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let mut texts = Vec::new();
    let mut meanings = Vec::new();
    let mut beginnings = Box::new([false; 1 << 15]);
    for (index, (_, patterns)) in CAPABILITIES.iter().enumerate() {
        for pattern in *patterns {
            texts.push(*pattern);
            meanings.push((index, pattern.bytes().all(|byte| byte.is_ascii_alphabetic())));
            // Of two bytes, any other may follow.
            for other in 0..32 {
                let third = pattern.as_bytes().get(2).copied().unwrap_or(other);
                beginnings[beginning(&[pattern.as_bytes()[0], pattern.as_bytes()[1], third])] = true;
            }
        }
    }
    let automaton = DFA::builder().start_kind(StartKind::Anchored).build(texts);
    Patterns {
        beginnings,
        automaton: automaton.expect("two hundred short patterns"),
        meanings,
    }
});

fn beginning(three: &[u8]) -> usize {
    let five = |index: usize| usize::from(three[index] & 31);
    five(0) | five(1) << 5 | five(2) << 10
}

impl Patterns {
    /// Calls `found` with the capability of each that is in the text, which ends in a space.
    fn find(&self, text: &[u8], mut found: impl FnMut(usize)) {
        let joins = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphanumeric);
        // To let every byte pass through the automaton takes longer: it waits for its table at each.
        for (begins, three) in text.windows(3).enumerate() {
            if !self.beginnings[beginning(three)] {
                continue;
            }
            let start = self.automaton.start_state(Anchored::Yes);
            let mut state = start.expect("it is built for that");
            for (at, byte) in text.iter().enumerate().skip(begins) {
                state = self.automaton.next_state(Anchored::Yes, state, *byte);
                if self.automaton.is_dead(state) {
                    break;
                }
                if self.automaton.is_match(state) {
                    for index in 0..self.automaton.match_len(state) {
                        let pattern = self.automaton.match_pattern(state, index);
                        let (capability, is_word) = self.meanings[pattern.as_usize()];
                        // It may be the end of what began here.
                        let begins = at + 1 - self.automaton.pattern_len(pattern);
                        if !is_word || !(joins(begins.wrapping_sub(1)) || joins(at + 1)) {
                            found(capability);
                        }
                    }
                }
            }
        }
    }
}

/// Calls `sink` with each capability of a command.
pub(super) fn visit(text: &str, padded: &mut String, sink: &mut impl FnMut(Kind, &[u8])) {
    let mut found = [false; CAPABILITIES.len()];
    // Spaces at both ends let a pattern that ends in one match at the text's end.
    padded.clear();
    padded.push(' ');
    padded.push_str(text);
    padded.push(' ');
    padded.make_ascii_lowercase();
    PATTERNS.find(padded.as_bytes(), |capability| found[capability] = true);
    for ((name, _), found) in CAPABILITIES.iter().zip(found) {
        if found {
            sink(Kind::Capability, name.as_bytes());
        }
    }
    shells::visit(&padded[1..padded.len() - 1], sink);
}
