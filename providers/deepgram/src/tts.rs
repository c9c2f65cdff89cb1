//! Synthesis of one turn on one socket: sentences in, audio out.

use std::collections::VecDeque;

use bytes::Bytes;
use domain::{AudioFrame, MediaTime};
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, ProviderInfo, Sink, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream,
};
use tokio_tungstenite::tungstenite::Message;

use crate::options::Options;
use crate::socket::{self, NAME, Socket, encoded};
use crate::wire::{Speak, Spoken, json};

/// Sentences waiting for the vendor; a turn rarely has more. When full the session waits: text is never dropped.
const INPUT_CAPACITY: usize = 32;
/// Deepgram answers more than 20 flushes a minute with warnings; past this many, sentences wait for the turn's end.
const FLUSHES_PER_TURN: usize = 15;
const RATE_HZ: u32 = 24_000;

pub struct DeepgramTts {
    options: Options,
    info: ProviderInfo,
}

impl DeepgramTts {
    #[must_use]
    pub fn new(options: Options) -> Self {
        let info = ProviderInfo {
            name: NAME.to_owned(),
            model: options.tts_model.clone(),
            rate_hz: RATE_HZ,
            ..ProviderInfo::default()
        };
        Self { options, info }
    }

    /// A voice is a model at Deepgram.
    fn query(&self, request: &TtsRequest) -> String {
        let named = &request.voice.name;
        let model = encoded(if named.is_empty() { &self.options.tts_model } else { named });
        format!("/v1/speak?model={model}&encoding=linear16&sample_rate={RATE_HZ}")
    }
}

impl Tts for DeepgramTts {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        async move {
            let socket = socket::open(&self.options, Ability::Tts, &self.query(&request)).await?;
            let (input, inputs) = Sink::bounded(INPUT_CAPACITY);
            let state = Synthesis::new(socket, inputs);
            let events =
                stream::unfold(
                    state,
                    |mut state| async move { state.next().await.map(|event| (event, state)) },
                );
            Ok(TtsStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

struct Synthesis {
    socket: Socket,
    inputs: Option<mpsc::Receiver<TtsInput>>,
    /// Sentences sent, counted; those after the last flush are not yet asked for.
    sent: usize,
    flushed_to: VecDeque<usize>,
    flushes: usize,
    unflushed: bool,
    done: usize,
    /// Samples given so far.
    given: u64,
    /// Half a sample left over from the message before.
    odd: Option<u8>,
    ready: VecDeque<Result<TtsEvent, Error>>,
    over: bool,
}

enum Step {
    Input(Option<TtsInput>),
    Message(Option<Result<Message, tokio_tungstenite::tungstenite::Error>>),
}

impl Synthesis {
    fn new(socket: Socket, inputs: mpsc::Receiver<TtsInput>) -> Self {
        Self {
            socket,
            inputs: Some(inputs),
            sent: 0,
            flushed_to: VecDeque::new(),
            flushes: 0,
            unflushed: false,
            done: 0,
            given: 0,
            odd: None,
            ready: VecDeque::new(),
            over: false,
        }
    }

    async fn next(&mut self) -> Option<Result<TtsEvent, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.over |= event.is_err();
                return Some(event);
            }
            if self.over || (self.inputs.is_none() && self.done >= self.sent) {
                return None;
            }
            let inputs = &mut self.inputs;
            let step = tokio::select! {
                biased;
                message = self.socket.next() => Step::Message(message),
                input = async { match inputs { Some(inputs) => inputs.next().await, None => std::future::pending().await } } => Step::Input(input),
            };
            if let Err(error) = self.apply(step).await {
                self.ready.push_back(Err(error));
            }
        }
    }

