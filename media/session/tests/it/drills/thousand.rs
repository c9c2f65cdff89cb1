//! Many calls whose first vendors fail at random, one request in five, in any way and at any moment.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{
    Error, Llm, LlmRequest, LlmStream, ProviderInfo, Stt, SttRequest, SttStream, Tts, TtsRequest, TtsStream,
};
use providers_fake::Drilled;
use providers_fake::drill::{Fault, Moment};

use super::world::{self, Primaries, TALK, is_last_resort};
use crate::sim::ms;

/// In each run of the tests; `DRILL_CALLS` says another number.
const CALLS: u64 = 40;
const SEED: u64 = 20_261_126;
/// As promised.
const LONGEST: Duration = ms(2_000);

#[tokio::test(start_paused = true)]
async fn no_call_is_lost_and_no_silence_is_long_while_one_request_in_five_fails() {
    let calls = std::env::var("DRILL_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(CALLS);
    let agent = world::agent().await;
    let random = fastrand::Rng::with_seed(SEED);
    let dice = Dice(Arc::new(Mutex::new(Thrown { random, failed: 0, asked: 0 })));
    let primaries = dice.primaries();
    let (mut silences, mut whole, mut sorry, mut misheard) = (Vec::new(), 0, 0, 0);
    for number in 0..calls {
        let call = world::call(&agent, number + 1, &primaries, false).await;
        assert_eq!(call.ended, None, "call {number} was lost, seed {SEED}");
        assert_eq!(call.turns.len(), TALK.len(), "call {number}, seed {SEED}");
        for (turn, (question, answer)) in call.turns.iter().zip(TALK) {
            assert!(!turn.history.is_empty(), "call {number}: nothing was heard of {answer:?}, seed {SEED}");
            silences.push(turn.response.max(turn.gap));
            whole += u64::from(turn.history.join(" ") == answer);
            sorry += u64::from(is_last_resort(&turn.history));
            misheard += u64::from(turn.understood != question);
        }
    }
    silences.sort_unstable();
    let turns = silences.len();
    let at = |share: f64| silences[((turns as f64 * share) as usize).min(turns - 1)];
    let long = silences.iter().filter(|silence| **silence > ms(2_000)).count();
    let (failed, asked) = dice.count();
    eprintln!(
        "{calls} calls, {turns} turns, seed {SEED}: {failed} of {asked} requests to the first vendors failed; \
         silence p50 {:?} p95 {:?} p99 {:?} max {:?}, {long} above 2 s; {whole} whole answers, {sorry} last resorts, {misheard} misheard",
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0),
    );
    assert!(at(1.0) <= LONGEST, "a caller waited {:?}, seed {SEED}", at(1.0));
}

/// Decides which request fails, and how; counts both.
#[derive(Clone)]
struct Dice(Arc<Mutex<Thrown>>);

struct Thrown {
    random: fastrand::Rng,
    failed: u64,
    asked: u64,
}

impl Dice {
    fn primaries(&self) -> Primaries {
        let (stt, llm, tts) = (self.clone(), self.clone(), self.clone());
        Primaries {
            stt: Box::new(move |inner| Arc::new(Flaky { inner, dice: stt.clone() })),
            llm: Box::new(move |inner| Arc::new(Flaky { inner, dice: llm.clone() })),
            tts: Box::new(move |inner| Arc::new(Flaky { inner, dice: tts.clone() })),
        }
    }

    /// `None`: it works.
    fn throw(&self, moments: &[Moment]) -> Option<(Fault, Moment)> {
        let mut thrown = self.0.lock().expect("not poisoned");
        let fails = thrown.random.u8(0..5) == 0;
        thrown.asked += 1;
        thrown.failed += u64::from(fails);
        let random = &mut thrown.random;
        let fault = Fault::ALL[random.usize(0..Fault::ALL.len())];
        let moment = moments[random.usize(0..moments.len())];
        fails.then_some((fault, moment))
    }

    fn count(&self) -> (u64, u64) {
        let thrown = self.0.lock().expect("not poisoned");
        (thrown.failed, thrown.asked)
    }
}

struct Flaky<P: ?Sized> {
    inner: Arc<P>,
    dice: Dice,
}

/// A stream of a turn is over with it.
const OF_A_TURN: [Moment; 3] = [Moment::Connect, Moment::BeforeOutput, Moment::MidSentence];

impl Stt for Flaky<dyn Stt> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        match self.dice.throw(&Moment::ALL) {
            None => self.inner.open(request),
            Some((fault, moment)) => {
                let drilled = Drilled::new(Arc::clone(&self.inner), fault, moment);
                async move { drilled.open(request).await }.boxed()
            }
        }
    }
}

impl Llm for Flaky<dyn Llm> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        match self.dice.throw(&OF_A_TURN) {
            None => self.inner.chat(request),
            Some((fault, moment)) => {
                let drilled = Drilled::new(Arc::clone(&self.inner), fault, moment);
                async move { drilled.chat(request).await }.boxed()
            }
        }
    }
}

impl Tts for Flaky<dyn Tts> {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        match self.dice.throw(&OF_A_TURN) {
            None => self.inner.open(request),
            Some((fault, moment)) => {
                let drilled = Drilled::new(Arc::clone(&self.inner), fault, moment);
                async move { drilled.open(request).await }.boxed()
            }
        }
    }
}
