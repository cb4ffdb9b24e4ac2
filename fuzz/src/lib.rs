//! The sensor's readers by their own sources, which are linked to here: its crate would take the Kubernetes client, the
//! outbox and the loader along, minutes of building with the fuzzer's instruments that no target needs.
#![allow(dead_code, missing_docs, clippy::all, reason = "the sensor's own checks are the sensor's")]

pub mod attribute;
pub mod btf;
pub mod decode;
pub mod dns;
pub mod elf;
pub mod keyed;

/// What of the sensor's names the readers name and do not use.
pub mod names {
    pub mod resolvers {
        /// Stands for a pod's resolvers.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct PodDns;

        impl PodDns {
            pub const fn of_node() -> Self {
                Self
            }
        }
    }
}
