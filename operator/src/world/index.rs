//! Objects by their UID, and for an hour those that are gone: a sensor's report may name a pod that ended since.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use kube::runtime::watcher::Event;

/// How long what is gone is remembered.
const REMEMBERED: Duration = Duration::from_hours(1);

/// What can be found by its UID.
pub trait Identified {
    /// The object's UID.
    fn uid(&self) -> &str;
}

/// An object, and whether it is still there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Known<T> {
    /// It exists.
    Live(Arc<T>),
    /// It was deleted less than an hour ago.
    Gone(Arc<T>),
}

impl<T> Known<T> {
    /// The object, whether it is still there or not.
    pub fn get(&self) -> &Arc<T> {
        match self {
            Self::Live(object) | Self::Gone(object) => object,
        }
    }
}

/// Objects by their UID.
#[derive(Debug)]
pub struct Index<T> {
    live: HashMap<String, Arc<T>>,
    gone: HashMap<String, (Arc<T>, Instant)>,
    listed: HashMap<String, Arc<T>>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self {
            live: HashMap::new(),
            gone: HashMap::new(),
            listed: HashMap::new(),
        }
    }
}

impl<T: Identified> Index<T> {
    /// Takes in what a watch says, and returns the objects that it touched. What a new list no longer holds is gone.
    pub fn apply(&mut self, event: Event<T>, now: Instant) -> Vec<Arc<T>> {
        match event {
            Event::Apply(object) => {
                let object = Arc::new(object);
                self.live.insert(object.uid().to_owned(), Arc::clone(&object));
                vec![object]
            }
            Event::Delete(object) => {
                let object = Arc::new(object);
                self.live.remove(object.uid());
                self.bury(Arc::clone(&object), now);
                vec![object]
            }
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(object.uid().to_owned(), Arc::new(object));
                Vec::new()
            }
            Event::InitDone => {
                let before = std::mem::replace(&mut self.live, std::mem::take(&mut self.listed));
                let vanished: Vec<_> = before
                    .into_iter()
                    .filter(|(uid, _)| !self.live.contains_key(uid))
                    .map(|(_, object)| object)
                    .collect();
                for object in &vanished {
                    self.bury(Arc::clone(object), now);
                }
                self.live.values().cloned().chain(vanished).collect()
            }
        }
    }

    /// The object of this UID, if it exists or did within the last hour.
    pub fn get(&self, uid: &str, now: Instant) -> Option<Known<T>> {
        if let Some(object) = self.live.get(uid) {
            return Some(Known::Live(Arc::clone(object)));
        }
        let (object, since) = self.gone.get(uid)?;
        (now.saturating_duration_since(*since) < REMEMBERED).then(|| Known::Gone(Arc::clone(object)))
    }

    /// Every object that exists.
    pub fn live(&self) -> impl Iterator<Item = &Arc<T>> {
        self.live.values()
    }

    /// Every object that exists or did within the last hour.
    pub fn recent(&self, now: Instant) -> impl Iterator<Item = &Arc<T>> {
        let fresh = move |since: &Instant| now.saturating_duration_since(*since) < REMEMBERED;
        let gone = self
            .gone
            .values()
            .filter(move |(_, since)| fresh(since))
            .map(|(object, _)| object);
        self.live.values().chain(gone)
    }

    fn bury(&mut self, object: Arc<T>, now: Instant) {
        self.gone
            .retain(|_, (_, since)| now.saturating_duration_since(*since) < REMEMBERED);
        self.gone.insert(object.uid().to_owned(), (object, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Eq, PartialEq)]
    struct Thing(&'static str, u8);

    impl Identified for Thing {
        fn uid(&self) -> &str {
            self.0
        }
    }

    fn list(index: &mut Index<Thing>, things: &[Thing], now: Instant) {
        index.apply(Event::Init, now);
        for thing in things {
            index.apply(Event::InitApply(thing.clone()), now);
        }
        index.apply(Event::InitDone, now);
    }

    #[test]
    fn what_was_deleted_is_remembered_for_an_hour() {
        let mut index = Index::default();
        let start = Instant::now();
        index.apply(Event::Apply(Thing("a", 1)), start);
        index.apply(Event::Delete(Thing("a", 2)), start);
        let within = start + REMEMBERED.checked_sub(Duration::from_secs(1)).unwrap();
        assert_eq!(index.get("a", within), Some(Known::Gone(Arc::new(Thing("a", 2)))));
        assert_eq!(index.get("a", start + REMEMBERED), None);
    }

    #[test]
    fn what_a_new_list_lacks_was_deleted_meanwhile() {
        let mut index = Index::default();
        let now = Instant::now();
        list(&mut index, &[Thing("a", 1), Thing("b", 1)], now);
        list(&mut index, &[Thing("b", 2)], now);
        assert_eq!(index.get("a", now), Some(Known::Gone(Arc::new(Thing("a", 1)))));
        assert_eq!(index.get("b", now), Some(Known::Live(Arc::new(Thing("b", 2)))));
    }

    #[test]
    fn a_list_that_is_not_finished_takes_nothing_away() {
        let mut index = Index::default();
        let now = Instant::now();
        list(&mut index, &[Thing("a", 1)], now);
        index.apply(Event::Init, now);
        assert_eq!(index.get("a", now), Some(Known::Live(Arc::new(Thing("a", 1)))));
    }

    #[test]
    fn what_is_long_gone_takes_no_memory() {
        let mut index = Index::default();
        let start = Instant::now();
        index.apply(Event::Delete(Thing("a", 1)), start);
        index.apply(Event::Delete(Thing("b", 1)), start + REMEMBERED);
        assert_eq!(index.gone.len(), 1);
    }
}
