use super::*;
use anchorwatch_sensor_common::event::FILENAME_LIMIT;
use proptest::prelude::*;

/// Lays a record out as the exec program does.
fn exec_bytes(event: &Exec) -> Vec<u8> {
    let mut path = Vec::new();
    for part in event
        .executable
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty())
        .rev()
    {
        path.extend_from_slice(part);
        path.push(0);
    }
    let argv: Vec<u8> = event
        .argv
        .iter()
        .flat_map(|argument| argument.iter().copied().chain([0]))
        .collect();
    let mut bytes = vec![0; size_of::<ExecRecord>()];
    let mut put = |offset: usize, value: &[u8]| bytes[offset..offset + value.len()].copy_from_slice(value);
    let size = size_of::<ExecRecord>() + path.len() + event.filename.len() + argv.len();
    let flag = |set: bool, bit: u32| if set { bit } else { 0 };
    let flags = flag(event.argv_truncated, FLAG_ARGV_TRUNCATED)
        | flag(event.runtime_stage, FLAG_RUNTIME_STAGE)
        | flag(event.path_truncated, FLAG_PATH_TRUNCATED)
        | flag(event.script, FLAG_SCRIPT)
        | flag(event.stdin_socket, FLAG_STDIN_SOCKET)
        | flag(event.stdout_socket, FLAG_STDOUT_SOCKET)
        | flag(event.terminal, FLAG_TERMINAL)
        | flag(event.setuid, FLAG_SETUID)
        | flag(event.caps_gained.is_none(), FLAG_CAPS_UNKNOWN);
    put(offset_of!(Header, kind), &KIND_EXEC.to_ne_bytes());
    put(offset_of!(Header, size), &u32::try_from(size).unwrap().to_ne_bytes());
    put(offset_of!(Header, time_ns), &event.time_ns.to_ne_bytes());
    put(offset_of!(ExecRecord, cgroup_id), &event.cgroup_id.to_ne_bytes());
    put(offset_of!(ExecRecord, container), &event.container.to_ne_bytes());
    put(
        offset_of!(ExecRecord, key),
        &event.key.map_or(0, |key| key.hash).to_ne_bytes(),
    );
    put(offset_of!(ExecRecord, repeats), &event.repeats.to_ne_bytes());
    put(offset_of!(ExecRecord, argv_total), &event.argv_total.to_ne_bytes());
    put(
        offset_of!(ExecRecord, caps_gained),
        &event.caps_gained.unwrap_or_default().to_ne_bytes(),
    );
    put(offset_of!(ExecRecord, euid), &event.euid.to_ne_bytes());
    put(offset_of!(ExecRecord, exec_id), &event.exec_id.to_ne_bytes());
    for (index, id) in event.ancestors.iter().enumerate() {
        put(offset_of!(ExecRecord, ancestors) + 8 * index, &id.to_ne_bytes());
    }
    let file = event.file.map_or((0, 0), |file| (file.device, file.inode));
    put(offset_of!(ExecRecord, device), &file.0.to_ne_bytes());
    put(offset_of!(ExecRecord, inode), &file.1.to_ne_bytes());
    put(offset_of!(ExecRecord, pid), &event.pid.to_ne_bytes());
    put(offset_of!(ExecRecord, uid), &event.uid.to_ne_bytes());
    put(offset_of!(ExecRecord, origin), &ORIGIN_OUTSIDE.to_ne_bytes());
    put(offset_of!(ExecRecord, source), &SOURCE_IMAGE_COPIED_UP.to_ne_bytes());
    put(offset_of!(ExecRecord, flags), &flags.to_ne_bytes());
    put(
        offset_of!(ExecRecord, path_len),
        &u32::try_from(path.len()).unwrap().to_ne_bytes(),
    );
    put(
        offset_of!(ExecRecord, filename_len),
        &u32::try_from(event.filename.len()).unwrap().to_ne_bytes(),
    );
    put(
        offset_of!(ExecRecord, argv_len),
        &u32::try_from(argv.len()).unwrap().to_ne_bytes(),
    );
    bytes.extend(path);
    bytes.extend_from_slice(&event.filename);
    bytes.extend(argv);
    bytes
}

