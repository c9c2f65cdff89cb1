//! What the tests of every adapter begin with: a server of their own, and what the suite of `providers_api` is run with.

use std::net::SocketAddr;
use std::time::Duration;

use domain::{SessionId, Voice};
use futures::{FutureExt, StreamExt};
use providers_api::conformance::Trial;
use providers_api::{
    Llm, LlmEvent, LlmRequest, LlmStream, Message, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream,
};
use runtime::Tasks;

use crate::{Delays, Seen, Stage, serve};

/// Of `tone`, and of the frames that a recogniser is given.
pub const RATE_HZ: u32 = 16_000;
/// Longest wait for anything that is under way.
const PATIENCE: Duration = Duration::from_secs(10);

/// The vendors, serving one test on a port of its own until it is dropped.
pub struct Standin {
    pub stage: Stage,
    pub address: SocketAddr,
    pub tasks: Tasks,
}

impl Standin {
    /// # Panics
    /// When loopback has no port left.
    pub async fn start(delays: Delays) -> Self {
        let (stage, tasks) = (Stage::new(delays), Tasks::new());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let address = serve(any, stage.clone(), &tasks).await.expect("loopback has a free port");
        Self { stage, address, tasks }
    }

    /// Everything of this kind that clients have done so far.
    #[must_use]
    pub fn seen(&self, what: &str) -> Vec<Seen> {
        self.stage.seen().into_iter().filter(|seen| seen.what == what).collect()
    }

    /// As `seen`, once there are `count` of them.
    ///
    /// # Panics
    /// When they do not come.
    pub async fn sees(&self, what: &str, count: usize) -> Vec<Seen> {
        let begun = tokio::time::Instant::now();
        loop {
            let found = self.seen(what);
            if found.len() >= count {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "no {count} of {what:?} in {:?}", self.stage.seen());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Asks for answers one after the other, each read up to its last event.
    ///
    /// # Panics
    /// When they open more than a few connections.
    pub async fn keeps_connections(&self, llm: &dyn Llm) {
        const ANSWERS: usize = 20;
        for _ in 0..ANSWERS {
            answered(llm, "Hello.").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The rest of a reply is read beside what follows: on a busy machine one or the other is late.
        let opened = self.stage.connections();
        assert!(opened <= 3, "{opened} connections for {ANSWERS} replies");
    }

    /// # Panics
    /// When clients have done something of this kind.
    pub fn never_saw(&self, what: &str) {
        let found = self.seen(what);
        assert!(found.is_empty(), "{found:?}");
    }
}

/// The suite's demands, with speech that the ears here understand and the key that no error may hold.
#[must_use]
pub fn trial(key: &str) -> Trial {
    Trial {
        // Eight words, of which one is looked for.
        speech: tone(Duration::from_millis(2_400)),
        rate_hz: RATE_HZ,
        word: "cherries".to_owned(),
        key: key.to_owned(),
        ..Trial::new(|length| tokio::time::sleep(length).boxed(), PATIENCE)
    }
}

/// What the ears here take for a voice: a word for every 300 ms.
#[must_use]
pub fn tone(length: Duration) -> Vec<i16> {
    let count = (length.as_secs_f64() * f64::from(RATE_HZ)) as u32;
    (0..count)
        .map(|n| (f64::from(n) * 220.0 * std::f64::consts::TAU / f64::from(RATE_HZ)).sin())
        .map(|sample| (sample * 6_000.0) as i16)
        .collect()
}

/// The model's answer to this, begun.
///
/// # Panics
/// When it is refused.
pub async fn answer(llm: &dyn Llm, text: &str) -> LlmStream {
    let messages = vec![Message::Caller(text.to_owned())];
    llm.chat(LlmRequest::new(SessionId::generate(), "Be brief.", messages)).await.expect("accepted")
}

/// A whole answer, read as an agent reads it: up to its last event and no further.
///
/// # Panics
/// When it fails or breaks off.
pub async fn answered(llm: &dyn Llm, text: &str) {
    let mut answer = answer(llm, text).await;
    loop {
        let event = answer.next().await.expect("its last event comes");
        if matches!(event.expect("no failure"), LlmEvent::Finished(_)) {
            return;
        }
    }
}

/// A turn in the provider's own voice.
#[must_use]
pub fn turn() -> TtsRequest {
    TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() }
}

/// # Panics
/// When the voice has hung up.
pub async fn say(stream: &mut TtsStream, text: &str) {
    stream.input.send(TtsInput::Sentence(text.to_owned())).await.expect("it takes text");
}

/// The next event of a turn; `None` at its end.
///
/// # Panics
/// When it fails, or nothing comes.
pub async fn heard(stream: &mut TtsStream) -> Option<TtsEvent> {
    let event = tokio::time::timeout(PATIENCE, stream.events.next()).await;
    event.expect("an event in time").transpose().expect("no failure")
}

/// Everything that comes of a turn with these sentences.
///
/// # Panics
/// When it fails.
pub async fn spoken(tts: &dyn Tts, texts: &[&str]) -> Vec<TtsEvent> {
    let mut stream = tts.open(turn()).await.expect("it opens");
    for text in texts {
        say(&mut stream, text).await;
    }
    let TtsStream { input, events } = stream;
    drop(input);
    events.map(|event| event.expect("no failure")).collect().await
}
