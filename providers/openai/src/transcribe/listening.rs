//! One open recognition: collects audio, has pieces transcribed, gives finals in the order they were asked for.
//!
//! Has no task of its own: it works while its events are polled, and dropping them ends every request.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::Transcript;
use futures::channel::mpsc;
use futures::future::{BoxFuture, MaybeDone, maybe_done};
use futures::stream::FuturesOrdered;
use futures::{FutureExt as _, StreamExt as _, stream};
use providers_api::{Ability, Error, ErrorKind, Sink, SttEvent, SttInput, SttRequest, SttStream, Usage};
use providers_link::Fault;

use super::piece::{Buffer, Piece};
use super::{Asked, CONTEXT_CHARS, Server, judge};
use crate::wire::heard::Heard;

/// Two seconds of frames. When full, `push` reports the drop.
const INPUT_CAPACITY: usize = 100;
/// Finals that are owed at once. With more the input waits, and then is full.
const MOST_OWED: usize = 8;
/// New sound that makes a prepared final void: a syllable, not a click.
const VOIDS: Duration = Duration::from_millis(60);

type Answer = BoxFuture<'static, Result<Heard, Fault>>;

/// What came of a final that was asked for.
struct Settled {
    /// None where nothing was said.
    heard: Option<(Arc<Piece>, Result<Heard, Fault>)>,
    /// For a final of nothing: where the audio ended.
    at: domain::MediaTime,
}

/// Begun before it was asked for.
struct Prepared {
    piece: Arc<Piece>,
    answer: MaybeDone<Answer>,
    /// Sound since.
    sound: Duration,
}

struct Listening {
    server: Arc<Server>,
    request: SttRequest,
    /// None after the session dropped its end.
    input: Option<mpsc::Receiver<SttInput>>,
    buffer: Buffer,
    prepared: Option<Prepared>,
    owed: FuturesOrdered<BoxFuture<'static, Settled>>,
    /// The last words of the finals so far.
    context: String,
    /// Since it was last told, of requests that were given up too.
    used: Usage,
    ready: VecDeque<SttEvent>,
    ended: bool,
}

pub(super) fn open(server: Arc<Server>, request: SttRequest) -> SttStream {
    let (input, receiver) = Sink::bounded(INPUT_CAPACITY);
    let listening = Listening {
        buffer: Buffer::new(request.rate_hz, server.transcribe.loud_dbfs),
        server,
        request,
        input: Some(receiver),
        prepared: None,
        owed: FuturesOrdered::new(),
        context: String::new(),
        used: Usage::default(),
        ready: VecDeque::new(),
        ended: false,
    };
    let events = stream::unfold(Box::new(listening), |mut listening| async move {
        let event = listening.next().await?;
        Some((event, listening))
    });
    SttStream { input, events: events.boxed() }
}

enum Step {
    Settled(Settled),
    Input(Option<SttInput>),
    Prepared,
}

