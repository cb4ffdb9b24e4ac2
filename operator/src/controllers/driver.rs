//! What all controllers share: a queue, retries with back-off, a time limit, and counting.

use std::{
    collections::HashMap,
    convert::Infallible,
    error::Error,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt, TryFutureExt};
use kube::{
    Resource,
    runtime::{
        applier,
        controller::{self, Action, Config},
        reflector::{ObjectRef, Store},
    },
};
use tokio::{sync::mpsc, time::timeout};
use tracing::{error, warn};

use crate::{
    context::Context,
    metrics::Metrics,
    world::{World, changes::Change},
};

/// Longest time that one reconciliation may take: an API server that does not answer must not hold a queue for ever.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(30);
/// First wait before a failed reconciliation is tried again; it doubles with each failure.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// Longest such wait.
const LAST_RETRY: Duration = Duration::from_mins(1);

/// Why a reconciliation failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure<E: Error + 'static> {
    /// The controller says.
    #[error(transparent)]
    Controller(E),
    /// It took too long.
    #[error("the reconciliation took longer than {} s", TIME_LIMIT.as_secs())]
    TimeLimit,
}

/// What a controller runs on.
#[derive(Clone, Debug)]
pub struct Driver {
    name: &'static str,
    concurrency: u16,
    metrics: Metrics,
    world: Arc<World>,
}

impl Driver {
    /// A driver for the controller of this name.
    pub fn new(context: &Context, name: &'static str, concurrency: u16) -> Self {
        Self {
            name,
            concurrency,
            metrics: context.metrics.clone(),
            world: Arc::clone(&context.world),
        }
    }

    /// Reconciles each object that the queue names, for as long as the queue lasts. Requests for an object that waits
    /// fall together, and no object is reconciled twice at a time. Nothing is decided before every cache is filled.
    pub async fn run<K, E, F>(
        &self,
        store: Store<K>,
        queue: impl Stream<Item = ObjectRef<K>>,
        reconcile: impl Fn(Arc<K>) -> F,
    ) where
        K: Resource<DynamicType = ()> + Clone + 'static,
        E: Error + 'static,
        F: Future<Output = Result<Action, E>>,
    {
        self.world.ready().await;
        let retries = Mutex::new(HashMap::new());
        let attempt = |object: Arc<K>, _| {
            let key = ObjectRef::from_obj(object.as_ref());
            let started = Instant::now();
            let limited = timeout(TIME_LIMIT, reconcile(object).map_err(Failure::Controller));
            let retries = &retries;
            Box::pin(async move {
                let result = limited.await.unwrap_or(Err(Failure::TimeLimit));
                self.metrics
                    .count_reconcile(self.name, result.is_ok(), started.elapsed());
                if result.is_ok() {
                    lock(retries).remove(&key);
                }
                result
            })
        };
        let retry = |object: Arc<K>, _: &Failure<E>, _| {
            let key = ObjectRef::from_obj(object.as_ref());
            let mut retries = lock(&retries);
            let failures = retries.entry(key).or_insert(0_u32);
            *failures += 1;
            Action::requeue(back_off(*failures, getrandom::u32().unwrap_or(u32::MAX)))
        };
        applier(
            attempt,
            retry,
            Arc::new(()),
            store,
            queue.map(Ok::<_, Infallible>),
            Config::default().concurrency(self.concurrency),
        )
        .for_each(async |result| self.log(result))
        .await;
    }

    fn log<T, E: Error + 'static>(&self, result: Result<T, controller::Error<Failure<E>, Infallible>>) {
        match result {
            // An object that is gone needs nothing any more.
            Ok(_) | Err(controller::Error::ObjectNotFound(_)) => {}
            Err(controller::Error::ReconcilerFailed(failure, object)) => warn!(
                controller = self.name,
                namespace = object.namespace.as_deref().unwrap_or_default(),
                name = object.name,
                error = &failure as &dyn Error,
                "a reconciliation failed and is tried again"
            ),
            Err(other) => error!(
                controller = self.name,
                error = &other as &dyn Error,
                "a controller's queue failed"
            ),
        }
    }
}

/// The wait after so many failures, somewhere in the upper half of its range, so that many objects that failed together
/// do not come back together.
pub(super) fn back_off(failures: u32, random: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let ceiling = FIRST_RETRY.saturating_mul(doubled).min(LAST_RETRY);
    ceiling.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

/// The objects to reconcile, from the changes that concern them.
pub fn queue<T>(
    changes: mpsc::UnboundedReceiver<Change>,
    concerned: impl Fn(Change) -> Vec<T>,
) -> impl Stream<Item = T> {
    futures::stream::unfold(changes, async |mut changes| {
        let change = changes.recv().await?;
        Some((change, changes))
    })
    .flat_map(move |change| futures::stream::iter(concerned(change)))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_retry_waits_at_least_half_of_its_ceiling_and_never_more_than_a_minute(
            failures in 1_u32..100,
            random: u32,
        ) {
            let wait = back_off(failures, random);
            prop_assert!(wait >= FIRST_RETRY / 2);
            prop_assert!(wait <= LAST_RETRY);
            prop_assert!(wait >= back_off(failures, 0));
        }
    }

    #[test]
    fn waits_double() {
        assert_eq!(back_off(1, u32::MAX), FIRST_RETRY);
        assert_eq!(back_off(3, u32::MAX), FIRST_RETRY * 4);
        assert_eq!(back_off(40, u32::MAX), LAST_RETRY);
    }
}
