//! What this kernel lets the programs see: field offsets from its BTF, and what has to be left out.

use crate::btf::{Btf, BtfError};
use anchorwatch_sensor_common::offsets::{ABSENT, FIELD_COUNT, FIELDS, Field, Need};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the programs can tell on this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent abilities, each on or off")]
pub struct Capabilities {
    /// Whether a file lies in the image or in the writable layer.
    pub overlay_layers: bool,
    /// Whether a file in the writable layer was copied up from the image.
    pub overlay_origin: bool,
    /// Whether such a file was changed there.
    pub overlay_changes: bool,
    /// Where a script comes from that is run through a descriptor.
    pub script_descriptor: bool,
    /// Where a script comes from that has a path.
    pub scripts: bool,
    /// Which capabilities and identities an execution gains.
    pub privileges: bool,
    /// Whether a container runtime is still in the host's mount namespace.
    pub runtime_stage: bool,
    /// What becomes of sockets: listeners, and the ends of connections.
    pub sockets: bool,
    /// Which file is mapped, of which age.
    pub mappings: bool,
    /// Whether a mapping becomes executable.
    pub protections: bool,
    /// Whether this kernel has modules to load.
    pub kernel_modules: bool,
}

impl Capabilities {
    /// Whether what a probe needs is there.
    pub const fn has(&self, need: Need) -> bool {
        match need {
            Need::Required | Need::SocketsV6 | Need::OverlayLowerInode | Need::BackingFile => true,
            Need::OverlayLayers => self.overlay_layers,
            Need::OverlayOrigin | Need::OverlayLowerPath => self.overlay_origin,
            Need::OverlayChanges => self.overlay_changes,
            Need::ScriptDescriptor => self.script_descriptor,
            Need::Scripts => self.scripts,
            Need::Sockets => self.sockets,
            Need::Privileges => self.privileges,
            Need::Mappings => self.mappings,
            Need::Protections => self.protections,
            Need::KernelModules => self.kernel_modules,
        }
    }
}

/// Offsets for the programs, and what they allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub offsets: [u32; FIELD_COUNT],
    pub capabilities: Capabilities,
}

/// Why offsets cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OffsetError {
    #[error(
        "no kernel type information at {path}: the kernel is built without CONFIG_DEBUG_INFO_BTF, or /sys is not mounted"
    )]
    NoBtf { path: PathBuf, source: std::io::Error },
    #[error("kernel type information at {path} cannot be used")]
    BadBtf { path: PathBuf, source: BtfError },
    #[error("this kernel has no field {0}, which the process feed needs")]
    NoField(&'static str),
}

/// Inode number of the host's mount namespace: the kernel's own threads are in it, and `init` mostly.
pub fn host_mount_namespace(proc: &Path) -> Option<u32> {
    // kthreadd first: a sensor with few rights may look at it and not at `init`.
    ["2", "1"].iter().find_map(|pid| mount_namespace(&proc.join(pid)))
}

/// Inode number of the host's network namespace.
pub fn host_network_namespace(proc: &Path) -> Option<u32> {
    ["2", "1"]
        .iter()
        .find_map(|pid| namespace(&proc.join(pid).join("ns/net")))
}

/// Inode number of the mount namespace of a process, by its directory.
pub fn mount_namespace(process: &Path) -> Option<u32> {
    namespace(&process.join("ns/mnt"))
}

fn namespace(path: &Path) -> Option<u32> {
    u32::try_from(std::fs::metadata(path).ok()?.ino()).ok()
}

/// Reads the kernel's BTF, and overlayfs' where that is a module.
pub fn kernel_btf(directory: &Path) -> Result<Btf, OffsetError> {
    let path = directory.join("vmlinux");
    let bytes = std::fs::read(&path).map_err(|source| OffsetError::NoBtf {
        path: path.clone(),
        source,
    })?;
    let kernel = Btf::parse(&bytes).map_err(|source| OffsetError::BadBtf { path, source })?;
    let module = directory.join("overlay");
    match std::fs::read(&module) {
        Ok(bytes) => kernel
            .with_module(&bytes)
            .map_err(|source| OffsetError::BadBtf { path: module, source }),
        // Built in, not loaded, or without BTF: `resolve` finds out what is lost.
        Err(_) => Ok(kernel),
    }
}

/// By what the programs tell a change of a file's content (`has_content`, `sensor-ebpf/src/identity.rs`).
const CONTENT: [Field; 4] = [
    Field::DentryInode,
    Field::InodeSize,
    Field::InodeMtimeSec,
    Field::InodeMtimeNsec,
];

/// Finds each field of the table; an optional one that is missing switches off what needs it.
pub fn resolve(btf: &Btf) -> Result<Resolved, OffsetError> {
    let mut offsets = [ABSENT; FIELD_COUNT];
    for spec in FIELDS {
        let find = |path: &str| {
            if spec.in_bits {
                btf.offset_in_bits(path)
            } else {
                btf.offset(path)
            }
        };
        match spec.path.split('|').find_map(find) {
            Some(offset) => offsets[spec.field as usize] = offset,
            None if spec.need == Need::Required => return Err(OffsetError::NoField(spec.path)),
            None => {}
        }
    }
    if offsets[Field::OvlVfsInode as usize] == ABSENT
        && let Some(size) = btf.size_of("inode")
    {
        // Where overlayfs is a module without readable BTF: its inode is a `struct inode` with the upper dentry
        // right behind it (struct ovl_inode, fs/overlayfs/ovl_entry.h, 4.13 to 6.18; tried on 6.1).
        offsets[Field::OvlVfsInode as usize] = 0;
        offsets[Field::OvlUpperDentry as usize] = size;
    }
    let has = |need: Need| {
        FIELDS
            .iter()
            .filter(|spec| spec.need == need)
            .all(|spec| offsets[spec.field as usize] != ABSENT)
    };
    let is_there = |field: &Field| offsets[*field as usize] != ABSENT;
    let overlay_layers = has(Need::OverlayLayers);
    let overlay_origin = overlay_layers && (has(Need::OverlayOrigin) || has(Need::OverlayLowerPath));
    let capabilities = Capabilities {
        overlay_layers,
        overlay_origin,
        overlay_changes: overlay_origin
            && (has(Need::OverlayLowerInode) || has(Need::OverlayLowerPath))
            && CONTENT.iter().all(is_there),
        script_descriptor: has(Need::ScriptDescriptor),
        scripts: has(Need::Scripts),
        privileges: has(Need::Privileges),
        runtime_stage: true,
        sockets: has(Need::Sockets),
        mappings: has(Need::Mappings),
        kernel_modules: has(Need::KernelModules),
        protections: has(Need::Mappings) && has(Need::Protections),
    };
    Ok(Resolved { offsets, capabilities })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_has_every_required_field() {
        let directory = Path::new("/sys/kernel/btf");
        if !directory.join("vmlinux").exists() {
            eprintln!(
                "skipped: the_running_kernel_has_every_required_field: no {}",
                directory.display()
            );
            return;
        }
        let resolved = resolve(&kernel_btf(directory).unwrap()).unwrap();
        assert!(
            FIELDS
                .iter()
                .all(|spec| spec.need != Need::Required || resolved.offsets[spec.field as usize] < 0x4000)
        );
    }

    #[test]
    fn a_missing_kernel_btf_is_named() {
        let error = kernel_btf(Path::new("/nonexistent")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("no kernel type information at /nonexistent/vmlinux")
        );
    }
}
