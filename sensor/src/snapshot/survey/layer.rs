//! Where the file of a running process comes from, as the exec program tells it at an execution
//! (`sensor-ebpf/src/file.rs`): by the mount table and the layers' folders on the node.

use crate::decode::FileSource;
use crate::snapshot::read::as_kernel_shows;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Statx, StatxFlags, openat2, statx};
use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Reads layers through the node's own root.
#[derive(Debug)]
pub struct Layers {
    host: PathBuf,
    /// The mount table that was read last: processes of a container come one after the other.
    last: Option<(PathBuf, Vec<u8>)>,
}

/// A line of `/proc/PID/mountinfo` (`proc_pid_mountinfo(5)`).
#[derive(Debug, PartialEq, Eq)]
struct Mount<'a> {
    device: &'a [u8],
    kind: &'a [u8],
    options: &'a [u8],
}

/// A file that a process runs or has mapped.
#[derive(Debug)]
pub struct Looked {
    /// Its path, as the kernel's records have it.
    pub path: Vec<u8>,
    pub source: FileSource,
    /// A process serves the filesystem that it lies in, perhaps the container's own.
    pub is_foreign: bool,
    pub stat: Statx,
}

impl Layers {
    /// The node's root is that of its first process or, where that is not ours to see and we are in no container, our
    /// own.
    pub fn new(proc: &Path) -> Self {
        let first = proc.join("1/root");
        let host = if fs::metadata(first.join(".")).is_ok() {
            first
        } else {
            PathBuf::new()
        };
        Self { host, last: None }
    }

    /// Where the file that a process runs comes from; `None` if it cannot be told.
    pub fn source(&mut self, process: &Path) -> Option<FileSource> {
        Some(self.look(process, &process.join("exe"))?.source)
    }

    /// What a link of the process's in `/proc` leads to: its program, or the file of a mapping. `None` if it cannot be
    /// told.
    pub fn look(&mut self, process: &Path, link: &Path) -> Option<Looked> {
        let target = fs::read_link(link).ok()?.into_os_string().into_vec();
        let found = stat(link)?;
        let path = as_kernel_shows(&target);
        let looked = |source, is_foreign| Looked {
            path,
            source,
            is_foreign,
            stat: found,
        };
        if target.starts_with(b"/memfd:") {
            return Some(looked(FileSource::Memory, false));
        }
        let root = stat(&process.join("root/."))?.stx_mnt_id;
        let table = self.mounts(process)?;
        let root = mount(&table, root)?;
        let Some(own) = mount(&table, found.stx_mnt_id) else {
            // Mounted nowhere in the container.
            return Some(looked(FileSource::Volume, false));
        };
        let is_foreign = own.kind.starts_with(b"fuse");
        let source = if found.stx_nlink == 0 {
            FileSource::Deleted
        } else if own.device != root.device {
            FileSource::Volume
        } else if root.kind != b"overlay" {
            FileSource::Unsupported
        } else {
            self.layer(root.options, target.strip_prefix(b"/")?)?
        };
        Some(looked(source, is_foreign))
    }

    fn mounts(&mut self, process: &Path) -> Option<Vec<u8>> {
        let namespace = fs::read_link(process.join("ns/mnt")).ok()?;
        if let Some((last, table)) = &self.last
            && *last == namespace
        {
            return Some(table.clone());
        }
        let table = fs::read(process.join("mountinfo")).ok()?;
        self.last = Some((namespace, table.clone()));
        Some(table)
    }

    /// Which layer of the overlay has the file; `path` is relative to its root.
    fn layer(&self, options: &[u8], path: &[u8]) -> Option<FileSource> {
        let Some(upper) = option(options, b"upperdir=") else {
            return Some(FileSource::Image);
        };
        if !self.has(&unescaped(upper), path)? {
            return Some(FileSource::Image);
        }
        let lower = option(options, b"lowerdir=")?;
        let mut lower = lower.split(|byte| *byte == b':').filter(|folder| !folder.is_empty());
        let copied = lower.any(|folder| self.has(&unescaped(folder), path) == Some(true));
        Some(if copied {
            FileSource::ImageCopiedUp
        } else {
            FileSource::UpperNew
        })
    }

