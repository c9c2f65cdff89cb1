//! Synthesis over HTTP: a request for each sentence, the next one under way while the one before it sounds.

use providers_api::TtsRequest;

use crate::codes::Fault;
use crate::http::{Answer, Client};

/// What one vendor's requests and answers look like.
pub trait Recital: Send + Sync + 'static {
    /// The request that speaks one sentence (never blank).
    fn request(&self, client: &Client, turn: &TtsRequest, text: &str) -> reqwest::RequestBuilder;

    /// How the body of a good answer is read, by its headers. An answer of status 200 may still be an error.
    ///
    /// # Errors
    /// When the headers promise no audio.
    fn audio(&self, answer: &Answer) -> Result<Box<dyn AudioBody>, Fault>;

    /// What a refusal means.
    fn refused(&self, answer: &Answer, body: &str) -> Fault {
        Fault::new(crate::codes::status(answer.status, answer.retry_after), body)
    }
}

/// Puts audio together from pieces of a body.
pub trait AudioBody: Send {
    /// # Errors
    /// When the body is not what its headers promised.
    fn push(&mut self, piece: &[u8], out: &mut Vec<crate::Spoken>) -> Result<(), Fault>;

    /// The body ended.
    ///
    /// # Errors
    /// When something was missing.
    fn end(&mut self, out: &mut Vec<crate::Spoken>) -> Result<(), Fault> {
        let _ = out;
        Ok(())
    }
}

/// A `Tts` out of a vendor's requests. Characters are counted as they were sent, unless a body gives `Spoken::Usage`.
pub struct Reciting<R> {
    pub(crate) info: providers_api::ProviderInfo,
    pub(crate) client: Client,
    pub(crate) recital: std::sync::Arc<R>,
}

impl<R: Recital> Reciting<R> {
    pub fn new(info: providers_api::ProviderInfo, client: Client, recital: R) -> Self {
        Self { info, client, recital: std::sync::Arc::new(recital) }
    }
}
