//! The caller's side: packets become frames, frames go to detection, recognition and the last seconds kept for both.
//!
//! Recognition that fails is opened anew and given again what it had not finished. Decides nothing about turns.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, Transcript};
use futures::StreamExt;
use futures::future::BoxFuture;
use providers_api::{Ability, Error, ErrorKind, Stt, SttEvent, SttInput, SttRequest, SttStream};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::options::{Waits, ms};

const RATE_HZ: u32 = media_core::inbound::RATE_HZ;
/// Audio kept: what a new recognition is given again, and what the end of a turn is judged by.
const KEPT: MediaTime = MediaTime::from_millis(10_000);
/// Before the first speech since the last final, this much is enough.
const LEAD: MediaTime = MediaTime::from_millis(600);
/// Longest stretch given to a recogniser in one piece, while it catches up.
const PIECE: MediaTime = MediaTime::from_millis(500);
/// A recogniser that lags further behind loses the oldest audio.
const LAG_MAX: MediaTime = MediaTime::from_millis(10_000);
/// Waits before the next attempt, in ms, by failures in a row; then the last.
const BACKOFF_MS: [u32; 3] = [0, 250, 1_000];

/// The last seconds of the caller's track, without gaps.
pub(crate) struct Ring {
    samples: VecDeque<i16>,
    end: MediaTime,
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self { samples: VecDeque::new(), end: MediaTime::ZERO }
    }

    pub(crate) fn push(&mut self, frame: &AudioFrame) {
        let most = KEPT.as_samples(RATE_HZ) as usize;
        if self.samples.capacity() == 0 {
            self.samples.reserve_exact(most + frame.samples.len());
        }
        self.samples.extend(&frame.samples);
        let over = self.samples.len().saturating_sub(most);
        self.samples.drain(..over);
        self.end = frame.end();
    }

    pub(crate) fn end(&self) -> MediaTime {
        self.end
    }

    pub(crate) fn begin(&self) -> MediaTime {
        self.end - MediaTime::from_samples(self.samples.len() as u64, RATE_HZ)
    }

    /// What is kept of the stretch.
    pub(crate) fn stretch(&self, from: MediaTime, to: MediaTime) -> AudioFrame {
        let from = from.max(self.begin());
        let skip = (from - self.begin()).as_samples(RATE_HZ) as usize;
        let count = (to.min(self.end) - from).as_samples(RATE_HZ) as usize;
        let upto = (skip + count).min(self.samples.len());
        let samples = self.samples.range(skip.min(upto)..upto).copied().collect();
        AudioFrame { samples, rate_hz: RATE_HZ, at: from }
    }
}

type Opening = BoxFuture<'static, Result<SttStream, Error>>;

enum State {
    Waiting(Instant),
    Opening(Opening, Instant),
    Open(SttStream),
    /// Given up.
    Dead,
}

/// What came of the recogniser.
pub(crate) enum Came {
    Due,
    Opened(Result<SttStream, Error>),
    Event(Option<Result<SttEvent, Error>>),
}

/// What it means for the session.
pub(crate) enum Heard {
    Nothing,
    Event(SttEvent),
    /// The stream failed and is being replaced.
    Retrying(Error),
    /// The final that was demanded will not come.
    Lost(Error),
    /// Recognition has failed for good.
    Dead(Error),
}

/// A final that was demanded.
#[derive(Clone, Copy)]
struct Finalizing {
    demanded: Instant,
    /// From the stream that is to give it now.
    since: Instant,
    /// Streams that failed to.
    failures: u32,
}

pub(crate) struct Recogniser {
    stt: Arc<dyn Stt>,
    request: SttRequest,
    waits: Waits,
    state: State,
    /// Audio up to here was given to the stream.
    sent: MediaTime,
    /// Audio up to here is covered by finals.
    finished: MediaTime,
    /// Where speech began since the last final, if it did.
    speech: Option<MediaTime>,
    finalizing: Option<Finalizing>,
    /// How long the caller was kept waiting by a stream that failed.
    waited: Option<Duration>,
    /// `Finalize` could not be given yet.
    owed: bool,
    failures: u32,
    /// Of the present stream, from its opening on.
    attempt: Span,
    attempts: u32,
    dropped: u64,
}

impl Recogniser {
    pub(crate) fn new(stt: Arc<dyn Stt>, request: SttRequest, waits: Waits, now: Instant) -> Self {
        Self {
            stt,
            request,
            waits,
            state: State::Waiting(now),
            sent: MediaTime::ZERO,
            finished: MediaTime::ZERO,
            speech: None,
            finalizing: None,
            waited: None,
            owed: false,
            failures: 0,
            attempt: Span::none(),
            attempts: 0,
            dropped: 0,
        }
    }

    /// Frames it had no room for since this was last asked.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// How long a final was late because its stream had failed, since this was last asked.
    pub(crate) fn take_waited(&mut self) -> Option<Duration> {
        self.waited.take()
    }

    /// The detector heard a voice here.
    pub(crate) fn voiced(&mut self, at: MediaTime) {
        if at >= self.finished {
            self.speech.get_or_insert(at);
        }
    }

    /// New audio is in the ring.
    pub(crate) fn audio(&mut self, ring: &Ring) {
        let State::Open(stream) = &mut self.state else { return };
        self.sent = self.sent.max(ring.end() - LAG_MAX).max(ring.begin());
        while self.sent < ring.end() {
            let piece = ring.stretch(self.sent, self.sent + PIECE);
            let end = piece.end();
            match stream.input.push(SttInput::Audio(piece)) {
                Ok(true) => self.sent = end,
                Ok(false) => {
                    self.dropped += 1;
                    return; // given with the next frame
                }
                Err(_) => return, // the events say why
            }
        }
        if self.owed && stream.input.push(SttInput::Finalize) == Ok(true) {
            self.owed = false;
        }
    }