    async fn apply(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Input(Some(TtsInput::Sentence(text))) => self.sentence(&text).await,
            Step::Input(None) => {
                self.inputs = None;
                if self.unflushed {
                    self.flush().await?;
                }
                Ok(())
            }
            Step::Message(Some(Ok(Message::Binary(audio)))) => {
                self.audio(&audio);
                Ok(())
            }
            Step::Message(Some(Ok(Message::Text(text)))) => self.text(text.as_str()),
            Step::Message(Some(Ok(Message::Close(frame)))) => {
                Err(socket::closed(Ability::Tts, frame.as_ref()))
            }
            Step::Message(Some(Ok(_))) => Ok(()),
            Step::Message(Some(Err(error))) => Err(socket::broken(Ability::Tts, &error)),
            Step::Message(None) => Err(socket::closed(Ability::Tts, None)),
        }
    }

    async fn sentence(&mut self, text: &str) -> Result<(), Error> {
        self.sent += 1;
        if !text.chars().any(char::is_alphanumeric) {
            // Nothing to speak, no failure: it is done together with what was flushed before it, or at once.
            return match self.flushed_to.back_mut() {
                _ if self.unflushed => Ok(()),
                Some(last) => {
                    *last = self.sent;
                    Ok(())
                }
                None => {
                    self.finish(self.sent);
                    Ok(())
                }
            };
        }
        let message = json(&Speak::Speak { text });
        self.send(message).await?;
        self.unflushed = true;
        if self.flushes < FLUSHES_PER_TURN { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.flushes += 1;
        self.unflushed = false;
        self.flushed_to.push_back(self.sent);
        self.send(json(&Speak::Flush)).await
    }

    async fn send(&mut self, message: String) -> Result<(), Error> {
        self.socket.send(Message::text(message)).await.map_err(|error| socket::broken(Ability::Tts, &error))
    }

    fn audio(&mut self, audio: &Bytes) {
        let mut bytes = self.odd.take().into_iter().chain(audio.iter().copied());
        let mut samples = Vec::with_capacity(audio.len() / 2 + 1);
        while let Some(low) = bytes.next() {
            match bytes.next() {
                Some(high) => samples.push(i16::from_le_bytes([low, high])),
                None => self.odd = Some(low),
            }
        }
        if samples.is_empty() {
            return;
        }
        let at = MediaTime::from_samples(self.given, RATE_HZ);
        self.given += samples.len() as u64;
        self.ready.push_back(Ok(TtsEvent::Audio(AudioFrame { samples, rate_hz: RATE_HZ, at })));
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        let spoken: Spoken = serde_json::from_str(text).map_err(|error| {
            Error::new(Ability::Tts, ErrorKind::Protocol, NAME, format!("unreadable message: {error}"))
        })?;
        match spoken {
            Spoken::Flushed => {
                if let Some(sentences) = self.flushed_to.pop_front() {
                    self.finish(sentences);
                }
            }
            Spoken::Warning { description } => tracing::warn!(%description, "deepgram warns"),
            Spoken::Error { description } => {
                return Err(Error::new(Ability::Tts, ErrorKind::Rejected, NAME, description));
            }
            Spoken::Other => {}
        }
        Ok(())
    }

    fn finish(&mut self, sentences: usize) {
        while self.done < sentences {
            self.ready.push_back(Ok(TtsEvent::SentenceDone { sentence: self.done }));
            self.done += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Secret, SessionId, Voice};

    use super::*;

    #[test]
    fn a_voice_stays_one_value_of_the_query() {
        let tts = DeepgramTts::new(Options::new(Secret::new("key".to_owned())));
        let asked = |name: &str| {
            let voice = Voice { name: name.to_owned(), ..Voice::default() };
            tts.query(&TtsRequest { session: SessionId::generate(), voice })
        };
        let rest = "encoding=linear16&sample_rate=24000";
        assert_eq!(asked("aura-2-thalia-en"), format!("/v1/speak?model=aura-2-thalia-en&{rest}"));
        assert_eq!(asked("a&encoding=mp3 #"), format!("/v1/speak?model=a%26encoding%3Dmp3%20%23&{rest}"));
    }
}
