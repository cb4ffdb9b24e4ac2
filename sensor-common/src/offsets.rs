//! The fields of kernel structures that the programs read: one table from which user space resolves offsets
//! in the running kernel's BTF, and which the programs index.

/// A field of a kernel structure; its value indexes the global `OFFSETS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // each is named after the path in FIELDS
pub enum Field {
    TaskFs = 0,
    TaskNsproxy,
    TaskMm,
    TaskSignal,
    TaskPid,
    TaskTgid,
    TaskGroupLeader,
    TaskStartBoottime,
    TaskFiles,
    SignalLive,
    NsproxyMntNs,
    MntNamespaceInum,
    MmArgStart,
    MmArgEnd,
    FsRootMnt,
    BinprmFile,
    BinprmFilename,
    BinprmInterp,
    FilePathMnt,
    FilePathDentry,
    FileInode,
    DentryParent,
    DentryName,
    DentryHashPprev,
    MountMnt,
    MountParent,
    MountMountpoint,
    VfsmountRoot,
    VfsmountSb,
    InodeNlink,
    InodeSb,
    InodeMode,
    SuperBlockMagic,
    CgroupKn,
    CgroupRoot,
    CgroupRootHierarchyId,
    KernfsNodeId,
    FilesFdt,
    FdtableMaxFds,
    FdtableFd,
    SocketAllocVfsInode,
    SocketAllocSk,
    SockFamily,
    SockProtocol,
    SockUserlocks,
    SockLocalPort,
    SockRemotePort,
    SockLocalV4,
    SockRemoteV4,
    SockLocalV6,
    SockRemoteV6,
    SockNet,
    SockCookie,
    NetInum,
    TcpBytesSent,
    TcpBytesRetransmitted,
    OvlVfsInode,
    OvlUpperDentry,
    OvlEntry,
    OvlEntryNumlower,
    OvlLowerPathDentry,
    TaskCred,
    CredEuid,
    CredCapEffective,
    CredCapAmbient,
    SignalTty,
    BinprmSecureexec,
    CgroupSelf,
    CgroupSelfParent,
    OvlEntryLowerstack,
    OvlPathDentry,
    DentryInode,
    InodeIno,
    InodeGeneration,
    InodeSize,
    InodeCtimeSec,
    InodeCtimeNsec,
    InodeMtimeSec,
    InodeMtimeNsec,
    SuperBlockDev,
    MmExeFile,
    MmEndCode,
    TaskPersonality,
    TaskFlags,
    VmaFile,
    VmaFlags,
    BackingUserMnt,
    BackingUserDentry,
    TaskRealParent,
    ModuleName,
    ModuleTaints,
    BinprmBuf,
}

/// Whether the programs can do without a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Without it the process feed cannot be had.
    Required,
    /// Without it files of the writable layer of an overlay filesystem are not told apart.
    OverlayLayers,
    /// Without it, and without [`Need::OverlayLowerPath`], a file in the writable layer reads as
    /// [`crate::event::SOURCE_UPPER_UNKNOWN`].
    OverlayOrigin,
    /// The same, as kernels before 6.5 have it.
    OverlayLowerPath,
    /// Without it neither a script that is run through a descriptor is looked at nor standard input.
    ScriptDescriptor,
    /// Without it a script's own file is not looked at before its interpreter takes its place.
    Scripts,
    /// Without it neither listeners are seen nor what becomes of connections.
    Sockets,
    /// Without it IPv6 is not looked for in sockets: the kernel was built without.
    SocketsV6,
    /// Without it capabilities and identities that an execution gains are not told.
    Privileges,
    /// Without it a file of an overlay filesystem's lower layer is known by the overlay's inode alone, which is
    /// another one in each container.
    OverlayLowerInode,
    /// Of no field alone: without it a file of the image that was changed in the writable layer is not told from one that
    /// was copied up as it was. It takes an origin, the file below, and by what content is told (of [`Need::Mappings`]).
    OverlayChanges,
    /// Without it the module feed cannot be had.
    Mappings,
    /// Without it a mapping of an overlay filesystem's file, seen by itself, shows the file below.
    BackingFile,
    /// Without it mappings that become executable afterwards are not seen.
    Protections,
    /// Without it kernel modules are not seen: the kernel has none.
    KernelModules,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// The field.
    pub field: Field,
    /// `structure.member.member…` in BTF names; anonymous members are transparent. Where kernels differ, several
    /// of them with `|` between, of which the first that exists counts.
    pub path: &'static str,
    /// What is lost without it.
    pub need: Need,
    /// Whether the offset counts bits instead of bytes: a bit field.
    pub in_bits: bool,
}

