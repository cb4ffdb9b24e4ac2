//! Builders for tests.

use super::cgroup::ContainerId;
use super::pod::{Container, PodFacts, PodIdentity, Specified};
use crate::decode::{Arguments, Exec, FileSource, Flow, FlowKind, FlowProtocol, Loader, MappedBy, Mapping, OriginMark};
use crate::seen::Sighting;
use crate::snapshot::SeededProcess;
use anchorwatch_core::behaviour::{Attributes, Behaviour};
use anchorwatch_core::time::Timestamp;
use anchorwatch_sensor_common::module::FileIdentity;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// The container `main` of a pod.
pub fn container(pod_uid: &str) -> Container {
    let pod = PodIdentity {
        namespace: "shop".into(),
        name: format!("agent-{pod_uid}"),
        uid: pod_uid.into(),
    };
    let id = format!("containerd://{}", "a".repeat(64));
    Container::new(Arc::new(pod), "main".into(), id, Vec::new())
}

/// A pod of which the status tells this container alone.
/// A behaviour was seen once, with nothing known beside it.
pub fn sighting(behaviour: &Behaviour, at: Timestamp) -> Sighting<'_> {
    static NOTHING: LazyLock<Attributes> = LazyLock::new(Attributes::default);
    Sighting {
        behaviour,
        attributes: &NOTHING,
        command: None,
        lineage: &[],
        at,
        repeats: 0,
        standing: false,
        startup: false,
    }
}

pub fn facts(container: Container) -> PodFacts {
    let (_, id) = container.id.split_once("://").expect("an id with the runtime's name");
    let id = ContainerId::parse(id).expect("a container's id");
    PodFacts {
        pod: Arc::clone(&container.pod),
        kubelet_name: container.pod.uid.clone(),
        specified: vec![Specified {
            name: container.name.clone(),
            commands: container.commands.clone(),
            setting: container.setting,
        }],
        dns: Arc::clone(&container.dns),
        workload: Arc::clone(&container.workload),
        labels: Arc::clone(&container.labels),
        containers: vec![(id, Arc::new(container))],
    }
}

/// A container's first process, found when the sensor started: exec id 10 in cgroup 1, a minute old.
pub fn seeded(executable: &str) -> SeededProcess {
    SeededProcess {
        pid: 7,
        uid: 0,
        cgroup_id: 1,
        exec_id: 10,
        ancestors: Vec::new(),
        origin: OriginMark::Entrypoint,
        executable: executable.as_bytes().to_vec(),
        argv: Vec::new(),
        age: Duration::from_mins(1),
        found_ns: 1,
        start_ticks: 0,
        fork_without_exec: false,
        in_host_mounts: false,
        name: Vec::new(),
    }
}

/// An execution in the making.
#[must_use]
#[derive(Debug, Clone)]
pub struct ExecBuilder(Exec);

/// The container's first process, running an executable of the image.
pub fn exec(executable: &str) -> ExecBuilder {
    ExecBuilder(Exec {
        time_ns: 0,
        pid: 1000,
        uid: 0,
        euid: 0,
        cgroup_id: 1,
        container: 1,
        key: None,
        repeats: 0,
        exec_id: 1,
        ancestors: Vec::new(),
        origin: OriginMark::Entrypoint,
        source: FileSource::Image,
        file: None,
        script_source: None,
        runtime_stage: false,
        executable: executable.as_bytes().to_vec(),
        path_truncated: false,
        filename: executable.as_bytes().to_vec(),
        script: false,
        stdin_socket: false,
        stdout_socket: false,
        terminal: false,
        setuid: false,
        caps_gained: Some(0),
        argv: [executable].iter().collect(),
        argv_truncated: false,
        argv_end: Arguments::default(),
        argv_total: u32::try_from(executable.len() + 1).unwrap(),
    })
}

impl ExecBuilder {
    pub fn argv(mut self, argv: &[&str]) -> Self {
        self.0.argv = argv.iter().collect();
        self
    }

    pub fn script(mut self, filename: &str) -> Self {
        self.0.script = true;
        self.0.filename = filename.as_bytes().to_vec();
        self
    }

    /// Its id, and those that it descends from, nearest first.
    pub fn ids(mut self, exec_id: u64, ancestors: &[u64]) -> Self {
        self.0.exec_id = exec_id;
        self.0.ancestors = ancestors.to_vec();
        self
    }

    pub fn cgroup(mut self, id: u64) -> Self {
        self.0.cgroup_id = id;
        self.0.container = id;
        self
    }

    pub fn origin(mut self, origin: OriginMark) -> Self {
        self.0.origin = origin;
        self
    }

    pub fn source(mut self, source: FileSource, script_source: Option<FileSource>) -> Self {
        self.0.source = source;
        self.0.script_source = script_source;
        self
    }

    pub fn runtime_stage(mut self) -> Self {
        self.0.runtime_stage = true;
        self
    }

    /// With whatever else the record says.
    pub fn with(mut self, change: impl FnOnce(&mut Exec)) -> Self {
        change(&mut self.0);
        self
    }

    pub fn build(self) -> Exec {
        self.0
    }
}

/// A flow in the making.
#[must_use]
#[derive(Debug, Clone)]
pub struct FlowBuilder(Flow);

/// A TCP connection of the container's first process, made by an execution.
pub fn flow(address: &str, exec_id: u64) -> FlowBuilder {
    FlowBuilder(Flow {
        time_ns: 0,
        pid: 1000,
        cgroup_id: 1,
        container: 1,
        key: None,
        repeats: 0,
        exec_id: Some(exec_id),
        ancestors: Vec::new(),
        origin: OriginMark::Entrypoint,
        question: None,
        kind: FlowKind::Connect,
        protocol: FlowProtocol::Tcp,
        address: address.parse().expect("an address with a port"),
        backend: None,
    })
}

impl FlowBuilder {
    pub fn cgroup(mut self, id: u64) -> Self {
        self.0.cgroup_id = id;
        self.0.container = id;
        self
    }

    pub fn origin(mut self, origin: OriginMark) -> Self {
        self.0.origin = origin;
        self
    }

    pub fn build(self) -> Flow {
        self.0
    }
}

/// A mapped library in the making.
#[must_use]
#[derive(Debug, Clone)]
pub struct LibraryBuilder(Mapping);

/// A library of the image, mapped by an execution.
pub fn library(path: &str, exec_id: u64) -> LibraryBuilder {
    let loader = Loader {
        pid: 1000,
        uid: 0,
        cgroup_id: 1,
        container: 1,
        executions: vec![exec_id],
        origin: OriginMark::Entrypoint,
    };
    LibraryBuilder(Mapping {
        time_ns: 0,
        loader,
        key: None,
        repeats: 0,
        file: FileIdentity {
            inode: 1,
            size: 2,
            ctime_ns: 3,
            mtime_ns: 3,
            device: 4,
            generation: 0,
        },
        seen: (4, 1),
        filesystem: 0,
        source: FileSource::Image,
        path: path.as_bytes().to_vec(),
        path_truncated: false,
        way: MappedBy::File,
    })
}

impl LibraryBuilder {
    pub fn cgroup(mut self, id: u64) -> Self {
        self.0.loader.cgroup_id = id;
        self.0.loader.container = id;
        self
    }

    pub fn source(mut self, source: FileSource) -> Self {
        self.0.source = source;
        self
    }

    pub fn build(self) -> Mapping {
        self.0
    }
}
