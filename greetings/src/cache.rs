//! Greetings that were rendered ahead, by the hash of what they are: text, voice and model. Bounded by bytes; what was not said for longest goes.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Voice;
use sha2::{Digest, Sha256};

/// Content hash of a rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 32]);

/// Who speaks: another of these makes another sound.
#[derive(Debug, Clone, PartialEq)]
pub struct VoiceKey {
    /// Name of the account or model; of two accounts at one vendor each may have voices of its own.
    pub provider: String,
    /// Whose account it is and how it is set: another organization's of the same name, or the same after it was pointed elsewhere, makes
    /// another sound. Empty for what is the same for everybody.
    pub account: String,
    pub model: String,
    pub voice: Voice,
}

/// Audio as its voice gave it, mono.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub samples: Arc<[i16]>,
    pub rate_hz: u32,
}

#[derive(Debug)]
pub struct Cache {
    entries: HashMap<Key, (Rendered, u64)>,
    bytes: usize,
    most_bytes: usize,
    /// Counts uses, so that the oldest is known.
    uses: u64,
}

impl Key {
    #[must_use]
    pub fn of(text: &str, who: &VoiceKey) -> Self {
        let Voice { name, language, speed } = &who.voice;
        let mut hash = Sha256::new();
        let speed = speed.to_bits().to_be_bytes();
        let parts: [&[u8]; 7] = [
            text.as_bytes(),
            who.provider.as_bytes(),
            who.account.as_bytes(),
            who.model.as_bytes(),
            name.as_bytes(),
            language.0.as_bytes(),
            &speed,
        ];
        // With its length before it, no part can run into the next.
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

impl Cache {
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { entries: HashMap::new(), bytes: 0, most_bytes, uses: 0 }
    }

    #[must_use]
    pub fn has(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    pub fn get(&mut self, key: &Key) -> Option<Rendered> {
        self.uses += 1;
        let (rendered, used) = self.entries.get_mut(key)?;
        *used = self.uses;
        Some(rendered.clone())
    }

    /// What is larger than all there is room for is not kept.
    pub fn put(&mut self, key: Key, rendered: Rendered) {
        let size = size(&rendered);
        if size > self.most_bytes {
            return;
        }
        self.uses += 1;
        if let Some((before, _)) = self.entries.insert(key, (rendered, self.uses)) {
            self.bytes -= self::size(&before);
        }
        self.bytes += size;
        while self.bytes > self.most_bytes {
            let oldest = self.entries.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            let Some((gone, _)) = oldest.and_then(|key| self.entries.remove(&key)) else { return };
            self.bytes -= self::size(&gone);
        }
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn size(rendered: &Rendered) -> usize {
    size_of_val(&*rendered.samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn who(provider: &str, model: &str, voice: &str) -> VoiceKey {
        let voice = Voice { name: voice.to_owned(), ..Voice::default() };
        VoiceKey { provider: provider.to_owned(), account: String::new(), model: model.to_owned(), voice }
    }

    fn audio(samples: usize) -> Rendered {
        Rendered { samples: vec![0; samples].into(), rate_hz: 16_000 }
    }

    #[test]
    fn another_text_voice_or_model_is_another_sound() {
        let same = Key::of("Hello.", &who("a", "m", "v"));
        assert_eq!(same, Key::of("Hello.", &who("a", "m", "v")));
        let slow = VoiceKey { voice: Voice { speed: 0.9, ..who("a", "m", "v").voice }, ..who("a", "m", "v") };
        let elsewhere = VoiceKey { account: "another".to_owned(), ..who("a", "m", "v") };
        for other in [
            Key::of("Hello", &who("a", "m", "v")),
            Key::of("Hello.", &who("b", "m", "v")),
            Key::of("Hello.", &who("a", "n", "v")),
            Key::of("Hello.", &who("a", "m", "w")),
            Key::of("Hello.", &who("am", "", "v")),
            Key::of("Hello.", &slow),
            Key::of("Hello.", &elsewhere),
        ] {
            assert_ne!(same, other);
        }
    }

    #[test]
    fn what_was_not_said_for_longest_goes() {
        let mut cache = Cache::new(300);
        let key = |text: &str| Key::of(text, &who("a", "m", "v"));
        for text in ["one", "two", "three"] {
            cache.put(key(text), audio(50));
        }
        cache.get(&key("one"));
        cache.put(key("four"), audio(50));
        assert!(cache.has(&key("one")) && !cache.has(&key("two")));
        cache.put(key("huge"), audio(151));
        assert!(!cache.has(&key("huge")) && cache.len() == 3);
    }

    proptest! {
        #[test]
        fn it_never_holds_more_than_it_may(puts in prop::collection::vec((0..12u8, 0..200usize), 0..100)) {
            let mut cache = Cache::new(500);
            for (text, samples) in puts {
                cache.put(Key::of(&text.to_string(), &who("a", "m", "v")), audio(samples));
                let held: usize = cache.entries.values().map(|(rendered, _)| size(rendered)).sum();
                prop_assert_eq!(cache.bytes(), held);
                prop_assert!(held <= 500);
            }
        }
    }
}
