//! Identities: small types, so that one can't be taken for another.

mod digest;
mod object_name;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use digest::{DigestError, ImageDigest};
pub use object_name::{alert_name, is_label, is_object_name, object_name, short_hash};

/// Defines an identity that is a text.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// From its text, taken as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// Name of a container in its pod's specification.
    ContainerName
}
text_id! {
    /// Name of a node.
    NodeName
}
text_id! {
    /// UID of a pod.
    PodUid
}
text_id! {
    /// UID of a workload's object.
    WorkloadUid
}
text_id! {
    /// Hash of a pod template: the label `pod-template-hash` of a ReplicaSet and its pods.
    TemplateHash
}

/// The top controller of a pod, or the pod itself. Written `namespace/Kind/name`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct WorkloadKey {
    /// Its namespace; empty for a workload outside any (a node).
    pub namespace: String,
    /// Its kind: Deployment, StatefulSet, DaemonSet, CronJob, Job, ReplicaSet or Pod.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// Why a text names no workload.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} names no workload: expected namespace/Kind/name")]
pub struct WorkloadKeyError {
    text: String,
}

impl WorkloadKey {
    /// The workload `namespace/kind/name`.
    pub fn new(namespace: impl Into<String>, kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            kind: kind.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for WorkloadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.kind, self.name)
    }
}

impl FromStr for WorkloadKey {
    type Err = WorkloadKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(namespace), Some(kind), Some(name), None) if !kind.is_empty() && !name.is_empty() => {
                Ok(Self::new(namespace, kind, name))
            }
            _ => Err(WorkloadKeyError { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for WorkloadKey {
    type Error = WorkloadKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WorkloadKey> for String {
    fn from(key: WorkloadKey) -> Self {
        key.to_string()
    }
}

/// Identity of a behaviour: 128 bits, written as 32 hexadecimal digits. See [`crate::behaviour::Behaviour::id`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct BehaviourId([u8; 16]);

/// Identity of a finding: that of its behaviour. It is unique within a workload and container.
pub type FindingId = BehaviourId;

/// Why a text is no behaviour id.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is no behaviour id: expected 32 hexadecimal digits")]
pub struct BehaviourIdError {
    text: String,
}

impl BehaviourId {
    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for BehaviourId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for BehaviourId {
    type Err = BehaviourIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 16];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(BehaviourIdError { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for BehaviourId {
    type Error = BehaviourIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BehaviourId> for String {
    fn from(id: BehaviourId) -> Self {
        id.to_string()
    }
}

/// A batch of a node's sensor.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct BatchId {
    /// The node.
    pub node: NodeName,
    /// Identity of the node's outbox, 32 hexadecimal digits.
    pub epoch: String,
    /// Number of the batch within the epoch, from 1 without gaps.
    pub seq: u64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_workload_reads_back_as_it_is_written() {
        let key = WorkloadKey::new("shop", "Deployment", "cart");
        assert_eq!(key.to_string(), "shop/Deployment/cart");
        assert_eq!("shop/Deployment/cart".parse(), Ok(key));
        for text in [
            "",
            "shop",
            "shop/Deployment",
            "shop/Deployment/",
            "a/b/c/d",
            "shop//cart",
        ] {
            assert!(text.parse::<WorkloadKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_behaviour_id_is_exactly_32_hexadecimal_digits() {
        for text in [
            "",
            "00",
            "zz112233445566778899aabbccddeeff",
            "00112233445566778899aabbccddeeff00",
        ] {
            assert!(text.parse::<BehaviourId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_behaviour_id_reads_back_as_it_is_written(bytes: [u8; 16]) {
            let id = BehaviourId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
