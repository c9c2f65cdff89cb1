//! The embedded voice: Piper's `joe` with our own reading of text, streamed in windows. English only; needs the models
//! and no network.

mod cache;
mod normalise;
mod numbers;
mod phonemes;
mod resample;
mod shape;
mod spell;
mod turn;
mod voice;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use inference::pool::Ticket;
use inference::{Engine, Lane, Pool, Store};
use providers_api::{Ability, Error, ErrorKind, ProviderInfo, Sink, Tts, TtsRequest, TtsStream};

use cache::Cache;
use phonemes::Phonemiser;
use turn::Turn;
use voice::Voice;

pub use voice::Variation;

/// Sentences that wait to be spoken. A reply has few; when full, `push` reports a drop and `send` waits.
const SENTENCES_CAPACITY: usize = 64;
/// About six minutes of speech.
const CACHE_BYTES: usize = 16 << 20;
const NAME: &str = "local";

/// Text to speech in this process. Cheap to share: put it into an `Arc`.
pub struct LocalTts {
    shared: Arc<Shared>,
    info: ProviderInfo,
    /// Keeps the reading of the dictionaries wanted until it is done.
    _warm_up: Mutex<Ticket<()>>,
}

struct Shared {
    voice: Voice,
    /// Filled by the warm-up, or by the first sentence where that comes earlier.
    phonemiser: OnceLock<Phonemiser>,
    ids: HashMap<char, i64>,
    filter: Arc<[f32]>,
    cache: Cache,
    pool: Arc<Pool>,
}

impl Shared {
    fn phonemiser(&self) -> &Phonemiser {
        self.phonemiser.get_or_init(|| Phonemiser::new(self.ids.clone()))
    }
}

impl LocalTts {
    /// Loads the voice; the dictionaries follow on the pool.
    ///
    /// # Errors
    /// Where a model file is missing, damaged or no Piper voice.
    pub fn load(engine: &Engine, store: &Store) -> Result<Self, inference::Error> {
        Self::load_with(engine, store, Variation::Natural)
    }

    /// As `load`, with a choice of how much the voice varies.
    ///
    /// # Errors
    /// As for `load`.
    pub fn load_with(engine: &Engine, store: &Store, variation: Variation) -> Result<Self, inference::Error> {
        let (voice, ids) = Voice::load(engine, store, variation)?;
        let pool = Arc::clone(engine.pool());
        let cache = Cache::new(CACHE_BYTES);
        let shared = Arc::new(Shared {
            voice,
            phonemiser: OnceLock::new(),
            ids,
            filter: resample::filter(),
            cache,
            pool,
        });
        let warm = Arc::clone(&shared);
        let warm_up = shared.pool.run(Lane::Background, move || {
            warm.phonemiser();
        });
        let info = ProviderInfo {
            name: NAME.to_owned(),
            model: "piper-en_US-joe-medium".to_owned(),
            rate_hz: resample::OUT_HZ,
            ..ProviderInfo::default()
        };
        Ok(Self { shared, info, _warm_up: Mutex::new(warm_up) })
    }
}

impl Tts for LocalTts {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let language = &request.voice.language.0;
        if language.split('-').next() != Some("en") {
            let reason = format!("the embedded voice speaks English, not {language}");
            return futures::future::err(Error::new(Ability::Tts, ErrorKind::Rejected, NAME, reason)).boxed();
        }
        let (input, receiver) = Sink::bounded(SENTENCES_CAPACITY);
        let turn = Turn::new(Arc::clone(&self.shared), receiver, request.voice.speed);
        let events =
            futures::stream::unfold(
                turn,
                |mut turn| async move { turn.next().await.map(|event| (event, turn)) },
            );
        futures::future::ok(TtsStream { input, events: events.boxed() }).boxed()
    }
}

impl std::fmt::Debug for LocalTts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalTts").field("info", &self.info).finish_non_exhaustive()
    }
}
