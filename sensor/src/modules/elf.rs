//! The build-id that a linker left in a file: names a build, proves nothing.

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64, NT_GNU_BUILD_ID};
use object::read::elf::{FileHeader, ProgramHeader};

/// How much of a file's beginning is looked at: linkers put the note right behind the headers.
pub const HEAD: usize = 64 << 10;

/// Most bytes of a build-id: SHA-512's, the longest that linkers offer.
const MAX_ID: usize = 64;

/// The build-id of a file that begins so, as lower-case hex.
pub fn build_id(head: &[u8]) -> Option<String> {
    let head = head.get(..HEAD).unwrap_or(head);
    let id = match head.get(4)? {
        1 => note::<FileHeader32<Endianness>>(head),
        2 => note::<FileHeader64<Endianness>>(head),
        _ => None,
    }?;
    (!id.is_empty() && id.len() <= MAX_ID).then(|| hex::encode(id))
}

/// Whatever the file says of itself, the parser stays inside `head`.
fn note<Elf: FileHeader<Endian = Endianness>>(head: &[u8]) -> Option<&[u8]> {
    let header = Elf::parse(head).ok()?;
    let endian = header.endian().ok()?;
    for segment in header.program_headers(endian, head).ok()? {
        let Ok(Some(mut notes)) = segment.notes(endian, head) else {
            continue;
        };
        while let Ok(Some(note)) = notes.next() {
            if note.name() == b"GNU" && note.n_type(endian) == NT_GNU_BUILD_ID {
                return Some(note.desc());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A 64-bit file with one note, or with what a test makes of it.
    fn elf(id: &[u8]) -> Vec<u8> {
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        file.resize(16, 0);
        file.extend([3, 0, 62, 0, 1, 0, 0, 0]);
        file.extend([0u8; 8]);
        file.extend(64u64.to_le_bytes());
        file.extend([0u8; 8]);
        file.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
        let size = 16 + id.len() as u64;
        let (kind, flags, at) = (4u32.to_le_bytes(), 4u32.to_le_bytes(), 120u64.to_le_bytes());
        file.extend(kind.into_iter().chain(flags).chain(at));
        for field in [at, at, size.to_le_bytes(), size.to_le_bytes(), 4u64.to_le_bytes()] {
            file.extend(field);
        }
        file.extend(4u32.to_le_bytes());
        file.extend(u32::try_from(id.len()).unwrap().to_le_bytes());
        file.extend(3u32.to_le_bytes());
        file.extend(b"GNU\0");
        file.extend(id);
        file
    }

    #[test]
    fn the_note_of_a_file_is_found() {
        assert_eq!(build_id(&elf(&[0xab, 0x01, 0xff, 0])), Some("ab01ff00".to_owned()));
    }

    #[test]
    fn our_own_programs_build_id_is_found_where_the_linker_left_one() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let id = build_id(&own);
        assert!(id.is_none_or(|id| id.len() >= 16));
    }

    #[test]
    fn an_id_that_is_too_long_or_empty_is_none() {
        assert_eq!(build_id(&elf(&[1; 65 + 3])), None);
        assert_eq!(build_id(&elf(&[])), None);
    }

    #[test]
    fn what_is_no_elf_has_none() {
        assert_eq!(build_id(b""), None);
        assert_eq!(build_id(b"#!/bin/sh\n"), None);
        assert_eq!(build_id(&[0x7f, b'E', b'L', b'F', 2]), None);
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(position in 0usize..150, bytes in proptest::collection::vec(any::<u8>(), 1..16), cut in 0usize..160) {
            let mut file = elf(&[7; 20]);
            for (offset, byte) in bytes.into_iter().enumerate() {
                if let Some(place) = file.get_mut(position + offset) {
                    *place = byte;
                }
            }
            file.truncate(cut.max(5));
            let _any = build_id(&file);
        }
    }
}
