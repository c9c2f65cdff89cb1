//! Who listens and speaks in this process: the providers that the configuration names, started and warmed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use domain::{AudioFrame, SessionId, Voice};
use futures::StreamExt;
use media_session::Clip;
use media_vad::{EndOfTurn, Vad, VadModels};
use providers_api::{Ability, Embedder, ErrorKind, Stt, Tts, TtsEvent, TtsInput, TtsRequest};
use providers_link::Pool;
use providers_local::LocalProviders;
use runtime::Tasks;

use crate::cmd::coded;
use crate::config::{self, Config};

/// Everything a session needs from a vendor or model.
pub(crate) struct Speech {
    pub(crate) stt: Arc<dyn Stt>,
    pub(crate) tts: Arc<dyn Tts>,
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
    /// Of the two, as prices name it.
    pub(crate) vendor: &'static str,
    detector: Detector,
    /// Calls at once that the embedded models carry on this machine; `None` where vendors do the work.
    pub(crate) capacity: Option<usize>,
    /// For the health page.
    pub(crate) parts: Vec<(String, String)>,
}

enum Detector {
    Energy,
    Neural(VadModels),
}

/// With vendors doing the heavy work, the media path alone is the limit; see docs/LATENCY.md for what it carries.
pub(crate) const CALLS_WITHOUT_MODELS: usize = 500;

/// What works in this process costs nothing.
pub(crate) const IN_PROCESS: &str = "local";

/// A sentence rendered at start may take this long, on a machine that is busy starting.
const RENDER_WITHIN: Duration = Duration::from_secs(20);
/// A voice that gives less than this (-50 dBFS) has failed, whatever it says.
const AUDIBLE: u16 = 104;

impl Speech {
    pub(crate) async fn start(config: &Config, tasks: &Tasks) -> anyhow::Result<Self> {
        match config.providers.speech {
            config::Speech::Local => Self::local(config).await,
            config::Speech::Fake => Self::fake(config),
            config::Speech::Deepgram => Self::deepgram(config, tasks),
        }
    }

    async fn local(config: &Config) -> anyhow::Result<Self> {
        let store = crate::cmd::models::store(config.models_dir.clone())?;
        let local = LocalProviders::start(&store, config.providers.local.clone())
            .await
            .map_err(|error| coded(error.failure(), error))?;
        let models = VadModels::load(&local.engine, &store).map_err(|error| coded(error.failure(), error))?;
        let parts = vec![
            ("stt".to_owned(), "local: Moonshine tiny, in this process".to_owned()),
            ("tts".to_owned(), "local: Piper joe, in this process".to_owned()),
            ("capacity".to_owned(), format!("{} calls, as measured on this machine", local.capacity)),
        ];
        Ok(Self {
            stt: local.stt,
            tts: local.tts,
            embedder: Some(local.embedder),
            vendor: IN_PROCESS,
            detector: Detector::Neural(models),
            capacity: Some(local.capacity),
            parts,
        })
    }

    fn fake(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            stt: Arc::new(providers_fake::FakeStt::new(config.providers.fake.stt.clone())),
            tts: Arc::new(fake_tts(config)?),
            embedder: None,
            vendor: IN_PROCESS,
            detector: detector(config)?,
            capacity: None,
            parts: vec![("providers".to_owned(), "fake: tones instead of words".to_owned())],
        })
    }

    fn deepgram(config: &Config, tasks: &Tasks) -> anyhow::Result<Self> {
        let options = deepgram_options(config)?;
        let part = ("providers".to_owned(), format!("deepgram at {}", options.base_url));
        Ok(Self {
            stt: Arc::new(providers_deepgram::DeepgramStt::new(options.clone())),
            tts: Arc::new(providers_deepgram::DeepgramTts::new(options, Pool::new(tasks))),
            embedder: None,
            vendor: "deepgram",
            detector: detector(config)?,
            capacity: None,
            parts: vec![part],
        })
    }

    /// Whether the chosen providers could be started, as far as that is known without models and network.
    pub(crate) fn check(config: &Config) -> anyhow::Result<()> {
        match config.providers.speech {
            config::Speech::Local => Ok(()),
            config::Speech::Fake => fake_tts(config).map(drop),
            config::Speech::Deepgram => deepgram_options(config).map(drop),
        }
    }

    /// A detector of its own for each caller.
    pub(crate) fn vad(&self) -> Vad {
        match &self.detector {
            Detector::Energy => Vad::Energy(media_vad::EnergyVad::new()),
            Detector::Neural(models) => models.vad(),
        }
    }

    pub(crate) fn end_of_turn(&self) -> EndOfTurn {
        match &self.detector {
            Detector::Energy => EndOfTurn::Off,
            Detector::Neural(models) => models.end_of_turn(),
        }
    }

    /// Renders text once in the agent's own voice, for moments when synthesis must not be waited for.
    pub(crate) async fn clip(&self, text: &str, voice: &Voice) -> Option<Clip> {
        rendered(self.tts.as_ref(), text, voice).await
    }
}

