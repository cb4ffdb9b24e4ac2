//! Builders for tests: a small world of one workload, its pods, behaviours and records.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    baseline::{
        Baseline, Batch, BehaviourReport, ContainerReport, Maturity, MergeOutcome, ReportingPod, Scoring, merge,
        merge_scored,
    },
    behaviour::{
        Attributes, Behaviour, CapabilitySet, Destination, Direction, Feed, ModuleBehaviour, ModuleParts,
        NetworkBehaviour, NetworkParts, Origin, ProcessBehaviour, ProcessParts, Protocol, SourceLayer,
    },
    id::{BatchId, ContainerName, ImageDigest, NodeName, PodUid, TemplateHash, WorkloadKey, WorkloadUid},
    policy::{MaturityMethod, Mode, Policy},
    rollout::{Actor, CurrentRevision, Evidence, NodeImages, Pod, Record, RecordKind, RecordedContainer, plan_digests},
    time::{Duration, Hour, Timestamp},
};

/// 2026-01-01T00:00:00Z and so many seconds.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + seconds)
}

/// The workload of every test.
pub fn workload() -> WorkloadKey {
    WorkloadKey::new("shop", "Deployment", "agent")
}

/// Its container.
pub fn container() -> ContainerName {
    ContainerName::new("agent")
}

/// UID of the workload.
pub fn workload_uid() -> WorkloadUid {
    WorkloadUid::new("w-1")
}

/// A digest of 64 times the digit.
pub fn digest(digit: char) -> ImageDigest {
    let text = format!("sha256:{}", digit.to_string().repeat(64));
    ImageDigest::from_image_id(&text).expect("a hexadecimal digit")
}

/// Parts of a process of the image that descends from the entrypoint.
pub fn parts(parent: &str, executable: &str) -> ProcessParts {
    ProcessParts {
        origin: Origin::Entrypoint,
        parent: parent.to_owned(),
        executable: executable.to_owned(),
        source: SourceLayer::Image,
        script: None,
        applet: None,
        stdin_socket: false,
        stdout_socket: false,
        gained: CapabilitySet::NONE,
        command: None,
    }
}

/// The behaviour of such parts.
pub fn behaviour(parts: ProcessParts) -> Behaviour {
    Behaviour::Process(ProcessBehaviour::from(parts))
}

/// A process of the image that descends from the entrypoint.
pub fn process(parent: &str, executable: &str) -> Behaviour {
    behaviour(parts(parent, executable))
}

/// A shell out of python.
pub fn shell() -> Behaviour {
    process("/usr/bin/python3", "/usr/bin/bash")
}

/// A TCP connection of python to port 443.
pub fn flow(destination: Destination) -> Behaviour {
    Behaviour::Network(NetworkBehaviour::from(NetworkParts {
        origin: Origin::Entrypoint,
        executable: "/usr/bin/python3".to_owned(),
        direction: Direction::Connect,
        protocol: Protocol::Tcp,
        port: 443,
        destination,
    }))
}

/// A TCP connection of python to port 443 of a name.
pub fn flow_to(name: &str) -> Behaviour {
    flow(Destination::Name(name.to_owned()))
}

/// A library that python maps, with a content of 64 times the digit.
pub fn library(path: &str, content: char, source: SourceLayer) -> Behaviour {
    Behaviour::Module(ModuleBehaviour::from(ModuleParts {
        origin: Origin::Entrypoint,
        path: path.to_owned(),
        sha256: Some(content.to_string().repeat(64)),
        source,
        executable: "/usr/bin/python3".to_owned(),
        ..ModuleParts::default()
    }))
}

/// A policy that alerts, and learns for so many seconds.
pub fn policy(learning: u64) -> Policy {
    let mut policy = Policy {
        name: "shop/watch".to_owned(),
        mode: Mode::Alert,
        ..Policy::default()
    };
    policy.maturity.method = MaturityMethod::Elapsed;
    policy.maturity.minimum = Duration::from_secs(learning);
    policy
}

