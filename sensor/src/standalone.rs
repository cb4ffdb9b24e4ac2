//! Watching a single host without Kubernetes: its units and containers are learned and judged by the core, here, and what
//! deviates is told on standard output. What was learned outlives the sensor in a file.

mod alert;
mod drive;
mod options;
mod output;
mod store;
mod watch;

pub use alert::Alert;
pub use drive::{Parts, StandaloneError, run};
pub use options::{OptionsError, on_host, policy};
pub use output::{Output, Style};
pub use store::{Opened, Store, StoreError};
pub use watch::{MAX_WORKLOADS, Watch};
