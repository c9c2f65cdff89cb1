//! One open recognition: takes audio as it comes, runs passes on the pool, gives transcripts in order.
//!
//! Has no task of its own: it works while its events are polled, and dropping them ends everything, passes that wait or
//! run included.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use domain::{AudioFrame, Language, MediaTime, Transcript, TranscriptKind, Word};
use futures::channel::mpsc;
use futures::{FutureExt as _, Stream, StreamExt as _};
use inference::pool::Ticket;
use inference::{Lane, Rejected};
use providers_api::{Error, ErrorKind, Sink, SttEvent, SttInput, SttStream};
use tokio::sync::OwnedSemaphorePermit;

use super::recognizer::{Heard, RATE_HZ};
use super::segment::{Segment, Utterance};
use super::{LocalStt, PASS_DEADLINE, Shared};

/// Ten seconds of frames, for a session that is busy elsewhere. When full, `push` reports the drop.
const INPUT_CAPACITY: usize = 512;
/// New voice that makes a prepared final void: a syllable, not a click.
const VOID_AFTER_VOICED_CHUNKS: u64 = 3;
/// The length of `Segment`'s chunk.
const CHUNK_MS: u64 = 20;
/// So little voice with so little confidence is a noise.
const NOISE_VOICED_MS_MAX: u64 = 600;
/// What the model says of silence and noise.
const MADE_UP: [&str; 3] = ["you", "thank you", "bye"];

pub(super) fn open(shared: Arc<Shared>, permit: OwnedSemaphorePermit) -> SttStream {
    let (input, receiver) = Sink::bounded(INPUT_CAPACITY);
    let events = Listening {
        shared,
        _permit: permit,
        input: Some(receiver),
        segment: Segment::default(),
        finals: VecDeque::new(),
        prepared: None,
        partial: None,
        partial_text: String::new(),
        next_partial_at_chunk: 0,
        ended: false,
    };
    SttStream { input, events: events.boxed() }
}

struct Listening {
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
    /// None after the session dropped its end.
    input: Option<mpsc::Receiver<SttInput>>,
    segment: Segment,
    /// Asked for, in order; each gives one final.
    finals: VecDeque<Asked>,
    prepared: Option<Prepared>,
    partial: Option<(Pass, u64)>,
    partial_text: String,
    next_partial_at_chunk: u64,
    ended: bool,
}

struct Asked {
    /// None where nothing was said.
    pass: Option<Pass>,
    at: MediaTime,
}

struct Prepared {
    pass: Pass,
    voiced_chunks: u64,
}

/// A run of the recogniser over one utterance. Dropping it abandons the run.
struct Pass {
    utterance: Utterance,
    ticket: Ticket<Result<Option<Heard>, inference::Error>>,
    deadline: Pin<Box<tokio::time::Sleep>>,
    abandoned: Arc<AtomicBool>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

impl Pass {
    fn start(shared: &Arc<Shared>, lane: Lane, utterance: Utterance) -> Self {
        let abandoned = Arc::new(AtomicBool::new(false));
        let (flag, work, samples) = (Arc::clone(&abandoned), Arc::clone(shared), utterance.samples.clone());
        let ticket = shared.pool.run(lane, move || work.recognizer.recognise(&samples, &flag));
        Self { utterance, ticket, deadline: Box::pin(tokio::time::sleep(PASS_DEADLINE)), abandoned }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Heard>, Error>> {
        if let Poll::Ready(outcome) = self.ticket.poll_unpin(context) {
            return Poll::Ready(match outcome {
                Ok(Ok(heard)) => Ok(heard),
                Ok(Err(error)) => Err(LocalStt::error(ErrorKind::Closed, error)),
                Err(rejected @ Rejected::Full(_)) => Err(LocalStt::error(ErrorKind::Full, rejected)),
                Err(rejected) => Err(LocalStt::error(ErrorKind::Closed, rejected)),
            });
        }
        self.deadline.poll_unpin(context).map(|()| {
            let reason = format!("no transcript within {} s", PASS_DEADLINE.as_secs());
            Err(LocalStt::error(ErrorKind::TimedOut, reason))
        })
    }
}

impl Stream for Listening {
    type Item = Result<SttEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        loop {
            if let Some(outcome) = this.poll_final(context) {
                return Poll::Ready(Some(this.give(outcome)));
            }
            if let Some(transcript) = this.poll_partial(context) {
                return Poll::Ready(Some(Ok(SttEvent::Transcript(transcript))));
            }
            if let Some(prepared) = &mut this.prepared {
                // Polled only so that its deadline and its result wake us; the result is taken at `Finalize`.
                let _ = prepared.pass.ticket_is_ready(context);
            }
            let Some(input) = &mut this.input else {
                if this.finals.is_empty() {
                    this.ended = true;
                    return Poll::Ready(None);
                }
                return Poll::Pending;
            };
            match input.poll_next_unpin(context) {
                Poll::Ready(Some(input)) => {
                    if let Err(error) = this.take(input) {
                        this.ended = true;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Poll::Ready(None) => {
                    this.input = None;
                    this.partial = None;
                    if this.segment.has_speech() {
                        this.finalize();
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
