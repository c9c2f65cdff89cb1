//! Small requests without a caller, to find out whether a provider works again whose breaker is open.
//!
//! Bounded: one at a time for each breaker, when its pause is over (which doubles), few at once, and none for providers that no
//! call has named for a while. Each is reported as an attempt, since it is paid for.

use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, SessionId, Voice};
use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, StreamExt};
use providers_api::{
    Ability, Error, ErrorKind, Llm, LlmEvent, LlmRequest, Message, Stt, SttEvent, SttInput, SttRequest,
    SttStream, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream, Usage,
};
use runtime::{Kind, Tasks};
use tokio::time::Instant;

use crate::health::Health;
use crate::tried::Tried;

const PROBING: Kind = Kind::new("route.probes");
/// How often breakers are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Under way at once, at most.
const AT_ONCE: usize = 4;
/// A provider that takes longer is not well.
const WITHIN: Duration = Duration::from_secs(5);
/// A provider that no route has named for so long is left alone: a caller finds out.
pub(crate) const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);
const SPOKEN: &str = "Yes.";
const HEARING_HZ: u32 = 16_000;
const SILENCE_MS: u64 = 400;

/// What one ability's provider is asked; gives what that used.
pub(crate) type Ask<P> = fn(Arc<P>, Option<Voice>) -> BoxFuture<'static, Result<Usage, Error>>;

/// Begins one probe of a provider; `None` where another is finding out already.
pub(crate) type Probe = Arc<dyn Fn() -> Option<BoxFuture<'static, ()>> + Send + Sync>;

/// Probes whose breaker allows it, until `tasks` ends.
pub fn keep_probing(health: Arc<Health>, tasks: &Tasks) {
    tasks.spawn(PROBING, async move {
        loop {
            tokio::time::sleep(EVERY).await;
            let due = health.probes_of(Instant::now());
            join_all(due.into_iter().filter_map(|probe| probe()).take(AT_ONCE)).await;
        }
    });
}

/// One probe, to its verdict.
pub(crate) async fn run(mut tried: Tried, provider: String, asked: BoxFuture<'static, Result<Usage, Error>>) {
    let result = tokio::time::timeout(WITHIN, asked).await;
    let now = Instant::now();
    match result {
        Ok(Ok(usage)) => {
            tried.used(usage);
            tried.answered(now);
            tried.served(now);
        }
        Ok(Err(error)) => tried.failed(error, now),
        Err(_elapsed) => {
            tracing::debug!(provider, "a probe was not answered");
            tried.timed_out(now);
        }
    }
}

pub(crate) fn llm(llm: Arc<dyn Llm>, _voice: Option<Voice>) -> BoxFuture<'static, Result<Usage, Error>> {
    async move {
        let asked = Message::Caller("Are you there?".to_owned());
        let mut request = LlmRequest::new(SessionId::generate(), "Answer with one word.", vec![asked]);
        request.max_tokens = Some(16); // less is refused by some
        let mut events = llm.chat(request).await?;
        let mut usage = Usage { input_tokens: 16, output_tokens: 1, estimated: true, ..Usage::default() };
        while let Some(event) = events.next().await {
            match event? {
                LlmEvent::Usage(counted) => usage = counted,
                LlmEvent::Finished(_) => return Ok(usage),
                LlmEvent::Text(_) | LlmEvent::Voiced(_) | LlmEvent::ToolCall(_) | LlmEvent::Served(_) => {}
            }
        }
        Err(ended(Ability::Llm, &llm.info().name))
    }
    .boxed()
}

pub(crate) fn tts(tts: Arc<dyn Tts>, voice: Option<Voice>) -> BoxFuture<'static, Result<Usage, Error>> {
    async move {
        let request =
            TtsRequest { session: SessionId::generate(), turn: None, voice: voice.unwrap_or_default() };
        let TtsStream { mut input, mut events } = tts.open(request).await?;
        // There is room: it is the first.
        let _taken = input.push(TtsInput::Sentence(SPOKEN.to_owned()));
        drop(input);
        let characters = SPOKEN.chars().count() as u64;
        let mut usage = Usage { characters, estimated: true, ..Usage::default() };
        let mut sounded = false;
        while let Some(event) = events.next().await {
            match event? {
                TtsEvent::Audio(frame) => sounded |= frame.samples.iter().any(|sample| *sample != 0),
                TtsEvent::Usage(counted) => usage = counted,
                TtsEvent::SentenceDone { .. } if sounded => return Ok(usage),
                TtsEvent::SentenceDone { .. } => break,
                TtsEvent::Words { .. } | TtsEvent::Served(_) => {}
            }
        }
        Err(ended(Ability::Tts, &tts.info().name))
    }
    .boxed()
}

/// Silence, and the final of it: nobody can tell more without a voice.
pub(crate) fn stt(stt: Arc<dyn Stt>, _voice: Option<Voice>) -> BoxFuture<'static, Result<Usage, Error>> {
    async move {
        let request = SttRequest {
            session: SessionId::generate(),
            rate_hz: HEARING_HZ,
            language: None,
            keywords: Vec::new(),
        };
        let SttStream { mut input, mut events } = stt.open(request).await?;
        for at in (0..SILENCE_MS).step_by(20) {
            let samples = vec![0; HEARING_HZ as usize / 50];
            let frame = AudioFrame { samples, rate_hz: HEARING_HZ, at: MediaTime::from_millis(at) };
            let _taken = input.push(SttInput::Audio(frame));
        }
        let _taken = input.push(SttInput::Finalize);
        let audio_in = Duration::from_millis(SILENCE_MS);
        let mut usage = Usage { audio_in, estimated: true, ..Usage::default() };
        while let Some(event) = events.next().await {
            match event? {
                SttEvent::Usage(counted) => usage = counted,
                SttEvent::Transcript(transcript) if transcript.is_final() => return Ok(usage),
                _ => {}
            }
        }
        Err(ended(Ability::Stt, &stt.info().name))
    }
    .boxed()
}

fn ended(ability: Ability, name: &str) -> Error {
    Error::new(ability, ErrorKind::Closed, name, "ended before it had answered a probe")
}
