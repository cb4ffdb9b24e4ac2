//! Paths of executables as text. Most events are of a few programs, and to make a path's text takes as long as the rest of
//! what a known event costs.

use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::text;
use crate::keyed::Keyed;

/// How many are remembered, and how long each may be, in bytes: half a megabyte at the most.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");
const LONGEST: usize = 256;

/// What paths read as.
#[derive(Debug)]
pub struct Executables(LruCache<Box<[u8]>, Arc<str>, Keyed>);

impl Default for Executables {
    fn default() -> Self {
        Self(LruCache::with_hasher(REMEMBERED, Keyed::default()))
    }
}

impl Executables {
    /// As [`text::path`] has it.
    pub fn path(&mut self, bytes: &[u8], head_is_cut: bool) -> Arc<str> {
        if head_is_cut || bytes.len() > LONGEST {
            return text::path(bytes, head_is_cut).into();
        }
        if let Some(known) = self.0.get(bytes) {
            return Arc::clone(known);
        }
        let path: Arc<str> = text::path(bytes, false).into();
        self.0.put(bytes.into(), Arc::clone(&path));
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_it_would_the_first_time_and_what_is_cut_is_another() {
        let mut executables = Executables::default();
        for _ in 0..2 {
            for bytes in [&b"/bin/sh"[..], b"", b"/run/token=correcthorse/x", &[b'a'; 5000]] {
                for head_is_cut in [false, true] {
                    let path = executables.path(bytes, head_is_cut);
                    assert_eq!(*path, *text::path(bytes, head_is_cut));
                }
            }
        }
        assert_eq!(executables.0.len(), 3);
    }
}
