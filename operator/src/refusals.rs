//! Denials that the API server would not take: what became of a decision has to say so.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a refusal is believed: whoever refused it may think otherwise by then.
pub const BELIEVED: Duration = Duration::from_mins(10);

/// An object by namespace and name.
type Name = (String, String);

/// What was refused, when, and why.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<Name, (Instant, String)>>);

impl Refusals {
    /// Notes that an object was refused.
    pub fn note(&self, namespace: &str, name: &str, why: String) {
        let key = (namespace.to_owned(), name.to_owned());
        self.lock().insert(key, (Instant::now(), why));
    }

    /// What was refused in a namespace lately, by name, and why.
    pub fn of(&self, namespace: &str) -> BTreeMap<String, String> {
        let mut held = self.lock();
        held.retain(|_, (since, _)| since.elapsed() < BELIEVED);
        let of_namespace = held.iter().filter(|((of, _), _)| of == namespace);
        of_namespace
            .map(|((_, name), (_, why))| (name.clone(), why.clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, (Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
