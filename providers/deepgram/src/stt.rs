//! Live recognition: audio in, partials and one final for each `Finalize`.

use std::collections::VecDeque;
use std::time::Duration;

use domain::{Language, MediaTime, Transcript, Word};
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, ProviderInfo, Sink, Stt, SttEvent, SttInput, SttRequest, SttStream,
};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use crate::options::Options;
use crate::socket::{self, NAME, Socket, encoded, position};
use crate::wire::{Alternative, Heard, Listen, Results, json};

/// Two seconds of frames. When full the newest frame is dropped and counted by the session: the vendor is not reading.
const INPUT_CAPACITY: usize = 100;
/// Deepgram wants 20 to 100 ms a message; two frames halve the messages and cost 20 ms of partial latency, none at the final.
const MESSAGE_MS: u64 = 40;
/// Deepgram closes a socket that hears nothing for 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(4);

pub struct DeepgramStt {
    options: Options,
    info: ProviderInfo,
}

impl DeepgramStt {
    #[must_use]
    pub fn new(options: Options) -> Self {
        let info = ProviderInfo {
            name: NAME.to_owned(),
            model: options.stt_model.clone(),
            rate_hz: 16_000,
            ..ProviderInfo::default()
        };
        Self { options, info }
    }

    fn query(&self, request: &SttRequest) -> String {
        let language = request.language.as_ref().map_or("en", |language| language.0.as_str());
        let mut query = format!(
            "/v1/listen?model={}&language={}&encoding=linear16&sample_rate={}&channels=1&interim_results=true&punctuate=true&smart_format=true&no_delay=true&endpointing=25",
            encoded(&self.options.stt_model),
            encoded(language),
            request.rate_hz,
        );
        for word in &request.keywords {
            query.push_str("&keyterm=");
            query.push_str(&encoded(word));
        }
        query
    }
}

impl Stt for DeepgramStt {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        async move {
            let socket = socket::open(&self.options, Ability::Stt, &self.query(&request)).await?;
            let (input, inputs) = Sink::bounded(INPUT_CAPACITY);
            let state = Recognition::new(socket, inputs, request, self.options.finalize_timeout);
            let events =
                stream::unfold(
                    state,
                    |mut state| async move { state.next().await.map(|event| (event, state)) },
                );
            Ok(SttStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

/// The state of one socket; `next` is driven by whoever polls the events.
struct Recognition {
    socket: Socket,
    inputs: Option<mpsc::Receiver<SttInput>>,
    language: Option<Language>,
    finalize_timeout: Duration,
    /// Not yet sent, less than `MESSAGE_MS`.
    pending: Vec<u8>,
    message_bytes: usize,
    /// Position on the caller's track of the socket's first sample.
    offset: Option<MediaTime>,
    /// End of the audio pushed.
    position: MediaTime,
    /// Finals of the vendor since our last final.
    settled: Vec<Transcript>,
    finalizing: Option<Instant>,
    keep_alive: Instant,
    ready: VecDeque<Result<SttEvent, Error>>,
    over: bool,
}

enum Step {
    Input(Option<SttInput>),
    Message(Option<Result<Message, tokio_tungstenite::tungstenite::Error>>),
    FinalizeTimedOut,
    KeepAlive,
}

impl Recognition {
    fn new(
        socket: Socket,
        inputs: mpsc::Receiver<SttInput>,
        request: SttRequest,
        finalize_timeout: Duration,
    ) -> Self {
        Self {
            socket,
            inputs: Some(inputs),
            language: request.language,
            finalize_timeout,
            pending: Vec::new(),
            message_bytes: (u64::from(request.rate_hz) * 2 * MESSAGE_MS / 1000) as usize,
            offset: None,
            position: MediaTime::ZERO,
            settled: Vec::new(),
            finalizing: None,
            keep_alive: Instant::now() + KEEP_ALIVE,
            ready: VecDeque::new(),
            over: false,
        }
    }

    async fn next(&mut self) -> Option<Result<SttEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.over |= event.is_err();
                return Some(event);
            }
            if self.over {
                return None;
            }
            let step = self.step().await;
            if let Err(error) = self.apply(step).await {
                self.ready.push_back(Err(error));
            }
        }
    }

    async fn step(&mut self) -> Step {
        let finalize_by = self.finalizing.unwrap_or(self.keep_alive);
        let inputs = &mut self.inputs;
        tokio::select! {
            biased;
            message = self.socket.next() => Step::Message(message),
            input = async { match inputs { Some(inputs) => inputs.next().await, None => std::future::pending().await } } => Step::Input(input),
            () = sleep_until(finalize_by), if self.finalizing.is_some() => Step::FinalizeTimedOut,
            () = sleep_until(self.keep_alive) => Step::KeepAlive,
        }
    }

