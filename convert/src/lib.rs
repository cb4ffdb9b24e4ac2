//! From the resources' types to the core's and back, as far as several programs need it: behaviours, which sensors send
//! and the operator keeps; baselines, which the operator keeps and the plugin reads; policies, which the operator obeys and a
//! back-test tries out; and whom policies and approvals are about.

mod approval;
mod baseline;
mod behaviour;
mod digest;
mod intent;
mod number;
mod policy;
mod selection;
mod time;

pub use approval::{approval_violations, approvals_from_crd, approvals_of, named_from_pattern};
pub use baseline::{baseline_from_crd, baseline_to_crd, sighting_from_crd, sightings_to_crd};
pub use behaviour::{
    attributes_from_crd, attributes_to_crd, behaviour_from_crd, behaviour_to_crd, feed_from_crd, feed_to_crd,
    strangeness_from_crd, strangeness_to_crd,
};
pub use intent::expected_from_crd;
pub use number::{to_i32, to_i64, unsigned};
pub use policy::{
    DocumentError, Materials, Text, Violation, arguments_from_document, inline_violations, materials, policy_from_crd,
    policy_from_document,
};
pub use selection::{approval_holds_for, policy_rank, policy_selects, selector_violations};
pub use time::{from_clock, from_micro_time, from_time, to_time};
