//! One thing that the cluster changes on the host: what it is in a person's words, how it is made, how it is undone.
//! Undoing what was never made, or is undone already, is no error.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{cgroups, leftovers, mounts, process};
use crate::run;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A folder outside the state that containerd, CNI or the kubelet insist on.
    Folder {
        path: PathBuf,
        existed: bool,
    },
    /// A kernel setting that the kubelet or CNI may write.
    Sysctl {
        path: PathBuf,
        before: String,
    },
    Address {
        address: String,
        device: String,
    },
    /// Mounts that were not shared before; `whole_tree` if none was.
    Propagation {
        not_shared: Vec<PathBuf>,
        whole_tree: bool,
    },
    Mount {
        kind: String,
        options: String,
        target: PathBuf,
        made_folder: bool,
    },
    /// The controllers that a cgroup v2 root hands to its children, which the kubelet widens.
    Controllers {
        path: PathBuf,
        before: String,
    },
    /// The kubelet's cgroups.
    Cgroups {
        name: String,
    },
    /// Packet filter tables of kube-proxy; those that were there before stay.
    NftTables {
        before: Vec<String>,
    },
    /// The bridge of the pods, and their devices with it.
    Device {
        name: String,
    },
    /// Everything that runs with our mark in its environment, and the mounts and containers below the state.
    Processes {
        state: PathBuf,
    },
}

impl Change {
    /// What the person reads before it is made.
    pub fn announcement(&self) -> Option<String> {
        Some(match self {
            Self::Folder { .. } | Self::Sysctl { .. } => return None,
            Self::Address { address, device } => format!("address {address} on {device}"),
            Self::Propagation { .. } => "mounts below / become shared, as pods with host mounts need".to_owned(),
            Self::Mount { kind, target, .. } => format!("{kind} mounted on {}", target.display()),
            Self::Controllers { .. } => "controllers handed to cgroups".to_owned(),
            Self::Cgroups { name } => format!("cgroups {name}"),
            Self::NftTables { .. } => "nft tables kube-proxy".to_owned(),
            Self::Device { name } => format!("network bridge {name} with a device a pod"),
            Self::Processes { state } => format!("processes, with their state in {}", state.display()),
        })
    }

    /// Makes it, where it is for us to make.
    pub fn make(&self) -> Result<()> {
        match self {
            Self::Address { address, device } => {
                run::quiet(run::command("ip").args(["address", "add", address, "dev", device]))
            }
            Self::Propagation { .. } => mounts::share_everything(),
            Self::Mount {
                kind, options, target, ..
            } => mounts::make(kind, options, target),
            // These are made by the components that we start.
            Self::Folder { .. }
            | Self::Sysctl { .. }
            | Self::Controllers { .. }
            | Self::Cgroups { .. }
            | Self::NftTables { .. }
            | Self::Device { .. }
            | Self::Processes { .. } => Ok(()),
        }
    }

    /// Whether the kernel forgets it at a restart of the machine.
    pub fn ends_with_the_boot(&self) -> bool {
        !matches!(self, Self::Folder { .. })
    }

    /// Puts back what was before; says what, if anything had to be done.
    pub fn undo(&self) -> Result<Option<String>> {
        match self {
            Self::Folder { path, existed } => leftovers::clean(path, *existed),
            Self::Sysctl { path, before } => undo_sysctl(path, before),
            Self::Address { address, device } => undo_address(address, device),
            Self::Propagation { not_shared, whole_tree } => mounts::unshare(not_shared, *whole_tree).map(Some),
            Self::Mount {
                kind,
                options,
                target,
                made_folder,
            } => mounts::undo(kind, options, target, *made_folder),
            Self::Controllers { path, before } => cgroups::restore_controllers(path, before),
            Self::Cgroups { name } => cgroups::remove(&mounts::cgroup_roots(&mounts::read()?), name),
            Self::NftTables { before } => undo_tables(before),
            Self::Device { name } => undo_device(name),
            Self::Processes { state } => process::end_all(state).map(Some),
        }
    }
}

fn undo_sysctl(path: &Path, before: &str) -> Result<Option<String>> {
    let Ok(now) = fs::read_to_string(path) else {
        return Ok(None);
    };
    if now.trim() == before {
        return Ok(None);
    }
    fs::write(path, before).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(format!("{} is {before} again", path.display())))
}

fn undo_address(address: &str, device: &str) -> Result<Option<String>> {
    let present = run::output(run::command("ip").args(["-o", "address", "show", "dev", device]))?;
    if !present.split_whitespace().any(|word| word == address) {
        return Ok(None);
    }
    run::quiet(run::command("ip").args(["address", "del", address, "dev", device]))?;
    Ok(Some(format!("address {address} taken off {device}")))
}

fn undo_tables(before: &[String]) -> Result<Option<String>> {
    let ours: Vec<String> = nft_tables()?
        .into_iter()
        .filter(|table| is_ours(table) && !before.contains(table))
        .collect();
    for table in &ours {
        run::quiet(run::command("nft").arg("delete").arg("table").args(table.split(' ')))?;
    }
    Ok((!ours.is_empty()).then(|| format!("nft tables removed: {}", ours.join(", "))))
}

/// The tables that kube-proxy makes.
fn is_ours(table: &str) -> bool {
    matches!(table, "ip kube-proxy" | "ip6 kube-proxy")
}

/// All tables as `family name`.
pub fn nft_tables() -> Result<Vec<String>> {
    let text = run::output(run::command("nft").args(["list", "tables"]))?;
    Ok(text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("table "))
        .map(str::to_owned)
        .collect())
}

fn undo_device(name: &str) -> Result<Option<String>> {
    if !Path::new("/sys/class/net").join(name).exists() {
        return Ok(None);
    }
    // The kernel removes a pod's devices some time after the pod's last process; nobody should have to wait for that.
    let ports = fs::read_dir(Path::new("/sys/class/net").join(name).join("brif"));
    for port in ports.into_iter().flatten().flatten() {
        run::succeeds(run::command("ip").args(["link", "del"]).arg(port.file_name()));
    }
    run::quiet(run::command("ip").args(["link", "del", name]))?;
    Ok(Some(format!(
        "network bridge {name} removed, and the pods' devices with it"
    )))
}
