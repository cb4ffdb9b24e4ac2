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

/// Whose it is to answer for.
#[derive(Debug)]
enum Home {
    Container(Place),
    /// The node's own: a kernel module that nothing loaded whose behaviour is told.
    Node,
}

/// Code whose file is not known yet.
#[derive(Debug)]
pub struct LoadedCode {
    home: Home,
    code: Code,
    lineage: Vec<Arc<str>>,
    standing: bool,
}

/// Code whose container may not be known yet.
#[derive(Debug)]
pub(super) struct PreparedModule {
    pub place: Place,
    pub code: Code,
    lineage: Vec<Arc<str>>,
    facts: Option<Facts>,
    standing: bool,
}

impl Code {
    const fn loader(&self) -> &Loader {
        match self {
            Self::Library(mapping) => &mapping.loader,
            Self::KernelModule(module) => &module.loader,
        }
    }

    /// Whoever asked for it, it runs in the kernel of the node.
    pub(super) const fn is_kernel_module(&self) -> bool {
        match self {
            Self::Library(_) => false,
            Self::KernelModule(_) => true,
        }
    }

    /// Whether the kernel loaded it on its own initiative.
    const fn is_by_kernel(&self) -> bool {
        match self {
            Self::Library(_) => false,
            Self::KernelModule(module) => module.by_kernel,
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
    /// Whose losses of it are.
    pub fn whose(&self) -> Whose {
        match &self.home {
            Home::Container(place) => Whose::Container(place.id.clone()),
            Home::Node => Whose::Unknown,
        }
    }

    /// Whether it can be told under its name without a hash for this reason. What happens is told in any case; what was
    /// found standing only if the same file has no hash whenever it is loaded: another name would be another behaviour.
    pub const fn is_told_without(&self, reason: Unhashed) -> bool {
        match reason {
            Unhashed::TooLarge | Unhashed::ForeignFilesystem | Unhashed::Tainted => true,
            Unhashed::Gone | Unhashed::Changed | Unhashed::Unreadable | Unhashed::QueueFull | Unhashed::TooSlow => {
                !self.standing
            }
        }
    }

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
    /// Finds out who loaded code, now or before the sensor came, before its file is known. A library that is no
    /// container's is told at once; a kernel module that is none's is the node's.
    pub fn loading(&mut self, code: Code, standing: bool) -> Result<LoadedCode, Outcome> {
        let loader = code.loader();
        let process = ProcessAt {
            pid: loader.pid,
            at_ns: code.time_ns(),
        };
        let lost = match self.places.placement_in(loader.cgroup_id, loader.container, process) {
            Some(Placement::Container(place)) => {
                let executions = loader.executions.clone();
                let lineage = executions.iter().rev().map(|id| self.ancestor(*id)).collect();
                return Ok(LoadedCode {
                    home: Home::Container(place),
                    code,
                    lineage,
                    standing,
                });
            }
            _ if code.is_kernel_module() => return Ok(self.loading_on_node(code)),
            Some(Placement::Host) => return Err(Outcome::Host),
            Some(Placement::Runtime) => return Err(Outcome::RuntimeStage),
            Some(Placement::Unrecognised) => LossReason::CgroupUnrecognised,
            None => LossReason::CgroupUnknown,
        };
        self.show_again(code.key());
        Err(Outcome::Lost(Feed::Module, lost, Whose::Unknown))
    }

    fn loading_on_node(&mut self, code: Code) -> LoadedCode {
        let loader = code.loader();
        let process = ProcessAt {
            pid: loader.pid,
            at_ns: code.time_ns(),
        };
        let mut lineage: Vec<Arc<str>> = Vec::new();
        if !code.is_by_kernel() {
            let mut known = |id: &u64| self.host.executable(*id).or_else(|| self.lineage.executable(*id));
            let own = loader.executions.first().and_then(&mut known);
            lineage.extend(loader.executions.iter().skip(1).rev().filter_map(known));
            lineage.push(own.unwrap_or_else(|| {
                let executable = self.proc.executable(process);
                executable.map_or_else(|| text::UNKNOWN.into(), |path| text::path(&path, false).into())
            }));
        }
        LoadedCode {
            home: Home::Node,
            code,
            lineage,
            standing: false,
        }
    }

    /// Takes over what is known of the file.
    pub fn loaded(&mut self, loaded: LoadedCode, facts: Option<Facts>, now: Instant) -> Outcome {
        let LoadedCode {
            home,
            code,
            lineage,
            standing,
        } = loaded;
        let process = ProcessAt {
            pid: code.loader().pid,
            at_ns: code.time_ns(),
        };
        let place = match home {
            Home::Container(place) => place,
            Home::Node => return self.on_node(&code, lineage, facts),
        };
        let container = self.places.container(&place, process);
        let prepared = PreparedModule {
            place,
            code,
            lineage,
            facts,
            standing,
        };
        let key = prepared.code.key();
        let outcome = match container {
            Some(container) => self.attribute_module(prepared, &container),
            None => self.wait(&prepared.place.id.clone(), Pending::Module(prepared), now),
        };
        self.unless_lost(key, outcome, now)
    }

    pub(super) fn attribute_module(&self, prepared: PreparedModule, container: &Arc<Container>) -> Outcome {
        let PreparedModule {
            place,
            code,
            lineage,
            facts,
            standing,
        } = prepared;
        let startup = !standing && self.places.cgroups.starts.may_be_startup(&place.id, code.time_ns());
        let origin = self.origin_of_loader(code.loader(), container);
        let told = self.told(&code, origin, lineage, facts, Arc::clone(container));
        Outcome::Attributed(Box::new(Attributed {
            standing,
            startup,
            ..told
        }))
    }

    /// A kernel module's, whose container never became known.
    pub(super) fn attribute_to_node(&self, prepared: PreparedModule) -> Outcome {
        self.on_node(&prepared.code, prepared.lineage, prepared.facts)
    }

    fn on_node(&self, code: &Code, lineage: Vec<Arc<str>>, facts: Option<Facts>) -> Outcome {
        let node = Arc::new(Container::of_node());
        Outcome::Attributed(Box::new(self.told(code, Origin::Unknown, lineage, facts, node)))
    }

    /// What is told of code. An executable without a name is the kernel itself.
    fn told(
        &self,
        code: &Code,
        origin: Origin,
        lineage: Vec<Arc<str>>,
        facts: Option<Facts>,
        container: Arc<Container>,
    ) -> Attributed {
        let (kind, path, source) = match code {
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
        let repeats = match code {
            Code::Library(mapping) => mapping.repeats,
            Code::KernelModule(_) => 0,
        };
        let (sha256, build_id) = facts.map_or((None, None), |facts| (Some(facts.sha256), facts.build_id));
        let executable = if code.is_by_kernel() {
            ""
        } else {
            lineage.last().map_or(text::UNKNOWN, |own| own)
        };
        let parts = ModuleParts {
            origin,
            kind,
            path,
            sha256,
            source,
            executable: executable.to_owned(),
        };
        let observed = self
            .observing
            .then(|| observed::module(&parts, build_id.as_deref(), &lineage));
        Attributed {
            container,
            behaviour: Behaviour::Module(parts.into()),
            command: None,
            observed,
            attributes: Attributes {
                build_id,
                uids: [code.loader().uid].into(),
                ..Attributes::default()
            },
            lineage,
            time_ns: code.time_ns(),
            standing: false,
            startup: false,
            key,
            repeats,
        }
    }

    /// As was decided for its program's execution.
    fn origin_of_loader(&self, loader: &Loader, container: &Container) -> Origin {
        match loader.origin {
            _ if container.setting == Setting::Visit => Origin::Exec,
            OriginMark::Entrypoint => Origin::Entrypoint,
            OriginMark::Unknown | OriginMark::Outside if container.setting == Setting::Unit => Origin::Entrypoint,
            OriginMark::Unknown => Origin::Unknown,
            OriginMark::Outside => self.lineage.outside(&loader.executions).unwrap_or(Origin::Exec),
        }
    }
}