    pub(crate) fn prepare(&mut self) {
        if let State::Open(stream) = &mut self.state
            && self.finalizing.is_none()
        {
            // Only a hint: a recogniser without room for it loses a little time.
            let _hint = stream.input.push(SttInput::Prepare);
        }
    }

    pub(crate) fn finalize(&mut self, ring: &Ring, now: Instant) {
        if self.finalizing.is_none() {
            self.finalizing = Some(Finalizing { demanded: now, since: now, failures: 0 });
            self.owed = true;
            self.audio(ring);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let opening = match &self.state {
            State::Opening(_, until) => Some(*until),
            _ => None,
        };
        let finalizing = match self.state {
            State::Dead => None,
            _ => self.finalizing.map(|wait| wait.since + ms(self.waits.final_ms)),
        };
        opening.into_iter().chain(finalizing).min()
    }

    /// The deadline has come.
    pub(crate) fn late(&mut self, now: Instant) -> Heard {
        let reason = match self.state {
            State::Opening(..) => "did not open in time",
            _ => "no final within the deadline",
        };
        let name = self.stt.info().name.clone();
        self.failed(Error::new(Ability::Stt, ErrorKind::TimedOut, name, reason), now)
    }

    /// What comes next; pends while there is nothing. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Came {
        match &mut self.state {
            State::Waiting(until) => {
                tokio::time::sleep_until(*until).await;
                Came::Due
            }
            State::Opening(opening, _) => Came::Opened(opening.instrument(self.attempt.clone()).await),
            State::Open(stream) => Came::Event(stream.events.next().instrument(self.attempt.clone()).await),
            State::Dead => std::future::pending().await,
        }
    }

    pub(crate) fn take(&mut self, came: Came, ring: &Ring, now: Instant) -> Heard {
        match came {
            Came::Due => {
                let (stt, request) = (Arc::clone(&self.stt), self.request.clone());
                self.attempts += 1;
                let provider = stt.info().name.as_str();
                self.attempt =
                    tracing::info_span!("stt.attempt", provider, served = Empty, number = self.attempts);
                let opening = Box::pin(async move { stt.open(request).await });
                self.state = State::Opening(opening, now + ms(self.waits.open_ms));
                Heard::Nothing
            }
            Came::Opened(Ok(stream)) => {
                self.state = State::Open(stream);
                let lead = self.speech.unwrap_or(ring.end()) - LEAD;
                self.sent = self.finished.max(lead);
                self.owed = self.finalizing.is_some();
                self.audio(ring);
                Heard::Nothing
            }
            Came::Event(Some(Ok(event))) => {
                match &event {
                    SttEvent::Transcript(transcript) => self.transcript(transcript, now),
                    SttEvent::Served(info) => {
                        self.attempt.record("served", info.name.as_str());
                    }
                    _ => {}
                }
                Heard::Event(event)
            }
            Came::Opened(Err(error)) | Came::Event(Some(Err(error))) => self.failed(error, now),
            Came::Event(None) => {
                let name = self.stt.info().name.clone();
                self.failed(Error::new(Ability::Stt, ErrorKind::Closed, name, "ended by itself"), now)
            }
        }
    }

    fn transcript(&mut self, transcript: &Transcript, now: Instant) {
        if transcript.is_final() {
            self.finished = self.finished.max(transcript.to);
            self.speech = None;
            if !self.owed
                && let Some(wait) = self.finalizing.take()
                && wait.failures > 0
            {
                self.waited = Some(now - wait.demanded);
            }
            self.failures = 0;
        } else if !transcript.text.is_empty() {
            self.failures = 0;
        }
    }

    fn failed(&mut self, error: Error, now: Instant) -> Heard {
        self.failures += 1;
        self.attempt = Span::none();
        let final_failures = self.finalizing.map_or(0, |wait| wait.failures + 1);
        if error.failure().retry == domain::Retry::Never || self.failures >= self.waits.failures {
            self.state = State::Dead;
            self.waited = self.finalizing.take().map(|wait| now - wait.demanded);
            return Heard::Dead(error);
        }
        let backoff = BACKOFF_MS[(self.failures as usize - 1).min(BACKOFF_MS.len() - 1)];
        self.state = State::Waiting(now + ms(backoff));
        if final_failures > 1 {
            self.waited = self.finalizing.take().map(|wait| now - wait.demanded);
            self.owed = false;
            self.finished = self.sent;
            self.speech = None;
            return Heard::Lost(error);
        }
        if let Some(wait) = &mut self.finalizing {
            (wait.since, wait.failures) = (now, final_failures);
        }
        Heard::Retrying(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_last_seconds_at_their_positions() {
        let mut ring = Ring::new();
        for n in 0..600_u64 {
            let at = MediaTime::from_millis(n * 20);
            ring.push(&AudioFrame { samples: vec![n as i16; 320], rate_hz: RATE_HZ, at });
        }
        assert_eq!(
            (ring.begin(), ring.end()),
            (MediaTime::from_millis(2_000), MediaTime::from_millis(12_000))
        );
        let piece = ring.stretch(MediaTime::from_millis(5_010), MediaTime::from_millis(5_030));
        assert_eq!((piece.at, piece.samples.len()), (MediaTime::from_millis(5_010), 320));
        assert_eq!((piece.samples[0], piece.samples[319]), (250, 251));
        let clipped = ring.stretch(MediaTime::ZERO, MediaTime::from_millis(2_020));
        assert_eq!((clipped.at, clipped.samples.len()), (MediaTime::from_millis(2_000), 320));
        assert_eq!(
            ring.stretch(MediaTime::from_millis(12_000), MediaTime::from_millis(13_000)).samples.len(),
            0
        );
    }
}
