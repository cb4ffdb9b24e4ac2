//! What is known of an execution beside its key, and the sockets that are a part of it.

use super::*;
use anchorwatch_core::behaviour::CapabilitySet;

const NET_RAW: u64 = 1 << 13;

fn attributes_of(change: impl FnOnce(&mut Exec)) -> Attributes {
    let exec = exec("/bin/x").argv(&["x"]).with(change);
    attributed(run(&mut known(), exec)).all_attributes()
}

fn plain() -> Attributes {
    Attributes {
        commands: ["x".to_owned()].into(),
        uids: [0].into(),
        ..Attributes::default()
    }
}

#[test]
fn users_and_what_was_gained_are_told() {
    let gained = attributes_of(|exec| {
        exec.uid = 33;
        exec.setuid = true;
        exec.caps_gained = Some(NET_RAW);
    });
    let expected = Attributes {
        uids: [33].into(),
        effective_uids: [0].into(),
        setuid: true,
        gained: CapabilitySet::from_bits(NET_RAW),
        ..plain()
    };
    assert_eq!(gained, expected);
}

#[test]
fn an_effective_user_that_is_the_real_one_and_capabilities_that_are_not_known_are_not_told() {
    let unknown = attributes_of(|exec| exec.caps_gained = None);
    assert_eq!(unknown, plain());
}

#[test]
fn a_controlling_terminal_is_told() {
    let expected = Attributes {
        terminal: true,
        ..plain()
    };
    assert_eq!(attributes_of(|exec| exec.terminal = true), expected);
}

#[test]
fn a_command_line_that_is_cut_is_told_as_one() {
    let cut = attributes_of(|exec| {
        exec.argv_truncated = true;
        exec.argv_total = 5_000;
    });
    let expected = Attributes {
        commands: ["x … (of 2^12 bytes)".to_owned()].into(),
        ..plain()
    };
    assert_eq!(cut, expected);
}

#[test]
fn sockets_as_standard_input_and_output_are_parts_of_the_key() {
    for (stdin, stdout) in [(false, false), (true, false), (false, true), (true, true)] {
        let exec = exec("/bin/sh").with(|exec| {
            exec.stdin_socket = stdin;
            exec.stdout_socket = stdout;
        });
        let parts = parts(run(&mut known(), exec));
        assert_eq!((parts.stdin_socket, parts.stdout_socket), (stdin, stdout));
    }
}
