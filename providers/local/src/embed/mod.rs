//! Sentence embeddings in this process: MiniLM-L6, English, computed by our own code on the inference pool. Needs the
//! model and no network.

mod bert;
mod safetensors;
mod wordpiece;

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use inference::{Lane, Member, Pool, Rejected, Store};
use providers_api::{Ability, Embedder, Error, ErrorKind, ProviderInfo};

use bert::Bert;
use safetensors::Tensors;
use wordpiece::WordPiece;

const NAME: &str = "local";
/// What the model was trained to take, in pieces.
const PIECES_MAX: usize = 256;
/// A caller waits for a request of so few texts; more are examples to prepare, which can wait for quiet moments.
const URGENT_TEXTS_MAX: usize = 4;
/// Texts of one request on the pool at once: enough to keep the threads busy, too few to fill a lane.
const AT_ONCE: usize = 8;

/// Cheap to share: put it into an `Arc`.
#[derive(Debug)]
pub struct LocalEmbedder {
    model: Arc<Model>,
    pool: Arc<Pool>,
    info: ProviderInfo,
}

#[derive(Debug)]
struct Model {
    pieces: WordPiece,
    bert: Bert,
}

impl LocalEmbedder {
    /// Loads the model. Blocking, some hundred milliseconds.
    ///
    /// # Errors
    /// Where a file is missing or damaged.
    pub fn load(pool: &Arc<Pool>, store: &Store) -> Result<Self, inference::Error> {
        let vocabulary = read(store, Member::MiniLmVocabulary, |bytes| {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            WordPiece::read(text)
        })?;
        let bert =
            read(store, Member::MiniLmWeights, |bytes| Bert::read(&Tensors::read(bytes)?, vocabulary.len()))?;
        let info = ProviderInfo {
            name: NAME.to_owned(),
            model: "all-MiniLM-L6-v2".to_owned(),
            ..ProviderInfo::default()
        };
        let model = Arc::new(Model { pieces: vocabulary, bert });
        Ok(Self { model, pool: Arc::clone(pool), info })
    }

    /// One text on this thread; how capacity is measured.
    #[must_use]
    pub fn embed_blocking(&self, text: &str) -> Vec<f32> {
        self.model.embed(text)
    }

    async fn embed_all(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, Error> {
        let lane = if texts.len() <= URGENT_TEXTS_MAX { Lane::Interactive } else { Lane::Background };
        let run = |text: String| {
            let model = Arc::clone(&self.model);
            self.pool.run(lane, move || model.embed(&text)).map(|result| result.map_err(|r| refused(&r)))
        };
        futures::stream::iter(texts).map(run).buffered(AT_ONCE).try_collect().await
    }
}

impl Model {
    fn embed(&self, text: &str) -> Vec<f32> {
        self.bert.embed(&self.pieces.ids(text, PIECES_MAX))
    }
}

impl Embedder for LocalEmbedder {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, Error>> {
        self.embed_all(texts).boxed()
    }
}

fn read<T>(
    store: &Store,
    member: Member,
    parse: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, inference::Error> {
    let path = store.path(member)?;
    let bytes = std::fs::read(&path).map_err(|error| error.to_string());
    bytes.and_then(|bytes| parse(&bytes)).map_err(|reason| inference::Error::Load { path, reason })
}

fn refused(rejected: &Rejected) -> Error {
    let kind = match rejected {
        Rejected::Full(_) => ErrorKind::Full,
        Rejected::Stopped | Rejected::Panicked => ErrorKind::Closed,
    };
    Error::new(Ability::Embed, kind, NAME, rejected)
}
