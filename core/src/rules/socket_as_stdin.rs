//! `socket-as-stdin`: a process that the baseline does not know, and whose standard input is a socket of the network: a
//! shell that somebody types into from elsewhere looks like that. Servers that hand a connection to a program as its
//! standard input are learned as such.

use super::words::subject;
use crate::{
    behaviour::{Behaviour, ProcessBehaviour},
    severity::Severity,
};

pub(super) const ID: &str = "socket-as-stdin";
pub(super) const SEVERITY: Severity = Severity::High;

pub(super) const fn fires(process: &ProcessBehaviour) -> bool {
    process.stdin_socket()
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!(
        "{} reads its standard input from the network and is not in the baseline",
        subject(behaviour)
    )
}
