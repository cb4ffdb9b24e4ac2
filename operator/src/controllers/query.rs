//! Searches: a BehaviorQuery is answered in its status from what all baselines hold, and deleted minutes later.
//!
//! The index is made when somebody asks, of what is known then, and serves whoever asks within the next minutes; without
//! questions there is none.

mod index;
mod plan;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use anchorwatch_crds::v1alpha1::BehaviorQuery;
use anchorwatch_fleet::Generation;
use futures::StreamExt;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Preconditions},
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use tokio::task::JoinError;
use tracing::warn;

use crate::{
    clock,
    context::Context,
    world::readable,
    writes::{Writes, is_conflict, is_gone, unless_outdated},
};

const NAME: &str = "query";
/// How often what could not be answered is tried again, and what is old is deleted.
const TICK: Duration = Duration::from_secs(15);
/// How long an index serves.
const FRESH: Duration = Duration::from_mins(2);

/// Why a query is not answered yet.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error("the index could not be made or searched")]
    Index(#[from] JoinError),
    #[error("the answer could not be written")]
    Write(#[from] kube::Error),
}

/// An index, and when it was made.
struct Made {
    generation: Arc<Generation>,
    at: Instant,
    as_of: Timestamp,
}

/// Runs the controller.
pub async fn run(context: &Context) {
    context.world.ready().await;
    let api: Api<DeserializeGuard<BehaviorQuery>> = Api::all(context.client.clone());
    let queries = watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let mut queries = std::pin::pin!(queries);
    let mut tick = tokio::time::interval(TICK);
    let mut searching = Searching::new(context);
    loop {
        tokio::select! {
            Some(query) = queries.next() => match query {
                Ok(DeserializeGuard(Ok(query))) => searching.take(query).await,
                // The API server took it by a newer schema: it is deleted by whoever knows that.
                Ok(DeserializeGuard(Err(_))) => {}
                Err(error) => warn!(controller = NAME, error = &error as &dyn Error, "queries can't be watched now"),
            },
            _ = tick.tick() => searching.tidy().await,
        }
    }
}

struct Searching<'a> {
    context: &'a Context,
    writes: Writes,
    /// What is asked, by UID, until it is deleted.
    asked: BTreeMap<String, BehaviorQuery>,
    made: Option<Made>,
}

impl<'a> Searching<'a> {
    fn new(context: &'a Context) -> Self {
        Self {
            context,
            writes: Writes::new(&context.metrics, NAME),
            asked: BTreeMap::new(),
            made: None,
        }
    }

    async fn take(&mut self, query: BehaviorQuery) {
        let uid = query.uid().unwrap_or_default();
        let query = plan::reduced(query);
        let is_new = !self.asked.contains_key(&uid);
        if is_new && plan::is_too_many(&query, self.asked.values()) && self.forget(&query).await {
            return;
        }
        self.answer(&query).await;
        self.asked.insert(uid, query);
    }

    async fn tidy(&mut self) {
        let now = clock::now();
        if self.made.as_ref().is_some_and(|made| made.at.elapsed() > FRESH) {
            self.made = None;
        }
        for (uid, query) in std::mem::take(&mut self.asked) {
            if plan::is_over(&query, now) {
                if self.forget(&query).await {
                    continue;
                }
            } else {
                self.answer(&query).await;
            }
            self.asked.insert(uid, query);
        }
    }

    /// Deletes it; false where that fails.
    async fn forget(&self, query: &BehaviorQuery) -> bool {
        let result = self.delete(query).await;
        if let Err(error) = &result {
            warn!(
                controller = NAME,
                namespace = query.namespace(),
                error = error as &dyn Error,
                "a query can't be deleted now"
            );
        }
        result.is_ok()
    }

    /// Answers it, unless it is answered. What fails is tried again. Its name stays out of the log: who knows it may read
    /// the answer.
    async fn answer(&mut self, query: &BehaviorQuery) {
        if !plan::is_open(query) {
            return;
        }
        let started = Instant::now();
        let result = self.try_answer(query).await;
        self.context
            .metrics
            .count_reconcile(NAME, result.is_ok(), started.elapsed());
        if let Err(error) = result {
            warn!(
                controller = NAME,
                namespace = query.namespace(),
                error = &error as &dyn Error,
                "a query can't be answered now"
            );
        }
    }

    async fn try_answer(&mut self, query: &BehaviorQuery) -> Result<(), AnswerError> {
        let (generation, as_of) = self.index().await?;
        let mut answered = query.clone();
        // On a thread of its own: a large namespace is compared as a whole, and every controller shares this one.
        let answered = tokio::task::spawn_blocking(move || {
            answered.status = Some(plan::answer(&answered, &generation, as_of));
            answered
        });
        let answered = answered.await?;
        let api: Api<BehaviorQuery> =
            Api::namespaced(self.context.client.clone(), &query.namespace().unwrap_or_default());
        unless_outdated(self.writes.replace_status(&api, &answered).await)?;
        Ok(())
    }

    async fn delete(&self, query: &BehaviorQuery) -> kube::Result<()> {
        let api: Api<BehaviorQuery> =
            Api::namespaced(self.context.client.clone(), &query.namespace().unwrap_or_default());
        let this_one = DeleteParams {
            preconditions: Some(Preconditions {
                uid: query.uid(),
                ..Preconditions::default()
            }),
            ..DeleteParams::default()
        };
        match self.writes.delete(&api, &query.name_any(), &this_one).await {
            Err(error) if !is_gone(&error) && !is_conflict(&error) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The index; a new one where the last is old.
    async fn index(&mut self) -> Result<(Arc<Generation>, Timestamp), JoinError> {
        if let Some(made) = self.made.as_ref().filter(|made| made.at.elapsed() <= FRESH) {
            return Ok((Arc::clone(&made.generation), made.as_of));
        }
        let baselines = readable(&self.context.world.baselines);
        let as_of = clock::now();
        let made = tokio::task::spawn_blocking(move || {
            let baselines = baselines.iter().filter_map(|guarded| guarded.0.as_ref().ok());
            Generation::of(baselines.flat_map(index::known))
        });
        let generation = Arc::new(made.await?);
        self.made = Some(Made {
            generation: Arc::clone(&generation),
            at: Instant::now(),
            as_of,
        });
        Ok((generation, as_of))
    }
}
