//! Leader election: one operator of several holds the Lease and works, the others wait.
//!
//! The Lease is taken by an update that carries its resourceVersion, so that of two takers one loses. How long a Lease
//! has been left alone is measured on our own monotonic clock from when we first saw it so, never by comparing its
//! times with our wall clock: clocks of two nodes may differ.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

/// How long a Lease that nobody renews stays its holder's.
const DURATION: Duration = Duration::from_secs(30);
/// How often the holder renews it.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// How long the holder works on without a renewal: it stops well before another may take over.
const RENEW_DEADLINE: Duration = Duration::from_secs(20);
/// How often a Lease is looked at, or a failed renewal tried again.
const RETRY_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for one answer of the API server.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the Lease is no longer ours.
#[derive(Debug, thiserror::Error)]
pub enum LeaseLost {
    /// Another operator holds it.
    #[error("the lease is held by {holder}")]
    Taken {
        /// Who holds it.
        holder: String,
    },
    /// It could not be renewed in time.
    #[error("the lease could not be renewed in time")]
    NotRenewed,
}

#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("the API server refused")]
    Api(#[source] kube::Error),
    #[error("the API server did not answer in time")]
    Timeout,
}

/// What to do about a Lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Take,
    Renew,
    Wait(Duration),
}

/// Decides what `me` does about a Lease that has been left as it is for `unchanged_for`.
fn decide(spec: Option<&LeaseSpec>, unchanged_for: Duration, me: &str) -> Step {
    let Some(spec) = spec else { return Step::Take };
    let holder = spec.holder_identity.as_deref().unwrap_or_default();
    if holder.is_empty() {
        return Step::Take;
    }
    if holder == me {
        return Step::Renew;
    }
    let seconds = spec
        .lease_duration_seconds
        .and_then(|seconds| u64::try_from(seconds).ok());
    let duration = seconds.map_or(DURATION, Duration::from_secs);
    match duration.checked_sub(unchanged_for) {
        Some(rest) if !rest.is_zero() => Step::Wait(rest.min(RETRY_EVERY)),
        _ => Step::Take,
    }
}

/// The Lease's next content where `me` holds it from now on.
fn held_by(me: &str, previous: Option<&LeaseSpec>, now: Timestamp) -> LeaseSpec {
    let previous_holder = previous.and_then(|spec| spec.holder_identity.as_deref());
    let kept = previous_holder == Some(me);
    let transitions = previous.and_then(|spec| spec.lease_transitions).unwrap_or(0);
    LeaseSpec {
        acquire_time: previous
            .and_then(|spec| spec.acquire_time.clone())
            .filter(|_| kept)
            .or(Some(MicroTime(now))),
        holder_identity: Some(me.to_owned()),
        lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
        lease_transitions: Some(if kept || previous.is_none() {
            transitions
        } else {
            transitions + 1
        }),
        renew_time: Some(MicroTime(now)),
        ..LeaseSpec::default()
    }
}

/// One operator's side of the election.
#[derive(Clone, Debug)]
pub struct Election {
    api: Api<Lease>,
    name: String,
    me: String,
}

/// The Lease, held.
#[derive(Debug)]
pub struct Held {
    election: Election,
    lease: Lease,
    renewed: Instant,
}

