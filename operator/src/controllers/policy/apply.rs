//! Writes a policy's status.

use anchorwatch_crds::v1alpha1::DriftPolicyStatus;

use super::{NAME, fetch::PolicyObject};
use crate::{context::Context, writes::Writes};

/// Writes it, on the resourceVersion that it was decided on.
pub async fn apply<K: PolicyObject>(context: &Context, policy: &K, status: DriftPolicyStatus) -> kube::Result<()> {
    let api = policy.api(context.client.clone());
    let next = policy.with_status(status);
    Writes::new(&context.metrics, NAME).replace_status(&api, &next).await?;
    Ok(())
}
