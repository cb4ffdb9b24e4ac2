//! The virtual machine itself.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::run;

/// Emulated tests take minutes, most of them the verifier's; a guest that has not ended by then hangs.
const CEILING: Duration = Duration::from_mins(15);

/// Boots the kernel and waits until the guest switches itself off; its console goes to `log`.
pub fn boot(image: &Path, initramfs: &Path, filter: Option<&str>, log: &Path) -> Result<()> {
    let mut emulator = run::command("qemu-system-x86_64");
    emulator
        .args(["-machine", "q35", "-m", "1024", "-smp", "2", "-nic", "none"])
        .args(["-display", "none", "-monitor", "none", "-no-reboot"])
        .arg("-serial")
        .arg(format!("file:{}", log.display()))
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(initramfs)
        .arg("-append")
        .arg(command_line(filter))
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let guest = emulator.spawn().context("cannot run qemu-system-x86_64")?;
    wait(guest)
}

/// A kernel that panics reboots at once, which ends the emulator. Programs for security modules run only where `bpf`
/// is among these.
fn command_line(filter: Option<&str>) -> String {
    let tests = filter
        .map(|filter| format!(" anchorwatch.tests={filter}"))
        .unwrap_or_default();
    format!("console=ttyS0 quiet panic=-1 lsm=landlock,lockdown,yama,integrity,bpf{tests}")
}

fn wait(mut guest: Child) -> Result<()> {
    let started = Instant::now();
    loop {
        if let Some(status) = guest.try_wait()? {
            if status.success() {
                return Ok(());
            }
            let said = std::io::read_to_string(guest.stderr.take().context("qemu has no output")?)?;
            bail!("qemu ended with {status}: {}", said.trim());
        }
        if started.elapsed() > CEILING {
            guest.kill()?;
            guest.wait()?;
            bail!("the guest did not end within {} s", CEILING.as_secs());
        }
        sleep(Duration::from_millis(200));
    }
}
