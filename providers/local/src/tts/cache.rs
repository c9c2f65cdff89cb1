//! Sentences spoken lately: a front desk says the same things all day. Bounded in bytes; the longest unused go first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A finished sentence at 24 kHz with its words, positions in samples from its start.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spoken {
    pub(crate) samples: Vec<i16>,
    pub(crate) words: Vec<(String, usize, usize)>,
}

impl Spoken {
    fn bytes(&self) -> usize {
        self.samples.len() * 2 + self.words.iter().map(|(word, ..)| word.len() + 40).sum::<usize>()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) text: String,
    /// Pace in thousandths of the voice's own.
    pub(crate) pace: u32,
}

#[derive(Debug)]
pub(crate) struct Cache {
    limit_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, (u64, Arc<Spoken>)>,
    bytes: usize,
    uses: u64,
}

impl Cache {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, state: Mutex::default() }
    }

    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Spoken>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.uses += 1;
        let now = state.uses;
        let (used, spoken) = state.entries.get_mut(key)?;
        *used = now;
        Some(Arc::clone(spoken))
    }

    pub(crate) fn keep(&self, key: Key, spoken: Spoken) {
        let size = spoken.bytes() + key.text.len();
        if size > self.limit_bytes / 4 {
            return; // one monologue must not push out everything else
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.uses += 1;
        let now = state.uses;
        if let Some((_, old)) = state.entries.insert(key.clone(), (now, Arc::new(spoken))) {
            state.bytes = state.bytes.saturating_sub(old.bytes() + key.text.len());
        }
        state.bytes += size;
        while state.bytes > self.limit_bytes {
            let Some(oldest) =
                state.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone())
            else {
                break;
            };
            if let Some((_, gone)) = state.entries.remove(&oldest) {
                state.bytes = state.bytes.saturating_sub(gone.bytes() + oldest.text.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key { text: text.to_owned(), pace: 1000 }
    }

    fn spoken(samples: usize) -> Spoken {
        Spoken { samples: vec![1; samples], words: Vec::new() }
    }

    #[test]
    fn the_longest_unused_sentence_makes_room() {
        let cache = Cache::new(1_000);
        for text in ["a", "b", "c", "d"] {
            cache.keep(key(text), spoken(100));
        }
        assert!(cache.find(&key("a")).is_some());
        cache.keep(key("e"), spoken(100));
        assert!(cache.find(&key("b")).is_none(), "the oldest went");
        assert!(cache.find(&key("a")).is_some(), "the used one stayed");
        assert_eq!(cache.find(&Key { text: "a".to_owned(), pace: 900 }), None);
    }

    #[test]
    fn a_monologue_is_not_kept_and_a_repeat_counts_once() {
        let cache = Cache::new(1_000);
        cache.keep(key("long"), spoken(1_000));
        assert_eq!(cache.find(&key("long")), None);
        for _ in 0..10 {
            cache.keep(key("a"), spoken(100));
        }
        cache.keep(key("b"), spoken(100));
        assert!(cache.find(&key("a")).is_some() && cache.find(&key("b")).is_some());
    }
}
