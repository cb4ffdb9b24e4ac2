//! Of attribution, what reads paths and names.

pub mod cgroup;
pub mod mounts;
pub mod pod;
pub mod scope;
pub mod startup;
pub mod text;
pub mod unit;

pub mod probe {
    pub type Command = Vec<String>;
}