impl Listening {
    async fn next(&mut self) -> Option<Result<SttEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            if self.input.is_none() && self.owed.is_empty() {
                self.ended = true;
                let used = self.take_used();
                self.ready.extend(used);
                continue;
            }
            let done = match self.step().await {
                Step::Settled(settled) => self.settle(settled),
                Step::Input(item) => self.take(item),
                Step::Prepared => Ok(()),
            };
            if let Err(fault) = done {
                // A stream without its ears is over; whoever routes opens another and gives it the audio again.
                self.ended = true;
                self.ready.clear();
                return Some(Err(fault.of(Ability::Stt, &self.server.options.name)));
            }
        }
    }

    /// Waits for whatever comes first. Cancel-safe: nothing is taken that is not returned.
    async fn step(&mut self) -> Step {
        let Self { input, owed, prepared, .. } = self;
        let takes = owed.len() < MOST_OWED;
        let preparing = prepared.as_mut().filter(|prepared| !matches!(prepared.answer, MaybeDone::Done(_)));
        tokio::select! {
            biased;
            Some(settled) = owed.next(), if !owed.is_empty() => Step::Settled(settled),
            item = next_input(input), if takes => Step::Input(item),
            () = drive(preparing) => Step::Prepared,
        }
    }

    fn take(&mut self, item: Option<SttInput>) -> Result<(), Fault> {
        match item {
            Some(SttInput::Audio(frame)) if frame.rate_hz != self.request.rate_hz => {
                let reason =
                    format!("a frame at {} Hz in a stream at {} Hz", frame.rate_hz, self.request.rate_hz);
                return Err(Fault::new(ErrorKind::Rejected, reason));
            }
            Some(SttInput::Audio(frame)) => {
                let sound = self.buffer.push(&frame);
                if let Some(prepared) = &mut self.prepared {
                    prepared.sound += sound;
                    if prepared.sound >= VOIDS {
                        self.void();
                    }
                }
            }
            Some(SttInput::Prepare) if self.prepared.is_none() => {
                self.prepared = self.buffer.so_far().map(|piece| {
                    let piece = Arc::new(piece);
                    let answer = maybe_done(self.ask(&piece));
                    Prepared { piece, answer, sound: Duration::ZERO }
                });
            }
            Some(SttInput::Prepare) => {}
            Some(SttInput::Finalize) => self.finalize(),
            None => {
                self.input = None;
                if self.buffer.so_far().is_some() {
                    self.finalize();
                }
            }
        }
        Ok(())
    }

    fn finalize(&mut self) {
        let at = self.buffer.end();
        let (piece, answer) = match self.prepared.take() {
            Some(Prepared { piece, answer: MaybeDone::Future(answer), .. }) => (Some(piece), Some(answer)),
            Some(Prepared { piece, answer: MaybeDone::Done(Ok(heard)), .. }) => {
                (Some(piece), Some(async move { Ok(heard) }.boxed()))
            }
            // What failed before it was wanted is tried again.
            _ => (self.buffer.so_far().map(Arc::new), None),
        };
        let answer = answer.or_else(|| piece.as_ref().map(|piece| self.ask(piece)));
        self.buffer.begin();
        let settled = async move {
            let heard = match (piece, answer) {
                (Some(piece), Some(answer)) => Some((piece, answer.await)),
                _ => None,
            };
            Settled { heard, at }
        };
        self.owed.push_back(settled.boxed());
    }

    fn ask(&self, piece: &Arc<Piece>) -> Answer {
        let asked = Asked::new(&self.request, &self.server.transcribe.prompt, &self.context);
        let (server, piece) = (Arc::clone(&self.server), Arc::clone(piece));
        async move { server.transcribe(piece, asked).await }.boxed()
    }

    /// The caller went on: what was begun is given up.
    fn void(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            self.used += match prepared.answer {
                MaybeDone::Done(Ok(heard)) => usage(&heard, &prepared.piece),
                MaybeDone::Done(Err(_)) | MaybeDone::Gone => Usage::default(),
                MaybeDone::Future(_) => estimated(&prepared.piece),
            };
        }
    }

    fn settle(&mut self, settled: Settled) -> Result<(), Fault> {
        let language = self.request.language.as_ref();
        let told = match settled.heard {
            None => {
                let nothing = Transcript::complete("", settled.at, settled.at);
                Transcript { language: language.cloned(), ..nothing }
            }
            Some((piece, heard)) => {
                let heard = heard?;
                self.used += usage(&heard, &piece);
                judge::judged(heard, &piece, language)
            }
        };
        self.remember(&told.text);
        self.ready.push_back(SttEvent::Transcript(told));
        let used = self.take_used();
        self.ready.extend(used);
        Ok(())
    }

    fn remember(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.context.push(' ');
        self.context.push_str(text);
        let skip = self.context.chars().count().saturating_sub(CONTEXT_CHARS);
        self.context = self.context.chars().skip(skip).collect();
    }

    fn take_used(&mut self) -> Option<SttEvent> {
        let used = std::mem::take(&mut self.used);
        (used != Usage::default()).then_some(SttEvent::Usage(used))
    }
}

async fn next_input(input: &mut Option<mpsc::Receiver<SttInput>>) -> Option<SttInput> {
    match input {
        Some(input) => input.next().await,
        None => std::future::pending().await,
    }
}

async fn drive(prepared: Option<&mut Prepared>) {
    match prepared {
        Some(prepared) => (&mut prepared.answer).await,
        None => std::future::pending().await,
    }
}

/// The vendor's own count; servers that count nothing are charged for the length of what was sent, if at all.
fn usage(heard: &Heard, piece: &Piece) -> Usage {
    match heard.usage {
        Some(used) if used.audio_in.is_zero() => Usage { audio_in: piece.length(), ..used },
        Some(used) => used,
        None => estimated(piece),
    }
}

fn estimated(piece: &Piece) -> Usage {
    Usage { audio_in: piece.length(), estimated: true, ..Usage::default() }
}
