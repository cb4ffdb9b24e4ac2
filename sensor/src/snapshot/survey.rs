//! What runs in containers when the sensor starts, what it has mapped as code and which sockets it holds, told as if it
//! happened now. A thread of its own looks at one process after the other, slowly enough to cost a tenth of a core at
//! most, while events are already handled.

pub mod layer;
mod libraries;
mod room;
mod sockets;
mod standing;

use crate::attribute::process::parse_stat;
use crate::decode::{Exec, Flow, Loader, Mapping};
use crate::snapshot::SeededProcess;
use anchorwatch_core::behaviour::Feed;
use layer::Layers;
use libraries::Libraries;
pub use room::Limits;
use room::Room;
use sockets::Table;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long the thread rests for each moment of work.
const REST: u32 = 9;

/// Found and not taken yet: the thread waits while the pipeline does not know the node's pods.
const CHANNEL: usize = 64;

/// Something that was found standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Exec(Exec),
    Library(Box<Mapping>),
    Socket(Flow),
    /// More than is told of one container, or of all.
    Cut {
        cgroup_id: u64,
        feed: Feed,
        count: usize,
    },
}

/// How far the survey is. The parts that are about processes add up to `total` when it is over.
#[derive(Debug, Default)]
pub struct Progress {
    pub total: AtomicU64,
    /// Told as behaviours.
    pub told: AtomicU64,
    /// Run what their parents executed, or are the container runtime's: nothing to tell.
    pub passed_over: AtomicU64,
    /// Ended before they were looked at.
    pub vanished: AtomicU64,
    /// Could not be looked into: where their file comes from is not known.
    pub unreadable: AtomicU64,
    pub libraries: Parts,
    pub sockets: Parts,
}

/// What became of what processes have mapped, or hold.
#[derive(Debug, Default)]
pub struct Parts {
    pub told: AtomicU64,
    /// Where they come from is not known.
    pub unreadable: AtomicU64,
    /// Found no room, and are counted as lost.
    pub cut: AtomicU64,
}

/// What is to be looked at, oldest first.
#[derive(Debug)]
pub struct Survey {
    pub proc: PathBuf,
    pub processes: Vec<SeededProcess>,
    /// The cgroup that is a container's own, by each that lies in it; others stand for themselves.
    pub own_cgroups: HashMap<u64, u64>,
    pub limits: Limits,
    pub progress: Arc<Progress>,
}

/// What became of one process.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Told(Box<Exec>),
    PassedOver,
    Vanished,
    Unreadable,
}

/// What the thread remembers from one process to the next.
struct Memory {
    layers: Layers,
    room: Room,
    /// The network that was read last, by its link in `/proc`.
    network: Option<(PathBuf, Table)>,
}

impl Survey {
    /// Of nothing yet.
    pub fn of(proc: PathBuf) -> Self {
        Self {
            proc,
            processes: Vec::new(),
            own_cgroups: HashMap::new(),
            limits: Limits::default(),
            progress: Arc::default(),
        }
    }

    /// Begins; the survey ends when all is told, or nobody listens any more.
    pub fn start(self) -> std::io::Result<mpsc::Receiver<Standing>> {
        let (sender, receiver) = mpsc::channel(CHANNEL);
        self.progress
            .total
            .store(self.processes.len() as u64, Ordering::Relaxed);
        std::thread::Builder::new()
            .name("survey".to_owned())
            .spawn(move || self.run(&sender))?;
        Ok(receiver)
    }

    fn run(self, sender: &mpsc::Sender<Standing>) {
        let mut memory = Memory {
            layers: Layers::new(&self.proc),
            room: Room::new(self.limits),
            network: None,
        };
        // Each network is read once; within one, older processes come first all the same.
        let network = |process: &SeededProcess| std::fs::read_link(self.folder(process).join("ns/net")).ok();
        let mut processes: Vec<_> = self
            .processes
            .iter()
            .map(|process| (network(process), process))
            .collect();
        processes.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (network, process) in processes {
            let started = Instant::now();
            let found = self.find(process, network, &mut memory);
            let worked = started.elapsed();
            for standing in found {
                if sender.blocking_send(standing).is_err() {
                    return;
                }
            }
            rest(worked);
        }
    }

    fn folder(&self, process: &SeededProcess) -> PathBuf {
        self.proc.join(process.pid.to_string())
    }

