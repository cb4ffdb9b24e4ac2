//! Which node this is (by the sensor's own token, which its pod's node is written into), and where its cgroups are.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Where the kubelet puts the token of a pod's service account.
pub const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The node that the sensor runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    /// UID of the Node object.
    pub uid: String,
}

/// Why the node is not known.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("token {path} cannot be read")]
    Read { path: String, source: std::io::Error },
    #[error("token {path} is no JSON web token")]
    Form { path: String },
    #[error("token {path} names no node: it is not bound to a pod that runs on one, or Kubernetes is older than 1.33")]
    Unbound { path: String },
    #[error("token {path} is bound to node {token}, but NODE_NAME is {stated}")]
    Other {
        path: String,
        token: String,
        stated: String,
    },
}

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "kubernetes.io")]
    kubernetes: Option<KubernetesClaims>,
}

#[derive(Deserialize)]
struct KubernetesClaims {
    node: Option<NodeClaims>,
}

#[derive(Deserialize)]
struct NodeClaims {
    name: String,
    uid: String,
}

/// The node that the token at `path` is bound to. The signature is not looked at: the token is our own, and the API
/// server checks it at each request.
pub fn from_token(path: &Path, stated: &str) -> Result<Node, NodeError> {
    let shown = || path.display().to_string();
    let token = std::fs::read_to_string(path).map_err(|source| NodeError::Read { path: shown(), source })?;
    let claims: Option<Claims> = token
        .trim()
        .split('.')
        .nth(1)
        .and_then(|payload| BASE64_URL_SAFE_NO_PAD.decode(payload).ok())
        .and_then(|payload| serde_json::from_slice(&payload).ok());
    let claims = claims.ok_or_else(|| NodeError::Form { path: shown() })?;
    let node = claims.kubernetes.and_then(|kubernetes| kubernetes.node);
    let node = node.ok_or_else(|| NodeError::Unbound { path: shown() })?;
    if node.name != stated {
        return Err(NodeError::Other {
            path: shown(),
            token: node.name,
            stated: stated.to_owned(),
        });
    }
    Ok(Node {
        name: node.name,
        uid: node.uid,
    })
}

/// The root of the unified cgroup hierarchy: the folder itself, or beside those of version 1 in it.
pub fn unified_hierarchy(root: &Path) -> Option<PathBuf> {
    [root.to_path_buf(), root.join("unified")]
        .into_iter()
        .find(|root| root.join("cgroup.controllers").exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(payload: &str) -> Result<Node, NodeError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, payload).unwrap();
        from_token(&path, "node1")
    }

    fn token(claims: &serde_json::Value) -> String {
        format!("e30.{}.sig\n", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn a_bound_token_names_its_node() {
        let token = token(&json!({"kubernetes.io": {"namespace": "x", "node": {"name": "node1", "uid": "u"}}}));
        let expected = Node {
            name: "node1".into(),
            uid: "u".into(),
        };
        assert_eq!(read(&token).unwrap(), expected);
    }

    #[test]
    fn a_token_of_another_node_or_of_none_is_refused() {
        let other = token(&json!({"kubernetes.io": {"node": {"name": "node2", "uid": "u"}}}));
        assert!(matches!(read(&other), Err(NodeError::Other { token, .. }) if token == "node2"));
        let unbound = token(&json!({"kubernetes.io": {"namespace": "x"}}));
        assert!(matches!(read(&unbound), Err(NodeError::Unbound { .. })));
        assert!(matches!(read("abc"), Err(NodeError::Form { .. })));
        let missing = from_token(Path::new("/nonexistent"), "node1");
        assert!(matches!(missing, Err(NodeError::Read { .. })));
    }

    #[test]
    fn the_unified_hierarchy_is_the_folder_or_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(unified_hierarchy(folder.path()), None);
        let unified = folder.path().join("unified");
        std::fs::create_dir(&unified).unwrap();
        std::fs::write(unified.join("cgroup.controllers"), "").unwrap();
        assert_eq!(unified_hierarchy(folder.path()), Some(unified));
        std::fs::write(folder.path().join("cgroup.controllers"), "").unwrap();
        assert_eq!(unified_hierarchy(folder.path()).as_deref(), Some(folder.path()));
    }
}