/// A verified pod of template hash and digest.
pub fn pod(uid: &str, hash: &str, runs: ImageDigest) -> ReportingPod {
    ReportingPod {
        uid: PodUid::new(uid),
        name: format!("agent-{hash}-{uid}"),
        digest: Some(runs),
        template_hash: Some(TemplateHash::new(hash)),
        verified: true,
    }
}

/// A report of one sighting.
pub fn seen(behaviour: &Behaviour, time: Timestamp) -> BehaviourReport {
    let lineage = match behaviour {
        Behaviour::Process(process) => vec![process.parent().to_owned(), process.executable().to_owned()],
        Behaviour::Network(_) | Behaviour::Module(_) => vec![behaviour.executable().to_owned()],
    };
    BehaviourReport {
        behaviour: behaviour.clone(),
        attributes: Attributes::default(),
        lineage,
        count: 1,
        first_seen: time,
        last_seen: time,
        snapshot: false,
        startup: false,
    }
}

/// A batch of node `n1`.
pub fn batch(seq: u64, pod: ReportingPod, behaviours: Vec<BehaviourReport>) -> Batch {
    let hours: BTreeSet<Hour> = behaviours.iter().map(|seen| seen.last_seen.hour()).collect();
    Batch {
        id: BatchId {
            node: NodeName::new("n1"),
            epoch: "e".repeat(32),
            seq,
        },
        watched: BTreeSet::from([Feed::Process]),
        runs_elsewhere: false,
        containers: vec![ContainerReport {
            container: container(),
            pod,
            hours,
            behaviours,
            losses: BTreeMap::new(),
        }],
        losses: BTreeMap::new(),
    }
}

/// A baseline, the number of its next batch, and the policy it is merged by.
#[derive(Debug)]
pub struct World {
    pub baseline: Baseline,
    pub policy: Policy,
    pub evidence: Evidence,
    /// What its commands are judged by, kept as the operator keeps it.
    pub scoring: Scoring,
    seq: u64,
}

impl World {
    /// A workload that learned python's everyday work and judges from second 60 on.
    pub fn mature() -> Self {
        let mut world = Self {
            baseline: Baseline::default(),
            policy: policy(60),
            evidence: Evidence::default(),
            scoring: Scoring::default(),
            seq: 0,
        };
        let entrypoint = process("", "/usr/bin/python3");
        let helper = process("/usr/bin/python3", "/usr/bin/date");
        world.shows_at("p1", "h1", '1', &entrypoint, at(0));
        world.shows_at("p1", "h1", '1', &helper, at(1));
        world
    }

    /// Merges one sighting.
    pub fn shows_at(
        &mut self,
        uid: &str,
        hash: &str,
        runs: char,
        behaviour: &Behaviour,
        time: Timestamp,
    ) -> MergeOutcome {
        self.reports(pod(uid, hash, digest(runs)), behaviour, time)
    }

    /// Merges one sighting by pod `p1` of revision `h1`, with what is known beside the key.
    pub fn sees(&mut self, behaviour: &Behaviour, attributes: Attributes, time: Timestamp) -> MergeOutcome {
        self.seq += 1;
        let report = BehaviourReport {
            attributes,
            ..seen(behaviour, time)
        };
        let batch = batch(self.seq, pod("p1", "h1", digest('1')), vec![report]);
        merge(&mut self.baseline, &batch, &self.policy, time)
    }

    /// Merges one sighting by a pod.
    pub fn reports(&mut self, pod: ReportingPod, behaviour: &Behaviour, time: Timestamp) -> MergeOutcome {
        self.seq += 1;
        let batch = batch(self.seq, pod, vec![seen(behaviour, time)]);
        merge(&mut self.baseline, &batch, &self.policy, time)
    }

    /// Merges a report about another container of a pod, of a workload whose baselines judge.
    pub fn injected_shows(&mut self, container: &ContainerName, pod: ReportingPod, report: BehaviourReport) {
        self.seq += 1;
        let now = report.last_seen;
        let mut batch = batch(self.seq, pod, vec![report]);
        batch.containers[0].container = container.clone();
        let feed = self.baseline.feed_mut(container, Feed::Process, at(0));
        feed.maturity = Maturity::Enforcing;
        merge(&mut self.baseline, &batch, &self.policy, now);
    }

