//! The reference page of the command line, from the same definitions that the help is from.

use std::fmt::Write as _;

use clap::Command;

/// What the page begins with.
const PREFACE: &str = "<!-- Written by `cargo xtask generate` from the definitions in kubectl-drift/src. Do not edit. -->\n\n# `kubectl \
                       drift`\n\nEach command ends with the exit codes that a script may rely on: 0 is success, 2 is always a \
                       command line that was not understood.\n";

/// The whole page, as Markdown.
pub fn page(command: &Command) -> String {
    let mut command = command.clone().term_width(100);
    command.build();
    let mut page = PREFACE.to_owned();
    section(&mut page, "kubectl drift", &mut command);
    let names: Vec<String> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .map(|sub| sub.get_name().to_owned())
        .collect();
    for name in names.iter().filter(|name| *name != "help") {
        if let Some(sub) = command.find_subcommand_mut(name) {
            section(&mut page, &format!("kubectl drift {name}"), sub);
        }
    }
    page
}

fn section(page: &mut String, title: &str, command: &mut Command) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    writeln!(page, "\n## `{title}`\n\n```text\n{}\n```", lines.join("\n").trim_end())
        .expect("writing to a String can't fail");
}
