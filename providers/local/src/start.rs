//! Brings the embedded providers up together: loads what they need side by side, and says how many calls they carry.

use std::sync::Arc;

use inference::pool::Ticket;
use inference::{Engine, Error, Lane, Store, capacity};

use crate::embed::LocalEmbedder;
use crate::measure;
use crate::options::Options;
use crate::stt::LocalStt;
use crate::tts::LocalTts;

/// Speech to text, text to speech and embeddings of this process, loaded and measured.
#[derive(Debug)]
pub struct LocalProviders {
    /// For whoever loads further models, such as the voice activity detector.
    pub engine: Engine,
    pub stt: Arc<LocalStt>,
    pub tts: Arc<LocalTts>,
    pub embedder: Arc<LocalEmbedder>,
    /// Calls at once that this machine carries without late replies; `stt` refuses more streams.
    pub capacity: usize,
    pub costs: capacity::Costs,
}

/// A call that ends and the next that begins may overlap for a moment.
const STREAMS_TO_SPARE: usize = 2;

impl LocalProviders {
    /// Takes about a second, and another on the first start on a machine, when the models are measured.
    ///
    /// # Errors
    /// Which model is missing or damaged, or why the runtime does not start.
    pub async fn start(store: &Store, options: Options) -> Result<Self, Error> {
        if let Some(wrong) = store.verify(inference::store::Depth::Quick).into_iter().next() {
            return Err(wrong);
        }
        let engine = Engine::start(&options.inference, store)?;
        let stt_options = options.stt.clone();
        let tts = on_pool(&engine, store, LocalTts::load);
        let stt = on_pool(&engine, store, |engine, store| LocalStt::load(engine, store, stt_options));
        let embedder = on_pool(&engine, store, |engine, store| LocalEmbedder::load(engine.pool(), store));
        let (tts, stt, embedder) =
            (loaded(tts).await?, loaded(stt).await?, Arc::new(loaded(embedder).await?));
        let tts = Arc::new(tts);
        let costs = measure::costs(&engine, store, &stt, &tts, &embedder).await?;
        let capacity = capacity::calls(&costs, cores());
        let streams =
            if options.stt.streams_max == 0 { capacity + STREAMS_TO_SPARE } else { options.stt.streams_max };
        tracing::info!(capacity, ?costs, "the embedded models are ready");
        Ok(Self { engine, stt: Arc::new(stt.with_streams_max(streams)), tts, embedder, capacity, costs })
    }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn on_pool<T: Send + 'static>(
    engine: &Engine,
    store: &Store,
    load: impl FnOnce(&Engine, &Store) -> Result<T, Error> + Send + 'static,
) -> Ticket<Result<T, Error>> {
    let (engine_, store) = (engine.clone(), store.clone());
    engine.pool().run(Lane::Interactive, move || load(&engine_, &store))
}

async fn loaded<T>(ticket: Ticket<Result<T, Error>>) -> Result<T, Error> {
    ticket.await.map_err(|rejected| Error::Run(rejected.to_string()))?
}
