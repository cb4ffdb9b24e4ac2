//! Deterministic names of the objects that the operator makes.

use sha2::{Digest, Sha256};

use super::{ContainerName, FindingId, WorkloadKey};
use crate::time::Timestamp;

/// Longest name of a Kubernetes object: a DNS subdomain (RFC 1123).
const MAX_NAME: usize = 253;

/// Name of an object about a workload: `<kind>-<name>` or `<kind>-<name>-<suffix>`, in lower case. It is a valid DNS
/// subdomain whatever goes in: a character that may not stand in one becomes `-`, and a name that had to be changed so,
/// or is longer than 253 characters, is cut and ends in a hash of what it was made from, so that two workloads never
/// share a name.
pub fn object_name(kind: &str, name: &str, suffix: Option<&str>) -> String {
    let tail = suffix.map(|suffix| format!("-{suffix}")).unwrap_or_default();
    let wanted = format!("{}-{name}{tail}", kind.to_ascii_lowercase());
    if wanted.len() <= MAX_NAME && is_subdomain(&wanted) {
        return wanted;
    }
    let hash = short_hash(&[kind.as_bytes(), name.as_bytes(), suffix.unwrap_or_default().as_bytes()]);
    let mut safe: String = wanted
        .chars()
        .map(|character| match character {
            'a'..='z' | '0'..='9' | '-' => character,
            'A'..='Z' => character.to_ascii_lowercase(),
            // A dot next to a dash is no valid label; a dash always is, inside a name.
            _ => '-',
        })
        .take(MAX_NAME - hash.len() - 1)
        .collect();
    if !safe.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        safe.replace_range(..safe.len().min(1), "x");
    }
    format!("{safe}-{hash}")
}

/// Whether a text can be the name of most objects: then it is safe in a URL, too.
pub fn is_object_name(text: &str) -> bool {
    text.len() <= MAX_NAME && is_subdomain(text)
}

/// Whether a text can be the name of a namespace or container: then it is safe in a URL, too.
pub fn is_label(text: &str) -> bool {
    text.len() <= 63 && !text.contains('.') && is_subdomain(text)
}

/// Whether a text is a DNS subdomain as the API server checks it, its length aside.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

/// Name of the alert that a finding opens: the same whoever computes it, so that making it twice does no harm.
///
/// `attempt` is 0 but where another alert has that very name already (32 bits can collide).
pub fn alert_name(
    workload: &WorkloadKey,
    container: &ContainerName,
    first: FindingId,
    first_seen: Timestamp,
    attempt: u32,
) -> String {
    let mut parts: Vec<Vec<u8>> = vec![
        workload.to_string().into_bytes(),
        container.as_str().as_bytes().to_vec(),
        first.as_bytes().to_vec(),
        first_seen.as_secs().to_le_bytes().to_vec(),
    ];
    if attempt > 0 {
        parts.push(attempt.to_le_bytes().to_vec());
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    object_name(&workload.kind, &workload.name, Some(&short_hash(&parts)))
}

/// Eight hexadecimal digits of the SHA-256 over the parts, each with its length before it.
pub fn short_hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..4])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_name_is_kind_name_suffix() {
        assert_eq!(object_name("Deployment", "cart", None), "deployment-cart");
        assert_eq!(object_name("StatefulSet", "my.db", Some("3")), "statefulset-my.db-3");
    }

    #[test]
    fn names_that_are_cut_stay_different() {
        let (a, b) = (format!("{}a", "n".repeat(252)), format!("{}b", "n".repeat(252)));
        let (a, b) = (object_name("Deployment", &a, None), object_name("Deployment", &b, None));
        assert_ne!(a, b);
        assert_eq!((a.len(), b.len()), (253, 253));
    }

    #[test]
    fn names_that_had_to_be_changed_stay_different() {
        assert_ne!(object_name("Pod", "a_b", None), object_name("Pod", "a-b", None));
        assert_ne!(object_name("Pod", "A", None), object_name("Pod", "a", None));
    }

    proptest! {
        #[test]
        fn any_name_is_a_valid_one(kind in ".{0,80}", name in ".{0,300}", suffix in proptest::option::of(".{0,80}")) {
            let made = object_name(&kind, &name, suffix.as_deref());
            prop_assert!(made.len() <= MAX_NAME, "{}", made);
            prop_assert!(is_subdomain(&made), "{}", made);
        }
    }
}