impl Election {
    /// Takes part as `me` in the election for the Lease `namespace`/`name`.
    pub fn new(client: Client, namespace: &str, name: &str, me: &str) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            me: me.to_owned(),
        }
    }

    /// Waits until the Lease is ours; `seen` is called each time that the API server answered.
    pub async fn acquire(self, seen: impl Fn()) -> Held {
        let mut known: Option<(Option<String>, Instant)> = None;
        loop {
            let current = match within(self.api.get_opt(&self.name)).await {
                Ok(current) => current,
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "the lease can't be read");
                    sleep(RETRY_EVERY).await;
                    continue;
                }
            };
            seen();
            let version = current
                .as_ref()
                .and_then(|lease| lease.metadata.resource_version.clone());
            let since = match &known {
                Some((known_version, since)) if *known_version == version => *since,
                _ => Instant::now(),
            };
            known = Some((version, since));
            match decide(
                current.as_ref().and_then(|lease| lease.spec.as_ref()),
                since.elapsed(),
                &self.me,
            ) {
                Step::Wait(rest) => sleep(rest).await,
                Step::Take | Step::Renew => match self.write(current).await {
                    Ok((lease, renewed)) => {
                        info!(lease = self.name, identity = self.me, "leading");
                        return Held {
                            election: self,
                            lease,
                            renewed,
                        };
                    }
                    Err(error) => {
                        warn!(error = &error as &dyn std::error::Error, "the lease can't be taken");
                        sleep(RETRY_EVERY).await;
                    }
                },
            }
        }
    }

    /// Writes the Lease as ours. Its validity counts from before the request, not from the answer.
    async fn write(&self, current: Option<Lease>) -> Result<(Lease, Instant), CallError> {
        let started = Instant::now();
        let now = crate::clock::now();
        let lease = if let Some(mut lease) = current {
            lease.spec = Some(held_by(&self.me, lease.spec.as_ref(), now));
            within(self.api.replace(&self.name, &PostParams::default(), &lease)).await?
        } else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(held_by(&self.me, None, now)),
            };
            within(self.api.create(&PostParams::default(), &lease)).await?
        };
        Ok((lease, started))
    }
}

impl Held {
    /// Renews the Lease until it is lost.
    pub async fn keep(&mut self) -> LeaseLost {
        loop {
            sleep(RENEW_EVERY).await;
            loop {
                match self.renew().await {
                    Ok(()) => break,
                    Err(RenewError::Lost(lost)) => return lost,
                    Err(RenewError::Call(error)) => {
                        warn!(error = &error as &dyn std::error::Error, "the lease can't be renewed");
                    }
                }
                if self.renewed.elapsed() + RETRY_EVERY > RENEW_DEADLINE {
                    return LeaseLost::NotRenewed;
                }
                sleep(RETRY_EVERY).await;
            }
        }
    }

    async fn renew(&mut self) -> Result<(), RenewError> {
        match self.election.write(Some(self.lease.clone())).await {
            Ok((lease, renewed)) => {
                self.lease = lease;
                self.renewed = renewed;
                Ok(())
            }
            Err(CallError::Api(kube::Error::Api(status))) if status.is_conflict() => self.look_again().await,
            Err(error) => Err(error.into()),
        }
    }

