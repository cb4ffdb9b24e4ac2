//! What bringing the cluster up would change on this host, found out by looking and before anything is changed.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::change::{self, Change};
use super::config::{BRIDGE, NODE_ADDRESS, OUTSIDE_RANGE, PORTS};
use super::leftovers::FOLDERS;
use super::mounts::{self, Mount};
use super::state::State;
use crate::run;

/// Kernel settings that the kubelet (`kubelet/cm/container_manager_linux.go`) and the bridge plugin write.
const SYSCTLS: [&str; 9] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
];

const KUBEPODS: &str = "kubepods";

/// Refuses where another cluster or server is in the way.
pub fn check(state: &State) -> Result<()> {
    for root in mounts::cgroup_roots(&mounts::read()?) {
        let taken = root.join(KUBEPODS);
        ensure!(
            !taken.exists(),
            "{} exists: a kubelet that is not ours runs on this machine",
            taken.display()
        );
    }
    ensure!(
        !Path::new("/sys/class/net").join(BRIDGE).exists(),
        "a network device {BRIDGE} exists that is not ours"
    );
    let tables = change::nft_tables()?;
    if let Some(table) = tables.iter().find(|table| table.ends_with(" kube-proxy")) {
        bail!("the nft table {table} exists: a kube-proxy that is not ours ran on this machine");
    }
    for address in PORTS {
        TcpListener::bind(address).with_context(|| {
            format!(
                "{address} is taken by another server; {} needs it",
                state.root().display()
            )
        })?;
    }
    Ok(())
}

/// Every change, in the order in which they are made.
pub fn plan(state: &State) -> Result<Vec<Change>> {
    let mounts = mounts::read()?;
    let mut changes: Vec<Change> = FOLDERS.iter().map(|path| folder(path)).collect();
    changes.extend(sysctls());
    for address in [format!("{NODE_ADDRESS}/32"), OUTSIDE_RANGE.to_owned()] {
        changes.extend(missing(address)?);
    }
    changes.extend(propagation(&mounts));
    changes.extend(kernel_mounts(&mounts));
    changes.extend(controllers(&mounts)?);
    changes.push(Change::Device { name: BRIDGE.into() });
    changes.push(Change::NftTables {
        before: change::nft_tables()?,
    });
    changes.push(Change::Cgroups { name: KUBEPODS.into() });
    changes.push(Change::Processes {
        state: state.root().into(),
    });
    Ok(changes)
}

fn folder(path: &str) -> Change {
    Change::Folder {
        path: path.into(),
        existed: Path::new(path).exists(),
    }
}

/// The settings as they are now, each as the change that would bring it back.
pub fn sysctls() -> impl Iterator<Item = Change> {
    SYSCTLS.iter().filter_map(|name| sysctl(name))
}

fn sysctl(name: &str) -> Option<Change> {
    let path = Path::new("/proc/sys").join(name);
    let before = fs::read_to_string(&path).ok()?.trim().to_owned();
    Some(Change::Sysctl { path, before })
}

fn missing(address: String) -> Result<Option<Change>> {
    let present = run::output(run::command("ip").args(["-o", "address", "show"]))?;
    let taken = present
        .split_whitespace()
        .any(|word| word.split('/').next() == address.split('/').next());
    Ok((!taken).then(|| Change::Address {
        address,
        device: "lo".into(),
    }))
}

fn propagation(mounts: &[Mount]) -> Option<Change> {
    let root = mounts.iter().find(|mount| mount.target == Path::new("/"))?;
    let private: Vec<_> = mounts
        .iter()
        .filter(|mount| !mount.shared)
        .map(|mount| mount.target.clone())
        .collect();
    let whole_tree = private.len() == mounts.len();
    (!root.shared).then_some(Change::Propagation {
        not_shared: private,
        whole_tree,
    })
}

/// What the sensor needs to see, and on hybrid hosts the controllers that cgroup v2 still owns: crun refuses while it
/// does.
fn kernel_mounts(mounts: &[Mount]) -> Vec<Change> {
    let mut wanted = vec![
        ("tracefs", String::new(), "/sys/kernel/tracing".to_owned()),
        ("bpf", String::new(), "/sys/fs/bpf".to_owned()),
    ];
    if let Some(unified) = mounts::hybrid_unified(mounts) {
        let owned = fs::read_to_string(unified.join("cgroup.controllers")).unwrap_or_default();
        wanted.extend(
            owned
                .split_whitespace()
                .map(|name| ("cgroup", name.to_owned(), format!("/sys/fs/cgroup/{name}"))),
        );
    }
    wanted
        .into_iter()
        .filter(|(_, _, target)| !mounts::is_mounted(mounts, Path::new(target)))
        .map(|(kind, options, target)| {
            let made_folder = !Path::new(&target).exists();
            Change::Mount {
                kind: kind.into(),
                options,
                target: target.into(),
                made_folder,
            }
        })
        .collect()
}

fn controllers(mounts: &[Mount]) -> Result<Option<Change>> {
    let pure = mounts
        .iter()
        .any(|mount| mount.kind == "cgroup2" && mount.target == Path::new("/sys/fs/cgroup"));
    if !pure {
        return Ok(None);
    }
    let path = Path::new("/sys/fs/cgroup/cgroup.subtree_control").to_owned();
    let before = fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .trim()
        .to_owned();
    Ok(Some(Change::Controllers { path, before }))
}
