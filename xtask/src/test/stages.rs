//! The stages, in the order in which they run: what is quick and often wrong comes first. A new one is a line here.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::ledger::{Counts, Skip};
use super::{cargo, charts, rules};
use crate::check::{self, Check, Verdict};
use crate::install::{self, Installed};
use crate::setup::go;
use crate::vm;
use crate::{cluster, demo, fuzz, package};

/// One line of the ledger.
#[derive(Debug)]
pub struct Stage {
    pub name: &'static str,
    pub needs: Need,
    pub extent: Extent,
    work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Nothing,
    Root,
    /// A cluster with Anchorwatch on it: the local one, which needs root, or the person's own.
    Cluster,
    /// The same, and on the local one the controller of Argo Rollouts.
    ClusterWithRollouts,
    /// The same, and beside the local one a Prometheus.
    ClusterWithPrometheus,
    /// The local cluster, whose audit log can be read and which may be ended.
    LocalCluster,
}

/// How much of everything is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    Fast,
    Usual,
    Full,
}

#[derive(Debug)]
enum Work {
    Check(Check),
    /// Arguments of `cargo test`, those for the test binary after `--`.
    Cargo(&'static [&'static str], &'static [&'static str]),
    Own(fn(&Environment) -> Result<Counts>),
    Fuzz,
}

const fn check(number: usize) -> Stage {
    let check = check::ALL[number];
    Stage {
        name: check.name,
        needs: Need::Nothing,
        extent: Extent::Fast,
        work: Work::Check(check),
    }
}

