//! Messages over a stream, where no datagram gets through: to a TURN server by TCP or TLS, or straight to a media server's TCP port.
//!
//! Never waits to send: what a stalled stream has no room for is dropped, as a datagram would be.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::metrics::DATAGRAMS_DROPPED;

/// TCP and TLS together; a server that is slower leads nowhere in time.
const DIALLED_WITHIN: Duration = Duration::from_secs(5);
/// What waits for the stream: two seconds of audio. When full, what comes next is dropped.
const MOST_UNSENT: usize = 32 * 1024;
const READ_AT_ONCE: usize = 4 * 1024;

type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;
type Dialling = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

/// Whom a stream is enciphered to, and by whom its certificate is verified.
#[derive(Debug, Clone)]
pub(crate) struct Secure {
    pub(crate) name: ServerName<'static>,
    pub(crate) config: Arc<ClientConfig>,
}

/// Where a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// RFC 8656: STUN messages and channel data tell their own length.
    Turn,
    /// RFC 4571: a length goes before each.
    Counted,
}

#[derive(Debug)]
pub(crate) enum Piped {
    Message(Bytes),
    Broken(io::Error),
}

enum State {
    Dialling(Dialling),
    Open(Stream),
    Broken,
}

pub(crate) struct Pipe {
    state: State,
    framing: Framing,
    unsent: BytesMut,
    read: BytesMut,
}

impl Pipe {
    /// Begins with the first `poll`.
    pub(crate) fn dial(address: SocketAddr, secure: Option<Secure>, framing: Framing) -> Self {
        let dialling = Box::pin(async move {
            let open = tokio::time::timeout(DIALLED_WITHIN, open(address, secure)).await;
            open.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
        });
        Self { state: State::Dialling(dialling), framing, unsent: BytesMut::new(), read: BytesMut::new() }
    }

    /// Sends the whole message or nothing of it.
    pub(crate) fn send(&mut self, message: &[u8]) {
        let counted = match (self.framing, u16::try_from(message.len())) {
            (Framing::Turn, _) => None,
            (Framing::Counted, Ok(length)) => Some(length.to_be_bytes()),
            (Framing::Counted, Err(_)) => return,
        };
        let padding = match self.framing {
            // Channel data is padded to words on streams; STUN messages are whole words by themselves.
            Framing::Turn => message.len().next_multiple_of(4) - message.len(),
            Framing::Counted => 0,
        };
        if matches!(self.state, State::Broken) || self.unsent.len() + message.len() > MOST_UNSENT {
            metrics::counter!(DATAGRAMS_DROPPED, "why" => "unsent").increment(1);
            return;
        }
        self.unsent.extend_from_slice(counted.as_ref().map_or(&[], |length| length.as_slice()));
        self.unsent.extend_from_slice(message);
        self.unsent.extend_from_slice(&[0; 3][..padding]);
        // What does not leave now does with the next poll, which finds out what is broken, too.
        let _later = self.flush(&mut Context::from_waker(Waker::noop()));
    }

    /// Waits for a message. Cancel-safe; pends for ever once it is broken.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Piped> {
        let broken = match ready!(self.step(context)) {
            Ok(message) => return Poll::Ready(Piped::Message(message)),
            Err(error) => error,
        };
        self.state = State::Broken;
        Poll::Ready(Piped::Broken(broken))
    }

    fn step(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            match &mut self.state {
                State::Broken => return Poll::Pending,
                State::Dialling(dialling) => {
                    let stream = ready!(dialling.as_mut().poll(context))?;
                    self.state = State::Open(stream);
                }
                State::Open(_) => {
                    if let Poll::Ready(Err(error)) = self.flush(context) {
                        return Poll::Ready(Err(error));
                    }
                    if let Some(message) = self.framing.cut(&mut self.read)? {
                        return Poll::Ready(Ok(message));
                    }
                    ready!(self.fill(context))?;
                }
            }
        }
    }

    fn fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State::Open(stream) = &mut self.state else { return Poll::Pending };
        let mut bytes = [0; READ_AT_ONCE];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.read.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State::Open(stream) = &mut self.state else { return Poll::Pending };
        while !self.unsent.is_empty() {
            let written = ready!(Pin::new(&mut *stream).poll_write(context, &self.unsent))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(written);
        }
        Pin::new(stream).poll_flush(context)
    }

    #[cfg(test)]
    async fn next(&mut self) -> Piped {
        std::future::poll_fn(|context| self.poll(context)).await
    }
}

