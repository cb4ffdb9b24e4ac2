//! The file that a kernel module was probably loaded from: the kernel knows its name alone.

use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// Most bytes of `modules.dep` that are read; Debian's has 700 KiB.
const MAX_LIST: u64 = 16 << 20;

/// The module's file below the folder of the running kernel's modules, as `modules.dep` lists it.
pub fn file(folder: &Path, name: &str) -> Option<PathBuf> {
    let list = std::fs::File::open(folder.join("modules.dep")).ok()?;
    let lines = BufReader::new(list.take(MAX_LIST)).split(b'\n');
    lines.map_while(Result::ok).find_map(|line| {
        let line = String::from_utf8(line).ok()?;
        let (path, _needs) = line.split_once(':')?;
        let path = Path::new(path);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        (inside && module_name(path).as_deref() == Some(name)).then(|| folder.join(path))
    })
}

/// As the kernel names it: without endings, `-` written as `_`.
fn module_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let (stem, _compression) = name.split_once(".ko")?;
    Some(stem.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modules_file_is_found_by_the_kernels_name_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let list =
            "kernel/fs/x.ko.xz: kernel/lib/y.ko\nkernel/net/nf-dup.ko.zst:\n../evil.ko:\n/etc/abs.ko:\nkernel/y.ko:\n";
        std::fs::write(folder.path().join("modules.dep"), list).unwrap();
        let found = |name| file(folder.path(), name);
        assert_eq!(found("x"), Some(folder.path().join("kernel/fs/x.ko.xz")));
        assert_eq!(found("nf_dup"), Some(folder.path().join("kernel/net/nf-dup.ko.zst")));
        assert_eq!(found("y"), Some(folder.path().join("kernel/y.ko")));
        assert_eq!(
            ["evil", "abs", "nf-dup", "absent", ""].map(found),
            [None, None, None, None, None]
        );
    }

    #[test]
    fn without_a_list_there_is_no_file() {
        assert_eq!(file(Path::new("/nonexistent"), "x"), None);
    }
}
