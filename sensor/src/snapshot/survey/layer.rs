//! Where the file of a running process comes from, as the exec program tells it at an execution
//! (`sensor-ebpf/src/file.rs` and `overlay.rs`): by the mount table and the layers' folders on the node.

use crate::decode::{FileId, FileSource};
use crate::snapshot::read::as_kernel_shows;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, openat2, statx};
use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
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
    /// Which file it is, in its layer.
    pub file: Option<FileId>,
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

    /// Where the file that a process runs comes from, and which it is; `None` if it cannot be told.
    pub fn source(&mut self, process: &Path) -> Option<(FileSource, Option<FileId>)> {
        let looked = self.look(process, &process.join("exe"))?;
        Some((looked.source, looked.file))
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
            file: id(&found),
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
            let (source, content) = self.layer(root.options, target.strip_prefix(b"/")?)?;
            let file = content.as_ref().and_then(id);
            return Some(Looked {
                file,
                ..looked(source, is_foreign)
            });
        };
        Some(looked(source, is_foreign))
    }

    /// Whether a script of a process that still runs was brought into the container, by its path there: `UpperNew`,
    /// `ImageChanged`, or nothing. Only the container's own overlay is looked at: another filesystem may be served by a
    /// process that lets us wait.
    pub fn brought(&mut self, process: &Path, script: &[u8]) -> Option<FileSource> {
        let root = process.join("root/.");
        let table = self.mounts(process)?;
        if mount(&table, stat(&root)?.stx_mnt_id)?.kind != b"overlay" {
            return None;
        }
        let file = openat2(
            &open(root.as_os_str().as_bytes())?,
            OsStr::from_bytes(script),
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS,
        )
        .ok()?;
        let link = Path::new("/proc/self/fd").join(file.as_raw_fd().to_string());
        let source = self.look(process, &link)?.source;
        matches!(source, FileSource::UpperNew | FileSource::ImageChanged).then_some(source)
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

    /// Which layer of the overlay has the file, and the file in it; `path` is relative to its root.
    fn layer(&self, options: &[u8], path: &[u8]) -> Option<(FileSource, Option<Statx>)> {
        let lower = || {
            let folders = option(options, b"lowerdir=")?.split(|byte| *byte == b':');
            let mut folders = folders.filter(|folder| !folder.is_empty());
            folders.find_map(|folder| file(&self.folder(folder)?, path))
        };
        let upper = match option(options, b"upperdir=") {
            Some(upper) => file(&self.folder(upper)?, path),
            None => None,
        };
        let Some(upper) = upper else {
            return Some((FileSource::Image, lower()));
        };
        option(options, b"lowerdir=")?;
        let source = match lower() {
            Some(lower) if is_whiteout(&lower) => FileSource::UpperNew,
            Some(lower) if is_changed(&upper, &lower) => FileSource::ImageChanged,
            Some(_) => FileSource::ImageCopiedUp,
            None => FileSource::UpperNew,
        };
        Some((source, Some(upper)))
    }

    /// A layer's folder, by its path as the mount table writes it.
    fn folder(&self, folder: &[u8]) -> Option<OwnedFd> {
        open(&[self.host.as_os_str().as_bytes(), &unescaped(folder)].concat())
    }
}

/// The file in a layer's folder, if it has one. The container writes what lies in the upper one: no link in it is followed.
fn file(folder: &OwnedFd, path: &[u8]) -> Option<Statx> {
    let file = openat2(
        folder,
        OsStr::from_bytes(path),
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    );
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::EMPTY_PATH;
    statx(file.ok()?, "", flags, StatxFlags::BASIC_STATS).ok()
}

/// A name that an upper layer of the image took away: a device without a number (`vfs_whiteout`, fs/namei.c).
fn is_whiteout(stat: &Statx) -> bool {
    FileType::from_raw_mode(stat.stx_mode.into()) == FileType::CharacterDevice
        && (stat.stx_rdev_major, stat.stx_rdev_minor) == (0, 0)
}

/// Whether a file that was copied up is another than the one below, as the exec program tells it
/// (`sensor-ebpf/src/overlay.rs`).
fn is_changed(upper: &Statx, lower: &Statx) -> bool {
    let (above, below) = (&upper.stx_mtime, &lower.stx_mtime);
    let is_cut = above.tv_nsec == 0;
    upper.stx_size != lower.stx_size || above.tv_sec != below.tv_sec || (!is_cut && above.tv_nsec != below.tv_nsec)
}

fn id(stat: &Statx) -> Option<FileId> {
    FileId::new(stat.stx_dev_major << 20 | stat.stx_dev_minor, stat.stx_ino)
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
    use std::time::SystemTime;

    const TABLE: &[u8] = b"1175 1030 0:312 / / rw,relatime master:331 - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u\\040p,workdir=/w\n1186 1175 254:1 /var/x /etc/hosts rw - ext4 /dev/vda1 rw\n";

    /// When each file of the image was made.
    const MADE: SystemTime = SystemTime::UNIX_EPOCH;

    fn node() -> (tempfile::TempDir, Layers) {
        let proc = tempfile::tempdir().unwrap();
        for folder in ["l1/bin", "l2/bin", "u p/bin"] {
            fs::create_dir_all(proc.path().join("1/root").join(folder)).unwrap();
        }
        let of_image = ["l2/bin/image", "l1/bin/copied", "l1/bin/written", "l1/bin/grown"];
        for (file, content, made) in of_image.map(|file| (file, "", true)).into_iter().chain([
            ("u p/bin/copied", "", true),
            ("u p/bin/written", "", false),
            ("u p/bin/grown", "more", true),
            ("u p/bin/new", "", false),
        ]) {
            let path = proc.path().join("1/root").join(file);
            fs::write(&path, content).unwrap();
            if made {
                let file = fs::File::options().write(true).open(&path).unwrap();
                file.set_modified(MADE).unwrap();
            }
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
        let source = |options: &[u8], path: &[u8]| Some(layers.layer(options, path)?.0);
        for (path, expected) in [
            ("bin/image", FileSource::Image),
            ("bin/copied", FileSource::ImageCopiedUp),
            ("bin/written", FileSource::ImageChanged),
            ("bin/grown", FileSource::ImageChanged),
            ("bin/new", FileSource::UpperNew),
            // A link in the layer that the container writes leads nowhere.
            ("link/image", FileSource::Image),
        ] {
            assert_eq!(source(options, path.as_bytes()), Some(expected), "{path}");
        }
        assert_eq!(source(b"rw,lowerdir=/l1", b"bin/new"), Some(FileSource::Image));
        assert_eq!(source(b"rw,lowerdir=/l1,upperdir=/gone", b"bin/new"), None);
    }

    #[test]
    fn our_own_file_has_a_source() {
        let mut layers = Layers::new(Path::new("/proc"));
        let (_, file) = layers.source(Path::new("/proc/self")).unwrap();
        assert!(file.is_some());
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