    /// After a conflict: somebody touched the Lease. It is lost only if somebody else holds it.
    async fn look_again(&mut self) -> Result<(), RenewError> {
        let lease = within(self.election.api.get(&self.election.name)).await?;
        let holder = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.clone())
            .unwrap_or_default();
        if holder != self.election.me {
            return Err(LeaseLost::Taken { holder }.into());
        }
        let (lease, renewed) = self.election.write(Some(lease)).await?;
        self.lease = lease;
        self.renewed = renewed;
        Ok(())
    }

    /// Gives the Lease back, so that another operator need not wait for it to expire.
    pub async fn release(mut self) {
        if let Some(spec) = self.lease.spec.as_mut() {
            spec.holder_identity = None;
            spec.renew_time = Some(MicroTime(crate::clock::now()));
        }
        let name = &self.election.name;
        match within(self.election.api.replace(name, &PostParams::default(), &self.lease)).await {
            Ok(_) => info!(lease = name, "lease released"),
            Err(error) => warn!(error = &error as &dyn std::error::Error, "the lease can't be released"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum RenewError {
    #[error(transparent)]
    Lost(#[from] LeaseLost),
    #[error(transparent)]
    Call(#[from] CallError),
}

async fn within<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, CallError> {
    timeout(CALL_TIMEOUT, call)
        .await
        .map_err(|_| CallError::Timeout)?
        .map_err(CallError::Api)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(holder: &str) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(30),
            lease_transitions: Some(4),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_that_is_missing_or_released_is_taken() {
        assert_eq!(decide(None, Duration::ZERO, "me"), Step::Take);
        assert_eq!(decide(Some(&LeaseSpec::default()), Duration::ZERO, "me"), Step::Take);
        assert_eq!(decide(Some(&spec("")), Duration::ZERO, "me"), Step::Take);
    }

    #[test]
    fn a_lease_of_our_own_is_renewed_at_once() {
        assert_eq!(decide(Some(&spec("me")), Duration::ZERO, "me"), Step::Renew);
    }

    #[test]
    fn a_lease_of_another_is_respected_until_it_was_left_alone_for_its_duration() {
        let lease = spec("other");
        assert_eq!(decide(Some(&lease), Duration::ZERO, "me"), Step::Wait(RETRY_EVERY));
        assert_eq!(
            decide(Some(&lease), Duration::from_secs(29), "me"),
            Step::Wait(Duration::from_secs(1))
        );
        assert_eq!(decide(Some(&lease), Duration::from_secs(30), "me"), Step::Take);
    }

    #[test]
    fn taking_over_counts_as_a_transition_and_renewing_does_not() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(held_by("me", Some(&spec("other")), now).lease_transitions, Some(5));
        assert_eq!(held_by("me", Some(&spec("me")), now).lease_transitions, Some(4));
        assert_eq!(held_by("me", None, now).lease_transitions, Some(0));
    }

    #[test]
    fn a_holder_stops_before_another_may_take_over() {
        assert!(RENEW_DEADLINE + CALL_TIMEOUT < DURATION);
        assert!(RENEW_EVERY + RETRY_EVERY < RENEW_DEADLINE);
    }

    mod against_an_api_server {
        use std::sync::Mutex;

        use serde_json::{Value, json};

        use super::*;
        use crate::testkit::{api_server, refusal, versioned};

        const GET: &str = "GET /apis/coordination.k8s.io/v1/namespaces/system/leases/lead";
        const PUT: &str = "PUT /apis/coordination.k8s.io/v1/namespaces/system/leases/lead";
        const POST: &str = "POST /apis/coordination.k8s.io/v1/namespaces/system/leases";

        fn lease(holder: &str, version: &str) -> Value {
            versioned(
                json!({
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"namespace": "system", "name": "lead"},
                    "spec": {"holderIdentity": holder, "leaseDurationSeconds": 30},
                }),
                version,
            )
        }

        fn held(client: Client) -> Held {
            Held {
                election: Election::new(client, "system", "lead", "me"),
                lease: serde_json::from_value(lease("me", "4")).unwrap(),
                renewed: Instant::now(),
            }
        }

        #[tokio::test]
        async fn a_missing_lease_is_made() {
            let (client, calls) = api_server(|call| match call.line.as_str() {
                POST => (201, call.body.clone()),
                _ => refusal(404, "NotFound"),
            });
            let held = Election::new(client, "system", "lead", "me").acquire(|| {}).await;
            assert_eq!(calls.lines(), [GET, POST]);
            assert_eq!(held.lease.spec.unwrap().holder_identity.as_deref(), Some("me"));
        }

        #[tokio::test]
        async fn a_lease_that_another_took_is_lost() {
            let (client, _) = api_server(|call| match call.line.as_str() {
                PUT => refusal(409, "Conflict"),
                _ => (200, lease("other", "9")),
            });
            let lost = held(client).renew().await;
            assert!(matches!(lost, Err(RenewError::Lost(LeaseLost::Taken { holder })) if holder == "other"));
        }

        #[tokio::test]
        async fn a_lease_that_was_only_touched_stays_ours() {
            let touched = Mutex::new(true);
            let (client, calls) = api_server(move |call| match call.line.as_str() {
                PUT if std::mem::take(&mut *touched.lock().unwrap()) => refusal(409, "Conflict"),
                PUT => (200, call.body.clone()),
                _ => (200, lease("me", "9")),
            });
            held(client).renew().await.unwrap();
            assert_eq!(calls.last(PUT)["metadata"]["resourceVersion"], "9");
        }

        #[tokio::test]
        async fn a_released_lease_has_no_holder() {
            let (client, calls) = api_server(|call| (200, call.body.clone()));
            held(client).release().await;
            assert_eq!(calls.last(PUT)["spec"]["holderIdentity"], Value::Null);
        }
    }
}
