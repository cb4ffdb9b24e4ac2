//! The state of a hook: what became of a probe on this kernel.

use super::rights::Refusal;
use crate::probes::{Probe, Way};
use anchorwatch_core::behaviour::Feed;
use aya::programs::ProgramError;
use std::path::PathBuf;

/// Whether a hook is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookStatus {
    /// The best way.
    Attached,
    /// Another way than the best.
    Fallback {
        /// Name of the way in place.
        way: &'static str,
        /// Why the better ones are not.
        reason: String,
    },
    /// Loaded and not attached, as the options asked.
    Loaded,
    /// This kernel does not have it, or forbids it to whoever has every right that it takes.
    Unsupported(String),
    /// It could be had: a right is missing, or something is wrong with it.
    Failed(String),
}

/// A probe on this kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookState {
    /// As in `tp_btf/sched_process_exec`.
    pub name: &'static str,
    pub feed: Feed,
    pub status: HookStatus,
    /// What is not seen as it is now; empty if nothing is missing.
    pub blind: &'static str,
    /// How many instructions the verifier walked for the program in place.
    pub verified_instructions: Option<u32>,
    /// The program in place.
    pub(super) program: Option<&'static str>,
}

impl HookStatus {
    /// The word for it in reports and metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Fallback { .. } => "fallback",
            Self::Loaded => "unattached",
            Self::Unsupported(_) => "unsupported",
            Self::Failed(_) => "failed",
        }
    }

    /// Every word, for metrics that show what is not the case.
    pub const WORDS: [&'static str; 5] = ["attached", "fallback", "unattached", "unsupported", "failed"];

    /// Whether events come.
    pub const fn is_in_place(&self) -> bool {
        match self {
            Self::Attached | Self::Fallback { .. } => true,
            Self::Loaded | Self::Unsupported(_) | Self::Failed(_) => false,
        }
    }
}

impl HookState {
    /// Why the best way is not in place, and what is not seen; empty if there is nothing to say.
    pub fn remark(&self) -> String {
        let why = match &self.status {
            HookStatus::Attached => String::new(),
            HookStatus::Fallback { way, reason } => format!("{way} instead: {reason}"),
            HookStatus::Loaded => return "switched off for a test".to_owned(),
            HookStatus::Unsupported(why) | HookStatus::Failed(why) => why.clone(),
        };
        match (why.is_empty(), self.blind.is_empty()) {
            (_, true) => why,
            (true, false) => format!("not seen: {}", self.blind),
            (false, false) => format!("{why}; not seen: {}", self.blind),
        }
    }

    /// A probe of which the way at this index is in place.
    pub(super) fn placed(probe: &Probe, index: usize, way: &Way, attached: bool, refusals: &[String]) -> Self {
        let status = match (attached, index) {
            (false, _) => HookStatus::Loaded,
            (true, 0) => HookStatus::Attached,
            (true, _) => HookStatus::Fallback {
                way: way.name,
                reason: refusals.join("; "),
            },
        };
        Self {
            name: probe.name(),
            feed: probe.feed,
            status,
            blind: way.blind,
            verified_instructions: None,
            program: Some(way.program),
        }
    }

    /// A probe of which no way is in place.
    pub(super) fn absent(probe: &Probe, unsupported: bool, refusals: &[String]) -> Self {
        let why = refusals.join("; ");
        Self {
            name: probe.name(),
            feed: probe.feed,
            status: if unsupported {
                HookStatus::Unsupported(why)
            } else {
                HookStatus::Failed(why)
            },
            blind: probe.blind,
            verified_instructions: None,
            program: None,
        }
    }
}

/// Why a way is not in place.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("the kernel refuses it: {refusal}")]
    Refused {
        refusal: Refusal,
        source: Box<ProgramError>,
    },
    #[error("the object has no program {0}: it was built from other sources")]
    Missing(&'static str),
    #[error("the options leave it out")]
    NotWanted,
    #[error("this kernel lacks a field that it needs")]
    NoField,
    #[error("there is no unified cgroup hierarchy")]
    NoCgroups,
    #[error("cgroup {path} cannot be opened: {source}")]
    Cgroup { path: PathBuf, source: std::io::Error },
    #[error("cgroup {0} is occupied: a program is attached to it or above it that tolerates no other")]
    Occupied(PathBuf),
    #[error("bpf is not among the active security modules: boot with lsm= naming it")]
    NoBpfLsm,
}

impl HookError {
    /// Whether the kernel lacks it or forbids it whatever rights the sensor is given, rather than refuses it as it is.
    pub(super) const fn is_unsupported(&self) -> bool {
        match self {
            Self::Program(ProgramError::Btf(_)) | Self::NoField | Self::NoCgroups | Self::NoBpfLsm => true,
            Self::Refused { refusal, .. } => match refusal {
                Refusal::Lockdown | Refusal::Unknown => true,
                Refusal::Capabilities(_) => false,
            },
            Self::Program(_) | Self::Missing(_) | Self::NotWanted | Self::Cgroup { .. } | Self::Occupied(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: HookStatus, blind: &'static str) -> HookState {
        HookState {
            name: "lsm/x",
            feed: Feed::Module,
            status,
            blind,
            verified_instructions: None,
            program: None,
        }
    }

    #[test]
    fn a_remark_says_why_and_what_is_not_seen() {
        let fallback = HookStatus::Fallback {
            way: "tracepoint/x",
            reason: "no".into(),
        };
        assert_eq!(state(HookStatus::Attached, "").remark(), "");
        assert_eq!(state(HookStatus::Attached, "a").remark(), "not seen: a");
        assert_eq!(state(fallback, "a").remark(), "tracepoint/x instead: no; not seen: a");
        assert_eq!(state(HookStatus::Failed("no".into()), "a").remark(), "no; not seen: a");
    }

    #[test]
    fn every_state_has_its_word_among_all_words() {
        let fallback = HookStatus::Fallback {
            way: "x",
            reason: String::new(),
        };
        let states = [
            HookStatus::Attached,
            fallback,
            HookStatus::Loaded,
            HookStatus::Unsupported(String::new()),
            HookStatus::Failed(String::new()),
        ];
        assert_eq!(states.map(|state| state.word()), HookStatus::WORDS);
    }
}