    /// Everything that is to be told of a process; counted.
    fn find(&self, process: &SeededProcess, network: Option<PathBuf>, memory: &mut Memory) -> Vec<Standing> {
        let folder = self.folder(process);
        let source = memory.layers.source(&folder);
        let sockets = [0, 1].map(|descriptor| standing::is_network_socket(&folder, descriptor));
        let mut found = Vec::new();
        if !process.in_host_mounts {
            self.libraries(process, &folder, memory, &mut found);
            self.sockets(process, &folder, network, memory, &mut found);
        }
        // Asked last: only then was all of it this process's.
        let stat = parse_stat(&std::fs::read(folder.join("stat")).unwrap_or_default());
        let stat = stat.filter(|stat| stat.start_ticks == process.start_ticks);
        if stat.is_none() {
            found.clear();
        }
        let look = match (stat, source) {
            _ if process.fork_without_exec || process.in_host_mounts => Look::PassedOver,
            (None, _) => Look::Vanished,
            (Some(stat), Some(source)) => Look::Told(Box::new(standing::exec(process, source, sockets, stat.terminal))),
            (Some(_), None) => Look::Unreadable,
        };
        self.count(&found);
        let progress = &self.progress;
        let counter = match look {
            Look::Told(exec) => {
                found.insert(0, Standing::Exec(*exec));
                &progress.told
            }
            Look::PassedOver => &progress.passed_over,
            Look::Vanished => &progress.vanished,
            Look::Unreadable => &progress.unreadable,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn own_cgroup(&self, process: &SeededProcess) -> u64 {
        let own = self.own_cgroups.get(&process.cgroup_id);
        own.copied().unwrap_or(process.cgroup_id)
    }

    /// Each file once for a container and an origin.
    fn libraries(&self, process: &SeededProcess, folder: &Path, memory: &mut Memory, found: &mut Vec<Standing>) {
        let container = self.own_cgroup(process);
        let loader = Loader {
            pid: process.pid,
            uid: process.uid,
            cgroup_id: process.cgroup_id,
            container,
            executions: [process.exec_id].into_iter().chain(process.ancestors.clone()).collect(),
            origin: process.origin,
        };
        let Memory { layers, room, .. } = memory;
        let mut cut = 0;
        let wanted = |file| match room.library(container, process.origin, file) {
            room::Answer::Room => true,
            room::Answer::Known => false,
            room::Answer::Full => {
                cut += 1;
                false
            }
        };
        let Libraries { told, unreadable } = libraries::read(folder, &loader, layers, process.found_ns, wanted);
        self.progress
            .libraries
            .unreadable
            .fetch_add(unreadable, Ordering::Relaxed);
        found.extend(told.into_iter().map(|mapping| Standing::Library(Box::new(mapping))));
        found.extend(cut_of(process, Feed::Module, cut));
    }

    /// Each socket once, with the oldest process that holds it.
    fn sockets(
        &self,
        process: &SeededProcess,
        folder: &Path,
        network: Option<PathBuf>,
        memory: &mut Memory,
        found: &mut Vec<Standing>,
    ) {
        let Some(network) = network else { return };
        let held = sockets::held(folder);
        if held.is_empty() {
            return;
        }
        let container = self.own_cgroup(process);
        let mut cut = 0;
        if memory.network.as_ref().is_none_or(|(read, _)| *read != network) {
            let table = Table::read(folder);
            cut += table.cut;
            memory.network = Some((network, table));
            memory.room.next_network();
        }
        let Memory { room, network, .. } = memory;
        let Some((_, table)) = network else { return };
        for inode in held {
            let Some(held) = table.standing(inode) else { continue };
            match room.socket(container, process.exec_id, inode, held) {
                room::Answer::Room => found.push(Standing::Socket(flow(process, container, held))),
                room::Answer::Known => {}
                room::Answer::Full => cut += 1,
            }
        }
        found.extend(cut_of(process, Feed::Network, cut));
    }

    fn count(&self, found: &[Standing]) {
        let Progress { libraries, sockets, .. } = &*self.progress;
        for standing in found {
            let (counter, count) = match standing {
                Standing::Exec(_) => continue,
                Standing::Library(_) => (&libraries.told, 1),
                Standing::Socket(_) => (&sockets.told, 1),
                Standing::Cut {
                    feed: Feed::Module,
                    count,
                    ..
                } => (&libraries.cut, *count as u64),
                Standing::Cut { count, .. } => (&sockets.cut, *count as u64),
            };
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }
}

fn cut_of(process: &SeededProcess, feed: Feed, count: usize) -> Option<Standing> {
    let cgroup_id = process.cgroup_id;
    (count > 0).then_some(Standing::Cut { cgroup_id, feed, count })
}

fn flow(process: &SeededProcess, container: u64, (kind, protocol, address): sockets::Held) -> Flow {
    Flow {
        time_ns: process.found_ns,
        pid: process.pid,
        cgroup_id: process.cgroup_id,
        container,
        key: None,
        repeats: 0,
        exec_id: Some(process.exec_id),
        ancestors: process.ancestors.clone(),
        origin: process.origin,
        question: None,
        kind,
        protocol,
        address,
        backend: None,
    }
}

fn rest(worked: Duration) {
    std::thread::sleep(worked * REST);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::testkit::seeded;

    fn process(pid: u32, start_ticks: u64) -> SeededProcess {
        SeededProcess {
            pid,
            start_ticks,
            ..seeded("/bin/x")
        }
    }

    fn start_of_ours() -> u64 {
        parse_stat(&std::fs::read("/proc/self/stat").unwrap())
            .unwrap()
            .start_ticks
    }

    /// What is told of these processes, and how far the survey came.
    fn survey(processes: Vec<SeededProcess>, limits: Limits) -> (Vec<Standing>, Arc<Progress>) {
        let mut survey = Survey::of(PathBuf::from("/proc"));
        survey.processes = processes;
        survey.limits = limits;
        let progress = Arc::clone(&survey.progress);
        let mut told = survey.start().unwrap();
        let told = std::iter::from_fn(|| told.blocking_recv()).collect();
        (told, progress)
    }

    #[test]
    fn each_process_is_told_or_counted() {
        let own = std::process::id();
        let mut worker = process(own, start_of_ours());
        worker.fork_without_exec = true;
        let processes = vec![
            process(own, start_of_ours()),
            worker,
            process(own, start_of_ours() + 1),
            process(u32::MAX, 1),
        ];
        let (told, progress) = survey(processes, Limits::default());
        let executables = told.iter().filter_map(|standing| match standing {
            Standing::Exec(exec) => Some(exec.executable.as_slice()),
            Standing::Library(_) | Standing::Socket(_) | Standing::Cut { .. } => None,
        });
        assert_eq!(executables.collect::<Vec<_>>(), [b"/bin/x"]);
        let Progress {
            total,
            told,
            passed_over,
            vanished,
            unreadable,
            libraries: _,
            sockets: _,
        } = &*progress;
        let counts = [total, told, passed_over, vanished, unreadable].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(counts, [4, 1, 1, 2, 0]);
    }

    #[test]
    fn a_socket_is_told_once_by_its_oldest_holder_and_what_finds_no_room_is_counted() {
        let own = std::process::id();
        let listeners: Vec<_> = (0..5)
            .map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let ports: Vec<u16> = listeners
            .iter()
            .map(|listener| listener.local_addr().unwrap().port())
            .collect();
        let mut worker = process(own, start_of_ours());
        worker.fork_without_exec = true;
        let both = vec![process(own, start_of_ours()), worker];
        let ours = |told: &[Standing]| {
            let sockets = told.iter().filter_map(|standing| match standing {
                Standing::Socket(flow) if ports.contains(&flow.address.port()) => Some(flow.address.port()),
                _ => None,
            });
            sockets.count()
        };
        let (told, _) = survey(both.clone(), Limits::default());
        assert_eq!(ours(&told), ports.len());
        let few = Limits {
            sockets_of_one: 2,
            libraries_of_one: 0,
            ..Limits::default()
        };
        let (told, progress) = survey(both, few);
        let cut = |wanted: Feed| {
            let cut = told.iter().filter_map(|standing| match standing {
                Standing::Cut { feed, count, .. } if *feed == wanted => Some(*count),
                _ => None,
            });
            cut.sum::<usize>()
        };
        assert_eq!(progress.sockets.told.load(Ordering::Relaxed), 2);
        assert!(cut(Feed::Network) >= 3 && cut(Feed::Module) > 0);
        assert_eq!(progress.sockets.cut.load(Ordering::Relaxed), cut(Feed::Network) as u64);
        drop(listeners);
    }
}
