//! Tamper evidence: records of rollouts as links of a chain, each signed, and what breaks such a chain.
//!
//! ```text
//! record 1 ──hash──▶ record 2 ──hash──▶ record 3   one chain a workload, by namespace, kind and name
//!    │ signature        │ signature        │
//!    └───────── key of the operator, introduced by the key before it ─────────▶ KeyRing
//! ```
//!
//! A record says its number in the chain, the hash of the record before it and the key that signs it. All of it, and
//! the object's name and namespace, go into its own hash ([`canonical`]); the signature is over that hash. So whoever
//! alters, moves, takes away or puts in a record has to sign anew all that follow, and can't without the key. What can't
//! be seen from the chain alone is that its end is missing: for that its head is published, and kept outside.

mod broken;
mod canonical;
mod document;
mod key;
mod link;
mod ring;
#[cfg(test)]
mod tests;
mod verify;

pub use broken::{Break, Check};
pub use canonical::{NotCanonical, canonical};
pub use document::{Document, Unreadable};
pub use key::{KeyError, KeyId, PublicKey, SignatureBytes, Signer};
pub use link::{Checkpoint, FORM, HashError, Head, Link, RecordHash};
pub use ring::{Introduction, KeyRing, KnownKey};
pub use verify::{ChainReport, by_workload, heads_digest, verify};
