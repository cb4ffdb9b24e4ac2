//! Code that processes load → behaviours of containers, once it is known what the files are.

use anchorwatch_core::behaviour::{Attributes, Behaviour, Feed, ModuleKind, ModuleParts, Origin, SourceLayer};
use std::sync::Arc;
use std::time::Instant;

use super::cgroup::{Place, Placement};
use super::layer::{in_setting, layer};
use super::pod::{Container, Setting};
use super::process::ProcessAt;
use super::{Attributed, Attributor, Outcome, Pending, observed, text};
use crate::decode::{FilterKey, KernelModule, Loader, Mapping, OriginMark};
use crate::losses::{LossReason, Whose};
use crate::modules::{Facts, MappedFile, Unhashed, WantedFile};

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    Library(Box<Mapping>),
    KernelModule(Box<KernelModule>),
}

/// Code in a container, whose file is not known yet.
#[derive(Debug)]
pub struct LoadedCode {
    place: Place,
    code: Code,
    lineage: Vec<Arc<str>>,
}

/// Code whose container may not be known yet.
#[derive(Debug)]
pub(super) struct PreparedModule {
    pub place: Place,
    pub code: Code,
    lineage: Vec<Arc<str>>,
    facts: Option<Facts>,
}

impl Code {
    const fn loader(&self) -> &Loader {
        match self {
            Self::Library(mapping) => &mapping.loader,
            Self::KernelModule(module) => &module.loader,
        }
    }

    pub(super) const fn key(&self) -> Option<FilterKey> {
        match self {
            Self::Library(mapping) => mapping.key,
            Self::KernelModule(_) => None,
        }
    }

    fn time_ns(&self) -> u64 {
        match self {
            Self::Library(mapping) => mapping.time_ns,
            Self::KernelModule(module) => module.time_ns,
        }
    }
}

impl LoadedCode {
    /// The file whose hash is wanted, and the container that takes turns with others for it. Of a kernel module that the
    /// kernel itself does not take for its own, a file of the same name proves nothing.
    pub fn wanted(&self) -> Result<(u64, WantedFile), Unhashed> {
        let lane = self.code.loader().container;
        match &self.code {
            Code::Library(mapping) => Ok((lane, WantedFile::Mapping(MappedFile::from(&**mapping)))),
            Code::KernelModule(module) if module.foreign => Err(Unhashed::Tainted),
            Code::KernelModule(module) => {
                let name = String::from_utf8_lossy(&module.name).into_owned();
                Ok((lane, WantedFile::KernelModule(name)))
            }
        }
    }
}

impl Attributor {
    /// Finds out who loaded code, before its file is known; what is no container's is told at once.
    pub fn loading(&mut self, code: Code) -> Result<LoadedCode, Outcome> {
        let loader = code.loader();
        let process = ProcessAt {
            pid: loader.pid,
            at_ns: code.time_ns(),
        };
        let lost = match self.places.placement_in(loader.cgroup_id, loader.container, process) {
            Some(Placement::Container(place)) => {
                let executions = loader.executions.clone();
                let lineage = executions.iter().rev().map(|id| self.ancestor(*id)).collect();
                return Ok(LoadedCode { place, code, lineage });
            }
            Some(Placement::Host) => return Err(Outcome::Host),
            Some(Placement::Runtime) => return Err(Outcome::RuntimeStage),
            Some(Placement::Unrecognised) => LossReason::CgroupUnrecognised,
            None => LossReason::CgroupUnknown,
        };
        self.show_again(code.key());
        Err(Outcome::Lost(Feed::Module, lost, Whose::Unknown))
    }

    /// Takes over what is known of the file.
    pub fn loaded(&mut self, loaded: LoadedCode, facts: Option<Facts>, now: Instant) -> Outcome {
        let LoadedCode { place, code, lineage } = loaded;
        let process = ProcessAt {
            pid: code.loader().pid,
            at_ns: code.time_ns(),
        };
        let container = self.places.container(&place, process);
        let prepared = PreparedModule {
            place,
            code,
            lineage,
            facts,
        };
        if let Some(container) = container {
            return self.attribute_module(prepared, &container);
        }
        let key = prepared.code.key();
        let outcome = self.wait(&prepared.place.id.clone(), Pending::Module(prepared), now);
        self.unless_lost(key, outcome)
    }

    pub(super) fn attribute_module(&self, prepared: PreparedModule, container: &Arc<Container>) -> Outcome {
        let PreparedModule {
            place: _,
            code,
            lineage,
            facts,
        } = prepared;
        let (kind, path, source) = match &code {
            Code::Library(mapping) => (
                ModuleKind::Library,
                text::path(&mapping.path, mapping.path_truncated),
                in_setting(layer(mapping.source), container.setting),
            ),
            Code::KernelModule(module) => (
                ModuleKind::KernelModule,
                text::path(&module.name, false),
                SourceLayer::default(),
            ),
        };
        let key = code.key();
        let repeats = match &code {
            Code::Library(mapping) => mapping.repeats,
            Code::KernelModule(_) => 0,
        };
        let (sha256, build_id) = facts.map_or((None, None), |facts| (Some(facts.sha256), facts.build_id));
        let parts = ModuleParts {
            origin: self.origin_of_loader(code.loader(), container),
            kind,
            path,
            sha256,
            source,
            executable: lineage.last().map_or(text::UNKNOWN, |own| own).to_owned(),
        };
        let observed = self
            .observing
            .then(|| observed::module(&parts, build_id.as_deref(), &lineage));
        Outcome::Attributed(Box::new(Attributed {
            container: Arc::clone(container),
            behaviour: Behaviour::Module(parts.into()),
            observed,
            attributes: Attributes {
                build_id,
                uids: [code.loader().uid].into(),
                ..Attributes::default()
            },
            lineage,
            time_ns: code.time_ns(),
            standing: false,
            key,
            repeats,
        }))
    }

    /// As was decided for its program's execution.
    fn origin_of_loader(&self, loader: &Loader, container: &Container) -> Origin {
        match loader.origin {
            OriginMark::Entrypoint => Origin::Entrypoint,
            OriginMark::Unknown | OriginMark::Outside if container.setting == Setting::Unit => Origin::Entrypoint,
            OriginMark::Unknown => Origin::Unknown,
            OriginMark::Outside => self.lineage.outside(&loader.executions).unwrap_or(Origin::Exec),
        }
    }
}
