//! Synthesis over HTTP: a request for each sentence, the next one under way while the one before it sounds.

mod body;
mod recitation;

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{Error, ProviderInfo, Sink, Tts, TtsRequest, TtsStream};

use crate::codes::Fault;
use crate::http::{Answer, Client};
use recitation::Recitation;

pub use body::{RawBody, WavBody};

/// Sentences waiting for their request. When full the session waits: text is never dropped.
const INPUT_CAPACITY: usize = 32;

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

/// Puts audio together from pieces of a body. Words count from the beginning of their body; the number of their sentence is not looked at.
/// The end of the body is the end of the sentence.
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

/// A `Tts` out of a vendor's requests. Characters are told as used when a request is accepted, marked as our own count; where a body gives
/// `Spoken::Usage`, what it counts beyond them.
pub struct Reciting<R> {
    info: ProviderInfo,
    client: Client,
    recital: Arc<R>,
}

impl<R: Recital> Reciting<R> {
    pub fn new(info: ProviderInfo, client: Client, recital: R) -> Self {
        Self { info, client, recital: Arc::new(recital) }
    }
}

impl<R: Recital> Tts for Reciting<R> {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    /// Asks nobody: the first request goes with the first sentence.
    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let (input, inputs) = Sink::bounded(INPUT_CAPACITY);
        let (client, recital) = (self.client.clone(), Arc::clone(&self.recital));
        let recitation = Recitation::new(&self.info, client, recital, request, inputs);
        let events = stream::unfold(Box::new(recitation), |mut recitation| async move {
            recitation.next().await.map(|event| (event, recitation))
        });
        std::future::ready(Ok(TtsStream { input, events: events.boxed() })).boxed()
    }
}
