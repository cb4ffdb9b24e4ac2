//! A record as it is stored, before anything is made of it: what its hash is of.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{Checkpoint, FORM, Head, Link, NotCanonical, RecordHash, Signer, canonical};
use crate::{id::WorkloadKey, time::Timestamp};

/// What a hash of a record begins with.
const DOMAIN: &str = "anchorwatch.dev/rollout-record/1\n";
/// The member of a specification that holds the link.
const CHAIN: &str = "chain";

/// A record as it is stored. It keeps what this version does not know, so that a newer one's record can be checked, too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    spec: Map<String, Value>,
}

/// Why a record can't be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// Its specification is no object.
    #[error("its spec is no object")]
    NoObject,
    /// It is not what a record holds.
    #[error("its spec.{member} can't be read: {reason}")]
    Member {
        /// The member of the specification.
        member: &'static str,
        /// Why.
        reason: String,
    },
}

impl Document {
    /// A record with this specification.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, spec: Value) -> Result<Self, Unreadable> {
        let Value::Object(spec) = spec else {
            return Err(Unreadable::NoObject);
        };
        Ok(Self {
            namespace: namespace.into(),
            name: name.into(),
            spec,
        })
    }

    /// The workload that it speaks of.
    pub fn workload(&self) -> Option<WorkloadKey> {
        let about = self.spec.get("workload")?;
        let text = |member: &str| about.get(member)?.as_str();
        Some(WorkloadKey::new(&self.namespace, text("kind")?, text("name")?))
    }

    /// Its place in the chain; none where it was never sealed.
    pub fn link(&self) -> Result<Option<Link>, Unreadable> {
        self.member(CHAIN)
    }

    /// What it says of pruned records, where it is a checkpoint.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, Unreadable> {
        self.member("checkpoint")
    }

    /// When its writer says that it was written.
    pub fn recorded_at(&self) -> Result<Option<Timestamp>, Unreadable> {
        self.member("recordedAt")
    }

    /// The specification, as it is stored.
    pub fn into_spec(self) -> Value {
        Value::Object(self.spec)
    }

    /// Its hash: SHA-256 over a line that names the form, and name, namespace and specification in canonical form, of the
    /// link everything but the hash and the signature.
    pub fn hash(&self) -> Result<RecordHash, NotCanonical> {
        let mut spec = self.spec.clone();
        if let Some(link) = spec.get_mut(CHAIN).and_then(Value::as_object_mut) {
            link.remove("hash");
            link.remove("signature");
        }
        let text = canonical(&json!({"name": self.name, "namespace": self.namespace, "spec": spec}))?;
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(text);
        Ok(RecordHash::new(hash.finalize().into()))
    }

    /// Makes it the link after `head`, and signs it.
    pub fn seal(mut self, head: Option<&Head>, signer: &Signer) -> Result<(Self, Head), NotCanonical> {
        let sequence = head.map_or(1, |head| head.sequence.saturating_add(1));
        let mut link = json!({"form": FORM, "sequence": sequence, "key": signer.public().id()});
        if let Some(head) = head {
            link["previous"] = json!(head.hash);
        }
        self.spec.insert(CHAIN.to_owned(), link);
        let hash = self.hash()?;
        if let Some(link) = self.spec.get_mut(CHAIN).and_then(Value::as_object_mut) {
            link.insert("hash".to_owned(), json!(hash));
            link.insert("signature".to_owned(), json!(signer.sign(&hash)));
        }
        let head = Head {
            record: self.name.clone(),
            sequence,
            hash,
        };
        Ok((self, head))
    }

    fn member<T: DeserializeOwned>(&self, member: &'static str) -> Result<Option<T>, Unreadable> {
        let Some(value) = self.spec.get(member).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        T::deserialize(value).map(Some).map_err(|error| Unreadable::Member {
            member,
            reason: error.to_string(),
        })
    }
}
