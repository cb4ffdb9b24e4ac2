//! Completion: scripts for shells, and kubectl's own way of asking a plugin.
//!
//! kubectl completes what follows `kubectl drift` by running an executable `kubectl_complete-drift` from the PATH with the
//! words so far; it prints a candidate a line, with a tab and what it means behind it, and last a colon and a number of flags
//! (<https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/>, and `ShellCompDirective` in spf13/cobra's
//! `completions.go`).

use std::{ffi::OsString, fmt::Write as _};

use clap::{Command, ValueEnum};
use clap_complete::{Shell, engine::complete};

/// "No files": what can be named is named.
const NO_FILES: u8 = 4;

/// What is not for people to type.
const HIDDEN: [&str; 2] = ["__complete", "__reference"];

/// What `kubectl_complete-drift` has to be.
const KUBECTL: &str = "#!/bin/sh\n# Save as kubectl_complete-drift, executable, in a folder of your PATH.\nexec kubectl-drift \
                       __complete -- \"$@\"\n";

/// Whom a script is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Target {
    /// A script for bash that completes `kubectl-drift`.
    Bash,
    /// A script for zsh that completes `kubectl-drift`.
    Zsh,
    /// A script for fish that completes `kubectl-drift`.
    Fish,
    /// The executable `kubectl_complete-drift`, by which kubectl completes `kubectl drift` in every shell.
    Kubectl,
}

/// Which script.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:\n  kubectl drift completion kubectl > ~/.local/bin/kubectl_complete-drift && chmod +x \
~/.local/bin/kubectl_complete-drift\n  kubectl drift completion bash > ~/.local/share/bash-completion/completions/kubectl-drift\n  \
kubectl drift completion zsh > ~/.zfunc/_kubectl-drift\n  \
kubectl drift completion fish > ~/.config/fish/completions/kubectl-drift.fish\n\n\
Exit codes: 0 done, 2 misuse.")]
pub struct Args {
    /// Whom it is for.
    target: Target,
}

/// Prints a script.
pub fn run(args: &Args, command: &mut Command) {
    print!("{}", script(args.target, command));
}

fn script(target: Target, command: &mut Command) -> String {
    let shell = match target {
        Target::Bash => Shell::Bash,
        Target::Zsh => Shell::Zsh,
        Target::Fish => Shell::Fish,
        Target::Kubectl => return KUBECTL.to_owned(),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "kubectl-drift", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    // clap_complete 4.6 writes the dash of the plugin's name in two ways into its script for bash, so that no command is
    // found; and it offers what is hidden.
    let script = script.replace("kubectl__subcmd__drift", "kubectl__drift");
    HIDDEN
        .iter()
        .fold(script, |script, name| script.replace(&format!(" {name} "), " "))
}

/// What may stand where the last of the words begins, as kubectl reads it. Nothing, where that can't be told.
pub fn candidates(words: &[String], command: &mut Command) -> String {
    let mut typed = vec![OsString::from("kubectl-drift")];
    typed.extend(words.iter().map(OsString::from));
    if words.is_empty() {
        typed.push(OsString::new());
    }
    let place = typed.len() - 1;
    let here = std::env::current_dir().ok();
    let mut text = String::new();
    for candidate in complete(command, typed, place, here.as_deref()).unwrap_or_default() {
        if candidate.is_hide_set() {
            continue;
        }
        let value = candidate.get_value().to_string_lossy().into_owned();
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        let line = if help.is_empty() {
            value
        } else {
            format!("{value}\t{help}")
        };
        writeln!(text, "{line}").expect("writing to a String can't fail");
    }
    writeln!(text, ":{NO_FILES}").expect("writing to a String can't fail");
    text
}
