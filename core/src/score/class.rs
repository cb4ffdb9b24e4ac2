//! Kinds of executables whose command lines are alike, whatever the workload.

/// What an executable is, as far as its command lines go.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// A shell: its command lines are small programs.
    Shell,
    /// Another interpreter: its command lines name scripts, or are programs.
    Interpreter,
    /// A program that moves data over the network.
    Transfer,
    /// Anything else.
    Other,
}

impl Class {
    /// The class of an executable, by the name of its file; a version at its end is no part of it.
    pub fn of(executable: &str) -> Self {
        let name = executable.rsplit('/').next().unwrap_or_default();
        match name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-')) {
            "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "csh" | "tcsh" | "fish" | "busybox" => {
                Self::Shell
            }
            "python" | "pypy" | "perl" | "ruby" | "node" | "nodejs" | "deno" | "bun" | "php" | "lua" | "luajit"
            | "java" | "awk" | "gawk" | "mawk" | "tclsh" | "Rscript" => Self::Interpreter,
            "curl" | "wget" | "nc" | "ncat" | "netcat" | "socat" | "ssh" | "scp" | "sftp" | "rsync" | "ftp"
            | "tftp" | "telnet" => Self::Transfer,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_no_part_of_a_name() {
        for (executable, class) in [
            ("/usr/bin/python3.11", Class::Interpreter),
            ("/bin/busybox", Class::Shell),
            ("/usr/bin/curl", Class::Transfer),
            ("/app/server", Class::Other),
            ("", Class::Other),
        ] {
            assert_eq!(Class::of(executable), class, "{executable}");
        }
    }
}
