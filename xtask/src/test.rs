//! `cargo xtask test`: every check and test in stages, with a ledger of what each came to and how long it took.

mod cargo;
mod charts;
mod ledger;
mod rules;
mod stages;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::cluster;
use ledger::Ledger;
use stages::{Extent, Stage};

pub use ledger::Counts;
pub use stages::Environment;

/// What all stages of every day together may take, builds and set-up aside: longer, and nobody runs them.
const LONGEST: Duration = Duration::from_mins(20);

/// Run every check and test.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --fast\n  cargo xtask test --stage unit --stage api\n  cargo xtask --context kind-dev test --registry registry.example:5000"
)]
pub struct Arguments {
    /// Leave out what needs root or a cluster.
    #[arg(long, conflicts_with = "full")]
    fast: bool,
    /// Also what takes long: silence when idle, the host as before after the cluster.
    #[arg(long)]
    full: bool,
    /// Only this stage; can be given several times.
    #[arg(long, value_name = "NAME")]
    stage: Vec<String>,
    /// A file with the names of tests that may be skipped, one a line: any other skip is a failure.
    #[arg(long, value_name = "FILE")]
    allowed_skips: Option<PathBuf>,
    /// The registry that images are pushed to and pulled from; the local cluster's if left out.
    #[arg(long, value_name = "REGISTRY", default_value = cluster::REGISTRY)]
    registry: String,
}

pub fn run(arguments: &Arguments, context: Option<&str>) -> Result<ExitCode> {
    let stages = chosen(arguments)?;
    let allowed = arguments.allowed_skips.as_deref().map(read).transpose()?;
    let alone = stages.iter().any(|stage| stage.needs_a_cluster());
    let _turn = if alone { cluster::turn(context)? } else { None };
    let environment = Environment::new(context, &arguments.registry);
    let mut ledger = Ledger::default();
    for stage in stages {
        println!("── {}", stage.name);
        let (counts, took) = carry_out(stage, &environment);
        ledger.enter(stage.name, counts, took);
    }
    let longest = if arguments.full { Duration::MAX } else { LONGEST };
    close(&ledger, allowed.as_deref(), longest)
}

fn carry_out(stage: &Stage, environment: &Environment) -> (Counts, Duration) {
    let prepared = stage.prepare(environment);
    let started = Instant::now();
    let result = prepared.and_then(|()| stage.run(environment));
    let counts = result.unwrap_or_else(|error| {
        println!("{error:#}");
        Counts::one_failed()
    });
    (counts, started.elapsed())
}

fn chosen(arguments: &Arguments) -> Result<Vec<&'static Stage>> {
    let known = |name: &String| stages::ALL.iter().any(|stage| stage.name == name);
    if let Some(name) = arguments.stage.iter().find(|name| !known(name)) {
        let names: Vec<&str> = stages::ALL.iter().map(|stage| stage.name).collect();
        anyhow::bail!("there is no stage {name}; there are {}", names.join(", "));
    }
    if !arguments.stage.is_empty() {
        return Ok(stages::ALL
            .iter()
            .filter(|stage| arguments.stage.iter().any(|name| name == stage.name))
            .collect());
    }
    let extent = match (arguments.fast, arguments.full) {
        (true, _) => Extent::Fast,
        (_, true) => Extent::Full,
        _ => Extent::Usual,
    };
    Ok(stages::ALL.iter().filter(|stage| stage.extent <= extent).collect())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn close(ledger: &Ledger, allowed: Option<&str>, longest: Duration) -> Result<ExitCode> {
    let mut holds = ledger.total().failed == 0;
    println!("\n{}", ledger.table());
    for skip in allowed.map(|allowed| ledger.forbidden(allowed)).unwrap_or_default() {
        println!("{} is not among those that may be skipped", skip.name);
        holds = false;
    }
    if ledger.took() > longest {
        println!(
            "the stages took {} s, and {} s is the most",
            ledger.took().as_secs(),
            longest.as_secs()
        );
        holds = false;
    }
    ensure!(ledger.total() != Counts::default(), "no test was run");
    println!("{}", ledger.closing_line());
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> Arguments {
        Arguments {
            fast: false,
            full: false,
            stage: Vec::new(),
            allowed_skips: None,
            registry: String::new(),
        }
    }

    fn names(arguments: &Arguments) -> Vec<&'static str> {
        chosen(arguments).unwrap().iter().map(|stage| stage.name).collect()
    }

    #[test]
    fn fast_leaves_out_what_needs_root_or_a_cluster() {
        let fast = chosen(&Arguments {
            fast: true,
            ..arguments()
        })
        .unwrap();
        assert!(fast.iter().all(|stage| stage.needs == stages::Need::Nothing));
        assert!(fast.iter().any(|stage| stage.name == "unit"));
    }

    #[test]
    fn full_is_more_than_usual_and_that_is_more_than_fast() {
        let (usual, full) = (
            names(&arguments()),
            names(&Arguments {
                full: true,
                ..arguments()
            }),
        );
        assert!(usual.contains(&"journey") && !usual.contains(&"cluster-cycle"));
        assert!(full.contains(&"cluster-cycle") && usual.iter().all(|name| full.contains(name)));
    }

    #[test]
    fn stages_are_chosen_by_name_and_an_unknown_name_lists_the_known() {
        let picked = Arguments {
            stage: vec!["unit".into(), "deny".into()],
            ..arguments()
        };
        assert_eq!(names(&picked), ["deny", "unit"]);
        let error = chosen(&Arguments {
            stage: vec!["unitt".into()],
            ..arguments()
        })
        .unwrap_err()
        .to_string();
        assert!(
            error.starts_with("there is no stage unitt; there are format, lints, "),
            "{error}"
        );
    }
}
