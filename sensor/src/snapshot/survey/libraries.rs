//! Which files a process has mapped as code, told as the module feed tells a mapping: neither its own program nor what
//! exec mapped beside it.

use anchorwatch_sensor_common::module::FileIdentity;
use rustix::fs::{FileType, Statx, makedev};
use std::fs::{self, File};
use std::path::Path;

use super::layer::{Layers, Looked};
use crate::decode::{Loader, MappedBy, Mapping};
use crate::modules::maps;
use crate::modules::open::{FUSE, nanoseconds};

/// Types of entries of the auxiliary vector (include/uapi/linux/auxvec.h).
const AT_NULL: u64 = 0;
const AT_BASE: u64 = 7;

/// What became of the files that a process has mapped as code.
#[derive(Debug, Default)]
pub struct Libraries {
    pub told: Vec<Mapping>,
    /// Where the file comes from is not known.
    pub unreadable: u64,
}

/// Reads them; `is_wanted` is asked once for each file, by its device and inode. `now_ns` is of `CLOCK_BOOTTIME`.
pub fn read(
    process: &Path,
    loader: &Loader,
    layers: &mut Layers,
    now_ns: u64,
    mut is_wanted: impl FnMut((u32, u64)) -> bool,
) -> Libraries {
    let mut found = Libraries::default();
    let Ok(listing) = File::open(process.join("maps")) else {
        return found;
    };
    let mappings = maps::files(listing);
    let linker = linker(process, &mappings);
    let program = layers
        .look(process, &process.join("exe"))
        .map(|looked| file(&looked.stat));
    let mut asked = Vec::new();
    for mapping in mappings.iter().filter(|mapping| mapping.executable) {
        let seen = (mapping.device, mapping.inode);
        if Some(seen) == linker || asked.contains(&seen) {
            continue;
        }
        asked.push(seen);
        if !is_wanted(seen) {
            continue;
        }
        let range = format!("map_files/{:x}-{:x}", mapping.addresses.start, mapping.addresses.end);
        let Some(looked) = layers.look(process, &process.join(range)) else {
            found.unreadable += 1;
            continue;
        };
        let is_regular = FileType::from_raw_mode(looked.stat.stx_mode.into()) == FileType::RegularFile;
        if is_regular && Some(file(&looked.stat)) != program {
            found.told.push(told(looked, seen, loader.clone(), now_ns));
        }
    }
    found
}

fn told(looked: Looked, seen: (u32, u64), loader: Loader, now_ns: u64) -> Mapping {
    let Looked {
        path,
        source,
        file: _,
        is_foreign,
        stat,
    } = looked;
    let time = |at: rustix::fs::StatxTimestamp| nanoseconds(at.tv_sec, at.tv_nsec.into());
    Mapping {
        time_ns: now_ns,
        loader,
        key: None,
        repeats: 0,
        file: FileIdentity {
            inode: stat.stx_ino,
            size: stat.stx_size,
            ctime_ns: time(stat.stx_ctime),
            mtime_ns: time(stat.stx_mtime),
            device: stat.stx_dev_major << 20 | stat.stx_dev_minor,
            generation: 0,
        },
        seen,
        filesystem: if is_foreign { FUSE } else { 0 },
        source,
        path,
        path_truncated: false,
        way: MappedBy::File,
    }
}

fn file(stat: &Statx) -> (u64, u64) {
    (makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino)
}

/// The dynamic linker, which exec maps: whatever lies where the kernel told the program to find it.
fn linker(process: &Path, mappings: &[maps::Mapping]) -> Option<(u32, u64)> {
    let base = base(&fs::read(process.join("auxv")).ok()?)?;
    let mapping = mappings.iter().find(|mapping| mapping.addresses.contains(&base))?;
    Some((mapping.device, mapping.inode))
}

/// `AT_BASE` of a 64-bit process.
fn base(vector: &[u8]) -> Option<u64> {
    let word = |bytes: &[u8]| bytes.try_into().map(u64::from_ne_bytes).ok();
    let entries = vector.chunks_exact(16);
    let mut entries = entries.filter_map(|entry| Some((word(&entry[..8])?, word(&entry[8..])?)));
    let mut entries = entries.by_ref().take_while(|(kind, _)| *kind != AT_NULL);
    entries.find(|(kind, _)| *kind == AT_BASE).map(|(_, address)| address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::OriginMark;
    use std::collections::BTreeSet;

    fn loader() -> Loader {
        Loader {
            pid: std::process::id(),
            uid: 0,
            cgroup_id: 1,
            container: 1,
            executions: vec![10],
            origin: OriginMark::Entrypoint,
        }
    }

    #[test]
    fn the_tests_own_libraries_are_found_and_neither_its_program_nor_the_linker() {
        let folder = Path::new("/proc/self");
        let mut layers = Layers::new(Path::new("/proc"));
        let found = read(folder, &loader(), &mut layers, 5, |_| true);
        let Libraries { told, unreadable } = found;
        if unreadable > 0 {
            return; // Without the right to follow the links of mappings there is nothing to see.
        }
        let paths: BTreeSet<String> = told
            .iter()
            .map(|mapping| String::from_utf8_lossy(&mapping.path).into_owned())
            .collect();
        assert!(paths.iter().any(|path| path.contains("libc.so")), "{paths:?}");
        assert_eq!(paths.len(), told.len(), "{paths:?}");
        let own = fs::read_link("/proc/self/exe").unwrap();
        assert!(!paths.contains(&own.to_string_lossy().into_owned()));
        assert!(!paths.iter().any(|path| path.contains("ld-linux")), "{paths:?}");
        let none = read(folder, &loader(), &mut layers, 5, |_| false);
        assert_eq!((none.told.len(), none.unreadable), (0, 0));
    }

    #[test]
    fn the_linkers_place_is_found_in_any_vector_or_none_is() {
        let words: Vec<u8> = [6, 4096, AT_BASE, 0x7f00, AT_NULL, 0, AT_BASE, 1]
            .iter()
            .flat_map(|word: &u64| word.to_ne_bytes())
            .collect();
        assert_eq!(base(&words), Some(0x7f00));
        assert_eq!(base(&words[..24]), None);
        assert_eq!(base(&words[32..]), None, "what is behind the end is none of it");
        assert_eq!(base(b""), None);
    }
}
