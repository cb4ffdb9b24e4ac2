//! Evidence of rollouts on a real cluster: real digests, a real kubelet, and the plugin that checks it.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod evidence {
    mod agents;
    mod announced;
    mod argo;
    mod cover;
    mod index;
    mod kinds;
    mod matched;
    mod placed;
    mod pushed;
    mod scene;
    mod sensing;
    mod several;
    mod sidecar;
    mod tampering;
}