/// As `Speech::clip`, by whoever is asked.
pub(crate) async fn rendered(tts: &dyn Tts, text: &str, voice: &Voice) -> Option<Clip> {
    match tokio::time::timeout(RENDER_WITHIN, render(tts, text, voice)).await {
        Ok(Ok(clip)) if !clip.samples.iter().any(|sample| sample.unsigned_abs() >= AUDIBLE) => {
            tracing::warn!("a sentence that was rendered ahead cannot be heard");
            None
        }
        Ok(Ok(clip)) => Some(clip),
        Ok(Err(error)) => {
            tracing::warn!(%error, "could not render a sentence ahead");
            None
        }
        Err(_elapsed) => {
            tracing::warn!("rendering a sentence ahead took too long");
            None
        }
    }
}

fn fake_tts(config: &Config) -> anyhow::Result<providers_fake::FakeTts> {
    providers_fake::FakeTts::new(config.providers.fake.tts.clone())
        .context("CONFIG_INVALID: in [providers.fake.tts]")
}

fn deepgram_options(config: &Config) -> anyhow::Result<providers_deepgram::Options> {
    let chosen = &config.providers.deepgram;
    let key = chosen
        .api_key
        .clone()
        .context("PROVIDER_KEY_MISSING: set DEEPGRAM_API_KEY, or choose --providers local")?;
    let mut options = providers_deepgram::Options::new(key);
    options.base_url.clone_from(&chosen.base_url);
    options.stt_model.clone_from(&chosen.stt_model);
    options.tts_model.clone_from(&chosen.tts_model);
    Ok(options)
}

/// The neural detector runs in this process whoever listens; the energy detector does without models.
fn detector(config: &Config) -> anyhow::Result<Detector> {
    if config.providers.vad == config::Detector::Energy {
        return Ok(Detector::Energy);
    }
    let store = crate::cmd::models::store(config.models_dir.clone())?;
    let engine = inference::Engine::start(&inference::Options::default(), &store)
        .map_err(|error| coded(error.failure(), error))?;
    let models = VadModels::load(&engine, &store).map_err(|error| coded(error.failure(), error))?;
    Ok(Detector::Neural(models))
}

/// Text as a voice says it.
///
/// # Errors
/// The voice's own; of kind `Protocol` where it gives more sound than any sentence has, of kind `Closed` where it ends before the sentence does.
pub(crate) async fn render(tts: &dyn Tts, text: &str, voice: &Voice) -> Result<Clip, providers_api::Error> {
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: voice.clone() };
    let providers_api::TtsStream { mut input, mut events } = tts.open(request).await?;
    let _closed = input.send(TtsInput::Sentence(text.to_owned())).await;
    drop(input);
    let mut sound = Sound::default();
    let error =
        |kind, reason| providers_api::Error::new(Ability::Tts, kind, tts.info().name.as_str(), reason);
    let mut whole = false;
    while let Some(event) = events.next().await {
        match event? {
            TtsEvent::Audio(frame) => {
                sound.add(frame).map_err(|reason| error(ErrorKind::Protocol, reason))?;
            }
            TtsEvent::SentenceDone { .. } => whole = true,
            TtsEvent::Words { .. } | TtsEvent::Usage(_) | TtsEvent::Served(_) => {}
        }
    }
    if !whole {
        return Err(error(ErrorKind::Closed, "the sound ended before its sentence"));
    }
    let rate_hz = if sound.rate_hz == 0 { tts.info().rate_hz } else { sound.rate_hz };
    Ok(Clip { text: text.to_owned(), samples: sound.samples.into(), rate_hz })
}

/// What a voice gives for a sentence, at the rate at which it really comes.
#[derive(Debug, Default)]
pub(crate) struct Sound {
    pub(crate) samples: Vec<i16>,
    /// 0 while there is none.
    pub(crate) rate_hz: u32,
}

/// No sentence that is rendered here takes longer: a voice that goes on must not fill the memory.
const LONGEST_S: usize = 60;

impl Sound {
    /// # Errors
    /// What is wrong with the frame, for people.
    pub(crate) fn add(&mut self, frame: AudioFrame) -> Result<(), &'static str> {
        if self.rate_hz != 0 && frame.rate_hz != self.rate_hz {
            return Err("the sound changed its rate within a sentence");
        }
        if self.samples.len() + frame.samples.len() > LONGEST_S * frame.rate_hz as usize {
            return Err("more than a minute of sound came for one sentence");
        }
        self.rate_hz = frame.rate_hz;
        self.samples.extend(frame.samples);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::MediaTime;

    use super::*;

    #[test]
    fn sound_has_the_rate_of_its_frames_and_an_end() {
        let frame = |rate_hz: u32, seconds: u32| AudioFrame {
            samples: vec![1; (rate_hz * seconds) as usize],
            rate_hz,
            at: MediaTime::ZERO,
        };
        let mut sound = Sound::default();
        sound.add(frame(8_000, 59)).expect("a long sentence");
        assert_eq!((sound.rate_hz, sound.samples.len()), (8_000, 59 * 8_000));
        assert!(sound.add(frame(24_000, 1)).is_err_and(|reason| reason.contains("rate")));
        assert!(sound.add(frame(8_000, 2)).is_err_and(|reason| reason.contains("a minute")));
    }
}
