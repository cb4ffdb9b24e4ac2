//! The key that signs evidence: made at the first start, kept in a Secret, its public side published in a ConfigMap.
//!
//! The Secret is the truth: it holds the seed and the ring of public keys together, so that one write makes or rotates a
//! key. The ConfigMap is written from it, and again whenever it differs.

mod publish;
mod secret;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anchorwatch_core::chain::{Break, Document, KeyId, KeyRing, RecordHash, SignatureBytes, Signer};
use anchorwatch_crds::v1alpha1::RolloutRecord;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, ResourceExt};
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::{metrics::Metrics, writes::Writes};

const NAME: &str = "signing";
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Most signatures whose check is remembered: about 100 bytes each.
const REMEMBERED: usize = 65_536;

/// Where the key is kept and published, and which key is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The operator's namespace.
    pub namespace: String,
    /// Name of the Secret.
    pub secret: String,
    /// Name of the ConfigMap.
    pub config_map: String,
    /// Number of the key: a greater one than the Secret's has the key rotated.
    pub generation: u32,
    /// Keys that are trusted although no key before them vouches for them.
    pub trusted: BTreeSet<KeyId>,
}

/// The key that signs, and all that ever did.
#[derive(Debug)]
pub struct Signing {
    signer: Signer,
    ring: KeyRing,
    trusted: BTreeSet<KeyId>,
    checked: Mutex<BTreeMap<(RecordHash, SignatureBytes), bool>>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the API server refused")]
    Api(#[from] kube::Error),
    #[error(transparent)]
    Secret(#[from] secret::Unusable),
    #[error("there are no random numbers: {0}")]
    Random(getrandom::Error),
}

impl Signing {
    fn new(signer: Signer, ring: KeyRing, trusted: BTreeSet<KeyId>) -> Self {
        Self {
            signer,
            ring,
            trusted,
            checked: Mutex::default(),
        }
    }

    /// The key that signs.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The public keys.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Whether the public keys vouch for each other.
    pub fn check_ring(&self) -> Result<(), Break> {
        self.ring.check(&self.trusted)
    }

    /// Whether a record says what one of the keys signed. Its place in the chain is another question.
    pub fn sealed(&self, record: &RolloutRecord) -> bool {
        let Some(document) = document(record) else { return false };
        let Ok(Some(link)) = document.link() else { return false };
        if document.hash() != Ok(link.hash) {
            return false;
        }
        let Some((_, key)) = self.ring.get(&link.key) else {
            return false;
        };
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.len() >= REMEMBERED {
            checked.clear();
        }
        // The hash covers the key's id.
        *checked
            .entry((link.hash, link.signature))
            .or_insert_with(|| key.public.signed(&link.hash, &link.signature))
    }
}

/// A record as it is sealed.
pub fn document(record: &RolloutRecord) -> Option<Document> {
    let spec = serde_json::to_value(&record.spec).ok()?;
    Document::new(record.namespace()?, record.name_any(), spec).ok()
}

/// The key, made, read or rotated. It is tried for as long as it takes: without a key there is no evidence.
pub async fn open(client: &Client, metrics: &Metrics, wanted: &Wanted) -> Signing {
    loop {
        match try_open(client, metrics, wanted).await {
            Ok(signing) => {
                if let Err(broken) = signing.check_ring() {
                    error!(reason = broken.what, "the public keys do not vouch for each other");
                }
                return signing;
            }
            Err(failure) => {
                warn!(
                    namespace = wanted.namespace,
                    name = wanted.secret,
                    error = &failure as &dyn std::error::Error,
                    "there is no key to sign evidence with yet"
                );
                sleep(RETRY).await;
            }
        }
    }
}

async fn try_open(client: &Client, metrics: &Metrics, wanted: &Wanted) -> Result<Signing, Failure> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &wanted.namespace);
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), &wanted.namespace);
    let writes = Writes::new(metrics, NAME);
    let stored = secrets.get_opt(&wanted.secret).await?;
    let published = config_maps.get_opt(&wanted.config_map).await?;
    let known = published.as_ref().and_then(publish::ring_of);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(Failure::Random)?;
    let step = secret::plan(wanted, stored.as_ref(), known.as_ref(), &seed, crate::clock::now())?;
    let held = match step {
        secret::Step::Keep(held) => held,
        secret::Step::Create(object, held) => {
            writes.create(&secrets, &object).await?;
            info!(key = %held.signer.public().id(), "a key to sign evidence with was made");
            held
        }
        secret::Step::Replace(object, held) => {
            writes.replace(&secrets, &object).await?;
            info!(key = %held.signer.public().id(), "the key that signs evidence was rotated");
            held
        }
    };
    if known.as_ref() != Some(&held.ring) {
        if published.is_some() {
            warn!(
                name = wanted.config_map,
                "the public keys that were published are not ours: they are written anew"
            );
        }
        let object = publish::config_map(wanted, &held.ring, published);
        if object.metadata.resource_version.is_some() {
            writes.replace(&config_maps, &object).await?;
        } else {
            writes.create(&config_maps, &object).await?;
        }
    }
    info!(
        key = %held.signer.public().id(),
        keys = held.ring.keys().len(),
        first = held.ring.keys().first().map(|key| key.id.to_string()),
        "evidence is signed"
    );
    Ok(Signing::new(held.signer, held.ring, wanted.trusted.clone()))
}

#[cfg(test)]
pub use for_tests::signing;

#[cfg(test)]
mod for_tests {
    use super::*;
    use anchorwatch_core::time;

    /// A key that every test knows.
    pub fn signing() -> Signing {
        let signer = Signer::from_seed(&[7; 32]);
        let mut ring = KeyRing::default();
        ring.add(None, &signer, time::Timestamp::from_secs(0));
        Signing::new(signer, ring, BTreeSet::new())
    }
}

#[cfg(test)]
mod tests;
