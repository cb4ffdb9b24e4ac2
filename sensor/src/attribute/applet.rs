//! Which program of a multi-call binary was called.
//!
//! A multi-call binary holds many programs and takes the name that it was called by, so its path alone says little.
//! It is told by its file's name: `busybox`, `toybox` and `coreutils`, also with a suffix (`busybox.static`). Another
//! file that was called by a name of the caller's choice is no multi-call binary: the name would be noise.

use super::text;
use crate::decode::Arguments;

const MULTI_CALL: [&[u8]; 3] = [b"busybox", b"toybox", b"coreutils"];

/// The applet that was called, if the executable is a multi-call binary.
///
/// Called by the binary's own name (`busybox sh`), the applet is the first argument. It is taken only if it is one of
/// the names below: whatever else stands there is an argument, and arguments stay on the node.
pub fn applet(executable: &[u8], argv: &Arguments) -> Option<String> {
    let binary = text::base_name(executable);
    if !MULTI_CALL.iter().any(|name| is_called(binary, name)) {
        return None;
    }
    let mut argv = argv.iter();
    let called = text::base_name(argv.next()?);
    // A login shell has a dash before its name.
    let called = called.strip_prefix(b"-").unwrap_or(called);
    if !MULTI_CALL.iter().any(|name| is_called(called, name)) {
        return Some(text::name(called));
    }
    let first = argv.next().and_then(|argument| str::from_utf8(argument).ok());
    let known = first.filter(|first| APPLETS.binary_search(first).is_ok());
    Some(known.map_or_else(|| text::name(called), str::to_owned))
}

/// The name itself, or the name and a suffix that no letter begins.
fn is_called(file: &[u8], name: &[u8]) -> bool {
    file.strip_prefix(name)
        .is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphabetic))
}

