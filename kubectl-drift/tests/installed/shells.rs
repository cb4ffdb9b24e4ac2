//! Completion, in the shells themselves.

use std::collections::BTreeMap;

use super::support::{Home, has, said};

fn home() -> Home {
    let home = Home::new(BTreeMap::new());
    for shell in ["bash", "zsh", "fish"] {
        let script = home.sh(&format!("kubectl drift completion {shell}"));
        assert!(script.status.success(), "{}", said(&script));
        home.file(
            &format!("completion.{shell}"),
            &String::from_utf8(script.stdout).unwrap(),
        );
    }
    home
}

#[test]
fn bash_completes_the_plugin() {
    if !has("bash", "bash_completes_the_plugin") {
        return;
    }
    let script = "source completion.bash\n\
        function=$(complete -p kubectl-drift | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
        ask() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); \
        \"$function\" kubectl-drift \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; echo \"${COMPREPLY[*]}\"; }\n\
        ask kubectl-drift ba\nask kubectl-drift list --w\nask kubectl-drift report --output ''\n";
    let output = home().command("bash").args(["--norc", "-c", script]).output().unwrap();
    assert_eq!(said(&output), "backtest baseline\n--watch\nhtml markdown json\n");
}

#[test]
fn zsh_completes_the_plugin() {
    if !has("zsh", "zsh_completes_the_plugin") {
        return;
    }
    // A shell of its own in a pseudo terminal, since zsh completes only where somebody types.
    let script = "zmodload zsh/zpty\nzpty shell zsh -f -i\n\
        zpty -w shell 'autoload -U compinit; compinit -u -D; source ./completion.zsh; PS1=; zstyle \":completion:*\" list-colors \"\"; echo re''ady'\n\
        zpty -r -m shell line '*ready*'\n\
        zpty -n -w shell $'kubectl-drift ba\\t\\t'\n\
        zpty -r -m shell line '*baseline*'\nprint -r -- $line\nzpty -d shell\n";
    let output = home()
        .command("timeout")
        .args(["20", "zsh", "-f", "-c", script])
        .output()
        .unwrap();
    let text = said(&output);
    assert!(text.contains("backtest") && text.contains("baseline"), "{text}");
}

#[test]
fn fish_completes_the_plugin() {
    if !has("fish", "fish_completes_the_plugin") {
        return;
    }
    let script = "source completion.fish; complete -C 'kubectl-drift ba'; complete -C 'kubectl-drift list --w'";
    let output = home()
        .command("fish")
        .args(["--no-config", "-c", script])
        .output()
        .unwrap();
    let text = said(&output);
    for line in ["backtest\t", "baseline\t", "--watch\t"] {
        assert!(text.lines().any(|said| said.starts_with(line)), "{line}: {text}");
    }
}

#[test]
fn kubectl_completes_the_plugin_by_an_executable_of_its_own() {
    let home = home();
    let script = home.sh("kubectl drift completion kubectl");
    home.executable("bin/kubectl_complete-drift", &String::from_utf8(script.stdout).unwrap());
    let asked = home.sh("kubectl_complete-drift list -n shop --w");
    let text = said(&asked);
    assert!(text.starts_with("--watch\t") && text.ends_with("\n:4\n"), "{text}");
    let asked = home.sh("kubectl_complete-drift ''");
    assert!(said(&asked).contains("\nreport\t"), "{}", said(&asked));
}