    /// Whether a layer's folder has the file; `None` if the folder cannot be opened. The container writes what lies in
    /// the upper one: no link in it is followed.
    fn has(&self, folder: &[u8], path: &[u8]) -> Option<bool> {
        let folder = [self.host.as_os_str().as_bytes(), folder].concat();
        let folder = open(&folder)?;
        let below = openat2(
            &folder,
            OsStr::from_bytes(path),
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        );
        Some(below.is_ok())
    }
}

fn open(folder: &[u8]) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, OsStr::from_bytes(folder), flags, Mode::empty()).ok()
}

/// What a link leads to: those of `/proc` lead to the file itself. Overlay's own device numbers differ by layer, so that
/// only the mount says which file system it is. Who serves a file system in user space is not asked: it could let us wait.
fn stat(link: &Path) -> Option<Statx> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    statx(CWD, link, AtFlags::STATX_DONT_SYNC, wanted).ok()
}

fn mount(table: &[u8], id: u64) -> Option<Mount<'_>> {
    let id = id.to_string();
    table
        .split(|byte| *byte == b'\n')
        .find(|line| line.split(|byte| *byte == b' ').next() == Some(id.as_bytes()))
        .and_then(parse)
}

/// Optional fields end with a lonely dash.
fn parse(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = fields.nth(2)?;
    fields.find(|field| *field == b"-")?;
    let kind = fields.next()?;
    let options = fields.nth(1)?;
    Some(Mount { device, kind, options })
}

fn option<'a>(options: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    options
        .split(|byte| *byte == b',')
        .find_map(|option| option.strip_prefix(name))
}

/// `\040` for a space and so on, as the kernel writes such tables (`mangle`, `fs/proc_namespace.c`).
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        let digits = behind.get(..3).and_then(|digits| str::from_utf8(digits).ok());
        let octal = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let (b'\\', Some(value)) = (byte, octal) {
            plain.push(value);
            rest = &behind[3..];
        } else {
            plain.push(*byte);
            rest = behind;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &[u8] = b"1175 1030 0:312 / / rw,relatime master:331 - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u\\040p,workdir=/w\n1186 1175 254:1 /var/x /etc/hosts rw - ext4 /dev/vda1 rw\n";

    fn node() -> (tempfile::TempDir, Layers) {
        let proc = tempfile::tempdir().unwrap();
        for folder in ["l1/bin", "l2/bin", "u p/bin"] {
            fs::create_dir_all(proc.path().join("1/root").join(folder)).unwrap();
        }
        for file in ["l2/bin/image", "l1/bin/copied", "u p/bin/copied", "u p/bin/new"] {
            fs::write(proc.path().join("1/root").join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("/l2/bin", proc.path().join("1/root/u p/link")).unwrap();
        let layers = Layers::new(proc.path());
        (proc, layers)
    }

    #[test]
    fn a_mount_is_found_by_its_id() {
        let found = mount(TABLE, 1186).unwrap();
        assert_eq!((found.device, found.kind), (b"254:1".as_slice(), b"ext4".as_slice()));
        assert_eq!(mount(TABLE, 118), None);
    }

    #[test]
    fn a_file_is_the_images_copied_up_or_new_by_the_layers_that_have_it() {
        let (_proc, layers) = node();
        let options = mount(TABLE, 1175).unwrap().options;
        for (path, expected) in [
            ("bin/image", FileSource::Image),
            ("bin/copied", FileSource::ImageCopiedUp),
            ("bin/new", FileSource::UpperNew),
            // A link in the layer that the container writes leads nowhere.
            ("link/image", FileSource::Image),
        ] {
            assert_eq!(layers.layer(options, path.as_bytes()), Some(expected), "{path}");
        }
        assert_eq!(layers.layer(b"rw,lowerdir=/l1", b"bin/new"), Some(FileSource::Image));
        assert_eq!(layers.layer(b"rw,lowerdir=/l1,upperdir=/gone", b"bin/new"), None);
    }

    #[test]
    fn our_own_file_has_a_source() {
        let mut layers = Layers::new(Path::new("/proc"));
        assert!(layers.source(Path::new("/proc/self")).is_some());
        assert_eq!(layers.source(Path::new("/proc/0")), None);
    }

    proptest! {
        #[test]
        fn any_table_is_read(table in prop::collection::vec(any::<u8>(), 0..300), id in any::<u64>()) {
            let _mount = mount(&table, id);
            let _options = option(&table, b"upperdir=").map(unescaped);
        }
    }
}