const fn e2e(name: &'static str, needs: Need, extent: Extent, arguments: &'static [&'static str]) -> Stage {
    // One after the other: they share a cluster, and some of them restart what the others talk to.
    Stage {
        name,
        needs,
        extent,
        work: Work::Cargo(arguments, &["--ignored", "--test-threads=1"]),
    }
}

const fn own(name: &'static str, needs: Need, extent: Extent, run: fn(&Environment) -> Result<Counts>) -> Stage {
    Stage {
        name,
        needs,
        extent,
        work: Work::Own(run),
    }
}

pub const ALL: &[Stage] = &[
    check(0),
    check(1),
    check(2),
    check(3),
    check(4),
    check(5),
    check(6),
    check(7),
    Stage {
        name: "unit",
        needs: Need::Nothing,
        extent: Extent::Fast,
        work: Work::Cargo(
            &[
                "--workspace",
                "--exclude",
                "anchorwatch-sensor",
                "--exclude",
                "anchorwatch-e2e",
            ],
            &[],
        ),
    },
    // Their integration tests need more than a compiler: they are stages of their own.
    Stage {
        name: "unit-rest",
        needs: Need::Nothing,
        extent: Extent::Fast,
        work: Work::Cargo(
            &[
                "--package",
                "anchorwatch-sensor",
                "--package",
                "anchorwatch-e2e",
                "--lib",
                "--bins",
            ],
            &[],
        ),
    },
    Stage {
        name: "bpf-live",
        needs: Need::Root,
        extent: Extent::Usual,
        work: Work::Cargo(
            &["--package", "anchorwatch-sensor", "--test", "live"],
            &["--test-threads=1"],
        ),
    },
    Stage {
        name: "fuzz",
        needs: Need::Nothing,
        extent: Extent::Full,
        work: Work::Fuzz,
    },
    own("krew", Need::Nothing, Extent::Usual, package::krew_takes_it),
    own("package", Need::Nothing, Extent::Full, package::release),
    own("vm", Need::Root, Extent::Usual, oldest_kernel),
    own("vm-others", Need::Root, Extent::Full, other_kernels),
    own("demo-before-tests", Need::Cluster, Extent::Full, demonstration),
    e2e(
        "api",
        Need::Cluster,
        Extent::Usual,
        &["--package", "anchorwatch-e2e", "--test", "api"],
    ),
    Stage {
        name: "journey",
        needs: Need::Cluster,
        extent: Extent::Usual,
        // Side by side: each is in a namespace of its own, and waits most of the time.
        work: Work::Cargo(&["--package", "anchorwatch-e2e", "--test", "journey"], &["--ignored"]),
    },
    Stage {
        name: "review",
        needs: Need::ClusterWithPrometheus,
        extent: Extent::Usual,
        // Side by side, too: one of them restarts the operator, for which the others wait.
        work: Work::Cargo(&["--package", "anchorwatch-e2e", "--test", "review"], &["--ignored"]),
    },
    Stage {
        name: "evidence",
        needs: Need::ClusterWithRollouts,
        extent: Extent::Usual,
        // Side by side, and more of them than there are cores: they wait for evidence most of the time.
        work: Work::Cargo(
            &["--package", "anchorwatch-e2e", "--test", "evidence"],
            &["--ignored", "--test-threads=8"],
        ),
    },
    e2e(
        "faults",
        Need::Cluster,
        Extent::Usual,
        &["--package", "anchorwatch-e2e", "--test", "faults"],
    ),
    e2e(
        "forgery",
        Need::Cluster,
        Extent::Usual,
        &["--package", "anchorwatch-e2e", "--test", "forgery"],
    ),
    e2e(
        "idle",
        Need::LocalCluster,
        Extent::Usual,
        &["--package", "anchorwatch-e2e", "--test", "idle"],
    ),
    own("charts", Need::Cluster, Extent::Usual, charts::check),
    own("demo-after-tests", Need::Cluster, Extent::Full, demonstration),
    own("cluster-cycle", Need::LocalCluster, Extent::Full, cluster_cycle),
];

/// What stages share: the cluster, brought up when the first of them needs it.
#[derive(Debug)]
pub struct Environment {
    pub context: Option<String>,
    pub registry: String,
    installed: OnceLock<Installed>,
}

impl Environment {
    pub fn new(context: Option<&str>, registry: &str) -> Self {
        Self {
            context: context.map(str::to_owned),
            registry: registry.to_owned(),
            installed: OnceLock::new(),
        }
    }

    /// The cluster with Anchorwatch on it.
    pub fn installed(&self) -> Result<&Installed> {
        if let Some(installed) = self.installed.get() {
            return Ok(installed);
        }
        let installed =
            install::install(self.context.as_deref(), &self.registry).context("cannot install Anchorwatch")?;
        Ok(self.installed.get_or_init(|| installed))
    }

    /// Why a need cannot be met here, if it cannot.
    fn lacks(&self, need: Need) -> Option<&'static str> {
        let root = rustix::process::geteuid().is_root();
        match need {
            Need::Nothing => None,
            Need::Cluster | Need::ClusterWithRollouts | Need::ClusterWithPrometheus => {
                (!root && self.context.is_none()).then_some("it needs root, or a cluster of yours by --context")
            }
            Need::LocalCluster if self.context.is_some() => {
                Some("it needs the local cluster, and --context names another")
            }
            Need::Root | Need::LocalCluster => (!root).then_some("it needs root"),
        }
    }
}

impl Stage {
    pub fn needs_a_cluster(&self) -> bool {
        match self.needs {
            Need::Cluster | Need::ClusterWithRollouts | Need::ClusterWithPrometheus | Need::LocalCluster => true,
            Need::Nothing | Need::Root => false,
        }
    }

