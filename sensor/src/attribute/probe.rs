//! Commands that the kubelet has run in a container: exec probes and lifecycle hooks.

use k8s_openapi::api::core::v1::{Container, EnvVar, ExecAction, LifecycleHandler, Probe};

use super::text;
use crate::decode::Exec;

/// A command as the runtime is told to run it.
pub type Command = Vec<String>;

/// The commands of a container's probes and hooks.
pub fn commands(container: &Container) -> Vec<Command> {
    let environment = container.env.as_deref().unwrap_or_default();
    let probes = [
        &container.liveness_probe,
        &container.readiness_probe,
        &container.startup_probe,
    ];
    let probes = probes
        .into_iter()
        .flatten()
        .filter_map(|probe: &Probe| command(probe.exec.as_ref()))
        // The kubelet expands references in probes, and in probes alone.
        .map(|command| command.iter().map(|part| expanded(part, environment)).collect());
    let lifecycle = container.lifecycle.as_ref();
    let hooks = [
        lifecycle.and_then(|lifecycle| lifecycle.post_start.as_ref()),
        lifecycle.and_then(|lifecycle| lifecycle.pre_stop.as_ref()),
    ];
    let hooks = hooks
        .into_iter()
        .flatten()
        .filter_map(|hook: &LifecycleHandler| command(hook.exec.as_ref()));
    probes.chain(hooks).collect()
}

fn command(action: Option<&ExecAction>) -> Option<Command> {
    action?.command.clone().filter(|command| !command.is_empty())
}

/// Replaces `$(NAME)` by the value that the specification itself states; `$$` stands for `$`. References to anything
/// else stay as they are, as with the kubelet.
fn expanded(text: &str, environment: &[EnvVar]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match value(name, environment) {
                Some(value) => result.push_str(value),
                None => result.extend(["$(", name, ")"]),
            }
            rest = after;
        } else {
            result.push('$');
        }
    }
    result.push_str(rest);
    result
}

/// The last definition counts; one that takes its value from elsewhere has none here.
fn value<'a>(name: &str, environment: &'a [EnvVar]) -> Option<&'a str> {
    let variable = environment.iter().rev().find(|variable| variable.name == name)?;
    variable
        .value_from
        .is_none()
        .then(|| variable.value.as_deref().unwrap_or_default())
}

/// Whether the execution is exactly one of the commands.
pub fn is_one_of(exec: &Exec, commands: &[Command]) -> bool {
    !exec.argv_truncated && commands.iter().any(|command| is(exec, command))
}

fn is(exec: &Exec, command: &Command) -> bool {
    if !exec.script {
        return exec.argv.iter().eq(command.iter().map(String::as_bytes));
    }
    // The kernel has put the interpreter, at most one argument of it, and the script's path in the place of argv[0].
    let Some((called, arguments)) = command.split_first() else {
        return false;
    };
    let in_front = exec.argv.len().checked_sub(arguments.len());
    let (Some(in_front @ 2..=3), true) = (in_front, names(called.as_bytes(), &exec.filename)) else {
        return false;
    };
    let mut behind = exec.argv.iter().skip(in_front - 1);
    behind.next() == Some(&exec.filename) && behind.eq(arguments.iter().map(String::as_bytes))
}

/// A command without a slash is looked up in `PATH`.
fn names(called: &[u8], filename: &[u8]) -> bool {
    called == filename || (!called.contains(&b'/') && text::base_name(filename) == called)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::testkit::exec;
    use serde_json::json;

    fn container() -> Container {
        serde_json::from_value(json!({
            "name": "c",
            "env": [
                {"name": "PORT", "value": "80"},
                {"name": "EMPTY"},
                {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            ],
            "livenessProbe": {"exec": {"command": ["check", "--port=$(PORT)", "$$(PORT) $(NONE) $(SECRET)$(EMPTY) $5 $("]}},
            "readinessProbe": {"httpGet": {"port": 80}},
            "startupProbe": {"exec": {"command": []}},
            "lifecycle": {
                "postStart": {"exec": {"command": ["warm", "$(PORT)"]}},
                "preStop": {"sleep": {"seconds": 1}},
            },
        }))
        .unwrap()
    }

    #[test]
    fn commands_are_those_of_exec_probes_and_hooks_with_stated_values_in_probes_alone() {
        let expected: Vec<Command> = vec![
            vec![
                "check".into(),
                "--port=80".into(),
                "$(PORT) $(NONE) $(SECRET) $5 $(".into(),
            ],
            vec!["warm".into(), "$(PORT)".into()],
        ];
        assert_eq!(commands(&container()), expected);
    }

    #[test]
    fn an_execution_is_a_probe_only_if_every_argument_is_equal() {
        let commands = vec![vec!["sh".to_owned(), "-c".to_owned(), "true".to_owned()]];
        let run = |argv: &[&str]| exec("/bin/sh").argv(argv).build();
        assert!(is_one_of(&run(&["sh", "-c", "true"]), &commands));
        assert!(!is_one_of(&run(&["sh", "-c", "true; id"]), &commands));
        assert!(!is_one_of(&run(&["sh", "-c"]), &commands));
        assert!(!is_one_of(&run(&["sh", "-c", "true", ""]), &commands));
        let mut cut = run(&["sh", "-c", "true"]);
        cut.argv_truncated = true;
        assert!(!is_one_of(&cut, &commands));
    }

    #[test]
    fn a_script_is_recognised_behind_its_interpreter() {
        let commands = vec![vec!["/probe.sh".to_owned(), "a".to_owned()], vec!["look".to_owned()]];
        let run = |filename: &str, argv: &[&str]| exec("/bin/sh").script(filename).argv(argv).build();
        assert!(is_one_of(&run("/probe.sh", &["/bin/sh", "/probe.sh", "a"]), &commands));
        assert!(is_one_of(
            &run("/probe.sh", &["/bin/sh", "-e", "/probe.sh", "a"]),
            &commands
        ));
        assert!(is_one_of(
            &run("/usr/bin/look", &["/bin/sh", "/usr/bin/look"]),
            &commands
        ));
        assert!(!is_one_of(&run("/probe.sh", &["/bin/sh", "/probe.sh", "b"]), &commands));
        assert!(!is_one_of(&run("/other.sh", &["/bin/sh", "/other.sh", "a"]), &commands));
        assert!(!is_one_of(&run("/probe.sh", &["a"]), &commands));
    }
}
