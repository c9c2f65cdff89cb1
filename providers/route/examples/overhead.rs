//! What a route costs a request when nothing goes wrong: whole requests with a route and without.
//!
//! `cargo run --release -p providers-route --example overhead`. The providers answer at once and without a timer, so that
//! what is measured is the work of this process; a fake that sleeps would hide it in its sleep.

use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, SessionId, Voice};
use futures::future::{BoxFuture, ready};
use futures::{FutureExt, StreamExt, stream};
use providers_api::{
    Error, Finish, Llm, LlmEvent, LlmRequest, LlmStream, Message, ProviderInfo, Sink, Tts, TtsEvent,
    TtsInput, TtsRequest, TtsStream,
};
use providers_route::{Alternative, Health, LlmRoute, Nobody, Options, Setting, TtsRoute, breaker};
use tokio::time::Instant;

const REQUESTS: usize = 2_000;

fn setting(options: Options) -> Setting {
    let observer = Arc::new(Nobody);
    let health = Arc::new(Health::new(breaker::Options::default(), Arc::clone(&observer) as _));
    Setting { options, health, observer, pace: None }
}

/// Twenty words, or half a second of sound, at once.
#[derive(Default)]
struct AtOnce(ProviderInfo);

impl Llm for AtOnce {
    fn info(&self) -> &ProviderInfo {
        &self.0
    }

    fn chat(&self, _request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        let words = stream::repeat_with(|| Ok(LlmEvent::Text("word ".to_owned()))).take(20);
        ready(Ok(words.chain(stream::iter([Ok(LlmEvent::Finished(Finish::Stop))])).boxed())).boxed()
    }
}

impl Tts for AtOnce {
    fn info(&self) -> &ProviderInfo {
        &self.0
    }

    fn open(&self, _request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let (input, receiver) = Sink::bounded(4);
        let events = receiver.enumerate().flat_map(|(sentence, TtsInput::Sentence(_))| {
            let audio = (0..25).map(|n| {
                let at = MediaTime::from_millis(n * 20);
                Ok(TtsEvent::Audio(AudioFrame { samples: vec![5_000; 320], rate_hz: 16_000, at }))
            });
            stream::iter(audio.chain([Ok(TtsEvent::SentenceDone { sentence })]))
        });
        ready(Ok(TtsStream { input, events: events.boxed() })).boxed()
    }
}

async fn reply(llm: &dyn Llm) -> Result<(), Error> {
    let caller = Message::Caller("hello".to_owned());
    let request = LlmRequest::new(SessionId::generate(), "Be brief.", vec![caller]);
    let mut stream = llm.chat(request).await?;
    while let Some(event) = stream.next().await {
        event?;
    }
    Ok(())
}

async fn turn(tts: &dyn Tts) -> Result<(), Error> {
    let request = TtsRequest { session: SessionId::generate(), voice: Voice::default() };
    let mut stream = tts.open(request).await?;
    // There is room: it is the first.
    let _taken = stream.input.push(TtsInput::Sentence("Yes.".to_owned()));
    drop(stream.input);
    while let Some(event) = stream.events.next().await {
        event?;
    }
    Ok(())
}

/// Median and 99th percentile of the whole requests.
fn summary(mut took: Vec<Duration>) -> (Duration, Duration) {
    took.sort_unstable();
    (took[took.len() / 2], took[took.len() * 99 / 100])
}

fn print(what: &str, bare: Vec<Duration>, routed: Vec<Duration>) {
    let ((bare, bare_99), (routed, routed_99)) = (summary(bare), summary(routed));
    let added = routed.saturating_sub(bare);
    #[expect(clippy::print_stdout, reason = "an example that measures prints what it measured")]
    {
        println!(
            "{what}: bare {bare:?} (p99 {bare_99:?}), route {routed:?} (p99 {routed_99:?}), added {added:?}"
        );
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model: Arc<dyn Llm> = Arc::new(AtOnce::default());
    let models = [Arc::clone(&model), Arc::clone(&model)].map(|llm| Alternative::new(llm, "tenant"));
    let route = LlmRoute::new(models.into(), setting(Options::llm()))?;
    let (mut bare, mut routed) = (Vec::new(), Vec::new());
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        reply(model.as_ref()).await?;
        bare.push(begun.elapsed());
        let begun = Instant::now();
        reply(&route).await?;
        routed.push(begun.elapsed());
    }
    print("language model, whole reply", bare, routed);

    let voice: Arc<dyn Tts> = Arc::new(AtOnce::default());
    let voices = [Arc::clone(&voice), Arc::clone(&voice)].map(|tts| Alternative::new(tts, "tenant"));
    let route = TtsRoute::new(voices.into(), setting(Options::tts()))?;
    let (mut bare, mut routed) = (Vec::new(), Vec::new());
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        turn(voice.as_ref()).await?;
        bare.push(begun.elapsed());
        let begun = Instant::now();
        turn(&route).await?;
        routed.push(begun.elapsed());
    }
    print("speech, whole turn of one sentence", bare, routed);
    Ok(())
}
