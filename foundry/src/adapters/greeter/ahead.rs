//! Renders what callers may hear first before they call: each agent's fixed greetings, in its first voice and in each that stands in for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::OrgId;
use futures::future::join_all;
use futures::{FutureExt, StreamExt, stream};
use greetings::{Caller, Key};
use jiff::Timestamp;
use media_session::{Directory, sentence};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Greeter;
use crate::adapters::accounts::{BUILT_IN, OneVoice};
use crate::adapters::catalogue::Callable;

/// A sentence waits so long for a moment without calls: a server that always has some must greet, too.
const GIVE_WAY: Duration = Duration::from_secs(5);
/// In one go; what is beyond is rendered when it is first said. Twice a sentence for each of a hundred agents.
const RENDERS_MOST: usize = 500;
/// Sentences under way at one account, over all of its voices: vendors allow a key few at once, and calls come first.
const AT_ONCE: usize = 2;
/// A voice that fails so often in a row is left until the next time: it must not be waited for once more for each sentence.
const IN_VAIN: usize = 2;

/// What one voice is yet to say.
struct Lane {
    org: OrgId,
    voice: OneVoice,
    texts: Vec<String>,
    /// Of its account.
    places: Arc<Semaphore>,
}

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
    /// Every voice by itself, so that one that hangs holds up no other. `false`: something could not be rendered.
    pub(super) async fn render_all(&self, calls: &Directory) -> bool {
        let lanes = self.lanes(&self.catalogue.served().1);
        join_all(lanes.iter().map(|lane| self.render_lane(lane, calls))).await.into_iter().all(|whole| whole)
    }

    /// What is not there yet, by voice.
    fn lanes(&self, callables: &[Callable]) -> Vec<Lane> {
        let mut lanes: Vec<Lane> = Vec::new();
        let mut places: HashMap<(Option<OrgId>, String), Arc<Semaphore>> = HashMap::new();
        let mut wanted: HashSet<Key> = HashSet::new();
        for callable in callables {
            let texts = self.texts(callable);
            for voice in self.bench.voices_of(callable) {
                let missing = texts.iter().filter(|text| {
                    let key = Key::of(text, &voice.who);
                    wanted.len() < RENDERS_MOST && !self.shelf.has(&key) && wanted.insert(key)
                });
                let missing: Vec<String> = missing.cloned().collect();
                if missing.is_empty() {
                    continue;
                }
                // The built-in voice is one voice to all organizations, and busy with one sentence.
                let built_in = voice.who.provider == BUILT_IN;
                let at_once = if built_in { 1 } else { AT_ONCE };
                let known = lanes
                    .iter_mut()
                    .find(|lane| lane.voice.who == voice.who && (built_in || lane.org == callable.org));
                match known {
                    Some(lane) => lane.texts.extend(missing),
                    None => {
                        let account = ((!built_in).then_some(callable.org), voice.who.provider.clone());
                        let places =
                            places.entry(account).or_insert_with(|| Arc::new(Semaphore::new(at_once)));
                        let places = Arc::clone(places);
                        lanes.push(Lane { org: callable.org, voice, texts: missing, places });
                    }
                }
            }
        }
        lanes
    }

    async fn render_lane(&self, lane: &Lane, calls: &Directory) -> bool {
        let rendering = lane.texts.iter().map(|text| self.render_one(lane, text, calls).boxed());
        let rendering: Vec<_> = rendering.collect();
        let mut rendering = stream::iter(rendering).buffer_unordered(AT_ONCE);
        let (mut rendered, mut in_vain) = (0, 0);
        while let Some(done) = rendering.next().await {
            rendered += usize::from(done);
            in_vain = if done { 0 } else { in_vain + 1 };
            if in_vain == IN_VAIN {
                break;
            }
        }
        let (account, missing) = (&lane.voice.who.provider, lane.texts.len() - rendered);
        if missing == 0 {
            tracing::info!(org = %lane.org, account, rendered, "greetings are rendered ahead");
        } else {
            tracing::warn!(org = %lane.org, account, rendered, missing, "greetings are not all rendered ahead: they are tried again in a minute, and spoken in the call meanwhile");
        }
        missing == 0
    }

    /// The sentences that callers of an agent may hear first, whoever they are.
    fn texts(&self, callable: &Callable) -> Vec<String> {
        let known = Arc::clone(&self.known.borrow());
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

    async fn render_one(&self, lane: &Lane, text: &str, calls: &Directory) -> bool {
        // Never closed.
        let Ok(_place) = lane.places.acquire().await else { return false };
        let voice = &lane.voice;
        if voice.who.provider == BUILT_IN {
            give_way(calls).await;
        }
        self.shelf.render(voice, text).await.is_some()
    }
}
