//! What an agent may have to say at once: its apology, the request to say it again, and words that an answer begins with while it is
//! thought of. Rendered in its own voices when it begins to be served, so that none of it needs a voice that works in that moment.

use std::sync::Arc;

use domain::Voice;
use greetings::{Key, VoiceKey};
use media_session::{Clip, Clips, Lines, lines, sentence};
use runtime::{Kind, Tasks};

use crate::adapters::accounts::{BUILT_IN, Bench, OneVoice};
use crate::adapters::catalogue::{Callable, Catalogue};
use crate::adapters::shelf::{Shelf, keep_rendered};
use crate::speech::Speech;

const RENDER: Kind = Kind::new("at_once.render");
/// About twenty minutes of speech. When full, what was not wanted for longest is rendered again with the next call that wants it.
const SHELF_BYTES: usize = 64 << 20;

pub(crate) struct AtOnce {
    catalogue: Arc<Catalogue>,
    bench: Arc<Bench>,
    tasks: Arc<Tasks>,
    /// For whom nothing was rendered ever: the apology in the built-in voice, or tones where that does not work.
    apology: Clip,
    /// The request to say it again, in the same voice.
    built_in: Clips,
    shelf: Shelf,
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
        let shelf = Shelf::new(SHELF_BYTES);
        let apology = speech.clip(lines::APOLOGY, &voice).await;
        apology.iter().for_each(|clip| shelf.keep(&who, clip));
        let mut built_in = Clips::new();
        for text in sentence::cut(lines::NOT_UNDERSTOOD) {
            let clip = speech.clip(&text, &voice).await;
            clip.iter().for_each(|clip| shelf.keep(&who, clip));
            built_in.extend(clip.map(|clip| (text, clip)));
        }
        let apology = apology.unwrap_or_else(|| Clip::tones(lines::APOLOGY));
        Arc::new(Self { catalogue, bench, tasks, apology, built_in, shelf })
    }

    /// From now on, until the process ends.
    pub(crate) fn render_ahead(self: &Arc<Self>) {
        let rendering = Arc::clone(self);
        self.tasks.spawn(RENDER, async move {
            let stamp = || (rendering.catalogue.served().0, rendering.bench.stamp());
            keep_rendered(stamp, || rendering.render_all()).await;
        });
    }

    /// Takes microseconds. What is said in the place of an answer may come in any of the agent's voices, what begins one in the voice
    /// that goes on.
    pub(crate) fn ready(&self, callable: &Callable) -> Ready {
        let mut voices = self.bench.voices_of(callable);
        let well = voices.iter().position(|voice| voice.well).unwrap_or_default();
        voices[..=well].rotate_right(1);
        let (mut clips, mut missing) = (self.built_in.clone(), Vec::new());
        missing.extend(self.shelf.lay(&mut clips, resorts(callable), &voices));
        missing.extend(self.shelf.lay(&mut clips, self.openers(callable), &voices[..1]));
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
                if let Some(clip) = rendering.shelf.render(&voice, &text).await {
                    clips.fill(clip);
                }
            }
        });
    }

    /// `false`: something could not be rendered. The last resorts of all agents come before what only saves time.
    async fn render_all(&self) -> bool {
        let callables = self.catalogue.served().1;
        let mut whole = true;
        for callable in &callables {
            whole &= self.render(callable, &resorts(callable)).await;
        }
        for callable in &callables {
            whole &= self.render(callable, &self.openers(callable)).await;
        }
        whole
    }

    /// In each of the agent's voices.
    async fn render(&self, callable: &Callable, texts: &[String]) -> bool {
        let mut whole = true;
        for voice in self.bench.voices_of(callable) {
            for text in texts {
                let has = self.shelf.has(&Key::of(text, &voice.who));
                whole &= has || self.shelf.render(&voice, text).await.is_some();
            }
        }
        whole
    }

    fn openers(&self, callable: &Callable) -> Vec<String> {
        self.catalogue.latency(callable).map(|latency| latency.openers().to_vec()).unwrap_or_default()
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
