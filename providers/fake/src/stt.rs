//! An ear with exact delays: understands tone-pair words (`lexicon`), or recites lines for voices it cannot.

use std::collections::VecDeque;

use domain::{MediaTime, Transcript, Word};
use futures::channel::mpsc;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, ProviderInfo, Sink, Stt, SttEvent, SttInput, SttRequest, SttStream, Usage,
};
use tokio::time::Instant;

use crate::fault::{Fault, Faults};
use crate::lexicon::{Ear, Lexicon};
use crate::options::{SttOptions, ms};

/// Inputs that wait for the ear: 2 s of audio. When full the session drops and counts.
const INPUT_CAPACITY: usize = 100;
/// A frame with this peak is voiced for `SttOptions::lines`; five in a row are speech.
const VOICED_PEAK: i16 = 600;
const VOICED_FRAMES: u32 = 5;

pub struct FakeStt {
    info: ProviderInfo,
    options: SttOptions,
    faults: Faults,
    lexicon: Lexicon,
}

impl FakeStt {
    #[must_use]
    pub fn new(options: SttOptions) -> Self {
        Self {
            info: ProviderInfo {
                name: "fake".to_owned(),
                model: "ear".to_owned(),
                rate_hz: 16_000,
                ..ProviderInfo::default()
            },
            faults: Faults::new(&options.faults, options.always),
            options,
            lexicon: Lexicon::shared(),
        }
    }

    /// The handle that makes coming streams fail.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }
}