fn cgroup_bytes(kind: u32, time_ns: u64, id: u64, path: &[u8]) -> Vec<u8> {
    let size = u32::try_from(size_of::<CgroupRecord>() + path.len()).unwrap();
    let mut bytes = Vec::new();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(size.to_ne_bytes());
    bytes.extend(time_ns.to_ne_bytes());
    bytes.extend(id.to_ne_bytes());
    bytes.extend(u32::try_from(path.len()).unwrap().to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(path);
    bytes
}

prop_compose! {
    fn exec_event()(
        numbers in any::<(u64, u32, u32, u64, u64)>(),
        filtered in any::<(u64, u64, u64)>(),
        privileges in any::<(u32, Option<u64>, bool, bool, bool)>(),
        ancestors in prop::collection::vec(1..u64::MAX, 0..=RECORD_ANCESTORS),
        flags in any::<(bool, bool, bool, bool, bool)>(),
        path in prop::collection::vec("[a-z.]{1,20}", 1..20),
        filename in prop::collection::vec(1..=u8::MAX, 0..FILENAME_LIMIT),
        argv in prop::collection::vec(prop::collection::vec(1..=u8::MAX, 0..40), 0..20),
    ) -> Exec {
        let (runtime_stage, path_truncated, script, stdin_socket, argv_truncated) = flags;
        let root = if path_truncated { "" } else { "/" };
        Exec {
            time_ns: numbers.0, pid: numbers.1, uid: numbers.2, cgroup_id: numbers.3, exec_id: numbers.4,
            ancestors, origin: OriginMark::Outside, source: FileSource::ImageCopiedUp, script_source: None,
            file: FileId::new(privileges.0, filtered.2),
            runtime_stage, executable: format!("{root}{}", path.join("/")).into_bytes(), path_truncated,
            filename, script, stdin_socket, argv_truncated,
            container: filtered.0, key: FilterKey::new(FilterFeed::Process, filtered.1), repeats: filtered.2,
            euid: privileges.0, caps_gained: privileges.1, stdout_socket: privileges.2, terminal: privileges.3,
            setuid: privileges.4,
            argv_total: u32::try_from(argv.iter().map(|argument| argument.len() + 1).sum::<usize>()).unwrap(),
            argv: argv.iter().collect(), argv_end: Arguments::default(),
        }
    }
}

proptest! {
    #[test]
    fn what_the_exec_program_lays_out_is_decoded_whole(event in exec_event()) {
        prop_assert_eq!(decode(&exec_bytes(&event)), Ok(RawEvent::Exec(event)));
    }

    #[test]
    fn any_bytes_give_an_event_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&bytes).is_err() || bytes.len() >= size_of::<CgroupRecord>());
    }

    #[test]
    fn any_damage_to_a_record_gives_an_event_or_an_error(
        event in exec_event(), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let mut bytes = exec_bytes(&event);
        let position = at.index(bytes.len());
        bytes[position] = value;
        bytes.truncate(cut.index(bytes.len()));
        let whole = bytes.len() >= size_of::<ExecRecord>() || position < size_of::<u32>();
        prop_assert!(whole || decode(&bytes).is_err());
    }
}

#[test]
fn cgroup_records_are_decoded_and_padding_behind_them_is_left_out() {
    let mut created = cgroup_bytes(KIND_CGROUP_CREATED, 5, 77, b"/kubepods/pod1");
    created.extend([0; 5]);
    assert_eq!(
        decode(&created),
        Ok(RawEvent::CgroupCreated {
            time_ns: 5,
            id: 77,
            path: b"/kubepods/pod1".to_vec()
        })
    );
    assert_eq!(
        decode(&cgroup_bytes(KIND_CGROUP_REMOVED, 6, 77, b"")),
        Ok(RawEvent::CgroupRemoved { time_ns: 6, id: 77 })
    );
}

#[test]
fn a_file_in_memory_keeps_its_kernel_name() {
    assert_eq!(executable(b"memfd:payload\0", true, false), b"memfd:payload");
}

#[test]
fn a_cut_path_has_no_leading_slash() {
    assert_eq!(executable(b"bash\0bin\0", false, true), b"bin/bash");
    assert_eq!(executable(b"bash\0bin\0", false, false), b"/bin/bash");
}

#[test]
fn arguments_that_are_too_long_come_as_head_and_end() {
    let block = [vec![b'h'; ARGV_HEAD], vec![b'e'; ARGV_LIMIT - ARGV_HEAD]].concat();
    let total = u32::try_from(ARGV_LIMIT).unwrap();
    assert_eq!(head_and_end(&block, total), (block.as_slice(), [].as_slice()));
    assert_eq!(head_and_end(&block, total + 1), block.split_at(ARGV_HEAD));
    assert_eq!(head_and_end(b"cut", total + 1), (b"cut".as_slice(), [].as_slice()));
}

#[test]
fn a_record_whose_tail_does_not_fit_is_refused() {
    let mut bytes = cgroup_bytes(KIND_CGROUP_CREATED, 5, 77, b"/a");
    bytes[offset_of!(CgroupRecord, path_len)] = 3;
    assert_eq!(decode(&bytes), Err(DecodeError::Length { stated: 35, have: 34 }));
}

#[test]
fn an_unknown_kind_is_refused() {
    assert_eq!(decode(&cgroup_bytes(9, 1, 2, b"")), Err(DecodeError::Kind(9)));
}
