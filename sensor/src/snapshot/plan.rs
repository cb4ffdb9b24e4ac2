//! Decides what the programs are told of processes that ran before them.

use super::read::Found;
use crate::decode::OriginMark;
use anchorwatch_sensor_common::lineage::{
    ACCOUNT_NOBODYS, CARRIED_ANCESTORS, EXEC_ID_SNAPSHOT_CPU, EXEC_ID_TIME_SHIFT, NANOSECONDS_PER_TICK,
    ORIGIN_ENTRYPOINT, ORIGIN_OUTSIDE, ORIGIN_UNKNOWN, Process, exec_id,
};
use std::collections::{HashMap, HashSet};

/// Entries in the order of the processes they are made from, and the first execution of each cgroup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub entries: Vec<Entry>,
    pub roots: Vec<(u64, u64)>,
}

/// What a process carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub process: Process,
    pub origin: OriginMark,
}

/// How long after a container's first process its children are surely its own.
const STARTUP_TICKS: u64 = 60_000_000_000 / NANOSECONDS_PER_TICK;

/// A process as its children see it.
#[derive(Debug, Clone, Copy)]
struct Parent {
    entry: Entry,
    pid_namespaces: usize,
    /// A container's first process, which is given orphans for children: until when they are surely its own.
    adopts_from: Option<u64>,
}

/// `found` is sorted, older processes first; `now` is `CLOCK_BOOTTIME` and makes the exec ids unique.
///
/// The oldest process of a cgroup whose parent is in another one is its entrypoint, a later one whose parent is in a
/// namespace of process ids further out was put in from outside, and what descends from either inherits that. Others
/// stay unknown: the child of a parent that died is given another parent, though never one further out.
///
/// That other parent is the first process of the namespace: where it is the container's, a child that started later
/// than a minute after it may be what somebody left behind in an `exec`, and is unknown as well. Start times are the
/// kernel's, and nobody can set them back.
pub fn plan(found: &[Found], now: u64) -> Plan {
    let mut plan = Plan::default();
    let mut known: HashMap<u32, Parent> = HashMap::new();
    let mut rooted = HashSet::new();
    for (process, index) in found.iter().zip(0..) {
        let exec_id = exec_id(now + (index << EXEC_ID_TIME_SHIFT), EXEC_ID_SNAPSHOT_CPU);
        let mut adopts_from = None;
        let entry = match known.get(&process.parent) {
            Some(parent) if parent.entry.process.container == process.cgroup_id || process.in_host_mounts => {
                inherit(parent, process, exec_id)
            }
            // Host processes without a known parent begin no container.
            None if process.in_host_mounts => fresh(process, exec_id, OriginMark::Unknown),
            _ if rooted.insert(process.cgroup_id) => {
                plan.roots.push((process.cgroup_id, exec_id));
                adopts_from = process.is_init.then_some(process.start_ticks + STARTUP_TICKS);
                fresh(process, exec_id, OriginMark::Entrypoint)
            }
            Some(parent) if parent.pid_namespaces < process.pid_namespaces => {
                fresh(process, exec_id, OriginMark::Outside)
            }
            _ => fresh(process, exec_id, OriginMark::Unknown),
        };
        let parent = Parent {
            entry,
            pid_namespaces: process.pid_namespaces,
            adopts_from,
        };
        known.insert(process.pid, parent);
        plan.entries.push(entry);
    }
    plan
}

/// Carries on what the parent carries. In the host's mounts the cgroup is no container's yet: it stays the
/// parent's, as at a runtime stage's execution. Without an execution of its own it carries the very same.
fn inherit(parent: &Parent, found: &Found, exec_id: u64) -> Entry {
    let carried = parent.entry.process;
    let adopted = parent.adopts_from.is_some_and(|from| found.start_ticks > from);
    let origin = if adopted {
        OriginMark::Unknown
    } else {
        parent.entry.origin
    };
    let own = fresh(found, exec_id, origin).process;
    let process = if found.fork_without_exec {
        Process {
            exec_id: carried.exec_id,
            ancestors: carried.ancestors,
            container: carried.container,
            files: carried.files,
            visit: carried.visit,
            root: carried.root,
            ..own
        }
    } else {
        let [first, second, _] = carried.ancestors;
        Process {
            ancestors: [carried.exec_id, first, second],
            container: carried.container,
            files: [exec_id, carried.files[0], carried.files[1], carried.files[2]],
            visit: carried.visit,
            root: carried.root,
            ..own
        }
    };
    Entry { process, origin }
}

