//! One turn's requests, one after the other, at most one ahead. Driven by whoever polls its events; dropping it drops what is under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use futures::future::BoxFuture;
use providers_api::{Ability, Error, ProviderInfo, TtsEvent, TtsInput, TtsRequest};

use super::{AudioBody, Recital};
use crate::codes::Fault;
use crate::http::{Body, Client};
use crate::sentences::{Charge, Sentences};
use crate::speaking::{Spoken, SpokenWord};

/// Nobody speaks a sentence for longer than this, and so much for each character: what goes on is no speech.
const LONGEST: Duration = Duration::from_secs(10);
const LONGEST_CHARACTER: Duration = Duration::from_secs(1);

pub(super) struct Recitation<R> {
    provider: String,
    client: Client,
    recital: Arc<R>,
    turn: TtsRequest,
    /// None once it was dropped.
    inputs: Option<mpsc::Receiver<TtsInput>>,
    sentences: Sentences,
    current: Option<Job>,
    /// Asked for, and read when it is its turn.
    ahead: Option<Job>,
    ready: VecDeque<Result<TtsEvent, Error>>,
    over: bool,
}

struct Job {
    /// Of the sentence, as the vendor's are counted.
    index: usize,
    text: String,
    charge: Charge,
    /// Where its audio begins in the turn, once it does.
    begins: Option<Duration>,
    stage: Stage,
}

enum Stage {
    Asking(BoxFuture<'static, Result<Accepted, Fault>>),
    Streaming(Accepted),
}

type Accepted = (Box<dyn AudioBody>, Body);

enum Step {
    Input(Option<TtsInput>),
    Accepted(Result<Accepted, Fault>),
    Piece(Option<Result<Bytes, Fault>>),
    AcceptedAhead(Result<Accepted, Fault>),
}

impl<R: Recital> Recitation<R> {
    pub(super) fn new(
        info: &ProviderInfo,
        client: Client,
        recital: Arc<R>,
        turn: TtsRequest,
        inputs: mpsc::Receiver<TtsInput>,
    ) -> Self {
        Self {
            provider: info.name.clone(),
            client,
            recital,
            turn,
            inputs: Some(inputs),
            sentences: Sentences::new(info.rate_hz),
            current: None,
            ahead: None,
            ready: VecDeque::new(),
            over: false,
        }
    }

