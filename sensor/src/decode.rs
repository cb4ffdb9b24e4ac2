//! Bytes of the ring buffer → [`RawEvent`]; a total function: any bytes give an event or an error.

mod arguments;
mod module;
pub mod network;

use anchorwatch_core::behaviour::CapabilitySet;
use anchorwatch_sensor_common::event::{
    ARGV_HEAD, ARGV_LIMIT, CgroupRecord, ExecRecord, FLAG_ARGV_TRUNCATED, FLAG_CAPS_UNKNOWN, FLAG_PATH_TRUNCATED,
    FLAG_RUNTIME_STAGE, FLAG_SCRIPT, FLAG_SETUID, FLAG_STDIN_SOCKET, FLAG_STDOUT_SOCKET, FLAG_TERMINAL, Header,
    KIND_CGROUP_CREATED, KIND_CGROUP_REMOVED, KIND_DNS, KIND_EXEC, KIND_FLOW, RECORD_ANCESTORS, SOURCE_DELETED,
    SOURCE_IMAGE, SOURCE_IMAGE_CHANGED, SOURCE_IMAGE_COPIED_UP, SOURCE_MEMORY, SOURCE_NONE, SOURCE_UNSUPPORTED,
    SOURCE_UPPER_NEW, SOURCE_UPPER_UNKNOWN, SOURCE_VOLUME,
};
use anchorwatch_sensor_common::filter::FilterFeed;
use anchorwatch_sensor_common::lineage::{ORIGIN_ENTRYPOINT, ORIGIN_OUTSIDE, ORIGIN_UNKNOWN};
use anchorwatch_sensor_common::module::{KIND_KERNEL_MODULE, KIND_MAPPING};
use anchorwatch_sensor_common::network::{DnsRecord, FlowRecord};
use std::mem::{offset_of, size_of};

pub use arguments::Arguments;
pub use module::{KernelModule, Loader, MappedBy, Mapping};
pub use network::{Dns, Flow, FlowKind, FlowProtocol};

/// What a kernel program reported, before anything is known about containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawEvent {
    Exec(Exec),
    Flow(Flow),
    Dns(Dns),
    /// A cgroup of the unified hierarchy was created; `path` begins with `/` and is the hierarchy's own.
    CgroupCreated {
        time_ns: u64,
        id: u64,
        path: Vec<u8>,
    },
    CgroupRemoved {
        time_ns: u64,
        id: u64,
    },
    /// A file was mapped executable.
    Mapping(Box<Mapping>),
    KernelModule(Box<KernelModule>),
}

/// A process replaced its program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, one flag of the record each"
)]
pub struct Exec {
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
    /// Process id in the host's namespace.
    pub pid: u32,
    /// Real user id in the host's namespace.
    pub uid: u32,
    /// Effective user id in the host's namespace.
    pub euid: u32,
    pub cgroup_id: u64,
    /// The registered container's cgroup that this one is or lies in; the cgroup's own if there is none.
    pub container: u64,
    /// What the kernel's filter knows it by, where it remembers it.
    pub key: Option<FilterKey>,
    /// How many equal executions the filter swallowed since the last one that was sent.
    pub repeats: u64,
    /// Unique over the life of the node's kernel, never 0.
    pub exec_id: u64,
    /// Exec ids, nearest first, at most four; empty at the container's boundary.
    pub ancestors: Vec<u64>,
    pub origin: OriginMark,
    pub source: FileSource,
    /// Which file it is, where the kernel shows it.
    pub file: Option<FileId>,
    /// Where the script came from, as far as that was seen: without trampolines, of one that was run through a descriptor
    /// (`/dev/fd/N`) alone.
    pub script_source: Option<FileSource>,
    /// The container runtime at work inside the container's cgroup, not the container itself.
    pub runtime_stage: bool,
    /// Absolute path in the process's mount namespace. A file in memory has none and shows its kernel name
    /// (`memfd:NAME`); one that is mounted nowhere (a container runtime's detached copy of itself) has an empty
    /// path. Where `path_truncated`, the tail of the path, without a leading `/`.
    pub executable: Vec<u8>,
    pub path_truncated: bool,
    /// The name that was given to `execve`; for a `#!` script the script's.
    pub filename: Vec<u8>,
    /// `filename` is a script (or a `binfmt_misc` file) that `executable` interprets.
    pub script: bool,
    /// Standard input is a socket of the network (IPv4 or IPv6).
    pub stdin_socket: bool,
    /// Standard output is one.
    pub stdout_socket: bool,
    /// The process has a controlling terminal.
    pub terminal: bool,
    /// The execution changed the effective user or group, by a mark of the file.
    pub setuid: bool,
    /// Capabilities that the execution gave beyond what any would have given, a bit each; `None` where this kernel does
    /// not show them.
    pub caps_gained: Option<u64>,
    pub argv: Arguments,
    /// Arguments are missing behind `argv`, whose last one may be cut.
    pub argv_truncated: bool,
    /// The last ones of those that are too long, the first of them cut; empty for others.
    pub argv_end: Arguments,
    /// Bytes of all arguments together, each with a NUL.
    pub argv_total: u32,
}

