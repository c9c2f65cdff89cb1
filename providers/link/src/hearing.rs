//! Live recognition over a socket: one supervisor for every vendor.
//!
//! It opens the connection, sends audio in the vendor's portions, keeps the socket alive, joins the vendor's segments into the one final
//! that each `Finalize` is answered with, replaces a connection that broke or grew old, gives the new one the audio since the last
//! settled segment again and drops the words that come twice.

mod joining;
mod recognition;

use std::time::Duration;

use domain::Language;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{Ability, Error, ProviderInfo, Sink, Stt, SttRequest, SttStream, Usage};

use crate::codes::Fault;
use crate::socket::{Endpoint, Frame, Manners};

use recognition::Recognition;

/// Two seconds of frames. When full the newest frame is dropped and counted by the session: the vendor is not reading.
const INPUT_CAPACITY: usize = 100;

/// Less than a session waits for a final without a route (`waits.final_ms`), more than most vendors take 99 times of 100.
pub const FINALIZE_WITHIN: Duration = Duration::from_millis(900);

/// What one vendor's messages mean. Data in, data out: no waiting, no clock, no socket. One value serves one stream of recognition, over
/// one connection after the other.
pub trait HearingProtocol: Send + 'static {
    /// Where the next connection goes. State of the connection before it ends here. A connection that replaces one that grew old may have
    /// been opened with the endpoint given before.
    fn connect(&mut self) -> Endpoint;

    /// What is sent first on a new connection.
    fn opening(&mut self, out: &mut Vec<Frame>) {
        let _ = out;
    }

    /// The next audio, mono 16 bit at the request's rate, without gaps.
    fn audio(&mut self, samples: &[i16], out: &mut Vec<Frame>);

    /// Asks for the rest of what was said. A vendor without such a message says nothing here and answers by its own end of turn; the
    /// supervisor waits `Options::finalize_within` and takes what has come.
    fn finalize(&mut self, out: &mut Vec<Frame>);

    /// Nothing was sent for `Manners::keep_alive`.
    fn keep_alive(&mut self, out: &mut Vec<Frame>) {
        let _ = out;
    }

    /// No more audio comes on this connection. The vendor may still give segments until it closes.
    fn closing(&mut self, out: &mut Vec<Frame>) {
        let _ = out;
    }

    /// A message came.
    ///
    /// # Errors
    /// What the vendor says is wrong, or what of its message is.
    fn received(&mut self, frame: Frame, heard: &mut Vec<Heard>) -> Result<(), Fault>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// The vendor takes audio now. Only from protocols that have `Options::waits_for_ready`.
    Ready,
    /// May still change: everything since the last settled segment.
    Partial(Piece),
    /// Will not change.
    Settled(Piece),
    /// Everything from before `finalize` has been settled.
    Finalized,
    /// The vendor's judgement that the caller has finished, 0 to 1.
    EndOfTurn(f32),
    Usage(Usage),
}

/// A stretch of recognised speech. Positions count from the first sample that was given to this connection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Piece {
    pub text: String,
    pub from: Duration,
    pub to: Duration,
    pub words: Vec<PieceWord>,
    /// 0 to 1.
    pub confidence: Option<f32>,
    pub language: Option<Language>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PieceWord {
    /// As it is written in the text.
    pub text: String,
    pub from: Duration,
    pub to: Duration,
}

/// How the supervisor treats a vendor.
#[derive(Debug, Clone)]
pub struct Options {
    pub manners: Manners,
    /// Audio of one message, ms. Multiples of 20.
    pub message_ms: u32,
    /// Audio is held back until the protocol says `Ready`.
    pub waits_for_ready: bool,
    /// After a `Finalize`, how long the vendor's answer is waited for before what has settled (and the last partial) is the final. A
    /// route that has another recogniser asks that one sooner; words that come later are told on.
    pub finalize_within: Duration,
    /// The same where no word is under way, for vendors that then owe no answer.
    pub settled_within: Option<Duration>,
    /// Gives its time in the socket and not only its audio to the bill.
    pub charges_open_time: bool,
}

impl Options {
    #[must_use]
    pub fn new(manners: Manners) -> Self {
        Self {
            manners,
            message_ms: 40,
            waits_for_ready: false,
            finalize_within: FINALIZE_WITHIN,
            settled_within: None,
            charges_open_time: false,
        }
    }
}

/// An `Stt` out of a vendor's protocol.
pub struct Hearing<F> {
    pub(crate) info: ProviderInfo,
    pub(crate) options: Options,
    /// A protocol for each stream.
    pub(crate) protocol: F,
}

impl<F, P> Hearing<F>
where
    F: Fn(&SttRequest) -> P + Send + Sync,
    P: HearingProtocol,
{
    pub fn new(info: ProviderInfo, options: Options, protocol: F) -> Self {
        Self { info, options, protocol }
    }
}

impl<F, P> Stt for Hearing<F>
where
    F: Fn(&SttRequest) -> P + Send + Sync,
    P: HearingProtocol,
{
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        let protocol = (self.protocol)(&request);
        let (input, inputs) = Sink::bounded(INPUT_CAPACITY);
        let opening = Recognition::open(protocol, self.options.clone(), request, inputs);
        async move {
            let recognition =
                Box::pin(opening).await.map_err(|fault| fault.of(Ability::Stt, self.options.manners.name))?;
            let events = stream::unfold(Box::new(recognition), |mut recognition| async move {
                recognition.next().await.map(|event| (event, recognition))
            });
            Ok(SttStream { input, events: events.boxed() })
        }
        .boxed()
    }
}
