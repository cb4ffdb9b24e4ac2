mod container;

pub use container::{Container, ContainerKey, PodIdentity, Setting};