/// Stands in `OFFSETS` for a field that this kernel does not have.
pub const ABSENT: u32 = u32::MAX;

const fn required(field: Field, path: &'static str) -> FieldSpec {
    FieldSpec {
        field,
        path,
        need: Need::Required,
        in_bits: false,
    }
}

const fn optional(field: Field, path: &'static str, need: Need) -> FieldSpec {
    FieldSpec {
        field,
        path,
        need,
        in_bits: false,
    }
}

const fn bits(field: Field, path: &'static str, need: Need) -> FieldSpec {
    FieldSpec {
        field,
        path,
        need,
        in_bits: true,
    }
}

/// How many fields there are.
pub const FIELD_COUNT: usize = 92;

/// Every field, in the order of [`Field`].
pub const FIELDS: [FieldSpec; FIELD_COUNT] = [
    required(Field::TaskFs, "task_struct.fs"),
    required(Field::TaskNsproxy, "task_struct.nsproxy"),
    required(Field::TaskMm, "task_struct.mm"),
    required(Field::TaskSignal, "task_struct.signal"),
    required(Field::TaskPid, "task_struct.pid"),
    required(Field::TaskTgid, "task_struct.tgid"),
    required(Field::TaskGroupLeader, "task_struct.group_leader"),
    required(Field::TaskStartBoottime, "task_struct.start_boottime"),
    optional(Field::TaskFiles, "task_struct.files", Need::ScriptDescriptor),
    required(Field::SignalLive, "signal_struct.live"),
    required(Field::NsproxyMntNs, "nsproxy.mnt_ns"),
    required(Field::MntNamespaceInum, "mnt_namespace.ns.inum"),
    required(Field::MmArgStart, "mm_struct.arg_start"),
    required(Field::MmArgEnd, "mm_struct.arg_end"),
    required(Field::FsRootMnt, "fs_struct.root.mnt"),
    required(Field::BinprmFile, "linux_binprm.file"),
    required(Field::BinprmFilename, "linux_binprm.filename"),
    required(Field::BinprmInterp, "linux_binprm.interp"),
    required(Field::FilePathMnt, "file.f_path.mnt"),
    required(Field::FilePathDentry, "file.f_path.dentry"),
    required(Field::FileInode, "file.f_inode"),
    required(Field::DentryParent, "dentry.d_parent"),
    required(Field::DentryName, "dentry.d_name.name"),
    required(Field::DentryHashPprev, "dentry.d_hash.pprev"),
    required(Field::MountMnt, "mount.mnt"),
    required(Field::MountParent, "mount.mnt_parent"),
    required(Field::MountMountpoint, "mount.mnt_mountpoint"),
    required(Field::VfsmountRoot, "vfsmount.mnt_root"),
    required(Field::VfsmountSb, "vfsmount.mnt_sb"),
    required(Field::InodeNlink, "inode.i_nlink"),
    required(Field::InodeSb, "inode.i_sb"),
    required(Field::InodeMode, "inode.i_mode"),
    required(Field::SuperBlockMagic, "super_block.s_magic"),
    required(Field::CgroupKn, "cgroup.kn"),
    required(Field::CgroupRoot, "cgroup.root"),
    required(Field::CgroupRootHierarchyId, "cgroup_root.hierarchy_id"),
    required(Field::KernfsNodeId, "kernfs_node.id"),
    optional(Field::FilesFdt, "files_struct.fdt", Need::ScriptDescriptor),
    optional(Field::FdtableMaxFds, "fdtable.max_fds", Need::ScriptDescriptor),
    optional(Field::FdtableFd, "fdtable.fd", Need::ScriptDescriptor),
    required(Field::SocketAllocVfsInode, "socket_alloc.vfs_inode"),
    required(Field::SocketAllocSk, "socket_alloc.socket.sk"),
    required(Field::SockFamily, "sock.__sk_common.skc_family"),
    optional(Field::SockProtocol, "sock.sk_protocol", Need::Sockets),
    bits(Field::SockUserlocks, "sock.sk_userlocks", Need::Sockets),
    optional(Field::SockLocalPort, "sock.__sk_common.skc_num", Need::Sockets),
    optional(Field::SockRemotePort, "sock.__sk_common.skc_dport", Need::Sockets),
    optional(Field::SockLocalV4, "sock.__sk_common.skc_rcv_saddr", Need::Sockets),
    optional(Field::SockRemoteV4, "sock.__sk_common.skc_daddr", Need::Sockets),
    optional(Field::SockLocalV6, "sock.__sk_common.skc_v6_rcv_saddr", Need::SocketsV6),
    optional(Field::SockRemoteV6, "sock.__sk_common.skc_v6_daddr", Need::SocketsV6),
    optional(Field::SockNet, "sock.__sk_common.skc_net.net", Need::Sockets),
    optional(Field::SockCookie, "sock.__sk_common.skc_cookie", Need::Sockets),
    optional(Field::NetInum, "net.ns.inum", Need::Sockets),
    optional(Field::TcpBytesSent, "tcp_sock.bytes_sent", Need::Sockets),
    optional(Field::TcpBytesRetransmitted, "tcp_sock.bytes_retrans", Need::Sockets),
    optional(Field::OvlVfsInode, "ovl_inode.vfs_inode", Need::OverlayLayers),
    optional(Field::OvlUpperDentry, "ovl_inode.__upperdentry", Need::OverlayLayers),
    optional(Field::OvlEntry, "ovl_inode.oe", Need::OverlayOrigin),
    optional(Field::OvlEntryNumlower, "ovl_entry.__numlower", Need::OverlayOrigin),
    optional(
        Field::OvlLowerPathDentry,
        "ovl_inode.lowerpath.dentry",
        Need::OverlayLowerPath,
    ),
    required(Field::TaskCred, "task_struct.cred"),
    required(Field::CredEuid, "cred.euid"),
    required(Field::CredCapEffective, "cred.cap_effective"),
    required(Field::CredCapAmbient, "cred.cap_ambient"),
    required(Field::SignalTty, "signal_struct.tty"),
    bits(Field::BinprmSecureexec, "linux_binprm.secureexec", Need::Privileges),
    required(Field::CgroupSelf, "cgroup.self"),
    required(Field::CgroupSelfParent, "cgroup.self.parent"),
    optional(
        Field::OvlEntryLowerstack,
        "ovl_entry.__lowerstack",
        Need::OverlayLowerInode,
    ),
    optional(Field::OvlPathDentry, "ovl_path.dentry", Need::OverlayLowerInode),
    optional(Field::DentryInode, "dentry.d_inode", Need::Mappings),
    optional(Field::InodeIno, "inode.i_ino", Need::Mappings),
    optional(Field::InodeGeneration, "inode.i_generation", Need::Mappings),
    optional(Field::InodeSize, "inode.i_size", Need::Mappings),
    // From 6.11, from 6.6, and before.
    optional(
        Field::InodeCtimeSec,
        "inode.i_ctime_sec|inode.__i_ctime.tv_sec|inode.i_ctime.tv_sec",
        Need::Mappings,
    ),
    optional(
        Field::InodeCtimeNsec,
        "inode.i_ctime_nsec|inode.__i_ctime.tv_nsec|inode.i_ctime.tv_nsec",
        Need::Mappings,
    ),
    optional(
        Field::InodeMtimeSec,
        "inode.i_mtime_sec|inode.__i_mtime.tv_sec|inode.i_mtime.tv_sec",
        Need::Mappings,
    ),
    optional(
        Field::InodeMtimeNsec,
        "inode.i_mtime_nsec|inode.__i_mtime.tv_nsec|inode.i_mtime.tv_nsec",
        Need::Mappings,
    ),
    optional(Field::SuperBlockDev, "super_block.s_dev", Need::Mappings),
    optional(Field::MmExeFile, "mm_struct.exe_file", Need::Mappings),
    optional(Field::MmEndCode, "mm_struct.end_code", Need::Mappings),
    optional(Field::TaskPersonality, "task_struct.personality", Need::Mappings),
    optional(Field::TaskFlags, "task_struct.flags", Need::KernelModules),
    optional(Field::VmaFile, "vm_area_struct.vm_file", Need::Protections),
    optional(Field::VmaFlags, "vm_area_struct.vm_flags", Need::Protections),
    // From 6.8; before, a mapping's file has the path that the process used.
    optional(Field::BackingUserMnt, "backing_file.user_path.mnt", Need::BackingFile),
    optional(
        Field::BackingUserDentry,
        "backing_file.user_path.dentry",
        Need::BackingFile,
    ),
    optional(Field::TaskRealParent, "task_struct.real_parent", Need::KernelModules),
    optional(Field::ModuleName, "module.name", Need::KernelModules),
    optional(Field::ModuleTaints, "module.taints", Need::KernelModules),
    optional(Field::BinprmBuf, "linux_binprm.buf", Need::Scripts),
];

const _: () = {
    let mut index = 0;
    while index < FIELD_COUNT {
        assert!(FIELDS[index].field as usize == index);
        index += 1;
    }
};
