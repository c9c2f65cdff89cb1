//! What a route costs a request when nothing goes wrong, and how often a turn finds its connection open.
//!
//! `cargo run --release -p loadtest-vendors --example route`. The first part has providers that answer at once and without a timer, so that
//! what is measured is the work of this process; a fake that sleeps would hide it in its sleep. The second has callers in turns at
//! servers that speak the vendors' protocols on loopback, behind a gate that counts connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{AudioFrame, MediaTime, Secret, SessionId, Transcript, Voice};
use futures::future::{BoxFuture, join_all, ready};
use futures::{FutureExt, StreamExt, stream};
use loadtest_vendors::{Delays, Standin};
use providers_api::{
    Error, Finish, Llm, LlmEvent, LlmRequest, LlmStream, Message, ProviderInfo, Sink, Stt, SttEvent,
    SttInput, SttRequest, SttStream, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream,
};
use providers_link::{Client, Pool};
use providers_route::{Alternative, Health, LlmRoute, Nobody, Options, Setting, SttRoute, TtsRoute, breaker};
use runtime::{Kind, Tasks};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const REQUESTS: usize = 2_000;
/// Calls at once, and turns of each.
const CALLS: usize = 8;
const TURNS: usize = 50;
/// Between two turns of a call.
const PAUSE: Duration = Duration::from_millis(150);
const GATE: Kind = Kind::new("example.gate");

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

/// The final of two seconds of audio, at once.
impl Stt for AtOnce {
    fn info(&self) -> &ProviderInfo {
        &self.0
    }

    fn open(&self, _request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        let (input, receiver) = Sink::bounded(128);
        let events = receiver.filter_map(|input| async move {
            let said = || Transcript::complete("yes", MediaTime::ZERO, MediaTime::from_millis(2_000));
            matches!(input, SttInput::Finalize).then(|| Ok(SttEvent::Transcript(said())))
        });
        ready(Ok(SttStream { input, events: events.boxed() })).boxed()
    }
}

async fn hear(stt: &dyn Stt) -> Result<(), Error> {
    let session = SessionId::generate();
    let request = SttRequest { session, rate_hz: 16_000, language: None, keywords: Vec::new() };
    let mut stream = stt.open(request).await?;
    for n in 0..100 {
        let at = MediaTime::from_millis(n * 20);
        let frame = AudioFrame { samples: vec![5_000; 320], rate_hz: 16_000, at };
        let _taken = stream.input.push(SttInput::Audio(frame));
        // As a session does: what comes is looked at between frames.
        let _nothing = stream.events.next().now_or_never();
    }
    let _taken = stream.input.push(SttInput::Finalize);
    while let Some(event) = stream.events.next().await {
        if matches!(event?, SttEvent::Transcript(said) if said.is_final()) {
            break;
        }
    }
    Ok(())
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
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
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

    let ear: Arc<dyn Stt> = Arc::new(AtOnce::default());
    let ears = [Arc::clone(&ear), Arc::clone(&ear)].map(|stt| Alternative::new(stt, "tenant"));
    let route = SttRoute::new(ears.into(), setting(Options::stt()))?;
    let (mut bare, mut routed) = (Vec::new(), Vec::new());
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        hear(ear.as_ref()).await?;
        bare.push(begun.elapsed());
        let begun = Instant::now();
        hear(&route).await?;
        routed.push(begun.elapsed());
    }
    print("recognition, whole turn of 2 s in 100 frames", bare, routed);
    connections().await
}

/// Counts the connections that go through it.
async fn gate(to: SocketAddr, tasks: &Tasks) -> std::io::Result<(SocketAddr, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, count) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
    let (own, counted) = (tasks.child(), Arc::clone(&count));
    tasks.spawn(GATE, async move {
        while let Ok((mut near, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            own.spawn(GATE, async move {
                if let Ok(mut far) = TcpStream::connect(to).await {
                    let _gone = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    Ok((address, count))
}

async fn connections() -> Result<(), Box<dyn std::error::Error>> {
    let delays = Delays { tts_speed: 20, ..Delays::default() };
    let Standin { address, tasks, .. } = Standin::start(delays).await;
    let (voices, opened) = gate(address, &tasks).await?;
    let key = || Secret::new("key".to_owned());
    let base_url = format!("ws://{voices}/elevenlabs");
    let options = providers_elevenlabs::Options { base_url, ..providers_elevenlabs::Options::new(key()) };
    let voice: Arc<dyn Tts> = Arc::new(providers_elevenlabs::speaking(options, Pool::new(&tasks)));
    let route = TtsRoute::new(vec![Alternative::new(voice, "tenant")], setting(Options::tts()))?;
    // As when an agent begins to be served, and when a call begins.
    route.warm(&TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() }, CALLS);
    tokio::time::sleep(PAUSE).await;
    let ahead = opened.load(Ordering::Relaxed);
    let calls = (0..CALLS).map(|_| async {
        for _ in 0..TURNS {
            turn(&route).await?;
            tokio::time::sleep(PAUSE).await;
        }
        Ok::<(), Error>(())
    });
    join_all(calls).await.into_iter().collect::<Result<(), Error>>()?;
    shared("speech over sockets", ahead, opened.load(Ordering::Relaxed));

    let (models, opened) = gate(address, &tasks).await?;
    let whose =
        providers_openai::Options::compatible("compat", Some(key()), &format!("http://{models}/openai/v1"));
    let own = providers_openai::LlmOptions::new(&whose, "compat-small");
    let client = Client::new(providers_link::http::Options::default());
    let model: Arc<dyn Llm> = Arc::new(providers_openai::OpenAiLlm::new(whose, own, client));
    let route = LlmRoute::new(vec![Alternative::new(model, "tenant")], setting(Options::llm()))?;
    let calls = (0..CALLS).map(|_| async {
        for _ in 0..TURNS {
            reply(&route).await?;
            tokio::time::sleep(PAUSE).await;
        }
        Ok::<(), Error>(())
    });
    join_all(calls).await.into_iter().collect::<Result<(), Error>>()?;
    shared("language model over HTTP", 0, opened.load(Ordering::Relaxed));
    tasks.shutdown().await;
    Ok(())
}

/// How many turns found their connection open: all but those for which one was opened while they waited.
fn shared(what: &str, ahead: usize, opened: usize) {
    let turns = CALLS * TURNS;
    let waited = opened.saturating_sub(ahead);
    let share = 100.0 * (turns - waited.min(turns)) as f64 / turns as f64;
    #[expect(clippy::print_stdout, reason = "an example that measures prints what it measured")]
    {
        println!(
            "{what}: {turns} turns of {CALLS} calls, {opened} connections, {ahead} of them opened ahead; {share:.1} % of the turns found theirs open"
        );
    }
}