impl Exec {
    /// Capabilities that the execution gave; none where that is not known.
    pub fn gained(&self) -> CapabilitySet {
        CapabilitySet::from_bits(self.caps_gained.unwrap_or(0))
    }
}

/// A file as its own filesystem knows it: of an overlay's file the one below, in its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Device of the filesystem, as the kernel encodes it: 12 bits major, 20 bits minor.
    pub device: u32,
    /// Inode number, never 0.
    pub inode: u64,
}

impl FileId {
    /// `None` for inode 0, which no file has.
    pub fn new(device: u32, inode: u64) -> Option<Self> {
        (inode != 0).then_some(Self { device, inode })
    }

    /// `major:minor`, as in `/proc/PID/mountinfo`.
    pub fn device(self) -> String {
        format!("{}:{}", self.device >> 20, self.device & 0xf_ffff)
    }
}

/// What the kernel's first-seen filter knows an event by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FilterKey {
    pub feed: FilterFeed,
    pub hash: u64,
}

impl FilterKey {
    /// `None` for 0, by which nothing is remembered.
    pub fn new(feed: FilterFeed, hash: u64) -> Option<Self> {
        (hash != 0).then_some(Self { feed, hash })
    }
}

/// From where the process descends; inherited over fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OriginMark {
    /// From the container's first process.
    Entrypoint,
    /// From a process that was put into the container later, from outside.
    Outside,
    /// Predates the sensor, or was lost.
    Unknown,
}

/// Where an executed file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileSource {
    /// The image's own layers.
    Image,
    /// The image's, copied to the writable layer as it was (by `chmod` or `chown`).
    ImageCopiedUp,
    /// The image's, copied to the writable layer and changed there, with or without a name.
    ImageChanged,
    /// New in the writable layer, with or without a name there.
    UpperNew,
    /// In the writable layer; the kernel does not show whether it was the image's.
    UpperUnknown,
    /// Another filesystem than the container's root.
    Volume,
    /// Never had a name in a filesystem (memfd).
    Memory,
    /// Its last name is gone, and it is neither new in the writable layer nor changed there.
    Deleted,
    /// The root is no overlay filesystem, so layers cannot be told apart.
    Unsupported,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("record of {have} bytes is shorter than the {need} that its kind needs")]
    Short { have: usize, need: usize },
    #[error("record kind {0} is not known")]
    Kind(u32),
    #[error("record states {stated} bytes but has {have}")]
    Length { stated: u64, have: usize },
    #[error("{field} has the unknown value {value}")]
    Value { field: &'static str, value: u32 },
}

/// Decodes one record.
pub fn decode(bytes: &[u8]) -> Result<RawEvent, DecodeError> {
    let fixed = Fixed(bytes);
    need(bytes, size_of::<Header>())?;
    let stated = fixed.u32(offset_of!(Header, size));
    let time_ns = fixed.u64(offset_of!(Header, time_ns));
    match fixed.u32(offset_of!(Header, kind)) {
        KIND_EXEC => {
            need(bytes, size_of::<ExecRecord>())?;
            let record = whole(bytes, stated)?;
            exec(record, time_ns).map(RawEvent::Exec)
        }
        KIND_FLOW => {
            need(bytes, size_of::<FlowRecord>())?;
            network::flow(whole(bytes, stated)?, time_ns).map(RawEvent::Flow)
        }
        KIND_DNS => {
            need(bytes, size_of::<DnsRecord>())?;
            network::dns(whole(bytes, stated)?, time_ns).map(RawEvent::Dns)
        }
        kind @ (KIND_CGROUP_CREATED | KIND_CGROUP_REMOVED) => {
            need(bytes, size_of::<CgroupRecord>())?;
            let record = whole(bytes, stated)?;
            let (id, path) = cgroup(record)?;
            Ok(if kind == KIND_CGROUP_CREATED {
                RawEvent::CgroupCreated {
                    time_ns,
                    id,
                    path: path.to_vec(),
                }
            } else {
                RawEvent::CgroupRemoved { time_ns, id }
            })
        }
        KIND_MAPPING => Ok(RawEvent::Mapping(Box::new(module::mapping(
            whole(bytes, stated)?,
            time_ns,
        )?))),
        KIND_KERNEL_MODULE => {
            let module = module::kernel_module(whole(bytes, stated)?, time_ns)?;
            Ok(RawEvent::KernelModule(Box::new(module)))
        }
        kind => Err(DecodeError::Kind(kind)),
    }
}

