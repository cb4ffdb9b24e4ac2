//! How much is told of what stands: of one container, so that it does not take the others' room, and of all.

use std::collections::{HashMap, HashSet};

use super::sockets::Held;
use crate::decode::OriginMark;

/// Most that is told.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Files of one container, a kilobyte each on their way; a Java or Python service maps a hundred.
    pub libraries_of_one: usize,
    pub libraries: usize,
    /// Sockets of one container that are something else each; connections to one place are one.
    pub sockets_of_one: usize,
    pub sockets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            libraries_of_one: 512,
            libraries: 32_768,
            sockets_of_one: 256,
            sockets: 16_384,
        }
    }
}

/// Whether something is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Room,
    /// It was told, or was found to have no room.
    Known,
    Full,
}

/// What was told so far.
#[derive(Debug)]
pub struct Room {
    limits: Limits,
    containers: HashMap<u64, Told>,
    libraries: usize,
    sockets: usize,
    /// Inodes of the sockets of a network that a process was asked about.
    held: HashSet<u64>,
}

/// Of one container.
#[derive(Debug, Default)]
struct Told {
    libraries: HashSet<(OriginMark, (u32, u64))>,
    sockets: HashSet<(u64, Held)>,
}

impl Room {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            containers: HashMap::new(),
            libraries: 0,
            sockets: 0,
            held: HashSet::new(),
        }
    }

    /// A file that a process of such an origin has mapped, by its device and inode.
    pub fn library(&mut self, container: u64, origin: OriginMark, file: (u32, u64)) -> Answer {
        let told = &mut self.containers.entry(container).or_default().libraries;
        if told.contains(&(origin, file)) {
            return Answer::Known;
        }
        if told.len() >= self.limits.libraries_of_one || self.libraries >= self.limits.libraries {
            return Answer::Full;
        }
        told.insert((origin, file));
        self.libraries += 1;
        Answer::Room
    }

    /// The sockets that come are another network's.
    pub fn next_network(&mut self) {
        self.held.clear();
    }

    /// A socket that a process of such an execution holds.
    pub fn socket(&mut self, container: u64, exec_id: u64, inode: u64, held: Held) -> Answer {
        if !self.held.insert(inode) {
            return Answer::Known;
        }
        let told = &mut self.containers.entry(container).or_default().sockets;
        if told.contains(&(exec_id, held)) {
            return Answer::Known;
        }
        if told.len() >= self.limits.sockets_of_one || self.sockets >= self.limits.sockets {
            return Answer::Full;
        }
        told.insert((exec_id, held));
        self.sockets += 1;
        Answer::Room
    }
}

#[cfg(test)]
mod tests {
    use super::Answer::{Full, Known, Room as Free};
    use super::*;
    use crate::decode::{FlowKind, FlowProtocol};

    const FEW: Limits = Limits {
        libraries_of_one: 2,
        libraries: 3,
        sockets_of_one: 2,
        sockets: 3,
    };

    #[test]
    fn a_container_with_many_libraries_leaves_room_for_others_until_all_is_full() {
        let mut room = Room::new(FEW);
        let mut ask = |container, inode| room.library(container, OriginMark::Entrypoint, (1, inode));
        let answers = [ask(7, 1), ask(7, 1), ask(7, 2), ask(7, 3), ask(8, 1), ask(8, 2)];
        assert_eq!(answers, [Free, Known, Free, Full, Free, Full]);
        let other = room.library(7, OriginMark::Outside, (1, 1));
        assert_eq!(other, Full, "another origin is another behaviour");
    }

    #[test]
    fn connections_to_one_place_are_one_and_a_shared_socket_is_its_first_holders() {
        let mut room = Room::new(FEW);
        let place = |port| (FlowKind::Connect, FlowProtocol::Tcp, ([192, 0, 2, 1], port).into());
        let mut ask = |exec_id, inode, port| room.socket(7, exec_id, inode, place(port));
        assert_eq!([ask(1, 1, 443), ask(1, 2, 443), ask(2, 1, 443)], [Free, Known, Known]);
        assert_eq!([ask(2, 3, 443), ask(2, 4, 444)], [Free, Full]);
    }
}
