//! Records of code that was loaded.

use super::{DecodeError, FileSource, FilterKey, Fixed, OriginMark, executable, need, origin, source, tail};
use anchorwatch_sensor_common::event::SOURCE_NONE;
use anchorwatch_sensor_common::filter::FilterFeed;
use anchorwatch_sensor_common::lineage::CARRIED_ANCESTORS;
use anchorwatch_sensor_common::module::{
    FileIdentity, KernelModuleRecord, Loader as LoaderRecord, MAPPING_BY_DESCRIPTOR, MAPPING_BY_PROTECTION,
    MAPPING_PATH_TRUNCATED, MODULE_BY_KERNEL_THREAD, MODULE_NAME_LIMIT, MappingRecord,
};
use std::mem::{offset_of, size_of};

/// `TAINT_FORCED_MODULE`, `TAINT_OOT_MODULE` and `TAINT_UNSIGNED_MODULE` (include/linux/panic.h): the kernel does not
/// take the module for one of its distribution's.
const FOREIGN: u32 = 1 << 1 | 1 << 12 | 1 << 13;

/// Who loaded code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loader {
    /// Process id in the host's namespace.
    pub pid: u32,
    /// Real user id in the host's namespace.
    pub uid: u32,
    pub cgroup_id: u64,
    /// Id of its container's own cgroup; the cgroup's own id where the container is not registered.
    pub container: u64,
    /// Ids of the executions that led to it, its own first, at most four; empty where nothing is known.
    pub executions: Vec<u64>,
    pub origin: OriginMark,
}

/// A file was mapped executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
    pub loader: Loader,
    pub key: Option<FilterKey>,
    /// How many equal ones were swallowed since the last one.
    pub repeats: u64,
    pub file: FileIdentity,
    /// Device and inode by which the process sees the file.
    pub seen: (u32, u64),
    /// Low half of its filesystem's magic number.
    pub filesystem: u32,
    pub source: FileSource,
    /// Absolute path in the process's mount namespace; as of an executable.
    pub path: Vec<u8>,
    pub path_truncated: bool,
    pub way: MappedBy,
}

/// How a mapping became executable, as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MappedBy {
    /// The file itself was mapped.
    File,
    /// A descriptor was given for mapping: the file is what it stood for a moment before.
    Descriptor,
    /// A mapping that was there was made executable.
    Protection,
}

/// A kernel module was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelModule {
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
    pub loader: Loader,
    pub name: Vec<u8>,
    /// On the kernel's own initiative.
    pub by_kernel: bool,
    /// The kernel takes it for one that was not made with it.
    pub foreign: bool,
}

pub(super) fn mapping(record: &[u8], time_ns: u64) -> Result<Mapping, DecodeError> {
    need(record, size_of::<MappingRecord>())?;
    let fixed = Fixed(record);
    let path_len = fixed.u32(offset_of!(MappingRecord, path_len));
    let [components] = tail(record, size_of::<MappingRecord>(), [path_len])?;
    let source = source("source", fixed.u32(offset_of!(MappingRecord, source)))?.ok_or(DecodeError::Value {
        field: "source",
        value: SOURCE_NONE,
    })?;
    let flags = fixed.u32(offset_of!(MappingRecord, flags));
    let path_truncated = flags & MAPPING_PATH_TRUNCATED != 0;
    Ok(Mapping {
        time_ns,
        loader: loader(&fixed, offset_of!(MappingRecord, loader))?,
        key: FilterKey::new(FilterFeed::Module, fixed.u64(offset_of!(MappingRecord, key))),
        repeats: fixed.u64(offset_of!(MappingRecord, repeats)),
        file: identity(&fixed, offset_of!(MappingRecord, file)),
        seen: (
            fixed.u32(offset_of!(MappingRecord, seen_device)),
            fixed.u64(offset_of!(MappingRecord, seen_inode)),
        ),
        filesystem: fixed.u32(offset_of!(MappingRecord, filesystem)),
        source,
        path: executable(components, source == FileSource::Memory, path_truncated),
        path_truncated,
        way: way(flags),
    })
}

pub(super) fn kernel_module(record: &[u8], time_ns: u64) -> Result<KernelModule, DecodeError> {
    need(record, size_of::<KernelModuleRecord>())?;
    let fixed = Fixed(record);
    let name_at = offset_of!(KernelModuleRecord, name);
    let name = record.get(name_at..name_at + MODULE_NAME_LIMIT).unwrap_or_default();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(KernelModule {
        time_ns,
        loader: loader(&fixed, offset_of!(KernelModuleRecord, loader))?,
        name: name.to_vec(),
        by_kernel: fixed.u32(offset_of!(KernelModuleRecord, flags)) & MODULE_BY_KERNEL_THREAD != 0,
        foreign: fixed.u32(offset_of!(KernelModuleRecord, taints)) & FOREIGN != 0,
    })
}

const fn way(flags: u32) -> MappedBy {
    if flags & MAPPING_BY_DESCRIPTOR != 0 {
        MappedBy::Descriptor
    } else if flags & MAPPING_BY_PROTECTION != 0 {
        MappedBy::Protection
    } else {
        MappedBy::File
    }
}

fn loader(fixed: &Fixed<'_>, at: usize) -> Result<Loader, DecodeError> {
    let ancestors = (0..CARRIED_ANCESTORS).map(|index| offset_of!(LoaderRecord, ancestors) + index * size_of::<u64>());
    let executions = std::iter::once(offset_of!(LoaderRecord, exec_id)).chain(ancestors);
    Ok(Loader {
        pid: fixed.u32(at + offset_of!(LoaderRecord, pid)),
        uid: fixed.u32(at + offset_of!(LoaderRecord, uid)),
        cgroup_id: fixed.u64(at + offset_of!(LoaderRecord, cgroup_id)),
        container: fixed.u64(at + offset_of!(LoaderRecord, container)),
        executions: executions
            .map(|offset| fixed.u64(at + offset))
            .take_while(|id| *id != 0)
            .collect(),
        origin: origin(fixed.u32(at + offset_of!(LoaderRecord, origin)))?,
    })
}

