//! Programs from the system's packages. Installed only as root on a Debian-like system, after a simulation has shown
//! that nothing would be removed; without starting a service and without touching apt's sources. Elsewhere it says
//! what is missing and how to get it.

mod policy;
pub mod simulation;

use std::path::Path;

use anyhow::{Result, bail};

use super::lock;
use crate::{paths, progress, run};
use simulation::Simulation;

/// What a step needs from the system.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// A program on the PATH, or the absolute path of a file; any of them will do.
    pub any_of: &'static [&'static str],
    /// The Debian package that has it.
    pub package: &'static str,
}

const fn need(any_of: &'static [&'static str], package: &'static str) -> Need {
    Need { any_of, package }
}

/// The local cluster.
pub const CLUSTER: &[Need] = &[
    need(&["containerd"], "containerd"),
    need(&["crun"], "crun"),
    need(
        &["/usr/lib/cni/bridge", "/opt/cni/bin/bridge"],
        "containernetworking-plugins",
    ),
    need(&["nft"], "nftables"),
    need(&["ip"], "iproute2"),
    need(&["docker-registry"], "docker-registry"),
    need(&["setsid"], "util-linux"),
    need(&["buildah"], "buildah"),
];

/// Building images.
pub const IMAGES: &[Need] = &[need(&["buildah"], "buildah"), need(&["dpkg-deb"], "dpkg")];

/// Measuring the sensor: a network of its own for the loads.
pub const BENCHES: &[Need] = &[need(&["ip"], "iproute2"), need(&["unshare"], "util-linux")];

/// Fuzzing: libFuzzer is C++.
pub const FUZZING: &[Need] = &[need(&["c++"], "g++")];

/// Booting other kernels.
pub const VIRTUAL_MACHINE: &[Need] = &[
    need(&["qemu-system-x86_64"], "qemu-system-x86"),
    need(&["cpio"], "cpio"),
    need(&["/bin/busybox", "/usr/bin/busybox"], "busybox-static"),
    need(&["dpkg-deb"], "dpkg"),
];

/// Makes sure that all of it is there.
pub fn ensure(step: &str, needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() && !policy::left_behind()? {
        return Ok(());
    }
    if !missing.is_empty() && !can_install() {
        bail!("{}", how_to_get(step, &missing));
    }
    let _lock = lock::acquire(&paths::cache()?.join("lock/apt"), "system packages")?;
    policy::recover()?;
    if missing.is_empty() {
        return Ok(());
    }
    install(step, needs, &missing)
}

fn install(step: &str, needs: &[Need], missing: &[Need]) -> Result<()> {
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let simulation = simulate(&packages)?;
    if !simulation.removed.is_empty() {
        bail!("{}", would_remove(step, &packages, &simulation));
    }
    progress::step(
        &format!(
            "installing {} for {step}, with {}",
            packages.join(", "),
            simulation.summary()
        ),
        || {
            let _policy = policy::deny_service_starts()?;
            // Old lists name packages that the mirror no longer has; that shows only now.
            try_install(&packages).or_else(|_| refresh().and_then(|()| try_install(&packages)))
        },
    )?;
    let still: Vec<Need> = self::missing(needs);
    if !still.is_empty() {
        bail!(
            "the packages are installed, but {} did not come with them",
            names(&still)
        );
    }
    Ok(())
}

fn missing(needs: &[Need]) -> Vec<Need> {
    needs
        .iter()
        .filter(|need| !need.any_of.iter().any(|name| present(name)))
        .copied()
        .collect()
}

fn present(name: &str) -> bool {
    if name.starts_with('/') {
        Path::new(name).exists()
    } else {
        run::has(name)
    }
}

fn can_install() -> bool {
    rustix::process::geteuid().is_root() && run::has("apt-get") && Path::new("/etc/debian_version").exists()
}

/// Simulates; refreshes the package lists once if they do not know a package or are not there at all.
fn simulate(packages: &[&str]) -> Result<Simulation> {
    if let Ok(simulation) = try_simulate(packages) {
        return Ok(simulation);
    }
    refresh()?;
    try_simulate(packages)
}

fn try_install(packages: &[&str]) -> Result<()> {
    let options = ["install", "-y", "--no-install-recommends", "--no-remove"];
    run::logged(apt_get().args(options).args(packages), "apt")
}

fn refresh() -> Result<()> {
    progress::step("refreshing apt's package lists", || {
        run::logged(apt_get().arg("update"), "apt-update")
    })
}

fn try_simulate(packages: &[&str]) -> Result<Simulation> {
    let text = run::output(
        apt_get()
            .args(["install", "-s", "--no-install-recommends"])
            .args(packages),
    )?;
    Ok(simulation::parse(&text))
}

fn apt_get() -> std::process::Command {
    let mut command = run::command("apt-get");
    // Another apt may be busy (unattended upgrades): wait for it rather than fail.
    command
        .args(["-o", "DPkg::Lock::Timeout=120"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C");
    command
}

fn names(needs: &[Need]) -> String {
    needs.iter().map(|need| need.any_of[0]).collect::<Vec<_>>().join(", ")
}

fn how_to_get(step: &str, missing: &[Need]) -> String {
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    format!(
        "{step} needs {}, which this machine lacks, and only root on a Debian-like system gets packages by itself.\n\
         On Debian or Ubuntu: sudo apt-get install --no-install-recommends {}\n\
         Elsewhere: install what has these programs, so that they are on the PATH.",
        names(missing),
        packages.join(" ")
    )
}

fn would_remove(step: &str, packages: &[&str], simulation: &Simulation) -> String {
    format!(
        "{step} needs {}, but installing that would remove {} from this machine, so nothing was done.\n\
         Look at it yourself: apt-get install -s --no-install-recommends {}\n\
         Then install it by hand if that is what you want, or use another machine, or a cluster of your own by --context.",
        packages.join(", "),
        simulation.removed.join(", "),
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_is_met_by_any_of_its_files_or_programs() {
        let either = need(&["/does/not/exist", "sh"], "none");
        let neither = need(&["/does/not/exist", "no-such-program-here"], "none");
        let lacking = missing(&[either, neither]);
        assert_eq!(
            lacking.iter().map(|need| need.any_of[1]).collect::<Vec<_>>(),
            ["no-such-program-here"]
        );
    }

    #[test]
    fn where_nothing_can_be_installed_the_person_is_told_what_and_how() {
        let text = how_to_get(
            "the local cluster",
            &[need(&["crun"], "crun"), need(&["nft"], "nftables")],
        );
        assert!(text.starts_with("the local cluster needs crun, nft, "), "{text}");
        assert!(
            text.contains("sudo apt-get install --no-install-recommends crun nftables"),
            "{text}"
        );
    }
}
