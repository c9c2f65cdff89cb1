//! The connection: one HTTP/2 connection for one caller, over which streams of gRPC follow each other.
//!
//! Messages of a stream come before those of the next, so that whoever reads need not tell them apart; the next is under way
//! meanwhile.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use domain::Secret;
use futures::channel::mpsc;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use providers_api::ErrorKind;
use providers_link::carrier::Carried;
use providers_link::{Fault, Frame};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::wire::status;

/// Messages to one stream: a replay of ten seconds in pieces of 100 ms. When full Google is not reading, and the connection is
/// given up.
const MESSAGES: usize = 200;
/// A stream that was ended has so long to answer.
const DRAINS_WITHIN: Duration = Duration::from_secs(5);
/// Messages of a stream whose turn has not come that are kept; more wait on the wire.
const KEPT: usize = 64;
/// Of one message.
const LARGEST_MESSAGE: usize = 4 << 20;

/// Where a connection goes.
pub(crate) struct Address {
    pub(crate) url: Secret<String>,
    /// The method, with its leading slash.
    pub(crate) method: &'static str,
    pub(crate) headers: Vec<(&'static str, Secret<String>)>,
    pub(crate) connect_within: Duration,
}

pub(crate) struct Connection {
    grpc: Grpc<Channel>,
    method: &'static str,
    metadata: MetadataMap,
    /// Messages of the stream that is open.
    open: Option<mpsc::Sender<Bytes>>,
    /// Streams that have not ended, the oldest first.
    streams: VecDeque<Running>,
    /// No stream follows these.
    is_closing: bool,
    /// Told of what a stream ended with.
    failed: Box<dyn Fn(&Fault) + Send>,
}

struct Running {
    answers: BoxStream<'static, Result<Bytes, Status>>,
    kept: VecDeque<Result<Bytes, Status>>,
    is_over: bool,
    /// Runs once we have ended it.
    drains: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    /// Returns when the vendor's side of the connection stands.
    ///
    /// # Errors
    /// When nobody answers, or what the address holds is none.
    pub(crate) async fn open(
        address: Address,
        failed: impl Fn(&Fault) + Send + 'static,
    ) -> Result<Self, Fault> {
        let origin: Uri = address
            .url
            .expose()
            .parse()
            .map_err(|_| Fault::new(ErrorKind::Rejected, "the address of the service is none"))?;
        let mut metadata = MetadataMap::new();
        for (name, value) in &address.headers {
            let mut value: AsciiMetadataValue = value.expose().parse().map_err(|_| {
                Fault::new(ErrorKind::Unauthorized, format!("{name} holds characters that no header has"))
            })?;
            value.set_sensitive(true);
            metadata.insert(AsciiMetadataKey::from_static(name), value);
        }
        let channel = connect(&origin, address.connect_within).await?;
        let grpc = Grpc::with_origin(channel, origin).max_decoding_message_size(LARGEST_MESSAGE);
        Ok(Self {
            grpc,
            method: address.method,
            metadata,
            open: None,
            streams: VecDeque::new(),
            is_closing: false,
            failed: Box::new(failed),
        })
    }

    fn begin(&mut self) {
        let (messages, taken) = mpsc::channel(MESSAGES);
        let mut grpc = self.grpc.clone();
        let mut request = Request::new(taken);
        *request.metadata_mut() = self.metadata.clone();
        let method = PathAndQuery::from_static(self.method);
        let answers = async move {
            grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
            grpc.streaming(request, method, Opaque).await.map(tonic::Response::into_inner)
        };
        let answers = stream::once(answers).try_flatten().boxed();
        self.streams.push_back(Running { answers, kept: VecDeque::new(), is_over: false, drains: None });
        self.open = Some(messages);
    }

