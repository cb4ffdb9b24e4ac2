//! The smallest program there is: it needs no loader and no library, so it runs in any root.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Bytes of an ELF file whose only code is `exit(0)`.
#[cfg(target_arch = "x86_64")]
pub fn bytes() -> Vec<u8> {
    // mov eax, 60; xor edi, edi; syscall
    elf(&[0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05])
}

/// The same with `pause()`: it runs until it is killed.
#[cfg(target_arch = "x86_64")]
pub fn waiting_bytes() -> Vec<u8> {
    // mov eax, 34; syscall
    elf(&[0xb8, 34, 0, 0, 0, 0x0f, 0x05])
}

#[cfg(target_arch = "x86_64")]
fn elf(code: &[u8]) -> Vec<u8> {
    const ADDRESS: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let size = HEADERS + code.len() as u64;
    let mut elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]); // executable, x86-64, version 1
    for word in [ADDRESS + HEADERS, 64, 0] {
        elf.extend(u64::to_le_bytes(word)); // entry, program headers, section headers
    }
    elf.extend([0; 4]);
    for half in [64u16, 56, 1, 0, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    elf.extend([1, 0, 0, 0, 5, 0, 0, 0]); // load, readable and executable
    for word in [0, ADDRESS, ADDRESS, size, size, 0x1000] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(code);
    elf
}

/// Writes the program to a file that may be executed.
pub fn write(path: &Path) {
    fs::write(path, bytes()).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// Writes the program that runs until it is killed.
pub fn write_waiting(path: &Path) {
    fs::write(path, waiting_bytes()).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}
