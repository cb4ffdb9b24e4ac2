//! The mounted unified hierarchy: a cgroup's path by its id alone, with no process to ask.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// `FILEID_KERNFS` (include/linux/exportfs.h): a handle that is a kernfs id and nothing else.
const FILEID_KERNFS: libc::c_int = 0xfe;
/// How many bytes that is.
const ID_BYTES: libc::c_uint = 8;

/// Where cgroups are seen as folders.
#[derive(Debug)]
pub struct Hierarchy {
    root: PathBuf,
    mount: File,
}

/// `struct file_handle` (include/linux/fs.h) with a kernfs id for its bytes.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: u64,
}

impl Hierarchy {
    pub fn open(root: &Path) -> io::Result<Self> {
        // The kernel shows links by their targets, so that a path of ours has to begin as theirs do.
        let root = root.canonicalize()?;
        Ok(Self {
            mount: File::open(&root)?,
            root,
        })
    }

    /// The path of a cgroup that is still there, as the kernel's records have it. Needs `CAP_DAC_READ_SEARCH`.
    pub fn path(&self, id: u64) -> io::Result<Vec<u8>> {
        let folder = self.folder(id)?;
        let link = format!("/proc/self/fd/{}", folder.as_raw_fd());
        let shown = std::fs::read_link(link)?;
        let below = shown
            .strip_prefix(&self.root)
            .map_err(|_| io::Error::other("a cgroup outside of the hierarchy that is mounted"))?;
        Ok([b"/", below.as_os_str().as_bytes()].concat())
    }

    /// Whether there is no cgroup of this id any more.
    pub fn is_gone(&self, id: u64) -> bool {
        matches!(self.folder(id), Err(error) if error.raw_os_error() == Some(libc::ESTALE))
    }

    fn folder(&self, id: u64) -> io::Result<File> {
        let mut handle = Handle {
            bytes: ID_BYTES,
            kind: FILEID_KERNFS,
            id,
        };
        // SAFETY: the handle is as long as it says, laid out as the kernel's, and lives until the call returns; the
        // descriptor is open.
        let descriptor = unsafe {
            libc::open_by_handle_at(
                self.mount.as_raw_fd(),
                (&raw mut handle).cast(),
                libc::O_PATH | libc::O_CLOEXEC,
            )
        };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        Ok(unsafe { File::from_raw_fd(descriptor) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::find_cgroup_root;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_cgroup_is_found_by_its_id() {
        let Ok(root) = find_cgroup_root() else { return };
        let hierarchy = Hierarchy::open(&root).unwrap();
        let id = std::fs::metadata(&root).unwrap().ino();
        match hierarchy.path(id) {
            Ok(path) => assert_eq!(path, b"/"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
    }

    #[test]
    fn an_id_that_no_cgroup_has_is_an_error() {
        let Ok(root) = find_cgroup_root() else { return };
        let hierarchy = Hierarchy::open(&root).unwrap();
        assert!(hierarchy.path(u64::MAX - 1).is_err());
        assert!(!hierarchy.is_gone(std::fs::metadata(&root).unwrap().ino()));
    }
}
