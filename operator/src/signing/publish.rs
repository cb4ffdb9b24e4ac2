//! The ConfigMap of public keys: whoever may read it can check the evidence.

use anchorwatch_core::chain::KeyRing;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ObjectMeta;

use super::Wanted;

/// Under which key the public keys are.
const KEYS: &str = "keys.json";

/// The public keys that a ConfigMap holds, as far as they can be read.
pub fn ring_of(config_map: &ConfigMap) -> Option<KeyRing> {
    serde_json::from_str(config_map.data.as_ref()?.get(KEYS)?).ok()
}

/// The ConfigMap as it has to be, in place of what is there.
pub fn config_map(wanted: &Wanted, ring: &KeyRing, there: Option<ConfigMap>) -> ConfigMap {
    let text = serde_json::to_string_pretty(ring).expect("a ring is plain data");
    let metadata = there.map_or_else(
        || ObjectMeta {
            namespace: Some(wanted.namespace.clone()),
            name: Some(wanted.config_map.clone()),
            ..ObjectMeta::default()
        },
        |there| there.metadata,
    );
    ConfigMap {
        metadata,
        data: Some([(KEYS.to_owned(), text + "\n")].into()),
        ..ConfigMap::default()
    }
}
