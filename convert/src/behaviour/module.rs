//! Behaviours of the module feed.

use anchorwatch_core::behaviour::{ModuleBehaviour, ModuleKind, ModuleParts};
use anchorwatch_crds::v1alpha1::{self as crd, ModuleBehavior};

use super::{origin_from_crd, origin_to_crd, same_variants, source_from_crd, source_to_crd};

pub(super) fn from_crd(module: ModuleBehavior) -> ModuleBehaviour {
    let ModuleBehavior {
        origin,
        kind,
        path,
        sha256,
        source,
        executable,
    } = module;
    ModuleBehaviour::from(ModuleParts {
        origin: origin_from_crd(origin),
        kind: kind_from_crd(kind),
        path,
        sha256,
        source: source_from_crd(source),
        executable,
    })
}

pub(super) fn to_crd(module: &ModuleBehaviour) -> ModuleBehavior {
    ModuleBehavior {
        origin: origin_to_crd(module.origin()),
        kind: kind_to_crd(module.kind()),
        path: module.path().to_owned(),
        sha256: module.sha256().map(str::to_owned),
        source: source_to_crd(module.source()),
        executable: module.executable().to_owned(),
    }
}

same_variants!(
    pub(crate) kind_from_crd,
    kind_to_crd,
    ModuleKind,
    crd::ModuleKind,
    [Library, KernelModule]
);