    fn end(&mut self) {
        let drains = Some(Box::pin(sleep_until(Instant::now() + DRAINS_WITHIN)));
        if self.open.take().is_some() {
            if let Some(running) = self.streams.back_mut() {
                running.drains = drains;
            }
            return;
        }
        // None was open: it has ended as soon as its turn comes.
        let answers = stream::empty().boxed();
        self.streams.push_back(Running { answers, kept: VecDeque::new(), is_over: true, drains });
    }
}

impl Carried for Connection {
    fn send(&mut self, frame: Frame) -> Result<(), Fault> {
        match frame {
            Frame::Binary(message) if message.is_empty() => self.end(),
            Frame::Binary(message) => {
                if self.open.is_none() {
                    self.begin();
                }
                // A stream that is over takes nothing; its end is told by `poll_next`, with its reason.
                let Some(open) = &mut self.open else { return Ok(()) };
                if open.try_send(message).is_err_and(|error| error.is_full()) {
                    return Err(Fault::new(ErrorKind::TimedOut, "audio is not taken"));
                }
            }
            Frame::Text(_) => self.is_closing = true,
        }
        Ok(())
    }

    /// An empty message is the end of a stream, `None` that of the last.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Frame>, Fault>> {
        for running in &mut self.streams {
            running.advance(context);
        }
        let Some(first) = self.streams.front_mut() else {
            return if self.is_closing { Poll::Ready(Ok(None)) } else { Poll::Pending };
        };
        if let Some(answer) = first.kept.pop_front() {
            let told = answer.map(|message| Some(Frame::Binary(message))).map_err(|status| fault(&status));
            if let Err(fault) = &told {
                (self.failed)(fault);
            }
            return Poll::Ready(told);
        }
        if first.is_over {
            // What was sent to a stream that ended on its own may not have been heard: as with any that broke.
            let was_ended = first.drains.is_some();
            self.streams.pop_front();
            let broke = || Fault::new(ErrorKind::Closed, "the stream was ended before we ended it");
            return Poll::Ready(if was_ended { Ok(Some(Frame::Binary(Bytes::new()))) } else { Err(broke()) });
        }
        if first.drains.as_mut().is_some_and(|drains| drains.as_mut().poll(context).is_ready()) {
            let late = Fault::new(ErrorKind::TimedOut, "a stream that was ended gave no answer");
            return Poll::Ready(Err(late));
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("streams", &self.streams.len()).finish_non_exhaustive()
    }
}

impl Running {
    /// Takes what has come.
    fn advance(&mut self, context: &mut Context<'_>) {
        while !self.is_over && self.kept.len() < KEPT {
            match self.answers.poll_next_unpin(context) {
                // A message without content says nothing, and would be taken for an end.
                Poll::Ready(Some(Ok(answer))) if answer.is_empty() => {}
                Poll::Ready(Some(answer)) => self.kept.push_back(answer),
                Poll::Ready(None) => self.is_over = true,
                Poll::Pending => return,
            }
        }
    }
}

async fn connect(origin: &Uri, within: Duration) -> Result<Channel, Fault> {
    let endpoint = Endpoint::from(origin.clone())
        .user_agent(concat!("agent-foundry/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| Fault::new(ErrorKind::Unreachable, error))?
        .connect_timeout(within)
        .tcp_nodelay(true)
        // A path that went away is noticed while the caller is silent. Servers of gRPC mind pings that come more often.
        .http2_keep_alive_interval(Duration::from_secs(60))
        .keep_alive_timeout(Duration::from_secs(10));
    let endpoint = if origin.scheme_str() == Some("https") {
        endpoint
            .tls_config(ClientTlsConfig::new().with_native_roots())
            .map_err(|error| Fault::new(ErrorKind::Unreachable, innermost(&error)))?
    } else {
        endpoint
    };
    match tokio::time::timeout(within, endpoint.connect()).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(Fault::new(ErrorKind::Unreachable, innermost(&error))),
        Err(_) => Err(Fault::new(ErrorKind::TimedOut, format!("no connection within {within:?}"))),
    }
}

/// Two ends of a stream are made here, not by Google: they have a status of gRPC too.
fn fault(status: &Status) -> Fault {
    let is_ours = match status.code() {
        Code::OutOfRange => status.message().contains("message length too large"),
        Code::Internal => status.message().contains("protocol error"),
        _ => false,
    };
    if is_ours { Fault::protocol(status.message()) } else { status::grpc(status) }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Messages as the bytes they are: what they mean is the protocol's.
#[derive(Debug, Clone, Copy)]
struct Opaque;

impl Codec for Opaque {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Opaque {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Opaque {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}