    /// Gets ready what is not to be counted as the stage's own time: builds, cluster, images.
    pub fn prepare(&self, environment: &Environment) -> Result<()> {
        if environment.lacks(self.needs).is_some() {
            return Ok(());
        }
        match &self.work {
            Work::Cargo(arguments, _) => cargo::build(arguments)?,
            Work::Fuzz if fuzz::is_possible() => fuzz::build()?,
            Work::Check(_) | Work::Own(_) | Work::Fuzz => {}
        }
        match self.needs {
            Need::ClusterWithRollouts if environment.context.is_none() => {
                go::argo_rollouts()?;
                environment.installed().map(drop)
            }
            Need::ClusterWithPrometheus if environment.context.is_none() => {
                rules::prometheus()?;
                environment.installed().map(drop)
            }
            Need::Cluster | Need::ClusterWithRollouts | Need::ClusterWithPrometheus | Need::LocalCluster => {
                environment.installed().map(drop)
            }
            Need::Nothing | Need::Root => Ok(()),
        }
    }

    pub fn run(&self, environment: &Environment) -> Result<Counts> {
        if let Some(reason) = environment.lacks(self.needs) {
            return Ok(Counts::skipped(self.name, reason));
        }
        match &self.work {
            Work::Check(check) => match (check.run)()? {
                Verdict::Holds => Ok(Counts::one_passed()),
                Verdict::Skipped { name, reason } => Ok(Counts::skipped(&name, &reason)),
            },
            Work::Cargo(arguments, after) => {
                cargo::test(self.name, arguments, after, |command: &mut Command| match self.needs {
                    Need::ClusterWithPrometheus if environment.context.is_none() => {
                        let installed = environment.installed()?;
                        installed.offer(command)?;
                        rules::offer(&installed.kubectl, command)
                    }
                    Need::Cluster | Need::ClusterWithRollouts | Need::ClusterWithPrometheus | Need::LocalCluster => {
                        environment.installed()?.offer(command)
                    }
                    Need::Nothing | Need::Root => Ok(()),
                })
            }
            Work::Own(run) => run(environment),
            Work::Fuzz => fuzz_briefly(),
        }
    }
}

/// Every target for a moment: enough for what breaks at once, and for the targets not to rot.
fn fuzz_briefly() -> Result<Counts> {
    if !fuzz::is_possible() {
        return Ok(Counts::skipped("fuzz", "there is no nightly Rust"));
    }
    let mut counts = Counts::default();
    for target in fuzz::TARGETS {
        println!("  {}", fuzz::fuzz(target, fuzz::BRIEFLY)?);
        counts.add(Counts::one_passed());
    }
    Ok(counts)
}

/// Every program loads on the oldest supported kernel, and the live tests hold there.
fn oldest_kernel(_: &Environment) -> Result<Counts> {
    virtual_machine(vm::OLDEST)
}

/// The same on every other kernel of the matrix.
fn other_kernels(_: &Environment) -> Result<Counts> {
    let mut counts = Counts::default();
    for kernel in vm::Kernel::ALL.into_iter().filter(|kernel| *kernel != vm::OLDEST) {
        counts.add(virtual_machine(kernel)?);
    }
    Ok(counts)
}

fn virtual_machine(kernel: vm::Kernel) -> Result<Counts> {
    let report = vm::test(kernel, None)?;
    println!("  kernel {}", report.kernel);
    vm::print_findings(&report);
    let skip = |(name, reason)| Skip {
        name,
        reason: format!("kernel {}: {reason}", report.kernel),
    };
    // A program that is too much for the verifier fails the stage as a test does.
    let failed = report.failed + usize::from(!report.holds() && report.failed == 0);
    Ok(Counts {
        passed: report.passed,
        failed,
        skipped: report.skipped.iter().cloned().map(skip).collect(),
    })
}

/// The README's first command: it works before the tests and after them.
fn demonstration(environment: &Environment) -> Result<Counts> {
    demo::show(&environment.registry, environment.context.as_deref())?;
    Ok(Counts::one_passed())
}

/// Ends the cluster, also halfway through its start, looks whether the host is as before, and brings all up again.
fn cluster_cycle(environment: &Environment) -> Result<Counts> {
    cluster::cycles()?;
    install::install(environment.context.as_deref(), &environment.registry)?;
    Ok(Counts::one_passed())
}
