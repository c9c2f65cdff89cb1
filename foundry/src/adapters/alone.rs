//! Whoever is asked without a route, put on record as a route puts its attempts: the server's own models where they serve an ability alone, and
//! the trial of an account. Changes nothing of what comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{SessionId, TurnId};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use providers_api::{
    Ability, Error, Llm, LlmEvent, LlmRequest, LlmStream, Message, ProviderInfo, Stt, SttEvent, SttInput,
    SttRequest, SttStream, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream, Usage,
};
use providers_route::{Attempt, Observer, Outcome, Why};
use tokio::time::Instant;

/// Near to what vendors say of English: where one has not counted.
const CHARS_PER_TOKEN: u64 = 4;

pub(crate) struct Alone<P: ?Sized> {
    inner: Arc<P>,
    books: Arc<dyn Observer>,
}

impl<P: ?Sized> Alone<P> {
    pub(crate) fn new(inner: Arc<P>, books: Arc<dyn Observer>) -> Self {
        Self { inner, books }
    }
}

/// One request, told to the books when it is dropped.
struct Asked {
    books: Arc<dyn Observer>,
    info: Arc<ProviderInfo>,
    ability: Ability,
    whose: (SessionId, Option<TurnId>),
    began: Instant,
    connect: Option<Duration>,
    first: Option<Duration>,
    /// By the provider, where it counts.
    counted: Option<Usage>,
    /// By us: what went in, in microseconds, characters or tokens, and what came out.
    given: Option<Arc<AtomicU64>>,
    sounded: Duration,
    /// Nothing is outstanding.
    complete: bool,
    failed: Option<Error>,
}

impl Asked {
    fn begin<P: ?Sized>(
        alone: &Alone<P>,
        info: &ProviderInfo,
        ability: Ability,
        whose: (SessionId, Option<TurnId>),
    ) -> Self {
        Self {
            books: Arc::clone(&alone.books),
            info: Arc::new(info.clone()),
            ability,
            whose,
            began: Instant::now(),
            connect: None,
            first: None,
            counted: None,
            given: None,
            sounded: Duration::ZERO,
            complete: false,
            failed: None,
        }
    }

    fn opened<T>(&mut self, opened: Result<T, Error>) -> Result<T, Error> {
        match &opened {
            Ok(_) => self.connect = Some(self.began.elapsed()),
            Err(error) => self.failed = Some(error.clone()),
        }
        opened
    }

    fn progressed(&mut self) {
        self.first.get_or_insert(self.began.elapsed());
        self.complete = false;
    }

    fn used(&mut self, usage: Usage) {
        *self.counted.get_or_insert_default() += usage;
    }

    /// The provider's count; of what it does not count, ours.
    fn usage(&self) -> Usage {
        let given = self.given.as_ref().map_or(0, |given| given.load(Ordering::Relaxed));
        let mut usage = self.counted.unwrap_or_default();
        match self.ability {
            Ability::Stt => usage.audio_in = usage.audio_in.max(Duration::from_micros(given)),
            Ability::Tts => {
                usage.characters = usage.characters.max(given);
                usage.audio_out = usage.audio_out.max(self.sounded);
            }
            Ability::Llm if self.counted.is_none() => usage.input_tokens = given,
            Ability::Llm | Ability::Embed => {}
        }
        usage.estimated |= self.counted.is_none();
        usage
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let (session, turn) = self.whose;
        let refused = self.failed.is_some() && self.connect.is_none();
        let usage = if refused { Usage::default() } else { self.usage() };
        // Opened ahead and let go: nothing was asked.
        let unused = Usage { estimated: usage.estimated, ..Usage::default() };
        if self.failed.is_none() && !self.complete && usage == unused {
            return;
        }
        let outcome = match self.failed.take() {
            Some(error) => Outcome::Failed(error),
            None if self.complete => Outcome::Served,
            None => Outcome::Cancelled,
        };
        self.books.attempt(Attempt {
            session,
            turn,
            tenant: self.info.account.as_str().into(),
            ability: self.ability,
            provider: Arc::clone(&self.info),
            number: 1,
            why: Why::First,
            connect: self.connect,
            first_progress: self.first,
            took: self.began.elapsed(),
            outcome,
            usage,
        });
    }
}

impl Stt for Alone<dyn Stt> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        let mut asked = Asked::begin(self, self.inner.info(), Ability::Stt, (request.session, None));
        let opening = self.inner.open(request);
        async move {
            let SttStream { input, events } = asked.opened(opening.await)?;
            let (input, given) = input.counted(|input| match input {
                SttInput::Audio(frame) => micros(frame.duration().as_duration()),
                SttInput::Prepare | SttInput::Finalize => 0,
            });
            asked.given = Some(given);
            let events = events.inspect(move |event| match event {
                Ok(SttEvent::Transcript(transcript)) if !transcript.text.is_empty() => asked.progressed(),
                Ok(SttEvent::Usage(usage)) => asked.used(*usage),
                Ok(_) => {}
                Err(error) => asked.failed = Some(error.clone()),
            });
            Ok(SttStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

impl Tts for Alone<dyn Tts> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn warm(&self, request: &TtsRequest, turns: usize) {
        self.inner.warm(request, turns);
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let whose = (request.session, request.turn);
        let mut asked = Asked::begin(self, self.inner.info(), Ability::Tts, whose);
        let opening = self.inner.open(request);
        async move {
            let TtsStream { input, events } = asked.opened(opening.await)?;
            let (input, given) =
                input.counted(|TtsInput::Sentence(text)| u64::try_from(text.chars().count()).unwrap_or(0));
            asked.given = Some(given);
            let events = events.inspect(move |event| match event {
                Ok(TtsEvent::Audio(frame)) => {
                    asked.progressed();
                    asked.sounded += frame.duration().as_duration();
                }
                Ok(TtsEvent::SentenceDone { .. }) => asked.complete = true,
                Ok(TtsEvent::Usage(usage)) => asked.used(*usage),
                Ok(TtsEvent::Words { .. } | TtsEvent::Served(_)) => {}
                Err(error) => asked.failed = Some(error.clone()),
            });
            Ok(TtsStream { input, events: events.boxed() })
        }
        .boxed()
    }
}

impl Llm for Alone<dyn Llm> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        let whose = (request.session, request.turn);
        let mut asked = Asked::begin(self, self.inner.info(), Ability::Llm, whose);
        asked.given = Some(Arc::new(AtomicU64::new(question(&request).div_ceil(CHARS_PER_TOKEN))));
        let asking = self.inner.chat(request);
        async move {
            let events = asked.opened(asking.await)?.inspect(move |event| match event {
                Ok(LlmEvent::Text(_) | LlmEvent::Voiced(_) | LlmEvent::ToolCall(_)) => asked.progressed(),
                Ok(LlmEvent::Usage(usage)) => asked.used(*usage),
                Ok(LlmEvent::Finished(_)) => asked.complete = true,
                Ok(LlmEvent::Served(_)) => {}
                Err(error) => asked.failed = Some(error.clone()),
            });
            Ok(events.boxed())
        }
        .boxed()
    }
}

fn question(request: &LlmRequest) -> u64 {
    let texts = request.messages.iter().map(|message| match message {
        Message::Caller(text) | Message::Agent { text, .. } => text.len(),
        Message::ToolResult { content, .. } => content.len(),
    });
    u64::try_from(request.instructions.len() + texts.sum::<usize>()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