/// The fixed part of a record, read by offset; its callers have checked the length.
struct Fixed<'a>(&'a [u8]);

impl Fixed<'_> {
    fn bytes<const N: usize>(&self, offset: usize) -> [u8; N] {
        let field = self.0.get(offset..).and_then(<[u8]>::first_chunk);
        field.copied().unwrap_or([0; N])
    }

    fn u32(&self, offset: usize) -> u32 {
        u32::from_ne_bytes(self.bytes(offset))
    }

    fn u64(&self, offset: usize) -> u64 {
        u64::from_ne_bytes(self.bytes(offset))
    }

    /// Exec ids up to the first gap: behind the container's boundary there is none.
    fn ids<const N: usize>(&self, offset: usize) -> Vec<u64> {
        (0..N)
            .map(|index| self.u64(offset + index * size_of::<u64>()))
            .take_while(|id| *id != 0)
            .collect()
    }
}

fn need(bytes: &[u8], need: usize) -> Result<(), DecodeError> {
    if bytes.len() < need {
        Err(DecodeError::Short {
            have: bytes.len(),
            need,
        })
    } else {
        Ok(())
    }
}

/// The record without the padding that a reader may have left behind it.
fn whole(bytes: &[u8], stated: u32) -> Result<&[u8], DecodeError> {
    let length = DecodeError::Length {
        stated: u64::from(stated),
        have: bytes.len(),
    };
    usize::try_from(stated)
        .ok()
        .and_then(|stated| bytes.get(..stated))
        .ok_or(length)
}

fn cgroup(record: &[u8]) -> Result<(u64, &[u8]), DecodeError> {
    need(record, size_of::<CgroupRecord>())?;
    let fixed = Fixed(record);
    let [path] = tail(
        record,
        size_of::<CgroupRecord>(),
        [fixed.u32(offset_of!(CgroupRecord, path_len))],
    )?;
    Ok((fixed.u64(offset_of!(CgroupRecord, id)), path))
}

fn exec(record: &[u8], time_ns: u64) -> Result<Exec, DecodeError> {
    need(record, size_of::<ExecRecord>())?;
    let fixed = Fixed(record);
    let lengths = [
        fixed.u32(offset_of!(ExecRecord, path_len)),
        fixed.u32(offset_of!(ExecRecord, filename_len)),
        fixed.u32(offset_of!(ExecRecord, argv_len)),
    ];
    let [path, filename, argv] = tail(record, size_of::<ExecRecord>(), lengths)?;
    let flags = fixed.u32(offset_of!(ExecRecord, flags));
    let flag = |bit: u32| flags & bit != 0;
    let source = source("source", fixed.u32(offset_of!(ExecRecord, source)))?;
    let source = source.ok_or(DecodeError::Value {
        field: "source",
        value: SOURCE_NONE,
    })?;
    let path_truncated = flag(FLAG_PATH_TRUNCATED);
    let argv_truncated = flag(FLAG_ARGV_TRUNCATED);
    let argv_total = fixed.u32(offset_of!(ExecRecord, argv_total));
    let (head, end) = head_and_end(argv, argv_total);
    Ok(Exec {
        time_ns,
        pid: fixed.u32(offset_of!(ExecRecord, pid)),
        uid: fixed.u32(offset_of!(ExecRecord, uid)),
        euid: fixed.u32(offset_of!(ExecRecord, euid)),
        cgroup_id: fixed.u64(offset_of!(ExecRecord, cgroup_id)),
        container: fixed.u64(offset_of!(ExecRecord, container)),
        key: FilterKey::new(FilterFeed::Process, fixed.u64(offset_of!(ExecRecord, key))),
        repeats: fixed.u64(offset_of!(ExecRecord, repeats)),
        exec_id: fixed.u64(offset_of!(ExecRecord, exec_id)),
        ancestors: fixed.ids::<RECORD_ANCESTORS>(offset_of!(ExecRecord, ancestors)),
        origin: origin(fixed.u32(offset_of!(ExecRecord, origin)))?,
        source,
        file: FileId::new(
            fixed.u32(offset_of!(ExecRecord, device)),
            fixed.u64(offset_of!(ExecRecord, inode)),
        ),
        script_source: script_source(&fixed)?,
        runtime_stage: flag(FLAG_RUNTIME_STAGE),
        executable: executable(path, source == FileSource::Memory, path_truncated),
        path_truncated,
        filename: filename.to_vec(),
        script: flag(FLAG_SCRIPT),
        stdin_socket: flag(FLAG_STDIN_SOCKET),
        stdout_socket: flag(FLAG_STDOUT_SOCKET),
        terminal: flag(FLAG_TERMINAL),
        setuid: flag(FLAG_SETUID),
        caps_gained: (!flag(FLAG_CAPS_UNKNOWN)).then(|| fixed.u64(offset_of!(ExecRecord, caps_gained))),
        argv: Arguments::of_block(head),
        argv_truncated,
        argv_end: Arguments::of_block(end),
        argv_total,
    })
}

