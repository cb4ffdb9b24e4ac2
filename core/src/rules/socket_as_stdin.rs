//! `socket-as-stdin`: a process that the baseline does not know, and whose standard input or output is a socket of the
//! network: a shell that somebody types into from elsewhere looks like that, and so does a program that tells somebody
//! elsewhere what it reads. Servers that hand a connection to a program (inetd and its like, `Accept=yes` of systemd) are
//! learned as such; `kubectl exec`, attach and the runtimes' logs use pipes and terminals.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{
    behaviour::{Behaviour, ProcessBehaviour},
    severity::Severity,
};

pub(super) const ID: &str = "socket-as-stdin";
pub(super) const SEVERITY: Severity = Severity::High;
pub(super) const PAGE: Page = Page {
    sees: "A process that the baseline does not know, and whose standard input or output is a socket of the \
           network. One that is fed through a pipe, or connected after it started, is not seen.",
    why: "A shell that somebody types into from elsewhere looks like that.",
    example: "`/usr/bin/bash started by /usr/bin/python3.11 has the network as its standard input and output and is \
           not in the baseline`",
    tune: "Servers that hand a connection to a program (inetd and its like) are learned as such; later ones are \
           accepted one by one.",
    techniques: &[
        Technique::new("T1059.004", "Command and Scripting Interpreter: Unix Shell"),
        Technique::new("T1095", "Non-Application Layer Protocol"),
    ],
};

pub(super) const fn fires(process: &ProcessBehaviour) -> bool {
    process.stdin_socket() || process.stdout_socket()
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    let (reads, writes) = match behaviour {
        Behaviour::Process(process) => (process.stdin_socket(), process.stdout_socket()),
        Behaviour::Network(_) | Behaviour::Module(_) => (false, false),
    };
    let does = match (reads, writes) {
        (true, true) => "has the network as its standard input and output",
        (false, true) => "writes its standard output to the network",
        (true | false, false) => "reads its standard input from the network",
    };
    format!("{} {does} and is not in the baseline", subject(behaviour))
}
