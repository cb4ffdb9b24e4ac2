//! Command lines, with what changes from run to run taken out, and programs in them left alone.

use super::{
    path,
    words::{self, template_word},
};
use crate::{
    placeholder,
    settle::{Indices, Rounds, Walk, settle_argv},
    signs::{Lengths, Signs, base_name, trimmed_end},
};

/// The template of a command line that was redacted before: each argument is templated, except for a program that an
/// interpreter is handed (what follows `-c`, `-e`, `eval` and their like, or reads like shell): a payload must not
/// vanish in a placeholder.
pub fn template_argv(mut argv: Vec<String>) -> Vec<String> {
    settle_argv(&mut argv, &mut Templates::default());
    argv
}

/// Templates the arguments of a command line.
#[derive(Default)]
pub(super) struct Templates(Walk<Programs>);

impl Rounds for Templates {
    fn round(&mut self, argv: &mut [String]) -> Indices {
        self.0.round(argv, |program, index, argument| {
            let signs = Signs::of(argument);
            let is_interpreter = is_interpreter(argument, signs);
            if program.is_next(argument, signs, is_interpreter) || is_interpreter || placeholder::is_whole(argument) {
                return None;
            }
            if index == 0 || argument.starts_with('/') {
                path::template_signed(argument, signs)
            } else {
                template_argument(argument, signs)
            }
        })
    }

    fn touch(&mut self, index: usize) {
        self.0.touch(index);
    }
}

fn template_argument(argument: &str, signs: Signs) -> Option<String> {
    // The standard library's search for two bytes takes longer than most arguments are.
    let may_assign_path = signs.any(Signs::SLASH) && signs.any(Signs::JOINT);
    if words::is_plain_by(argument, signs)
        && !(may_assign_path && argument.as_bytes().windows(2).any(|two| two == b"=/"))
    {
        return None;
    }
    let mut out = String::with_capacity(argument.len());
    match argument.split_once('=') {
        Some((name, value)) if value.starts_with('/') => {
            template_word(&mut out, name);
            out.push('=');
            match path::template_once(value) {
                Some(template) => out.push_str(&template),
                None => out.push_str(value),
            }
        }
        _ => template_word(&mut out, argument),
    }
    Some(out)
}

/// Follows a command line and tells which of its arguments are programs.
#[derive(Clone, Debug, Default, PartialEq)]
struct Programs {
    /// An interpreter was named: by the command itself, or behind `env`, `sudo`, `xargs` and the like.
    interpreter: bool,
    /// The argument before asked for a program.
    awaited: bool,
    /// `eval` was named: all that follows is a program.
    evaluates: bool,
}

const INTERPRETERS: [&str; 27] = [
    "ash", "awk", "bash", "busybox", "csh", "dash", "deno", "expect", "fish", "gawk", "gdb", "irb", "jjs", "ksh",
    "lua", "luajit", "mawk", "node", "nodejs", "perl", "php", "pypy", "python", "ruby", "sh", "tclsh", "zsh",
];

/// What their names look like from afar.
static NAMES: Lengths = Lengths::of(&INTERPRETERS);

impl Programs {
    /// Whether this argument is a program. Arguments are told in their order.
    fn is_next(&mut self, argument: &str, signs: Signs, is_interpreter: bool) -> bool {
        let awaited = std::mem::take(&mut self.awaited);
        let is_program = self.evaluates || awaited || reads_like_shell(argument, signs) || self.is_attached(argument);
        self.evaluates |= argument == "eval";
        self.awaited = self.asks(argument);
        self.interpreter |= is_interpreter;
        is_program
    }

    /// `-e'…'` and `--eval=…`, as perl, ruby, php and node take them.
    fn is_attached(&self, argument: &str) -> bool {
        if !argument.starts_with('-') {
            return false;
        }
        let long = ["--eval=", "--command=", "--execute="];
        long.iter().any(|prefix| argument.starts_with(prefix))
            || (self.interpreter
                && argument.len() > 3
                && ["-e", "-E", "-r", "-c"].iter().any(|flag| argument.starts_with(flag)))
    }

    /// Whether a flag asks for a program as its value: `-c`, `-lc`, `-e`, `-ne`, `--eval`.
    fn asks(&self, argument: &str) -> bool {
        let Some(letters) = argument.strip_prefix('-') else {
            return false;
        };
        if matches!(letters, "-eval" | "-command" | "-execute" | "-exec" | "exec" | "ex") {
            return true;
        }
        self.interpreter
            && (1..=4).contains(&letters.len())
            && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
            && letters.ends_with(['c', 'e', 'E', 'r', 'p'])
    }
}

/// Whether a path or name is that of an interpreter, versions aside (`python3.11`).
fn is_interpreter(argument: &str, signs: Signs) -> bool {
    let name = base_name(argument, signs);
    if !NAMES.may_begin(name) {
        return false;
    }
    let is_version = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let name = trimmed_end(name, is_version);
    NAMES.may_hold(name) && INTERPRETERS.binary_search(&name).is_ok()
}

/// Spaces and what a shell or a script separates its statements by: nobody writes file names like that.
fn reads_like_shell(argument: &str, signs: Signs) -> bool {
    signs.has_space(argument)
        && argument.contains(['|', ';', '&', '$', '`', '<', '>', '(', '{'])
        && !placeholder::is_whole(argument)
}