/// Sorted; the names that the multi-call binaries of today's distributions have.
#[rustfmt::skip]
const APPLETS: &[&str] = &[
    "[", "[[", "acpi", "acpid", "add-shell", "addgroup", "adduser", "adjtimex", "ar", "arch", "arp", "arping",
    "ascii", "ash", "awk", "b2sum", "base32", "base64", "basename", "basenc", "bc", "blkdiscard", "blkid", "blockdev",
    "brctl", "bunzip2", "bzcat", "bzip2", "cal", "cat", "chat", "chcon", "chgrp", "chmod", "chown", "chpasswd",
    "chroot", "chrt", "chvt", "cksum", "clear", "cmp", "comm", "count", "cp", "cpio", "crc32", "crond", "crontab",
    "csplit", "cttyhack", "cut", "date", "dc", "dd", "deallocvt", "delgroup", "deluser", "demo_utf8towc", "depmod",
    "devmem", "df", "diff", "dir", "dircolors", "dirname", "dmesg", "dnsd", "dnsdomainname", "dos2unix", "dpkg",
    "dpkg-deb", "du", "dumpkmap", "dumpleases", "echo", "ed", "egrep", "eject", "env", "ether-wake", "expand", "expr",
    "factor", "fallocate", "false", "fatattr", "fdisk", "fgconsole", "fgrep", "find", "findfs", "flock", "fmt",
    "fold", "free", "freeramdisk", "fsck", "fsfreeze", "fstrim", "fstype", "fsync", "ftpget", "ftpput", "getfattr",
    "getopt", "getty", "grep", "groups", "gunzip", "gzip", "halt", "hd", "head", "help", "hexdump", "host", "hostid",
    "hostname", "httpd", "hush", "hwclock", "i2cdetect", "i2cdump", "i2cget", "i2cset", "i2ctransfer", "iconv", "id",
    "ifconfig", "ifdown", "ifup", "inetd", "init", "inotifyd", "insmod", "ionice", "iostat", "ip", "ipaddr", "ipcalc",
    "iplink", "ipneigh", "iproute", "iprule", "iptunnel", "join", "kill", "killall", "killall5", "klogd", "last",
    "less", "link", "linux32", "linux64", "linuxrc", "ln", "loadfont", "loadkmap", "logger", "login", "logname",
    "logread", "losetup", "lpd", "ls", "lsattr", "lsmod", "lsof", "lspci", "lsscsi", "lsusb", "lzcat", "lzma", "lzop",
    "lzopcat", "makemime", "md5sum", "mdev", "mesg", "microcom", "mim", "mix", "mkdir", "mkdosfs", "mke2fs", "mkfifo",
    "mknod", "mkpasswd", "mkswap", "mktemp", "modinfo", "modprobe", "more", "mount", "mountpoint", "mpstat", "mt",
    "mv", "nameif", "nanddump", "nbd-client", "nc", "netcat", "netstat", "nice", "nl", "nmeter", "nohup", "nologin",
    "nproc", "nsenter", "nslookup", "ntpd", "nuke", "numfmt", "od", "oneit", "openssl", "openvt", "partprobe",
    "passwd", "paste", "patch", "pathchk", "pgrep", "pidof", "ping", "ping6", "pinky", "pivot_root", "pkill", "pmap",
    "popmaildir", "poweroff", "powertop", "pr", "printenv", "printf", "prlimit", "ps", "pscan", "pstree", "ptx",
    "pwd", "pwdx", "pwgen", "raidautorun", "rdate", "readahead", "readlink", "readprofile", "realpath", "reboot",
    "reformime", "remove-shell", "renice", "reset", "resize", "resume", "rev", "rfkill", "rm", "rmdir", "rmmod",
    "route", "rpm", "rpm2cpio", "rtcwake", "run-init", "run-parts", "runcon", "runsv", "runsvdir", "script",
    "scriptreplay", "sed", "sendmail", "seq", "setarch", "setfattr", "setfont", "setkeycodes", "setlogcons",
    "setpriv", "setserial", "setsid", "sh", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha3sum", "sha512sum",
    "showkey", "shred", "shuf", "slattach", "sleep", "smemcap", "sntp", "softlimit", "sort", "split", "ss",
    "ssl_client", "start-stop-daemon", "stat", "stdbuf", "strings", "stty", "su", "sulogin", "sum", "svc", "svlogd",
    "svok", "swapoff", "swapon", "switch_root", "sync", "sysctl", "syslogd", "tac", "tail", "tar", "taskset", "tc",
    "tcpsvd", "tee", "telnet", "telnetd", "test", "tftp", "tftpd", "time", "timeout", "top", "touch", "toysh", "tr",
    "traceroute", "traceroute6", "true", "truncate", "ts", "tsort", "tty", "tunctl", "ubiattach", "ubirename",
    "uclampset", "udhcpc", "udhcpc6", "udhcpd", "udpsvd", "uevent", "ulimit", "umount", "uname", "uncompress",
    "unexpand", "unicode", "uniq", "unix2dos", "unlink", "unlzma", "unlzop", "unshare", "unxz", "unzip", "uptime",
    "users", "usleep", "uudecode", "uuencode", "vconfig", "vdir", "vi", "vlock", "vmstat", "w", "wall", "watch",
    "watchdog", "wc", "wget", "which", "who", "whoami", "whois", "xargs", "xxd", "xz", "xzcat", "yes", "zcat", "zcip",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn called(executable: &str, argv: &[&str]) -> Option<String> {
        let argv: Arguments = argv.iter().collect();
        applet(executable.as_bytes(), &argv)
    }

    #[test]
    fn the_names_are_sorted() {
        assert!(APPLETS.is_sorted());
    }

    #[test]
    fn a_multi_call_binary_is_known_by_the_name_that_it_was_called_by() {
        assert_eq!(called("/bin/busybox", &["/bin/sh", "-c", "x"]).as_deref(), Some("sh"));
        assert_eq!(called("/bin/busybox.static", &["-ash"]).as_deref(), Some("ash"));
        assert_eq!(called("/usr/bin/coreutils", &["ls"]).as_deref(), Some("ls"));
    }

    #[test]
    fn called_by_its_own_name_the_first_argument_counts_if_it_is_an_applet() {
        assert_eq!(
            called("/bin/busybox", &["busybox", "nc", "secret"]).as_deref(),
            Some("nc")
        );
        assert_eq!(
            called("/bin/busybox", &["busybox", "secret"]).as_deref(),
            Some("busybox")
        );
        assert_eq!(called("/bin/busybox", &["busybox"]).as_deref(), Some("busybox"));
    }

    #[test]
    fn other_executables_have_no_applet_whatever_they_are_called() {
        assert_eq!(called("/usr/bin/python3", &["secret"]), None);
        assert_eq!(called("/usr/bin/busyboxer", &["sh"]), None);
        assert_eq!(called("/bin/busybox", &[]), None);
    }
}
