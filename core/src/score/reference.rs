//! What is normal where nothing else is known: everyday commands of containers, shipped with the program.

use std::sync::LazyLock;

use super::{Index, Scorer};
use crate::{
    features::{Command, Features},
    normalise,
};

/// Commands of start-up scripts, probes, backups, housekeeping and builds, written for this purpose; one a line.
const COMMANDS: &str = include_str!("../../corpus/benign.txt");

static REFERENCE: LazyLock<Scorer> = LazyLock::new(|| {
    let mut index = Index::default();
    for line in COMMANDS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let argv = normalise::command_line(["bash", "-c", line].map(str::to_owned).to_vec());
        index.insert(&Features::of(&Command {
            executable: "/usr/bin/bash",
            parent: "",
            argv: &argv,
        }));
    }
    Scorer::scaled(index, None)
});

/// The reference: its calibration serves as the pool of workloads that have no kin.
pub fn reference() -> &'static Scorer {
    &REFERENCE
}
