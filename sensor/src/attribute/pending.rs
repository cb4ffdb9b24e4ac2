//! What waits for its container. What `/proc` and the lineage tell is read at once.

use anchorwatch_core::behaviour::Feed;

use super::exec::PreparedExec;
use super::flow::PreparedFlow;
use super::module::PreparedModule;
use crate::decode::FilterKey;

/// Something whose container is not known yet.
#[derive(Debug)]
pub(super) enum Pending {
    Exec(PreparedExec),
    Flow(PreparedFlow),
    Module(PreparedModule),
}

impl Pending {
    pub const fn feed(&self) -> Feed {
        match self {
            Self::Exec(_) => Feed::Process,
            Self::Flow(_) => Feed::Network,
            Self::Module(_) => Feed::Module,
        }
    }

    /// What the kernel's filter knows it by.
    pub const fn key(&self) -> Option<FilterKey> {
        match self {
            Self::Exec(prepared) => prepared.exec.key,
            Self::Module(prepared) => prepared.code.key(),
            Self::Flow(prepared) => prepared.flow.key,
        }
    }
}