impl Stt for FakeStt {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        async move {
            let fault = self.faults.take();
            tokio::time::sleep(ms(self.options.connect_ms) * fault.factor()).await;
            refuse(fault, Ability::Stt).await?;
            let (input, receiver) = Sink::bounded(INPUT_CAPACITY);
            let hearing = Hearing::new(&self.options, fault, receiver, &request, self.lexicon.clone());
            let events = stream::unfold(hearing, |mut hearing| async move {
                let event = hearing.next().await?;
                Some((event, hearing))
            });
            Ok(SttStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

/// Fails as the fault says an opening fails.
pub(crate) async fn refuse(fault: Fault, ability: Ability) -> Result<(), Error> {
    match fault {
        Fault::Refuse => Err(Error::new(ability, ErrorKind::Unauthorized, "fake", "refused on demand")),
        Fault::Unreachable => {
            Err(Error::new(ability, ErrorKind::Unreachable, "fake", "unreachable on demand"))
        }
        Fault::Hang => std::future::pending().await,
        _ => Ok(()),
    }
}

struct Hearing {
    input: Option<mpsc::Receiver<SttInput>>,
    options: SttOptions,
    fault: Fault,
    started: Instant,
    ear: Ear,
    heard: VecDeque<Said>,
    /// Position just after the last audio, and where the stretch since the last final began.
    end: MediaTime,
    since: MediaTime,
    /// Samples the ear was given, to place its words on the track.
    samples: u64,
    rate_hz: u32,
    partial: String,
    prepared: Option<Instant>,
    due: Vec<(Instant, Result<SttEvent, Error>)>,
    over: bool,
    voiced_frames: u32,
    line: usize,
}

struct Said {
    text: String,
    from: MediaTime,
    to: MediaTime,
}

impl Hearing {
    fn new(
        options: &SttOptions,
        fault: Fault,
        input: mpsc::Receiver<SttInput>,
        request: &SttRequest,
        lexicon: Lexicon,
    ) -> Self {
        let started = Instant::now();
        let due = match fault {
            Fault::CloseAfter { after_ms } => {
                let closed = Error::new(Ability::Stt, ErrorKind::Closed, "fake", "closed on demand");
                vec![(started + ms(after_ms), Err(closed))]
            }
            _ => Vec::new(),
        };
        Self {
            input: Some(input),
            options: options.clone(),
            fault,
            started,
            ear: Ear::new(lexicon, request.rate_hz),
            heard: VecDeque::new(),
            end: MediaTime::ZERO,
            since: MediaTime::ZERO,
            samples: 0,
            rate_hz: request.rate_hz,
            partial: String::new(),
            prepared: None,
            due,
            over: false,
            voiced_frames: 0,
            line: 0,
        }
    }

    async fn next(&mut self) -> Option<Result<SttEvent, Error>> {
        loop {
            if self.over {
                return None;
            }
            let now = Instant::now();
            let first =
                self.due.iter().enumerate().min_by_key(|(_, (at, _))| *at).map(|(n, (at, _))| (n, *at));
            if let Some((n, at)) = first
                && at <= now
            {
                let event = self.due.remove(n).1;
                self.over = event.is_err();
                return Some(event);
            }
            let Some(input) = &mut self.input else {
                let (_, at) = first?;
                tokio::time::sleep_until(at).await;
                continue;
            };
            let item = match first {
                Some((_, at)) => {
                    let Ok(item) = tokio::time::timeout_at(at, input.next()).await else { continue };
                    item
                }
                None => input.next().await,
            };
            self.take(item).await;
        }
    }

    async fn take(&mut self, item: Option<SttInput>) {
        if let (Fault::Stall { after_ms, for_ms }, Some(SttInput::Audio(frame))) = (self.fault, &item)
            && frame.end() >= MediaTime::from_millis(after_ms)
        {
            self.fault = Fault::None;
            tokio::time::sleep(ms(for_ms)).await;
        }
        match (self.fault, &item) {
            (Fault::Mute, Some(_)) => return,
            (Fault::Garbage, Some(_)) => {
                let garbage = Error::new(Ability::Stt, ErrorKind::Protocol, "fake", "garbage on demand");
                self.due.push((Instant::now(), Err(garbage)));
                return;
            }
            _ => {}
        }
        match item {
            Some(SttInput::Audio(frame)) => self.audio(&frame),
            Some(SttInput::Prepare) => self.prepared = Some(Instant::now()),
            Some(SttInput::Finalize) => {
                let begun = self.prepared.take().unwrap_or_else(Instant::now);
                self.give_final(begun);
            }
            None => {
                self.input = None;
                self.ear.finish();
                self.collect();
                if !self.heard.is_empty() && self.fault != Fault::Mute {
                    self.give_final(Instant::now());
                }
            }
        }
    }

    fn audio(&mut self, frame: &domain::AudioFrame) {
        self.end = frame.end();
        if self.options.lines.is_empty() {
            self.samples += frame.samples.len() as u64;
            self.ear.hear(&frame.samples);
        } else {
            self.recite(frame);
        }
        self.collect();
        if self.ear.silent_windows() == 0 {
            self.prepared = None;
        }
        let text = self.text();
        if text != self.partial && !text.is_empty() && self.fault != Fault::Empty {
            self.partial.clone_from(&text);
            let partial = Transcript::partial(text, self.from(), self.end);
            self.after(self.options.partial_delay_ms, SttEvent::Transcript(partial));
        }
        if let Some(endpoint_ms) = self.options.endpoint_ms
            && self.ear.silent_windows() * 20 >= endpoint_ms
            && !self.heard.is_empty()
        {
            self.give_final(Instant::now());
        }
    }

    fn recite(&mut self, frame: &domain::AudioFrame) {
        let voiced = frame.samples.iter().any(|s| s.saturating_abs() > VOICED_PEAK);
        self.voiced_frames = if voiced { self.voiced_frames + 1 } else { 0 };
        if self.voiced_frames == VOICED_FRAMES && self.heard.is_empty() {
            let line = &self.options.lines[self.line % self.options.lines.len()];
            self.line += 1;
            self.heard.push_back(Said { text: line.clone(), from: frame.at, to: frame.end() });
        }
    }

    fn collect(&mut self) {
        let origin = self.end.saturating_sub(MediaTime::from_samples(self.samples, self.rate_hz));
        let at = |samples| origin + MediaTime::from_samples(samples, self.rate_hz);
        let said = self.ear.take().into_iter();
        self.heard.extend(said.map(|word| Said { from: at(word.from), to: at(word.to), text: word.word }));
    }

    fn text(&self) -> String {
        self.heard.iter().map(|said| said.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn from(&self) -> MediaTime {
        self.heard.front().map_or(self.since, |said| said.from)
    }

    fn give_final(&mut self, begun: Instant) {
        self.ear.finish();
        self.collect();
        // A partial that is still on its way must not arrive behind the final that replaces it.
        self.due.retain(|(_, event)| !matches!(event, Ok(SttEvent::Transcript(t)) if !t.is_final()));
        let empty = self.fault == Fault::Empty;
        let text = if empty { String::new() } else { self.text() };
        let mut transcript = Transcript::complete(text, self.from(), self.end);
        let words = std::mem::take(&mut self.heard).into_iter();
        if !empty && self.options.lines.is_empty() {
            transcript.words =
                words.map(|said| Word { text: said.text, from: said.from, to: said.to }).collect();
        }
        let audio_in = (self.end - std::mem::replace(&mut self.since, self.end)).as_duration();
        self.partial.clear();
        let ready = begun + ms(self.options.final_delay_ms) * self.fault.factor();
        self.due.push((ready.max(Instant::now()), Ok(SttEvent::Transcript(transcript))));
        self.due
            .push((ready.max(Instant::now()), Ok(SttEvent::Usage(Usage { audio_in, ..Usage::default() }))));
    }

    fn after(&mut self, delay_ms: u64, event: SttEvent) {
        let at = Instant::now() + ms(delay_ms) * self.fault.factor();
        self.due.push((at, Ok(event)));
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        tracing::trace!(open_for = ?self.started.elapsed(), "fake recognition hung up");
    }
}