    /// The next event; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Result<TtsEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
            }
            if self.inputs.is_none() && self.current.is_none() {
                self.over = true;
                self.ready.extend(self.sentences.used().map(Ok));
                continue;
            }
            let step = self.step().await;
            if let Err(fault) = self.apply(step) {
                self.over = true;
                (self.current, self.ahead) = (None, None);
                self.ready.push_back(Err(fault.of(Ability::Tts, &self.provider)));
            }
        }
    }

    async fn step(&mut self) -> Step {
        // With one ahead, more text waits in its channel.
        let takes_input = self.inputs.is_some() && self.ahead.is_none();
        let Self { current, ahead, inputs, .. } = self;
        tokio::select! {
            biased;
            step = progress(current.as_mut()) => step,
            accepted = accepted(ahead.as_mut()) => Step::AcceptedAhead(accepted),
            input = next_input(inputs), if takes_input => Step::Input(input),
        }
    }

    fn apply(&mut self, step: Step) -> Result<(), Fault> {
        match step {
            Step::Input(Some(TtsInput::Sentence(text))) => self.sentence(text),
            Step::Input(None) => self.inputs = None,
            Step::Accepted(accepted) => self.accepted(accepted?),
            Step::AcceptedAhead(accepted) => {
                let accepted = accepted?;
                if let Some(job) = &mut self.ahead {
                    job.stage = Stage::Streaming(accepted);
                    self.ready.push_back(Ok(job.charge.sent(&job.text)));
                }
            }
            Step::Piece(Some(piece)) => self.piece(&piece?)?,
            Step::Piece(None) => self.complete()?,
        }
        self.ready.extend(self.sentences.tell().map(Ok));
        Ok(())
    }

    fn sentence(&mut self, text: String) {
        let Some(index) = self.sentences.add(&text) else { return };
        let request = self.recital.request(&self.client, &self.turn, &text);
        let (client, recital) = (self.client.clone(), Arc::clone(&self.recital));
        let asking = async move {
            let (answer, body) = client.send(request, |answer, text| recital.refused(answer, text)).await?;
            Ok((recital.audio(&answer)?, body))
        };
        let stage = Stage::Asking(Box::pin(asking));
        let job = Job { index, text, charge: Charge::default(), begins: None, stage };
        if self.current.is_none() {
            self.current = Some(job);
        } else {
            self.ahead = Some(job);
        }
    }

    fn accepted(&mut self, accepted: Accepted) {
        if let Some(job) = &mut self.current {
            job.stage = Stage::Streaming(accepted);
            self.ready.push_back(Ok(job.charge.sent(&job.text)));
        }
    }

    fn piece(&mut self, piece: &[u8]) -> Result<(), Fault> {
        let mut spoken = Vec::new();
        if let Some(Job { stage: Stage::Streaming((audio, _)), .. }) = &mut self.current {
            audio.push(piece, &mut spoken)?;
        }
        self.is_speech(&spoken)?;
        self.spoken(spoken);
        Ok(())
    }

    fn is_speech(&self, spoken: &[Spoken]) -> Result<(), Fault> {
        let Some(job) = &self.current else { return Ok(()) };
        let samples = spoken
            .iter()
            .map(|spoken| if let Spoken::Audio(samples) = spoken { samples.len() } else { 0 })
            .sum();
        let end = self.sentences.length_with(samples).as_duration();
        let length = end.saturating_sub(job.begins.unwrap_or_else(|| self.sentences.length().as_duration()));
        let characters = u32::try_from(job.text.chars().count()).unwrap_or(u32::MAX);
        let longest = LONGEST + LONGEST_CHARACTER.saturating_mul(characters);
        if length <= longest {
            return Ok(());
        }
        Err(Fault::protocol(format!("more than {longest:?} of audio for a sentence")))
    }

    /// The body of the sentence ended, and the next one is read.
    fn complete(&mut self) -> Result<(), Fault> {
        let mut spoken = Vec::new();
        if let Some(Job { stage: Stage::Streaming((audio, _)), .. }) = &mut self.current {
            audio.end(&mut spoken)?;
        }
        self.spoken(spoken);
        if let Some(job) = std::mem::replace(&mut self.current, self.ahead.take()) {
            if job.begins.is_none() {
                return Err(Fault::protocol("no audio came for what was to be spoken"));
            }
            self.sentences.done(job.index)?;
        }
        Ok(())
    }

    fn spoken(&mut self, spoken: Vec<Spoken>) {
        let Some(job) = &mut self.current else { return };
        for spoken in spoken {
            let event = match spoken {
                Spoken::Audio(samples) => {
                    let at = self.sentences.length().as_duration();
                    let event = self.sentences.audio(samples);
                    if event.is_some() {
                        job.begins.get_or_insert(at);
                    }
                    event
                }
                Spoken::Words { words, .. } => {
                    let at = job.begins.unwrap_or_else(|| self.sentences.length().as_duration());
                    let shifted =
                        |word: SpokenWord| SpokenWord { from: word.from + at, to: word.to + at, ..word };
                    self.sentences.words(job.index, words.into_iter().map(shifted).collect())
                }
                Spoken::Usage(vendors) => job.charge.counted(vendors),
                Spoken::SentencesDone(_) | Spoken::TurnDone => None,
            };
            self.ready.extend(event.map(Ok));
        }
    }
}

/// Cancel-safe, as are both that it waits for.
async fn progress(job: Option<&mut Job>) -> Step {
    match job.map(|job| &mut job.stage) {
        Some(Stage::Asking(asking)) => Step::Accepted(asking.await),
        Some(Stage::Streaming((_, body))) => Step::Piece(body.next().await),
        None => std::future::pending().await,
    }
}

async fn accepted(job: Option<&mut Job>) -> Result<Accepted, Fault> {
    match job.map(|job| &mut job.stage) {
        Some(Stage::Asking(asking)) => asking.await,
        Some(Stage::Streaming(_)) | None => std::future::pending().await,
    }
}

async fn next_input(inputs: &mut Option<mpsc::Receiver<TtsInput>>) -> Option<TtsInput> {
    match inputs {
        Some(inputs) => inputs.next().await,
        None => std::future::pending().await,
    }
}
