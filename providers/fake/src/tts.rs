//! A voice with exact delays and lengths, in tone-pair words (`lexicon`).

use std::collections::VecDeque;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, Word};
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, ProviderInfo, Sink, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream,
};
use tokio::time::Instant;

use crate::fault::{Fault, Faults};
use crate::lexicon::Lexicon;
use crate::options::{Invalid, TtsOptions, ms};
use crate::stt::refuse;

/// Sentences that wait for the voice. When full the session waits with the next.
const INPUT_CAPACITY: usize = 32;

pub struct FakeTts {
    info: ProviderInfo,
    options: TtsOptions,
    faults: Faults,
    lexicon: Lexicon,
}

impl FakeTts {
    /// # Errors
    /// When the options make no voice.
    pub fn new(options: TtsOptions) -> Result<Self, Invalid> {
        options.validate()?;
        let info = ProviderInfo {
            name: "fake".to_owned(),
            model: "voice".to_owned(),
            rate_hz: options.rate_hz,
            ..ProviderInfo::default()
        };
        let faults = Faults::new(&options.faults, options.always);
        Ok(Self { info, faults, options, lexicon: Lexicon::shared() })
    }

    /// The handle that makes coming streams fail.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }
}

impl Tts for FakeTts {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        async move {
            let fault = self.faults.take();
            tokio::time::sleep(ms(self.options.connect_ms) * fault.factor()).await;
            refuse(fault, Ability::Tts).await?;
            let (input, receiver) = Sink::bounded(INPUT_CAPACITY);
            let speaking = Speaking {
                input: Some(receiver),
                options: self.options.clone(),
                fault,
                started: Instant::now(),
                lexicon: self.lexicon.clone(),
                pace: request.voice.speed.clamp(0.25, 4.0),
                sentences: 0,
                position: 0,
                due: VecDeque::new(),
                over: false,
            };
            let events = stream::unfold(speaking, |mut speaking| async move {
                let event = speaking.next().await?;
                Some((event, speaking))
            });
            Ok(TtsStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

struct Speaking {
    input: Option<mpsc::Receiver<TtsInput>>,
    options: TtsOptions,
    fault: Fault,
    started: Instant,
    lexicon: Lexicon,
    pace: f32,
    sentences: usize,
    /// Samples of the turn given so far.
    position: u64,
    /// In order of time, since sentences are spoken one after the other.
    due: VecDeque<(Instant, TtsEvent)>,
    over: bool,
}

impl Speaking {
    async fn next(&mut self) -> Option<Result<TtsEvent, Error>> {
        if self.over {
            return None;
        }
        let Fault::CloseAfter { after_ms } = self.fault else { return self.in_peace().await };
        let closing = self.started + ms(after_ms);
        if let Ok(event) = tokio::time::timeout_at(closing, self.in_peace()).await {
            return event;
        }
        self.over = true;
        Some(Err(Error::new(Ability::Tts, ErrorKind::Closed, "fake", "closed on demand")))
    }

    /// Cancel-safe: nothing is taken from the queue before its time has come.
    async fn in_peace(&mut self) -> Option<Result<TtsEvent, Error>> {
        loop {
            if let Some((at, _)) = self.due.front() {
                tokio::time::sleep_until(*at).await;
                return self.due.pop_front().map(|(_, event)| Ok(event));
            }
            let sentence = match &mut self.input {
                Some(input) => input.next().await,
                None => return None,
            };
            match (self.fault, sentence) {
                (Fault::Mute, None) => std::future::pending().await,
                (Fault::Mute, Some(_)) => {}
                (Fault::Garbage, Some(_)) => {
                    self.over = true;
                    let reason = "garbage on demand";
                    return Some(Err(Error::new(Ability::Tts, ErrorKind::Protocol, "fake", reason)));
                }
                (_, Some(TtsInput::Sentence(text))) => self.plan(&text),
                (_, None) => self.input = None,
            }
        }
    }

    /// Lays out every event of a sentence in time.
    fn plan(&mut self, text: &str) {
        let sentence = self.sentences;
        self.sentences += 1;
        let mut at = Instant::now();
        let ms_per_char = ((self.options.ms_per_char as f32 / self.pace) as u64).max(1);
        let (samples, placed) = match self.fault {
            Fault::Empty => (Vec::new(), Vec::new()),
            _ => self.lexicon.speak(text, self.options.rate_hz, ms_per_char),
        };
        if samples.is_empty() {
            self.due.push_back((at, TtsEvent::SentenceDone { sentence }));
            return;
        }
        at += ms(self.options.first_byte_ms) * self.fault.factor();
        if self.options.words {
            let place = |n| MediaTime::from_samples(self.position + n, self.options.rate_hz);
            let words = placed.into_iter();
            let words = words.map(|p| Word { text: p.word, from: place(p.from), to: place(p.to) }).collect();
            self.due.push_back((at, TtsEvent::Words { sentence, words }));
        }
        let chunk = (u64::from(self.options.rate_hz) * self.options.chunk_ms / 1000) as usize;
        for piece in samples.chunks(chunk.max(1)) {
            let begins = MediaTime::from_samples(self.position, self.options.rate_hz);
            let frame = AudioFrame { samples: piece.to_vec(), rate_hz: self.options.rate_hz, at: begins };
            self.position += piece.len() as u64;
            if let Fault::Stall { after_ms, for_ms } = self.fault
                && frame.end() > MediaTime::from_millis(after_ms)
            {
                self.fault = Fault::None;
                at += ms(for_ms);
            }
            let length = frame.duration().as_duration();
            self.due.push_back((at, TtsEvent::Audio(frame)));
            at += Duration::from_secs_f64(length.as_secs_f64() / f64::from(self.options.speed))
                * self.fault.factor();
        }
        self.due.push_back((at, TtsEvent::SentenceDone { sentence }));
    }
}