/// Cuts the tail into its parts.
fn tail<const N: usize>(record: &[u8], start: usize, lengths: [u32; N]) -> Result<[&[u8]; N], DecodeError> {
    let stated = lengths
        .iter()
        .fold(start as u64, |sum, length| sum + u64::from(*length));
    let error = DecodeError::Length {
        stated,
        have: record.len(),
    };
    let mut rest = record.get(start..).ok_or(error)?;
    let mut parts = [&[][..]; N];
    for (part, length) in parts.iter_mut().zip(lengths) {
        let (head, behind) = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length))
            .ok_or(error)?;
        *part = head;
        rest = behind;
    }
    Ok(parts)
}

fn origin(value: u32) -> Result<OriginMark, DecodeError> {
    match value {
        ORIGIN_ENTRYPOINT => Ok(OriginMark::Entrypoint),
        ORIGIN_OUTSIDE => Ok(OriginMark::Outside),
        ORIGIN_UNKNOWN => Ok(OriginMark::Unknown),
        value => Err(DecodeError::Value { field: "origin", value }),
    }
}

fn script_source(fixed: &Fixed<'_>) -> Result<Option<FileSource>, DecodeError> {
    source("script_source", fixed.u32(offset_of!(ExecRecord, script_source)))
}

fn source(field: &'static str, value: u32) -> Result<Option<FileSource>, DecodeError> {
    let source = match value {
        SOURCE_NONE => return Ok(None),
        SOURCE_IMAGE => FileSource::Image,
        SOURCE_IMAGE_COPIED_UP => FileSource::ImageCopiedUp,
        SOURCE_IMAGE_CHANGED => FileSource::ImageChanged,
        SOURCE_UPPER_NEW => FileSource::UpperNew,
        SOURCE_UPPER_UNKNOWN => FileSource::UpperUnknown,
        SOURCE_VOLUME => FileSource::Volume,
        SOURCE_MEMORY => FileSource::Memory,
        SOURCE_DELETED => FileSource::Deleted,
        SOURCE_UNSUPPORTED => FileSource::Unsupported,
        value => return Err(DecodeError::Value { field, value }),
    };
    Ok(Some(source))
}

/// Components come leaf first; a path reads root first.
fn executable(components: &[u8], memory: bool, truncated: bool) -> Vec<u8> {
    let mut path = Vec::with_capacity(components.len() + 1);
    let parts = components.rsplit(|byte| *byte == 0).filter(|part| !part.is_empty());
    for part in parts {
        if !(path.is_empty() && (memory || truncated)) {
            path.push(b'/');
        }
        path.extend_from_slice(part);
    }
    path
}

/// Cuts the arguments of a block that was too long where its end begins.
fn head_and_end(argv: &[u8], total: u32) -> (&[u8], &[u8]) {
    if total as usize > ARGV_LIMIT {
        argv.split_at_checked(ARGV_HEAD).unwrap_or((argv, &[]))
    } else {
        (argv, &[])
    }
}

#[cfg(test)]
mod tests;
