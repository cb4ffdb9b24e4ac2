//! What is known of files by what they are, whichever container maps them.

use super::Facts;
use anchorwatch_sensor_common::module::FileIdentity;
use lru::LruCache;
use std::num::NonZeroUsize;

/// Hashes by the file's own filesystem, inode, generation, size and times: a file that changes is another one.
#[derive(Debug)]
pub struct Cache {
    facts: LruCache<FileIdentity, Facts>,
}

impl Cache {
    /// Room for `entries`, about 250 bytes each.
    pub fn new(entries: NonZeroUsize) -> Self {
        Self {
            facts: LruCache::new(entries),
        }
    }

    pub fn get(&mut self, file: &FileIdentity) -> Option<&Facts> {
        self.facts.get(file)
    }

    pub fn insert(&mut self, file: FileIdentity, facts: Facts) {
        self.facts.put(file, facts);
    }
}
