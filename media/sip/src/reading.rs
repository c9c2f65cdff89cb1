//! What comes by one connection, over TCP or TLS: whole messages that are in order; whoever sends what is none is told so, and whoever is silent, slow
//! or dead is let go.
//!
//! The stack ends a connection at the first message that it cannot read. Here only one ends that nobody can say any more where its messages begin in.

mod frames;
mod pings;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use self::frames::{Frame, Frames};
use self::pings::{Pings, Silence};
use crate::knocks::{FIRST, Place};
use crate::manners::{Inspector, Verdict};
use crate::metrics::REFUSED;

/// A message that has begun is whole by then.
const WHOLE: Duration = Duration::from_secs(30);
/// Longer than any call is quiet that keeps a session timer.
const IDLE: Duration = Duration::from_secs(2 * 3_600);
const CHUNK: usize = 4_096;
/// Whoever sends more messages that are none is let go.
const FAULTS: u32 = 20;

/// For one that does not take our goodbye.
pub(crate) const GOODBYE: Duration = Duration::from_secs(1);

/// Who connected, and what that means for how long it may be silent.
pub(crate) enum By {
    /// Others, to us.
    Them(#[expect(dead_code, reason = "given back when the connection is dropped")] Place),
    Us,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A whole message, in order as far as a request has to be.
    Message(Vec<u8>),
    /// Write this, and go on.
    Say(Vec<u8>),
    /// Nothing more comes, or is waited for.
    End,
}

pub(crate) struct Reading<R> {
    half: R,
    by: By,
    inspector: Inspector,
    frames: Frames,
    pings: Pings,
    /// A message came.
    heard: bool,
    /// Messages that were none in order.
    faults: u32,
    /// When the message began that is not whole.
    begun: Option<Instant>,
}

impl<R: AsyncRead + Unpin> Reading<R> {
    pub(crate) fn new(half: R, by: By) -> Self {
        Self {
            half,
            by,
            inspector: Inspector::default(),
            frames: Frames::default(),
            pings: Pings::default(),
            heard: false,
            faults: 0,
            begun: None,
        }
    }

    /// The message of just now was none to the stack.
    pub(crate) fn fault(&mut self) {
        metrics::counter!(REFUSED, "why" => "malformed").increment(1);
        self.faults += 1;
    }

