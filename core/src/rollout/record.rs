//! What a record of a rollout says.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Announcement, NodeImages, RolloutAction, TemplateChange};
use crate::{
    chain::Checkpoint,
    id::{ContainerName, ImageDigest, TemplateHash, WorkloadKey, WorkloadUid},
    time::Timestamp,
};

/// A RolloutRecord as far as decisions need it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Record {
    /// Name of the object.
    pub name: String,
    /// What it is evidence of.
    pub kind: RecordKind,
    /// UID of the workload.
    pub workload_uid: WorkloadUid,
    /// Revision number: it rises with each rollout, rollbacks included.
    pub revision: u64,
    /// Hash of the pod template.
    pub template_hash: TemplateHash,
    /// What the containers of the template run.
    pub containers: BTreeMap<ContainerName, RecordedContainer>,
    /// Who rolled it out.
    pub who: Option<Actor>,
    /// Who announced the rollout before it started, where somebody did.
    pub announced: Option<Announcement>,
    /// When the rollout started; of further digests, when the pod that told them was made.
    pub started_at: Timestamp,
    /// When the record was made.
    pub recorded_at: Timestamp,
    /// Whether it says what the operator signed. A record that does not is no evidence.
    pub sealed: bool,
}

/// What a record is evidence of.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum RecordKind {
    /// A revision that was rolled out.
    Revision,
    /// Further digests that pods of a revision run.
    Digest {
        /// The record of the revision.
        of: String,
    },
    /// Older records were pruned.
    Checkpoint(Checkpoint),
}

/// What a container of a revision runs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RecordedContainer {
    /// True for an init container.
    pub init: bool,
    /// The image that the template names.
    pub image: String,
    /// The digest that runs.
    pub digest: ImageDigest,
    /// The digest that the image names, where it names one.
    pub pinned: Option<ImageDigest>,
    /// True for a container that the template lacks.
    pub injected: bool,
    /// Other digests by which the pod's node knew the image: that of an index for several platforms, or of its part.
    pub also: BTreeSet<ImageDigest>,
    /// The platform whose part `digest` may be; none where the runtime tells what the reference named.
    pub platform: Option<String>,
}

/// Who changed a template.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Actor {
    /// The field manager: the name that the client claims.
    pub manager: String,
    /// True where an admission policy of ours ties that name to who may use it.
    pub verified: bool,
}

/// The revision of the sources.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct GitRevision {
    /// What the annotation or label says, at most 256 bytes.
    pub revision: String,
    /// Its name.
    pub annotation: String,
}

/// A record to be made.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NewRecord {
    /// The record.
    pub record: Record,
    /// The workload.
    pub workload: WorkloadKey,
    /// Name of the pod whose status the digests were read from.
    pub witness: String,
    /// What the revision is, compared with the one before it; none for a record of another kind.
    pub action: Option<RolloutAction>,
    /// What the template changed; none where that is not known.
    pub changes: Option<Vec<TemplateChange>>,
    /// What the annotation `kubernetes.io/change-cause` says, at most 1024 bytes.
    pub change_cause: Option<String>,
    /// The revision of the sources.
    pub git_revision: Option<GitRevision>,
}

impl Record {
    /// Whether it is the record of a revision.
    pub fn is_revision(&self) -> bool {
        match self.kind {
            RecordKind::Revision => true,
            RecordKind::Digest { .. } | RecordKind::Checkpoint(_) => false,
        }
    }
}

impl NewRecord {
    /// The record, with what the witness's node knows of the images that it holds.
    #[must_use]
    pub fn with_images(mut self, node: &NodeImages) -> Self {
        let containers = std::mem::take(&mut self.record.containers);
        let told = containers.into_iter().map(|(name, held)| (name, node.tell(held)));
        self.record.containers = told.collect();
        self
    }
}
