//! Whether the schema of a BehaviorApproval takes a behaviour as it is named. Names are whatever ran in a container chose:
//! one that the API server refuses would keep the whole manifest from being applied.

use anchorwatch_crds::v1alpha1::{NamedBehaviors, NamedDestination, NamedListener, NamedModule, NamedProcess};

/// Longest path.
const MAX_PATH: usize = 1_024;
/// Longest name of an applet.
const MAX_NAME: usize = 255;
/// Longest DNS name.
const MAX_DNS: usize = 253;
/// Longest command line.
const MAX_COMMAND: usize = 4_096;

/// Whether all of it would be taken.
pub(super) fn is_nameable(named: &NamedBehaviors) -> bool {
    let NamedBehaviors {
        processes,
        destinations,
        listeners,
        modules,
    } = named;
    processes.iter().all(is_process)
        && destinations.iter().all(is_destination)
        && listeners.iter().all(is_listener)
        && modules.iter().all(is_module)
}

fn is_process(process: &NamedProcess) -> bool {
    is_path(&process.executable)
        && process.parent.as_ref().is_none_or(|parent| is_short(parent, MAX_PATH))
        && process.script.as_ref().is_none_or(|script| is_text(script, MAX_PATH))
        && process.applet.as_ref().is_none_or(|applet| is_text(applet, MAX_NAME))
        && process
            .command
            .as_ref()
            .is_none_or(|command| is_text(command, MAX_COMMAND))
}

fn is_destination(to: &NamedDestination) -> bool {
    to.executable.as_deref().is_none_or(is_path)
        && to.name.as_deref().is_none_or(is_dns_name)
        && to.service.as_deref().is_none_or(|service| is_pair(service, 510))
        && to.group.as_ref().is_none_or(|group| is_text(group, 63))
        && to.workload.as_ref().is_none_or(|workload| {
            let parts: Vec<&str> = workload.split('/').collect();
            let kind = |kind: &str| !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric());
            matches!(parts[..], [namespace, kind_, name] if is_lower(namespace) && kind(kind_) && !name.is_empty())
        })
}

fn is_listener(listener: &NamedListener) -> bool {
    listener.executable.as_deref().is_none_or(is_path)
}

fn is_module(module: &NamedModule) -> bool {
    module.path.as_ref().is_none_or(|path| is_text(path, MAX_PATH))
}

fn is_short(text: &str, most: usize) -> bool {
    text.chars().count() <= most
}

fn is_text(text: &str, most: usize) -> bool {
    !text.is_empty() && is_short(text, most)
}

fn is_path(path: &str) -> bool {
    is_text(path, MAX_PATH) && (path.starts_with(['/', '(']) || path.starts_with("memfd:"))
}

fn is_lower(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !text.is_empty() && text.chars().all(fits)
}

fn is_pair(text: &str, most: usize) -> bool {
    let Some((namespace, name)) = text.split_once('/') else {
        return false;
    };
    is_lower(namespace) && is_lower(name) && is_short(text, most)
}

fn is_dns_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_label =
        |label: &str| label.starts_with(inner) && label.ends_with(inner) && label.chars().all(|c| inner(c) || c == '-');
    is_short(name, MAX_DNS) && name.strip_prefix("*.").unwrap_or(name).split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_schema_refuses_is_not_exported() {
        for name in ["api.example.org", "*.example.org", "_dns._tcp.example.org", "a"] {
            assert!(is_dns_name(name), "{name}");
        }
        for name in [
            "",
            "*",
            "API.example.org",
            "a..b",
            "-a.example.org",
            "a b",
            "a\nb",
            "x.*.org",
        ] {
            assert!(!is_dns_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_path_is_absolute_in_memory_or_unnamed() {
        for path in ["/usr/bin/bash", "memfd:x", "(unnamed)"] {
            assert!(is_path(path), "{path}");
        }
        for path in ["", "bash", "./bash"] {
            assert!(!is_path(path), "{path:?}");
        }
    }
}