    /// Cancel-safe.
    ///
    /// # Errors
    /// When the connection is lost, or of no use any more.
    pub(crate) async fn next(&mut self) -> io::Result<Next> {
        let mut bytes = [0; CHUNK];
        loop {
            if self.faults > FAULTS {
                return Ok(Next::End);
            }
            let frame = self.frames.next();
            match frame.map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))? {
                Some(Frame::Message(message)) => {
                    self.begun = None;
                    // Blanks that are no ping: neither asked nor said.
                    if message.trim_ascii().is_empty() {
                        continue;
                    }
                    let verdict = self.inspector.looks_at(&message);
                    if verdict == Verdict::Passes {
                        self.heard = true;
                        return Ok(Next::Message(message));
                    }
                    self.fault();
                    if let Verdict::Refused(answer) = verdict {
                        return Ok(Next::Say(answer));
                    }
                    continue;
                }
                Some(Frame::Ping) => return Ok(Next::Say(b"\r\n".to_vec())),
                None if self.frames.is_amid() => {
                    self.begun.get_or_insert_with(Instant::now);
                }
                None => self.begun = None,
            }
            let Some(read) = self.read(&mut bytes).await else { return Ok(Next::End) };
            match read? {
                Some(0) => return Ok(Next::End),
                Some(length) => {
                    self.pings.came(&bytes[..length]);
                    self.frames.push(&bytes[..length]);
                }
                None => return Ok(Next::Say(b"\r\n\r\n".to_vec())),
            }
        }
    }

    /// How many bytes came, or `Some(None)` where it is time to ask whether somebody is there. `None`: nothing came for too long.
    async fn read(&mut self, bytes: &mut [u8]) -> Option<io::Result<Option<usize>>> {
        loop {
            let now = Instant::now();
            let until = match (self.begun, &self.by) {
                (Some(begun), _) => Some(begun + WHOLE),
                // It is ours, and needs not say anything by itself.
                (None, By::Us) => None,
                (None, By::Them(_)) => Some(now + if self.heard { IDLE } else { FIRST }),
            };
            let ask = matches!(self.by, By::Us).then(|| self.pings.due(now));
            let due = [until, ask].into_iter().flatten().min().unwrap_or(now + IDLE);
            match timeout_at(due, self.half.read(bytes)).await {
                Ok(read) => return Some(read.map(Some)),
                Err(_silent) if until.is_some_and(|until| until <= Instant::now()) => return None,
                Err(_silent) if ask.is_none() => {}
                Err(_silent) => match self.pings.silent(Instant::now()) {
                    Silence::Ask => return Some(Ok(None)),
                    Silence::Dead => {
                        tracing::info!("a connection of ours is not answered any more, and given up");
                        return None;
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::knocks::Place;

    const FINE: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
        Call-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

    fn theirs() -> (DuplexStream, Reading<DuplexStream>) {
        let (far, near) = duplex(65_536);
        (far, Reading::new(near, By::Them(Place::of(IpAddr::from([192, 0, 2, 1])))))
    }

    fn status(next: &Next) -> &str {
        match next {
            Next::Say(answer) => std::str::from_utf8(&answer[..11]).expect("text"),
            _ => "",
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_in_order_is_answered_and_what_follows_it_is_read() {
        let (mut far, mut reading) = theirs();
        let wrong = FINE.replace("1 OPTIONS", "x OPTIONS").replace("Content-Length: 0", "Content-Length: 4");
        far.write_all(format!("{wrong}abcd\r\n\r\n{FINE}").as_bytes()).await.expect("room");
        assert_eq!(status(&reading.next().await.expect("read")), "SIP/2.0 400");
        assert_eq!(reading.next().await.expect("read"), Next::Say(b"\r\n".to_vec()), "a ping");
        assert_eq!(reading.next().await.expect("read"), Next::Message(FINE.as_bytes().to_vec()));
        far.write_all(format!(" \r\n\r\n\t\r\n\r\n{FINE}").as_bytes()).await.expect("room");
        assert_eq!(
            reading.next().await.expect("read"),
            Next::Message(FINE.as_bytes().to_vec()),
            "blanks are nothing"
        );
        drop(far);
        assert_eq!(reading.next().await.expect("read"), Next::End);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_sends_nothing_in_order_is_let_go_and_so_is_whose_messages_have_no_end() {
        let (mut far, mut reading) = theirs();
        let wrong = FINE.replace("1 OPTIONS", "x OPTIONS");
        for _ in 0..=FAULTS {
            far.write_all(wrong.as_bytes()).await.expect("room");
            assert_eq!(status(&reading.next().await.expect("read")), "SIP/2.0 400");
        }
        assert_eq!(reading.next().await.expect("read"), Next::End);
        let (mut far, mut reading) = theirs();
        far.write_all(FINE.replace("Length: 0", "Length: -5").as_bytes()).await.expect("room");
        assert_eq!(reading.next().await.expect_err("of no use").kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_silent_or_slow_is_let_go_and_one_that_has_called_may_be_silent_for_long() {
        let waited = |began: Instant| (Instant::now() - began).as_secs();
        let began = Instant::now();
        let (_far, mut reading) = theirs();
        assert_eq!((reading.next().await.expect("read"), waited(began)), (Next::End, FIRST.as_secs()));

        let began = Instant::now();
        let (mut far, mut reading) = theirs();
        far.write_all(b" \r\n\r\n").await.expect("room");
        let ended = (reading.next().await.expect("read"), waited(began));
        assert_eq!(ended, (Next::End, FIRST.as_secs()), "blanks are silence");

        let began = Instant::now();
        let (mut far, mut reading) = theirs();
        far.write_all(&FINE.as_bytes()[..20]).await.expect("room");
        assert_eq!((reading.next().await.expect("read"), waited(began)), (Next::End, WHOLE.as_secs()));

        let began = Instant::now();
        let (mut far, mut reading) = theirs();
        far.write_all(FINE.as_bytes()).await.expect("room");
        assert!(matches!(reading.next().await, Ok(Next::Message(_))));
        assert_eq!((reading.next().await.expect("read"), waited(began)), (Next::End, IDLE.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn ours_asks_whether_somebody_is_there() {
        let (mut far, near) = duplex(4_096);
        let mut reading = Reading::new(near, By::Us);
        let ask = Next::Say(b"\r\n\r\n".to_vec());
        assert_eq!(reading.next().await.expect("read"), ask);
        assert_eq!(reading.next().await.expect("read"), ask, "nobody has to answer");
        far.write_all(b"\r\n").await.expect("room");
        assert_eq!(reading.next().await.expect("read"), ask, "that was the answer");
        assert_eq!(reading.next().await.expect("read"), Next::End, "whoever has answered does so again");
    }
}
