//! Opening exactly the file that a process has mapped, whatever the process does meanwhile.

use super::maps::{self, Mapping};
use super::{MappedFile, Unhashed};
use anchorwatch_sensor_common::module::FileIdentity;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// `FUSE_SUPER_MAGIC` (include/uapi/linux/magic.h): served by a process, which may be the container's.
pub const FUSE: u32 = 0x6573_5546;

/// Whatever lies there: never waiting for a writer, never becoming somebody's terminal.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// Whether a process has a file mapped.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    Mapped(Mapping),
    /// It lives and has other files mapped.
    NotMapped,
    Gone,
}

/// Looks for the file among the executable mappings of the process. Kernels show an overlay's file by the overlay's
/// inode or by the one below (`file_user_inode`, include/linux/fs.h, from 6.8).
pub fn standing(proc: &Path, wanted: &MappedFile) -> Standing {
    let Ok(listing) = File::open(process(proc, wanted.pid).join("maps")) else {
        return Standing::Gone;
    };
    let mappings = maps::executable(listing);
    if mappings.is_empty() {
        return Standing::Gone;
    }
    let identity = (wanted.identity.device, wanted.identity.inode);
    let is_it = |mapping: &Mapping| [identity, wanted.seen].contains(&(mapping.device, mapping.inode));
    match mappings.into_iter().find(is_it) {
        Some(mapping) => Standing::Mapped(mapping),
        None => Standing::NotMapped,
    }
}

/// Opens the file; what is opened is still what the kernel saw, or has only lost its name since.
pub fn open(proc: &Path, wanted: &MappedFile, standing: &Standing) -> Result<File, Unhashed> {
    if wanted.filesystem == FUSE {
        return Err(Unhashed::ForeignFilesystem);
    }
    let process = process(proc, wanted.pid);
    let file = match standing {
        Standing::Mapped(mapping) => match mapped(&process, mapping) {
            Ok(file) => file,
            // Without the right to follow these links, or unmapped meanwhile.
            Err(_) => by_path(&process, wanted)?,
        },
        Standing::NotMapped => by_path(&process, wanted)?,
        Standing::Gone => return Err(Unhashed::Gone),
    };
    let metadata = file.metadata().map_err(|_| Unhashed::Unreadable)?;
    if metadata.is_file() && is_as_seen(&metadata, &wanted.identity) {
        Ok(file)
    } else {
        Err(Unhashed::Changed)
    }
}

/// Whether a file's content is what it was. Losing its last name changes the time of the inode's change too: then the
/// time of the content's has to do, although a process may set that back.
pub fn is_as_seen(metadata: &std::fs::Metadata, seen: &FileIdentity) -> bool {
    let same_content =
        metadata.len() == seen.size && nanoseconds(metadata.mtime(), metadata.mtime_nsec()) == seen.mtime_ns;
    let same_inode = nanoseconds(metadata.ctime(), metadata.ctime_nsec()) == seen.ctime_ns;
    same_content && (same_inode || metadata.nlink() == 0)
}

/// Nanoseconds since 1970, as the programs in the kernel compute them.
pub fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.wrapping_mul(1_000_000_000).wrapping_add(nanoseconds)
}

fn process(proc: &Path, pid: u32) -> PathBuf {
    proc.join(pid.to_string())
}

fn mapped(process: &Path, mapping: &Mapping) -> io::Result<File> {
    let range = format!("{:x}-{:x}", mapping.addresses.start, mapping.addresses.end);
    let file = openat(CWD, process.join("map_files").join(range), READ, Mode::empty())?;
    Ok(File::from(file))
}

/// The file at the kernel's path below the process's root. A link on the way is somebody's doing: the kernel's path has
/// none. It is looked at before it is opened: opening a device has effects.
fn by_path(process: &Path, wanted: &MappedFile) -> Result<File, Unhashed> {
    let path = wanted.path.as_deref().ok_or(Unhashed::Gone)?;
    let root = File::open(process.join("root")).map_err(|_| Unhashed::Gone)?;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let place = openat2(&root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), inside);
    let place = File::from(place.map_err(|_| Unhashed::Gone)?);
    let metadata = place.metadata().map_err(|_| Unhashed::Unreadable)?;
    if !metadata.is_file() || !is_as_seen(&metadata, &wanted.identity) {
        return Err(Unhashed::Changed);
    }
    let link = format!("/proc/self/fd/{}", place.as_raw_fd());
    let file = openat(CWD, link, READ, Mode::empty()).map_err(|_| Unhashed::Unreadable)?;
    Ok(File::from(file))
}