async fn open(address: SocketAddr, secure: Option<Secure>) -> io::Result<Stream> {
    let tcp = TcpStream::connect(address).await?;
    // A frame of audio waits for no other.
    tcp.set_nodelay(true)?;
    let Some(Secure { name, config }) = secure else { return Ok(Either::Left(tcp)) };
    let tls = TlsConnector::from(config).connect(name, tcp).await?;
    Ok(Either::Right(Box::new(tls)))
}

impl Framing {
    /// The next whole message, taken out of what was read.
    fn cut(self, read: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let Some(&[first, second, third, fourth]) = read.first_chunk() else { return Ok(None) };
        let (skip, length, padded) = match (self, first >> 6) {
            (Self::Counted, _) => {
                let length = usize::from(u16::from_be_bytes([first, second]));
                (2, length, length)
            }
            (Self::Turn, 0) => {
                let length = 20 + usize::from(u16::from_be_bytes([third, fourth]));
                (0, length, length)
            }
            (Self::Turn, 1) => {
                let length = 4 + usize::from(u16::from_be_bytes([third, fourth]));
                (0, length, length.next_multiple_of(4))
            }
            (Self::Turn, _) => return Err(io::ErrorKind::InvalidData.into()),
        };
        if read.len() < skip + padded {
            return Ok(None);
        }
        read.advance(skip);
        let mut message = read.split_to(padded).freeze();
        message.truncate(length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn all(framing: Framing, bytes: &[u8], piece: usize) -> io::Result<Vec<Bytes>> {
        let mut read = BytesMut::new();
        let mut messages = Vec::new();
        for piece in bytes.chunks(piece.max(1)) {
            read.extend_from_slice(piece);
            while let Some(message) = framing.cut(&mut read)? {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    /// A STUN message of this many bytes after its header.
    fn stun(length: u16) -> Vec<u8> {
        let mut message = vec![0, 1];
        message.extend(length.to_be_bytes());
        message.resize(20 + usize::from(length), 7);
        message
    }

    #[test]
    fn messages_end_where_they_say_however_they_arrive() {
        let channel = [0x40, 0, 0, 5, 1, 2, 3, 4, 5];
        let turn = [stun(8), channel.to_vec(), vec![0; 3], stun(0)].concat();
        for piece in [1, 3, 7, 1_000] {
            let messages = all(Framing::Turn, &turn, piece).expect("messages");
            assert_eq!(messages, [stun(8), channel.to_vec(), stun(0)], "in pieces of {piece}");
        }
        let counted = [0, 3, 1, 2, 3, 0, 2, 4, 5];
        assert_eq!(all(Framing::Counted, &counted, 2).expect("messages"), [vec![1, 2, 3], vec![4, 5]]);
        assert!(
            all(Framing::Turn, b"HTTP/1.1 400 Bad Request", 100).is_ok_and(|messages| messages.is_empty())
        );
        assert!(all(Framing::Turn, &[0x80, 0, 0, 0], 100).is_err(), "neither STUN nor channel data");
    }

    proptest! {
        #[test]
        fn nothing_that_arrives_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), piece in 1usize..50) {
            let _whatever = all(Framing::Turn, &bytes, piece);
            let _whatever = all(Framing::Counted, &bytes, piece);
        }
    }

    #[tokio::test]
    async fn what_is_sent_before_it_is_open_leaves_when_it_is_and_an_end_is_told_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut pipe = Pipe::dial(address, None, Framing::Counted);
        pipe.send(b"early");
        let far = async {
            let (mut far, _) = listener.accept().await.expect("a caller");
            let mut early = [0; 7];
            far.read_exact(&mut early).await.expect("what was sent");
            far.write_all(&[0, 2, b'h', b'i']).await.expect("open");
            early
        };
        let (early, heard) = tokio::join!(far, pipe.next());
        assert_eq!(early, *b"\0\x05early");
        assert!(matches!(heard, Piped::Message(bytes) if bytes == "hi"[..]), "the answer");
        assert!(matches!(pipe.next().await, Piped::Broken(_)), "the far end is gone");
        let mut never = std::pin::pin!(pipe.next());
        assert!(never.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    #[tokio::test]
    async fn a_stalled_stream_drops_what_it_has_no_room_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut pipe = Pipe::dial(listener.local_addr().expect("bound"), None, Framing::Counted);
        for _ in 0..100 {
            pipe.send(&[0; 1_000]);
        }
        assert!(pipe.unsent.len() <= MOST_UNSENT + 2, "{}", pipe.unsent.len());
        assert_eq!(pipe.unsent.len() % 1_002, 0, "whole messages");
    }
}
