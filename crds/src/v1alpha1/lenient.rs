//! Reading what a newer version, or a hand, wrote: one thing that this version can't read must not lose all the rest of an
//! object.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::BaselineState;

/// A list, without the items that can't be read.
pub fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items = Vec::<Value>::deserialize(deserializer)?;
    let items = items.into_iter().map(serde_json::from_value);
    Ok(items.filter_map(Result::ok).collect())
}

/// What may be absent. What can't be read is.
pub fn optional<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// A state. One that this version does not know is taken as `Provisional`, which neither learns what is new nor wakes
/// anybody for it.
pub fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BaselineState, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or(BaselineState::Provisional))
}
