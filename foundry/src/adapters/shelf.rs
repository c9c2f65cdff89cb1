//! Sentences that were rendered before they are needed, by who says them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greetings::cache::Rendered;
use greetings::{Cache, Key, VoiceKey};
use media_session::{Clip, Clips};
use tokio::time::Instant;

use crate::adapters::accounts::OneVoice;
use crate::speech;

/// How often it is looked at whether what is to be rendered is another.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What could not be rendered is tried again so much later: a vendor that is down is not asked in a loop.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

pub(crate) struct Shelf(Mutex<Cache>);

impl Shelf {
    /// When full, what was not wanted for longest makes room.
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self(Mutex::new(Cache::new(most_bytes)))
    }

    pub(crate) fn has(&self, key: &Key) -> bool {
        self.cache().has(key)
    }

    pub(crate) fn get(&self, text: &str, who: &VoiceKey) -> Option<Clip> {
        let Rendered { samples, rate_hz } = self.cache().get(&Key::of(text, who))?;
        Some(Clip { text: text.to_owned(), samples, rate_hz })
    }

    pub(crate) fn keep(&self, who: &VoiceKey, clip: &Clip) {
        let rendered = Rendered { samples: clip.samples.clone(), rate_hz: clip.rate_hz };
        self.cache().put(Key::of(&clip.text, who), rendered);
    }

    /// Puts these texts into a call's clips, each in the first of the voices that has said it; places for those that none has, which
    /// are given back.
    pub(crate) fn lay(
        &self,
        clips: &mut Clips,
        texts: impl IntoIterator<Item = String>,
        voices: &[OneVoice],
    ) -> Vec<String> {
        let mut missing = Vec::new();
        for text in texts {
            match voices.iter().find_map(|voice| self.get(&text, &voice.who)) {
                Some(clip) => {
                    clips.insert(text, clip);
                }
                None => {
                    clips.expect(text.clone());
                    missing.push(text);
                }
            }
        }
        missing
    }

    /// Asks the voice, and keeps what it says.
    pub(crate) async fn render(&self, voice: &OneVoice, text: &str) -> Option<Clip> {
        let clip = speech::rendered(voice.tts.as_ref(), text, &voice.who.voice).await?;
        self.keep(&voice.who, &clip);
        Some(clip)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renders at once, whenever `stamp` is another, and again a while after something could not be rendered (`false`). Never ends.
pub(crate) async fn keep_rendered<S: PartialEq, F: Future<Output = bool>>(
    stamp: impl Fn() -> S,
    render: impl Fn() -> F,
) {
    let mut done = None;
    let mut again: Option<Instant> = None;
    loop {
        let now = stamp();
        let due = again.is_some_and(|at| at <= Instant::now());
        if done.as_ref() != Some(&now) || due {
            let whole = render().await;
            again = (!whole).then(|| Instant::now() + AGAIN_AFTER);
            done = Some(now);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