    /// Merges a report of a node's sensor about a pod of revision `h1`, when it was last seen. Whether pods run on other
    /// nodes as well is as the evidence has it.
    pub fn tells(&mut self, node: &str, uid: &str, report: BehaviourReport) -> MergeOutcome {
        self.seq += 1;
        let now = report.last_seen;
        let node = NodeName::new(node);
        let mut batch = batch(self.seq, pod(uid, "h1", digest('1')), vec![report]);
        batch.runs_elsewhere = self.evidence.pods.values().any(|pod| pod.running && pod.node != node);
        batch.id.node = node;
        merge_scored(&mut self.baseline, &batch, &self.policy, &mut self.scoring, now)
    }

    /// Records a revision.
    pub fn recorded(&mut self, revision: u64, hash: &str, runs: char, started: Timestamp) {
        self.evidence.records.push(record(revision, hash, runs, started));
        self.evidence.current = Some(current(revision, hash, started));
    }

    /// Makes a pod run.
    pub fn runs(&mut self, uid: &str, hash: &str, runs: char, created: Timestamp) {
        let pod = running(hash, runs, created, uid);
        self.evidence.pods.insert(PodUid::new(uid), pod);
    }

    /// Makes a pod run on a node.
    pub fn runs_on(&mut self, node: &str, uid: &str, created: Timestamp) {
        let pod = Pod {
            node: NodeName::new(node),
            ..running("h1", '1', created, uid)
        };
        self.evidence.pods.insert(PodUid::new(uid), pod);
    }

    /// Records what pods run beside what is recorded of their revision, all that there is.
    pub fn records_further(&mut self) {
        self.records_further_by(&NodeImages::default());
    }

    /// The same, with what the pods' node says of its images.
    pub fn records_further_by(&mut self, node: &NodeImages) {
        let recorded = |evidence: &Evidence| at(i64::try_from(evidence.records.len()).unwrap_or_default());
        while let Some(new) = plan_digests(&workload(), &self.evidence, recorded(&self.evidence)) {
            self.evidence.records.push(new.with_images(node).record);
        }
    }

    /// Takes a pod away.
    pub fn stops(&mut self, uid: &str) {
        self.evidence.pods.remove(&PodUid::new(uid));
    }
}

/// A running pod.
pub fn running(hash: &str, runs: char, created: Timestamp, uid: &str) -> Pod {
    Pod {
        name: format!("agent-{hash}-{uid}"),
        node: NodeName::new("n1"),
        template_hash: Some(TemplateHash::new(hash)),
        running: true,
        succeeded: false,
        created,
        digests: BTreeMap::from([(container(), digest(runs))]),
        images: BTreeMap::from([(container(), "registry/agent:latest".to_owned())]),
    }
}

/// A revision's record.
pub fn record(revision: u64, hash: &str, runs: char, started: Timestamp) -> Record {
    let recorded = RecordedContainer {
        init: false,
        image: "registry/agent:latest".to_owned(),
        digest: digest(runs),
        pinned: None,
        injected: false,
        also: BTreeSet::new(),
        platform: None,
    };
    Record {
        name: format!("deployment-agent-{revision}"),
        kind: RecordKind::Revision,
        workload_uid: workload_uid(),
        revision,
        template_hash: TemplateHash::new(hash),
        containers: BTreeMap::from([(container(), recorded)]),
        who: Some(Actor {
            manager: "argocd-controller".to_owned(),
            verified: false,
        }),
        announced: None,
        started_at: started,
        recorded_at: started.plus(Duration::from_secs(2)),
        sealed: true,
    }
}

/// The revision that the workload is at.
pub fn current(revision: u64, hash: &str, created: Timestamp) -> CurrentRevision {
    CurrentRevision {
        workload_uid: workload_uid(),
        revision,
        template_hash: TemplateHash::new(hash),
        created,
    }
}
