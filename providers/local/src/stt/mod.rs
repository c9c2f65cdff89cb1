//! Speech to text in this process: Moonshine tiny, English only. Partials by running the whole utterance again, finals
//! begun at the caller's first pause. Needs the models and no network.

mod options;
mod recognizer;
mod segment;
mod stream;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use inference::{Engine, Pool, Store};
use providers_api::{Ability, Error, ErrorKind, ProviderInfo, Stt, SttRequest, SttStream};
use tokio::sync::Semaphore;

pub use options::Options;
use recognizer::{RATE_HZ, Recognizer};

const NAME: &str = "local";

/// Cheap to share: put it into an `Arc`.
#[derive(Debug)]
pub struct LocalStt {
    shared: Arc<Shared>,
    info: ProviderInfo,
    streams_max: usize,
    /// One permit for each stream that may be opened still.
    streams: Arc<Semaphore>,
}

#[derive(Debug)]
struct Shared {
    recognizer: Recognizer,
    pool: Arc<Pool>,
    options: Options,
}

impl LocalStt {
    /// Loads the recogniser. Blocking, some hundred milliseconds.
    ///
    /// # Errors
    /// Where a model file is missing or damaged.
    pub fn load(engine: &Engine, store: &Store, options: Options) -> Result<Self, inference::Error> {
        let recognizer = Recognizer::load(engine, store)?;
        let info = ProviderInfo {
            name: NAME.to_owned(),
            model: "moonshine-tiny-en".to_owned(),
            rate_hz: RATE_HZ,
            ..ProviderInfo::default()
        };
        let streams_max = options.streams_max;
        let shared = Arc::new(Shared { recognizer, pool: Arc::clone(engine.pool()), options });
        Ok(Self { shared, info, streams_max, streams: Arc::new(Semaphore::new(streams_max)) })
    }

    /// Lets at most `streams_max` streams be open, where the options left it to the machine. Before the first `open`.
    #[must_use]
    pub fn with_streams_max(mut self, streams_max: usize) -> Self {
        self.streams_max = streams_max;
        self.streams = Arc::new(Semaphore::new(streams_max));
        self
    }

    /// One pass over whole `samples` on this thread, outside any stream; how capacity is measured.
    ///
    /// # Errors
    /// Where the model fails.
    pub fn recognise_blocking(&self, samples: &[i16]) -> Result<String, inference::Error> {
        let heard = self.shared.recognizer.recognise(samples, &AtomicBool::new(false))?;
        Ok(heard.map_or_else(String::new, |heard| heard.text))
    }

    fn error(kind: ErrorKind, reason: impl std::fmt::Display) -> Error {
        Error::new(Ability::Stt, kind, NAME, reason)
    }

    fn open_now(&self, request: &SttRequest) -> Result<SttStream, Error> {
        if request.rate_hz != RATE_HZ {
            let reason = format!("it hears audio at {RATE_HZ} Hz, not {}", request.rate_hz);
            return Err(Self::error(ErrorKind::Rejected, reason));
        }
        if let Some(language) = &request.language
            && !language.0.split('-').next().is_some_and(|primary| primary.eq_ignore_ascii_case("en"))
        {
            return Err(Self::error(ErrorKind::Rejected, format!("it understands English, not {language}")));
        }
        let permit = Arc::clone(&self.streams).try_acquire_owned();
        let full = |_| Self::error(ErrorKind::Full, format!("{0} of {0} streams are open", self.streams_max));
        Ok(stream::open(Arc::clone(&self.shared), permit.map_err(full)?))
    }
}

impl Stt for LocalStt {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        async move { self.open_now(&request) }.boxed()
    }
}

/// How long a pass may wait and run, beyond the length of its audio, before the stream reports that it hangs. The session
/// loses patience with its caller's silence earlier; this only keeps a dead machine from being waited for for ever.
const PASS_PATIENCE: Duration = Duration::from_secs(8);
