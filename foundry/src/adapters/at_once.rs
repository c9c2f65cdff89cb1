//! What an agent may have to say at once: its apology, the request to say it again, and words that an answer begins with while it is
//! thought of. Rendered in its own voices when it begins to be served, so that none of it needs a voice that works in that moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Voice;
use greetings::cache::Rendered;
use greetings::{Cache, Key, VoiceKey};
use media_session::{Clip, Clips, Lines, lines, sentence};
use runtime::{Kind, Tasks};
use tokio::time::Instant;

use crate::adapters::accounts::{BUILT_IN, Bench, OneVoice};
use crate::adapters::catalogue::{Callable, Catalogue};
use crate::speech::{self, Speech};

const RENDER: Kind = Kind::new("at_once.render");
/// How often it is looked at whether agents or voices are others.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What could not be rendered is tried again so much later: a vendor that is down is not asked in a loop.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// About twenty minutes of speech. When full, what was not wanted for longest is rendered again with the next call that wants it.
const CACHE_BYTES: usize = 64 << 20;

pub(crate) struct AtOnce {
    catalogue: Arc<Catalogue>,
    bench: Arc<Bench>,
    tasks: Arc<Tasks>,
    /// For whom nothing was rendered ever: the apology in the built-in voice, or tones where that does not work.
    apology: Clip,
    /// The request to say it again, in the same voice.
    built_in: Clips,
    cache: Mutex<Cache>,
}

/// For one call.
pub(crate) struct Ready {
    /// What is at hand, and places for what is not.
    pub(crate) clips: Clips,
    /// Where the clips have no apology.
    pub(crate) apology: Clip,
    missing: Vec<String>,
    voice: OneVoice,
}

impl AtOnce {
    /// Renders what every call may need in the built-in voice before any call begins.
    pub(crate) async fn start(
        speech: &Speech,
        catalogue: Arc<Catalogue>,
        bench: Arc<Bench>,
        tasks: Arc<Tasks>,
    ) -> Arc<Self> {
        let voice = Voice::default();
        let model = speech.tts.info().model.clone();
        let (provider, account) = (BUILT_IN.to_owned(), String::new());
        let who = VoiceKey { provider, account, model, voice: voice.clone() };
        let mut cache = Cache::new(CACHE_BYTES);
        let mut keep = |clip: &Clip| {
            let rendered = Rendered { samples: Arc::clone(&clip.samples), rate_hz: clip.rate_hz };
            cache.put(Key::of(&clip.text, &who), rendered);
        };
        let apology = speech.clip(lines::APOLOGY, &voice).await;
        apology.iter().for_each(&mut keep);
        let mut built_in = Clips::new();
        for text in sentence::cut(lines::NOT_UNDERSTOOD) {
            let clip = speech.clip(&text, &voice).await;
            clip.iter().for_each(&mut keep);
            built_in.extend(clip.map(|clip| (text, clip)));
        }
        let apology = apology.unwrap_or_else(|| Clip::tones(lines::APOLOGY));
        Arc::new(Self { catalogue, bench, tasks, apology, built_in, cache: Mutex::new(cache) })
    }

    /// From now on, until the process ends.
    pub(crate) fn render_ahead(self: &Arc<Self>) {
        let rendering = Arc::clone(self);
        self.tasks.spawn(RENDER, async move { rendering.keep_rendered().await });
    }

    /// Takes microseconds. What is said in the place of an answer may come in any of the agent's voices, what begins one in the voice
    /// that goes on.
    pub(crate) fn ready(&self, callable: &Callable) -> Ready {
        let mut voices = self.voices(callable);
        let well = voices.iter().position(|voice| voice.well).unwrap_or_default();
        voices[..=well].rotate_right(1);
        let (mut clips, mut missing) = (self.built_in.clone(), Vec::new());
        let mut cache = self.cache();
        let mut take = |text: String, of: &[OneVoice]| {
            let found = of.iter().find_map(|voice| cache.get(&Key::of(&text, &voice.who)));
            match found {
                Some(Rendered { samples, rate_hz }) => {
                    clips.insert(text.clone(), Clip { text, samples, rate_hz });
                }
                None => {
                    clips.expect(text.clone());
                    missing.push(text);
                }
            }
        };
        resorts(callable).into_iter().for_each(|text| take(text, &voices));
        openers(callable).into_iter().for_each(|text| take(text, &voices[..1]));
        drop(cache);
        let apology = self.apology.clone();
        Ready { clips, apology, missing, voice: voices.swap_remove(0) }
    }

    /// What was not at hand when the call began, such as that of a draft: for this call and the next.
    pub(crate) fn catch_up(self: &Arc<Self>, missing: Vec<String>, voice: OneVoice, clips: Arc<Clips>) {
        if missing.is_empty() {
            return;
        }
        let rendering = Arc::clone(self);
        self.tasks.spawn(RENDER, async move {
            for text in missing {
                if let Some(clip) = rendering.render(&voice, &text).await {
                    clips.fill(clip);
                }
            }
        });
    }

    /// Never ends.
    async fn keep_rendered(&self) {
        let mut done = None;
        let mut again: Option<Instant> = None;
        loop {
            let (agents, callables) = self.catalogue.served();
            let stamps = (agents, self.bench.stamp());
            let due = again.is_some_and(|at| at <= Instant::now());
            if done.as_ref() != Some(&stamps) || due {
                let whole = self.render_all(&callables).await;
                again = (!whole).then(|| Instant::now() + AGAIN_AFTER);
                done = Some(stamps);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// `false`: something could not be rendered. The last resorts of all agents come before what only saves time.
    async fn render_all(&self, callables: &[Callable]) -> bool {
        let mut whole = true;
        for texts in [resorts, openers] {
            for callable in callables {
                for voice in self.voices(callable) {
                    for text in texts(callable) {
                        let has = self.cache().has(&Key::of(&text, &voice.who));
                        whole &= has || self.render(&voice, &text).await.is_some();
                    }
                }
            }
        }
        whole
    }

    async fn render(&self, voice: &OneVoice, text: &str) -> Option<Clip> {
        let clip = speech::rendered(voice.tts.as_ref(), text, &voice.who.voice).await?;
        if clip.samples.is_empty() {
            return None;
        }
        let rendered = Rendered { samples: Arc::clone(&clip.samples), rate_hz: clip.rate_hz };
        self.cache().put(Key::of(text, &voice.who), rendered);
        Some(clip)
    }

    /// Never none.
    fn voices(&self, callable: &Callable) -> Vec<OneVoice> {
        let (ready, client) = (&callable.ready, callable.client());
        let chosen = self.bench.within(&client, &ready.providers);
        self.bench.voices(&client, &chosen.tts, &ready.options.voice)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ready {
    /// What is missing, and who says it.
    pub(crate) fn into_missing(self) -> (Vec<String>, OneVoice) {
        (self.missing, self.voice)
    }
}

/// The apology, which is said as a whole, and the sentences of the request to say it again.
fn resorts(callable: &Callable) -> Vec<String> {
    let Lines { apology, not_understood } = callable.ready.options.lines.clone();
    let mut texts = vec![apology];
    texts.extend(sentence::cut(&not_understood));
    texts
}

fn openers(callable: &Callable) -> Vec<String> {
    callable.ready.latency.as_ref().map(|latency| latency.openers().to_vec()).unwrap_or_default()
}
