//! Who listens and speaks in this process: the providers that the configuration names, started and warmed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use domain::{SessionId, Voice};
use futures::StreamExt;
use media_session::Clip;
use media_vad::{EndOfTurn, Vad, VadModels};
use providers_api::{Embedder, Stt, Tts, TtsEvent, TtsInput, TtsRequest};
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

/// A sentence rendered at start may take this long, on a machine that is busy starting.
const RENDER_WITHIN: Duration = Duration::from_secs(20);

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

async fn render(tts: &dyn Tts, text: &str, voice: &Voice) -> Result<Clip, providers_api::Error> {
    let request = TtsRequest { session: SessionId::generate(), voice: voice.clone() };
    let providers_api::TtsStream { mut input, mut events } = tts.open(request).await?;
    let _closed = input.send(TtsInput::Sentence(text.to_owned())).await;
    drop(input);
    let mut samples: Vec<i16> = Vec::new();
    while let Some(event) = events.next().await {
        if let TtsEvent::Audio(frame) = event? {
            samples.extend(frame.samples);
        }
    }
    Ok(Clip { text: text.to_owned(), samples: samples.into(), rate_hz: tts.info().rate_hz })
}
