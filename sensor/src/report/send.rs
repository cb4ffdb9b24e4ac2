//! Sends the outstanding batch, unchanged, until it is acknowledged.

use anchorwatch_crds::v1alpha1::SensorReport;
use kube::api::{Api, Patch, PatchParams};
use kube::core::Status;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

use super::Outstanding;
use crate::error::Chain;
use crate::metrics::{Attempt, Metrics};
use crate::test_switch::{KillPoint, TestSwitches};

/// Who owns the report's fields.
const FIELD_MANAGER: &str = "anchorwatch-sensor";

/// The operator merges within some tens of milliseconds; a connection that hangs must not hold the batch for ever.
const TIMEOUT: Duration = Duration::from_secs(20);
const FIRST_WAIT: Duration = Duration::from_millis(50);
const FIRST_WAIT_AFTER_ERROR: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    Acknowledged {
        epoch: String,
        seq: i64,
    },
    /// For what it is: sending it again is no use.
    Refused {
        epoch: String,
        seq: i64,
        message: String,
    },
}

/// One attempt's result.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Acknowledged,
    Pending,
    Refused(String),
    Failed(String),
}

/// Sends batches to the API server.
#[derive(Debug)]
pub struct Sender {
    pub api: Api<SensorReport>,
    /// The report's name: the node's.
    pub name: String,
    pub switches: TestSwitches,
    pub metrics: Arc<Metrics>,
}

impl Sender {
    /// Runs until nobody gives batches or takes deliveries any more.
    pub async fn run(self, mut batches: watch::Receiver<Option<Outstanding>>, deliveries: mpsc::Sender<Delivery>) {
        loop {
            let batch = batches.borrow_and_update().clone();
            if let Some(batch) = batch {
                let delivered = tokio::select! {
                    delivery = self.deliver(&batch) => deliveries.send(delivery).await.is_ok(),
                    changed = batches.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        continue;
                    }
                };
                if !delivered {
                    return;
                }
            }
            if batches.changed().await.is_err() {
                return;
            }
        }
    }

    async fn deliver(&self, batch: &Outstanding) -> Delivery {
        let (epoch, seq) = (batch.epoch.clone(), batch.seq);
        let object = match self.object(batch) {
            Ok(object) => object,
            Err(error) => {
                let message = error.to_string();
                return Delivery::Refused { epoch, seq, message };
            }
        };
        let mut wait = FIRST_WAIT;
        let mut failing = false;
        loop {
            self.switches.pass(KillPoint::BeforeSend, &batch.spec);
            match self.attempt(&object, batch).await {
                Answer::Acknowledged => {
                    self.switches.pass(KillPoint::BeforeAcknowledgement, &batch.spec);
                    self.metrics.attempt(Attempt::Acknowledged);
                    return Delivery::Acknowledged { epoch, seq };
                }
                Answer::Refused(message) => {
                    self.metrics.attempt(Attempt::Refused);
                    return Delivery::Refused { epoch, seq, message };
                }
                Answer::Pending => {
                    self.metrics.attempt(Attempt::Pending);
                    failing = false;
                }
                Answer::Failed(error) => {
                    self.metrics.attempt(Attempt::Failed);
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%error, seq, "report not sent, trying again");
                    }
                    wait = wait.max(FIRST_WAIT_AFTER_ERROR);
                }
            }
            tokio::time::sleep(jittered(wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn object(&self, batch: &Outstanding) -> serde_json::Result<Value> {
        let spec: Value = serde_json::from_slice(&batch.spec)?;
        Ok(json!({
            "apiVersion": "anchorwatch.dev/v1alpha1",
            "kind": "SensorReport",
            "metadata": {"name": self.name},
            "spec": spec,
        }))
    }

    async fn attempt(&self, object: &Value, batch: &Outstanding) -> Answer {
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(object);
        let apply = self.api.patch(&self.name, &parameters, &patch);
        match tokio::time::timeout(TIMEOUT, apply).await {
            Err(_) => Answer::Failed(format!("no answer within {} s", TIMEOUT.as_secs())),
            Ok(Err(kube::Error::Api(status))) if is_refusal(&status) => Answer::Refused(status.message.clone()),
            Ok(Err(error)) => Answer::Failed(Chain(&error).to_string()),
            Ok(Ok(report)) => answer(&report, batch),
        }
    }
}

fn answer(report: &SensorReport, batch: &Outstanding) -> Answer {
    let status = report.status.as_ref();
    match status.and_then(|status| status.acknowledged.as_ref()) {
        Some(acknowledged) if acknowledged.epoch == batch.epoch && acknowledged.seq >= batch.seq => {
            Answer::Acknowledged
        }
        _ => Answer::Pending,
    }
}

/// The schema or its rules say no to this batch. What admission policies, rights and quotas forbid may be allowed
/// later, and is tried again.
fn is_refusal(status: &Status) -> bool {
    let of_policy =
        status.message.contains("ValidatingAdmissionPolicy") || status.message.contains("admission webhook");
    (status.code == 422 && !of_policy) || status.code == 413
}

/// Three quarters to five quarters of it, so that nodes that were refused together come back one by one.
fn jittered(wait: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    wait.mul_f64(0.75 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
