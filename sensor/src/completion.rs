//! Scripts by which shells complete what is typed.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;

/// The script for a shell.
pub fn script(shell: Shell) -> String {
    let mut command = Args::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script);
    // clap_complete 4.6 writes the dash of the name in two ways into its script for bash, so that no subcommand is found.
    script.replace("anchorwatch__subcmd__sensor", "anchorwatch__sensor")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_subcommand_that_the_script_for_bash_recognises_has_its_completions() {
        let script = script(Shell::Bash);
        let lines = || script.lines().map(str::trim);
        let recognised: BTreeSet<&str> = lines()
            .filter_map(|line| line.strip_prefix("cmd=\"")?.strip_suffix('"'))
            .filter(|name| !name.is_empty())
            .collect();
        let completed: BTreeSet<&str> = lines().filter_map(|line| line.strip_suffix(')')).collect();
        assert!(
            recognised.contains("anchorwatch__sensor__subcmd__preflight"),
            "{recognised:?}"
        );
        assert!(recognised.is_subset(&completed), "{recognised:?} in {completed:?}");
    }
}
