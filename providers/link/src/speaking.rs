//! Synthesis over a pooled socket: one supervisor for every vendor.
//!
//! A turn takes a connection from the pool, speaks its sentences, and gives the connection back. A turn that is dropped is cancelled at
//! the vendor, and its connection is used again once the vendor has settled.

mod turn;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{Ability, Error, ProviderInfo, Sink, Tts, TtsRequest, TtsStream, Usage};

use tokio::time::Instant;

use crate::codes::Fault;
use crate::pool::Pool;
use crate::socket::{Endpoint, Frame, Manners};
use turn::Turn;

/// Sentences waiting for the vendor; a turn rarely has more. When full the session waits: text is never dropped.
const INPUT_CAPACITY: usize = 32;

/// What one vendor's messages mean, for one turn. Data in, data out.
pub trait SpeakingProtocol: Send + 'static {
    /// Where its connection goes; also what the pool finds a free one by.
    fn endpoint(&self) -> Endpoint;

    /// The connection it is spoken on, for vendors that limit what may be sent on one in a time. Called before `begin`.
    fn connected(&mut self, connection: u64, now: Instant) {
        let _ = (connection, now);
    }

    /// The turn is over: until when its connection is to take no other, for the same vendors. Another one serves meanwhile.
    fn rests_until(&self, now: Instant) -> Option<Instant> {
        let _ = now;
        None
    }

    /// The turn begins, on a connection that may have served others.
    fn begin(&mut self, out: &mut Vec<Frame>) {
        let _ = out;
    }

    /// The next sentence, counted from 0 without gaps. Never blank: what holds nothing to speak is done by the supervisor, and not counted.
    fn sentence(&mut self, index: usize, text: &str, out: &mut Vec<Frame>);

    /// No more text comes.
    fn end(&mut self, out: &mut Vec<Frame>);

    /// After `end`, when every sentence is done: whether the turn is complete though the vendor will not say so.
    fn is_complete(&self) -> bool {
        false
    }

    /// After `end`: whether everything has come already, so that no message will say `TurnDone`.
    fn is_done(&self) -> bool {
        false
    }

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

/// A `Tts` out of a vendor's protocol. Characters are told as used when they are sent, marked as our own count; where the vendor counts too,
/// what it counts beyond them.
pub struct Speaking<F> {
    info: ProviderInfo,
    options: Options,
    pool: Pool,
    /// A protocol for each turn.
    protocol: Arc<F>,
}

impl<F, P> Speaking<F>
where
    F: Fn(&TtsRequest) -> P + Send + Sync,
    P: SpeakingProtocol,
{
    pub fn new(info: ProviderInfo, options: Options, pool: Pool, protocol: F) -> Self {
        Self { info, options, pool, protocol: Arc::new(protocol) }
    }
}

impl<F, P> Tts for Speaking<F>
where
    F: Fn(&TtsRequest) -> P + Send + Sync + 'static,
    P: SpeakingProtocol,
{
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn warm(&self, request: &TtsRequest, turns: usize) {
        let endpoint = (self.protocol)(request).endpoint();
        self.pool.warm(&endpoint, &self.options.manners, self.options.keep_alive.clone(), turns);
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        async move {
            let (input, inputs) = Sink::bounded(INPUT_CAPACITY);
            let (options, pool) = (self.options.clone(), self.pool.clone());
            let factory = Arc::clone(&self.protocol);
            let opening = Turn::open(request, factory, options, pool, self.info.rate_hz, inputs);
            let turn =
                Box::pin(opening).await.map_err(|fault| fault.of(Ability::Tts, self.options.manners.name))?;
            let events = stream::unfold(Box::new(turn), |mut turn| async move {
                turn.next().await.map(|event| (event, turn))
            });
            Ok(TtsStream { input, events: events.boxed() })
        }
        .boxed()
    }
}
