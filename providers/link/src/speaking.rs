//! Synthesis over a pooled socket: one supervisor for every vendor.
//!
//! A turn takes a connection from the pool, speaks its sentences, and gives the connection back. A turn that is dropped is cancelled at
//! the vendor, and its connection is used again once the vendor has settled.

use std::time::Duration;

use providers_api::{TtsRequest, Usage};

use crate::codes::Fault;
use crate::pool::Pool;
use crate::socket::{Endpoint, Frame, Manners};

/// What one vendor's messages mean, for one turn. Data in, data out.
pub trait SpeakingProtocol: Send + 'static {
    /// Where its connection goes; also what the pool finds a free one by.
    fn endpoint(&self) -> Endpoint;

    /// The turn begins, on a connection that may have served others.
    fn begin(&mut self, out: &mut Vec<Frame>) {
        let _ = out;
    }

    /// The next sentence, counted from 0. Never blank: what holds nothing to speak is done by the supervisor.
    fn sentence(&mut self, index: usize, text: &str, out: &mut Vec<Frame>);

    /// No more text comes.
    fn end(&mut self, out: &mut Vec<Frame>);

    /// The turn is over before its end. `false`: the connection cannot be used again.
    fn cancel(&mut self, out: &mut Vec<Frame>) -> bool;

    /// After `cancel`: whether nothing of this turn can come any more on the connection, given what came last. Vendors that name the
    /// context of each message are settled at once.
    fn is_settled(&mut self, last: Option<&Frame>) -> bool {
        let _ = last;
        true
    }

    /// A message came. What belongs to another turn is passed over.
    ///
    /// # Errors
    /// What the vendor says is wrong, or what of its message is.
    fn received(&mut self, frame: Frame, spoken: &mut Vec<Spoken>) -> Result<(), Fault>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum Spoken {
    /// Samples at the provider's rate; any length. (`pcm::Samples` puts bytes together.)
    Audio(Vec<i16>),
    /// When words of the sentence sound, from the start of the turn's audio, in order. May come again with all that is known then.
    Words {
        sentence: usize,
        words: Vec<SpokenWord>,
    },
    /// All audio of this sentence and those before it has come.
    SentencesDone(usize),
    Usage(Usage),
    /// The turn is complete at the vendor, and the connection free.
    TurnDone,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SpokenWord {
    pub text: String,
    pub from: Duration,
    pub to: Duration,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub manners: Manners,
    /// The message that keeps an idle connection open, sent every `Manners::keep_alive`. None: a ping.
    pub keep_alive: Option<Frame>,
}

/// A `Tts` out of a vendor's protocol.
pub struct Speaking<F> {
    pub(crate) info: providers_api::ProviderInfo,
    pub(crate) options: Options,
    pub(crate) pool: Pool,
    /// A protocol for each turn.
    pub(crate) protocol: F,
}

impl<F, P> Speaking<F>
where
    F: Fn(&TtsRequest) -> P + Send + Sync,
    P: SpeakingProtocol,
{
    pub fn new(info: providers_api::ProviderInfo, options: Options, pool: Pool, protocol: F) -> Self {
        Self { info, options, pool, protocol }
    }
}