fn identity(fixed: &Fixed<'_>, at: usize) -> FileIdentity {
    FileIdentity {
        inode: fixed.u64(at + offset_of!(FileIdentity, inode)),
        size: fixed.u64(at + offset_of!(FileIdentity, size)),
        ctime_ns: fixed.u64(at + offset_of!(FileIdentity, ctime_ns)).cast_signed(),
        mtime_ns: fixed.u64(at + offset_of!(FileIdentity, mtime_ns)).cast_signed(),
        device: fixed.u32(at + offset_of!(FileIdentity, device)),
        generation: fixed.u32(at + offset_of!(FileIdentity, generation)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{RawEvent, decode};
    use anchorwatch_sensor_common::event::{Header, SOURCE_IMAGE};
    use anchorwatch_sensor_common::lineage::ORIGIN_OUTSIDE;
    use anchorwatch_sensor_common::module::{KIND_KERNEL_MODULE, KIND_MAPPING};
    use proptest::prelude::*;

    /// A record of zeros with these fields set.
    fn record(kind: u32, size: usize, fields: &[(usize, &[u8])], tail: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; size];
        let stated = u32::try_from(size + tail.len()).unwrap();
        let all = fields.iter().copied();
        for (at, field) in all.chain([
            (offset_of!(Header, kind), &kind.to_ne_bytes()[..]),
            (offset_of!(Header, size), &stated.to_ne_bytes()[..]),
        ]) {
            bytes[at..at + field.len()].copy_from_slice(field);
        }
        bytes.extend(tail);
        bytes
    }

    fn mapped() -> Vec<u8> {
        let loader = offset_of!(MappingRecord, loader);
        let file = offset_of!(MappingRecord, file);
        let fields: [(usize, &[u8]); 9] = [
            (loader + offset_of!(LoaderRecord, exec_id), &7u64.to_ne_bytes()),
            (loader + offset_of!(LoaderRecord, ancestors), &6u64.to_ne_bytes()),
            (loader + offset_of!(LoaderRecord, pid), &42u32.to_ne_bytes()),
            (loader + offset_of!(LoaderRecord, origin), &ORIGIN_OUTSIDE.to_ne_bytes()),
            (file + offset_of!(FileIdentity, ctime_ns), &(-5i64).to_ne_bytes()),
            (offset_of!(MappingRecord, key), &9u64.to_ne_bytes()),
            (offset_of!(MappingRecord, source), &SOURCE_IMAGE.to_ne_bytes()),
            (offset_of!(MappingRecord, flags), &MAPPING_BY_DESCRIPTOR.to_ne_bytes()),
            (offset_of!(MappingRecord, path_len), &11u32.to_ne_bytes()),
        ];
        record(KIND_MAPPING, size_of::<MappingRecord>(), &fields, b"x.so\0usr\0l\0")
    }

    #[test]
    fn a_mapping_is_read_with_its_file_and_who_mapped_it() {
        let Ok(RawEvent::Mapping(mapping)) = decode(&mapped()) else {
            panic!("no mapping");
        };
        let expected = Mapping {
            time_ns: 0,
            loader: Loader {
                pid: 42,
                uid: 0,
                cgroup_id: 0,
                container: 0,
                executions: vec![7, 6],
                origin: OriginMark::Outside,
            },
            key: FilterKey::new(FilterFeed::Module, 9),
            repeats: 0,
            file: FileIdentity {
                inode: 0,
                size: 0,
                ctime_ns: -5,
                mtime_ns: 0,
                device: 0,
                generation: 0,
            },
            seen: (0, 0),
            filesystem: 0,
            source: FileSource::Image,
            path: b"/l/usr/x.so".to_vec(),
            path_truncated: false,
            way: MappedBy::Descriptor,
        };
        assert_eq!(*mapping, expected);
    }

    #[test]
    fn a_kernel_modules_name_ends_at_its_nul_or_with_its_field() {
        let name_at = offset_of!(KernelModuleRecord, name);
        let size = size_of::<KernelModuleRecord>();
        let taints = (1u32 << 12).to_ne_bytes();
        let fields: [(usize, &[u8]); 2] = [
            (name_at, b"dummy\0rest"),
            (offset_of!(KernelModuleRecord, taints), &taints),
        ];
        let Ok(RawEvent::KernelModule(module)) = decode(&record(KIND_KERNEL_MODULE, size, &fields, b"")) else {
            panic!("no kernel module");
        };
        assert_eq!(
            (module.name.as_slice(), module.foreign, module.by_kernel),
            (&b"dummy"[..], true, false)
        );
        let whole = [b'a'; MODULE_NAME_LIMIT];
        let Ok(RawEvent::KernelModule(module)) = decode(&record(KIND_KERNEL_MODULE, size, &[(name_at, &whole)], b""))
        else {
            panic!("no kernel module");
        };
        assert_eq!(module.name, whole);
    }

    proptest! {
        #[test]
        fn no_record_makes_it_panic(at in 0usize..190, bytes in proptest::collection::vec(any::<u8>(), 1..9), cut in 0usize..190) {
            let mut record = mapped();
            for (offset, byte) in bytes.into_iter().enumerate() {
                if let Some(place) = record.get_mut(at + offset) {
                    *place = byte;
                }
            }
            record.truncate(cut);
            let _any = decode(&record);
        }
    }
}
