//! Programs where a secret is expected: whoever hides a payload behind a name such as `TOKEN` must not have it taken out
//! for him.

/// Signs without which no statement does anything.
const SIGNS: [char; 10] = ['|', ';', '&', '$', '`', '<', '>', '(', '{', '\n'];

/// What starts programs, opens sockets or decodes; each must stand as a word where it consists of letters alone. People
/// who put one of these words and one of [`SIGNS`] into a password have it treated as text: what of it looks drawn by lot
/// is still taken out.
const TELLING: [&str; 50] = [
    "/bin/",
    "/dev/tcp",
    "/dev/udp",
    "/tmp/",
    "__import__",
    "awk",
    "base64",
    "bash",
    "busybox",
    "chmod",
    "chroot",
    "curl",
    "dash",
    "dup2",
    "eval",
    "exec",
    "execve",
    "fromhex",
    "iex",
    "import",
    "insmod",
    "invoke-expression",
    "invoke-webrequest",
    "ksh",
    "lua",
    "mkfifo",
    "nc",
    "ncat",
    "netcat",
    "node",
    "openssl",
    "os.system",
    "passthru",
    "perl",
    "php",
    "popen",
    "powershell",
    "process",
    "pty",
    "python",
    "python3",
    "require",
    "ruby",
    "sh",
    "socat",
    "socket",
    "spawn",
    "subprocess",
    "system",
    "wget",
];

/// Whether a value is a program rather than a secret.
pub(super) fn is_program(value: &str) -> bool {
    if !value.contains(SIGNS) {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    let bytes = lower.as_bytes();
    let joins = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
    TELLING.iter().any(|word| {
        let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        lower.match_indices(word).any(|(at, _)| {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            !is_word || !(joins(before) || joins(bytes.get(at + word.len())))
        })
    })
}
