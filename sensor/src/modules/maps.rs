//! The mappings of a process, as `/proc/PID/maps` lists them.

use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

/// Most lines that are looked at: what `vm.max_map_count` allows by default.
const MAX_LINES: usize = 65_536;
/// Most bytes of a line; a path has at most 4,096, each of which `maps` may write as four.
const MAX_LINE: u64 = 32 << 10;

/// A mapping of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub addresses: Range<u64>,
    pub executable: bool,
    /// As the kernel encodes a device: 12 bits major, 20 bits minor.
    pub device: u32,
    pub inode: u64,
}

/// The executable mappings of files in a listing.
pub fn executable(listing: impl Read) -> Vec<Mapping> {
    let mut found = files(listing);
    found.retain(|mapping| mapping.executable);
    found
}

/// The mappings of files in a listing; what cannot be read ends it.
pub fn files(listing: impl Read) -> Vec<Mapping> {
    let mut reader = BufReader::new(listing);
    let mut found = Vec::new();
    let mut line = Vec::new();
    for _ in 0..MAX_LINES {
        line.clear();
        match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(1..) => found.extend(mapping(&line)),
            Ok(0) | Err(_) => break,
        }
    }
    found
}

/// As in `7f0c-7f0d r-xp 00002000 08:12 39321752    /usr/bin/cat`.
fn mapping(line: &[u8]) -> Option<Mapping> {
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let rights = words.next()?;
    let _offset = words.next()?;
    let (major, minor) = words.next()?.split_once(':')?;
    let inode: u64 = words.next()?.parse().ok()?;
    if inode == 0 {
        return None;
    }
    Some(Mapping {
        addresses: hex(start)?..hex(end)?,
        executable: rights.contains('x'),
        device: device(hex(major)?, hex(minor)?)?,
        inode,
    })
}

fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

/// `MKDEV` (`include/linux/kdev_t.h`).
fn device(major: u64, minor: u64) -> Option<u32> {
    u32::try_from(major << 20 | minor).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\
55d0-55d1 r--p 00000000 fd:01 12 /usr/bin/cat
55d1-55d2 r-xp 00001000 fd:01 12 /usr/bin/cat
7f00-7f01 rwxp 00000000 00:00 0
7f01-7f02 r-xs 00000000 00:2a 77                         /tmp/a b (deleted)
7ffd-7ffe r-xp 00000000 00:00 0                          [vdso]
";

    #[test]
    fn executable_mappings_of_files_are_found() {
        let expected = [
            Mapping {
                addresses: 0x55d1..0x55d2,
                executable: true,
                device: 0xfd << 20 | 1,
                inode: 12,
            },
            Mapping {
                addresses: 0x7f01..0x7f02,
                executable: true,
                device: 0x2a,
                inode: 77,
            },
        ];
        assert_eq!(executable(LISTING.as_bytes()), expected);
        assert_eq!(files(LISTING.as_bytes()).len(), 3);
    }

    #[test]
    fn a_line_that_is_no_mapping_is_passed_over() {
        let listing = "\n-\nx-y r-xp 0 1:1 1\n1-2 r-xp\n1-2 r-xp 0 fffffffff:1 5\n3-4 r-xp 0 1:1 9\n";
        let found = executable(listing.as_bytes());
        assert_eq!(found.iter().map(|mapping| mapping.inode).collect::<Vec<_>>(), [9]);
    }

    #[test]
    fn the_tests_own_program_is_mapped() {
        let found = executable(std::fs::File::open("/proc/self/maps").unwrap());
        assert!(!found.is_empty());
    }
}
