//! Sentence embeddings.

use futures::future::BoxFuture;

use crate::error::Error;
use crate::info::ProviderInfo;

pub trait Embedder: Send + Sync {
    fn info(&self) -> &ProviderInfo;

    /// One vector of unit length for each text, in order.
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Result<Vec<Vec<f32>>, Error>>;
}
