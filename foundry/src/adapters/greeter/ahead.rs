//! Renders what callers may hear first before they call: each agent's fixed greetings, in its first voice and in each that stands in for it.

use std::time::Duration;

use greetings::cache::Rendered;
use greetings::{Caller, Key};
use jiff::Timestamp;
use media_session::{Directory, sentence};
use tokio::time::Instant;

use super::Greeter;
use crate::adapters::accounts::{BUILT_IN, OneVoice};
use crate::adapters::catalogue::Callable;
use crate::speech;

/// How often it is looked at whether agents, voices or greetings are others.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What could not be rendered is tried again so much later: a vendor that is down is not asked in a loop.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// A sentence waits so long for a moment without calls: a server that always has some must greet, too.
const GIVE_WAY: Duration = Duration::from_secs(5);
/// In one go; what is beyond is rendered when it is first said. Twice a sentence for each of a hundred agents.
const RENDERS_MOST: usize = 500;

/// The agent's own wordings that say the same in each call.
pub(super) fn own(callable: &Callable) -> Vec<String> {
    let definition = &callable.ready.agent.graph().definition;
    definition.greeting.iter().filter(|text| !text.contains(['{', '}'])).cloned().collect()
}

/// The models of this process are those that callers are listened to and spoken to with.
async fn give_way(calls: &Directory) {
    let until = Instant::now() + GIVE_WAY;
    while calls.counts().running > 0 && Instant::now() < until {
        tokio::time::sleep(GIVE_WAY / 25).await;
    }
}

impl Greeter {
    /// Never ends. One sentence at a time: callers who are there come first.
    pub(super) async fn keep_rendered(&self, calls: &Directory) {
        let mut done = None;
        let mut again: Option<Instant> = None;
        loop {
            let (agents, callables) = self.catalogue.served();
            let stamps = (agents, self.bench.stamp(), self.known.borrow().stamp.clone());
            let due = again.is_some_and(|at| at <= Instant::now());
            if done.as_ref() != Some(&stamps) || due {
                let whole = self.render_all(&callables, calls).await;
                again = (!whole).then(|| Instant::now() + AGAIN_AFTER);
                done = Some(stamps);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// `false`: something could not be rendered.
    async fn render_all(&self, callables: &[Callable], calls: &Directory) -> bool {
        let mut left = RENDERS_MOST;
        let mut whole = true;
        for callable in callables {
            let texts = self.texts(callable);
            for voice in self.voices(callable) {
                for text in &texts {
                    if left == 0 {
                        return whole;
                    }
                    match self.render_one(&voice, text, calls).await {
                        Some(true) => left -= 1,
                        Some(false) => {}
                        None => {
                            left -= 1;
                            whole = false;
                        }
                    }
                }
            }
        }
        whole
    }

    /// The sentences that callers of an agent may hear first, whoever they are.
    fn texts(&self, callable: &Callable) -> Vec<String> {
        let known = std::sync::Arc::clone(&self.known.borrow());
        let caller = Caller::default();
        let asked = known.asked(callable, "", &caller, Timestamp::now());
        let given = known.books.get(&callable.org).map(|book| book.fixed(&asked)).unwrap_or_default();
        let mut sentences = Vec::new();
        for sentence in given.iter().chain(&own(callable)).flat_map(|text| sentence::cut(text)) {
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
        sentences
    }

    /// Whether it was rendered now; `None`: it could not be.
    async fn render_one(&self, voice: &OneVoice, text: &str, calls: &Directory) -> Option<bool> {
        let key = Key::of(text, &voice.who);
        if self.cache().has(&key) {
            return Some(false);
        }
        if voice.who.provider == BUILT_IN {
            give_way(calls).await;
        }
        let clip = speech::rendered(voice.tts.as_ref(), text, &voice.who.voice).await?;
        if clip.samples.is_empty() {
            return None;
        }
        self.cache().put(key, Rendered { samples: clip.samples, rate_hz: clip.rate_hz });
        Some(true)
    }
}