    async fn apply(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Input(Some(SttInput::Audio(frame))) => {
                self.offset.get_or_insert(frame.at);
                self.position = frame.end();
                self.pending.extend(frame.samples.iter().flat_map(|sample| sample.to_le_bytes()));
                if self.pending.len() >= self.message_bytes { self.send_pending().await } else { Ok(()) }
            }
            Step::Input(Some(SttInput::Prepare)) => Ok(()),
            Step::Input(Some(SttInput::Finalize)) => {
                self.send_pending().await?;
                self.finalizing = Some(Instant::now() + self.finalize_timeout);
                self.send(Message::text(json(&Listen::Finalize))).await
            }
            Step::Input(None) => {
                self.inputs = None;
                self.send_pending().await?;
                self.send(Message::text(json(&Listen::CloseStream))).await
            }
            Step::Message(Some(Ok(Message::Text(text)))) => self.text(text.as_str()),
            Step::Message(Some(Ok(Message::Close(frame)))) => self.closed(frame.as_ref()),
            Step::Message(Some(Ok(_))) => Ok(()),
            Step::Message(Some(Err(error))) => Err(socket::broken(Ability::Stt, &error)),
            Step::Message(None) => self.closed(None),
            Step::FinalizeTimedOut => {
                self.give_final();
                Ok(())
            }
            Step::KeepAlive => self.send(Message::text(json(&Listen::KeepAlive))).await,
        }
    }

    /// The end is what we asked for once the input was dropped, and a failure before.
    fn closed(
        &mut self,
        frame: Option<&tokio_tungstenite::tungstenite::protocol::CloseFrame>,
    ) -> Result<(), Error> {
        if self.inputs.is_some() {
            return Err(socket::closed(Ability::Stt, frame));
        }
        self.over = true;
        Ok(())
    }

    async fn send_pending(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(()); // an empty binary frame would close the stream
        }
        let audio = std::mem::take(&mut self.pending);
        self.send(Message::binary(audio)).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.keep_alive = Instant::now() + KEEP_ALIVE;
        self.socket.send(message).await.map_err(|error| socket::broken(Ability::Stt, &error))
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        let heard: Heard = serde_json::from_str(text).map_err(|error| {
            Error::new(Ability::Stt, ErrorKind::Protocol, NAME, format!("unreadable message: {error}"))
        })?;
        let Heard::Results(results) = heard else { return Ok(()) };
        let from_finalize = results.from_finalize;
        let is_final = results.is_final;
        let piece = self.transcript(results);
        if is_final && !piece.text.is_empty() {
            self.settled.push(piece);
        } else if !is_final && !piece.text.is_empty() {
            let mut all = self.joined(Some(&piece));
            all.kind = domain::TranscriptKind::Partial;
            self.ready.push_back(Ok(SttEvent::Transcript(all)));
        }
        if from_finalize && self.finalizing.is_some() {
            self.give_final();
        } else if is_final && !self.settled.is_empty() {
            // Settled at the vendor, but our turn goes on: to the session it is a partial that will not change.
            let mut all = self.joined(None);
            all.kind = domain::TranscriptKind::Partial;
            self.ready.push_back(Ok(SttEvent::Transcript(all)));
        }
        Ok(())
    }

    fn give_final(&mut self) {
        self.finalizing = None;
        let all = self.joined(None);
        self.settled.clear();
        self.ready.push_back(Ok(SttEvent::Transcript(all)));
    }

    fn transcript(&self, results: Results) -> Transcript {
        let offset = self.offset.unwrap_or_default();
        let (from, to) =
            (offset + position(results.start), offset + position(results.start + results.duration));
        let best: Alternative = results.channel.alternatives.into_iter().next().unwrap_or_default();
        Transcript {
            words: best
                .words
                .into_iter()
                .map(|word| Word {
                    from: offset + position(word.start),
                    to: offset + position(word.end),
                    text: word.punctuated_word.unwrap_or(word.word),
                })
                .collect(),
            confidence: best.confidence,
            language: self.language.clone(),
            ..Transcript::complete(best.transcript.trim(), from, to)
        }
    }

    /// Everything since our last final, and `piece`, as one final.
    fn joined(&self, piece: Option<&Transcript>) -> Transcript {
        let pieces: Vec<&Transcript> = self.settled.iter().chain(piece).collect();
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            return Transcript::complete("", self.position, self.position);
        };
        let text = pieces.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>().join(" ");
        Transcript {
            words: pieces.iter().flat_map(|piece| piece.words.clone()).collect(),
            confidence: pieces.iter().filter_map(|piece| piece.confidence).reduce(f32::min),
            language: self.language.clone(),
            ..Transcript::complete(text, first.from, last.to)
        }
    }
}
