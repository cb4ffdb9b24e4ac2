//! Watching a single host without Kubernetes: its units and containers are learned and judged by the core, here, and what
//! deviates is told on standard output. What is known outlives the sensor in a file.

mod alert;
mod drive;
mod known;
mod options;
mod output;
mod store;
mod watch;

pub use alert::{Deviation, Told};
pub use drive::{Parts, StandaloneError, run};
pub use known::Known;
pub use options::{OptionsError, on_host, policy};
pub use output::{Output, Style};
pub use store::{Opened, Store};
pub use watch::{MAX_WORKLOADS, Room, Watch};