fn fresh(process: &Found, exec_id: u64, origin: OriginMark) -> Entry {
    let process = Process {
        start_ticks: process.start_ticks,
        exec_id,
        ancestors: [0; CARRIED_ANCESTORS],
        container: process.cgroup_id,
        files: [exec_id, 0, 0, 0],
        visit: if origin == OriginMark::Outside { exec_id } else { 0 },
        origin: match origin {
            OriginMark::Entrypoint => ORIGIN_ENTRYPOINT,
            OriginMark::Outside => ORIGIN_OUTSIDE,
            OriginMark::Unknown => ORIGIN_UNKNOWN,
        },
        root: process.root,
        account: ACCOUNT_NOBODYS,
        reserved: 0,
    };
    Entry { process, origin }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: u64 = 1;
    const POD: u64 = 50;

    fn found(pid: u32, parent: u32, cgroup_id: u64) -> Found {
        Found {
            pid,
            parent,
            uid: 0,
            start_ticks: u64::from(pid),
            cgroup_id,
            in_host_mounts: cgroup_id == HOST,
            root: 0,
            pid_namespaces: if cgroup_id == HOST { 1 } else { 2 },
            is_init: false,
            fork_without_exec: false,
            name: Vec::new(),
            executable: Vec::new(),
            argv: Vec::new(),
        }
    }

    fn origins(plan: &Plan) -> Vec<OriginMark> {
        plan.entries.iter().map(|entry| entry.origin).collect()
    }

    #[test]
    fn a_containers_root_is_that_of_whatever_its_lineage_began_with() {
        let with_root = |pid, parent, root| Found {
            root,
            ..found(pid, parent, POD)
        };
        let processes = [
            found(1, 0, HOST),
            with_root(7, 1, 40),
            // It has made another filesystem its root, and its children's.
            with_root(8, 7, 41),
            with_root(9, 8, 41),
            Found {
                fork_without_exec: true,
                ..with_root(10, 8, 41)
            },
        ];
        let roots: Vec<u32> = plan(&processes, 0)
            .entries
            .iter()
            .map(|entry| entry.process.root)
            .collect();
        assert_eq!(roots, [0, 40, 40, 40, 40]);
    }

    #[test]
    fn the_oldest_process_of_a_cgroup_is_its_entrypoint_and_its_children_inherit() {
        use OriginMark::{Entrypoint, Unknown};
        let plan = plan(
            &[found(1, 0, HOST), found(2, 1, HOST), found(7, 2, POD), found(8, 7, POD)],
            0,
        );
        let id = |index: usize| plan.entries[index].process.exec_id;
        assert_eq!(origins(&plan), [Unknown, Unknown, Entrypoint, Entrypoint]);
        assert_eq!(plan.roots, [(POD, id(2))]);
        assert_eq!(plan.entries[1].process.ancestors, [id(0), 0, 0]);
        assert_eq!(plan.entries[2].process.ancestors, [0; 3]);
        assert_eq!(plan.entries[3].process.ancestors, [id(2), 0, 0]);
    }

    #[test]
    fn a_session_that_somebody_opened_before_is_from_outside_with_all_that_it_runs() {
        let plan = plan(
            &[found(1, 0, HOST), found(7, 1, POD), found(9, 1, POD), found(10, 9, POD)],
            0,
        );
        assert_eq!(
            origins(&plan)[1..],
            [OriginMark::Entrypoint, OriginMark::Outside, OriginMark::Outside]
        );
    }

    #[test]
    fn an_orphan_is_unknown_where_the_host_or_a_pods_sandbox_takes_it_in() {
        use OriginMark::{Entrypoint, Unknown};
        const SANDBOX: u64 = 49;
        let mut on_the_host = [
            found(1, 0, HOST),
            found(7, 1, POD),
            found(9, 1, POD),
            found(10, 99, POD),
        ];
        for process in &mut on_the_host {
            process.pid_namespaces = 1;
        }
        assert_eq!(origins(&plan(&on_the_host, 0))[1..], [Entrypoint, Unknown, Unknown]);
        let shared = [
            found(1, 0, HOST),
            found(6, 1, SANDBOX),
            found(7, 1, POD),
            found(9, 6, POD),
        ];
        assert_eq!(origins(&plan(&shared, 0))[1..], [Entrypoint, Entrypoint, Unknown]);
    }

    #[test]
    fn a_late_child_of_the_first_process_may_be_an_orphan_of_somebody_elses() {
        use OriginMark::{Entrypoint, Unknown};
        let mut scene = [
            found(1, 0, HOST),
            found(7, 1, POD),
            found(8, 7, POD),
            found(9, 7, POD),
            found(10, 8, POD),
            found(11, 9, POD),
        ];
        scene[1].is_init = true;
        for (process, ticks) in scene[2..].iter_mut().zip([0, 1, 2, 3]) {
            process.start_ticks = 7 + STARTUP_TICKS + ticks;
        }
        let plan_of_init = plan(&scene, 0);
        // A late child of a child is that child's own: the kernel gives orphans to the first process alone.
        assert_eq!(
            origins(&plan_of_init)[1..],
            [Entrypoint, Entrypoint, Unknown, Entrypoint, Unknown]
        );
        // Where the container shares its namespace, orphans go elsewhere, and so its late children are its own.
        scene[1].is_init = false;
        assert_eq!(origins(&plan(&scene, 0))[1..], [Entrypoint; 5]);
    }

    #[test]
    fn a_fork_without_an_execution_is_its_parents_execution() {
        let mut worker = found(8, 7, POD);
        worker.fork_without_exec = true;
        let plan = plan(&[found(1, 0, HOST), found(7, 1, POD), worker, found(9, 8, POD)], 0);
        let id = |index: usize| plan.entries[index].process.exec_id;
        assert_eq!(id(2), id(1));
        assert_eq!(plan.entries[3].process.ancestors, [id(1), 0, 0]);
    }

    #[test]
    fn a_runtime_that_is_still_in_the_hosts_mounts_leaves_the_entrypoint_free() {
        let mut runtime = found(7, 1, POD);
        runtime.in_host_mounts = true;
        let plan = plan(&[found(1, 0, HOST), runtime], 0);
        assert_eq!(plan.roots, []);
        assert_eq!(plan.entries[1].process.container, HOST);
    }

    #[test]
    fn exec_ids_are_unique_and_never_zero() {
        let many: Vec<Found> = (1..500).map(|pid| found(pid, 0, HOST)).collect();
        let ids: std::collections::HashSet<u64> = plan(&many, 0)
            .entries
            .iter()
            .map(|entry| entry.process.exec_id)
            .collect();
        assert_eq!((ids.len(), ids.contains(&0)), (499, false));
    }
}
