//! The suite holds for the fakes, and notices providers that lie.

use std::sync::{Arc, Mutex};

use domain::Word;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use providers_api::conformance::{self, Adversity, Broken, Trial};
use providers_api::{
    Ability, Error, ErrorKind, Finish, Llm, LlmEvent, LlmRequest, LlmStream, OutputSchema, ProviderInfo, Stt,
    SttRequest, SttStream, ToolChoice, Tts, TtsEvent, TtsRequest, TtsStream, Usage,
};
use providers_fake::options::{Answer, Call};
use providers_fake::{FakeLlm, FakeStt, FakeTts, Fault, Faults, Lexicon, LlmOptions, SttOptions, TtsOptions};
use serde_json::json;

use crate::{ms, voice};

fn trial() -> Trial {
    Trial {
        speech: Lexicon::shared().speak("what are your opening hours", 16_000, 60).0,
        word: "opening".to_owned(),
        ..Trial::new(|length| tokio::time::sleep(length).boxed(), ms(5_000))
    }
}

/// The fake voice costs nothing and counts nothing.
fn spoken_trial() -> Trial {
    Trial { usage: false, ..trial() }
}

fn model() -> FakeLlm {
    FakeLlm::new(model_options())
}

/// Calls the suite's tool when asked to, as every stand-in does.
fn model_options() -> LlmOptions {
    let call = Call { name: "note_down".to_owned(), arguments: json!({ "text": "blue" }) };
    let answer = Answer { to: "call note_down with blue".to_owned(), text: String::new(), calls: vec![call] };
    LlmOptions { answers: vec![answer], ..LlmOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn the_ear_keeps_the_contract_of_stt() {
    conformance::stt(&FakeStt::new(SttOptions::default()), &trial()).await.expect("every rule holds");
}

#[tokio::test(start_paused = true)]
async fn the_voice_keeps_the_contract_of_tts() {
    conformance::tts(&voice(TtsOptions::default()), &spoken_trial()).await.expect("every rule holds");
    let bursts = TtsOptions { chunk_ms: 1_000, speed: 1.0, words: false, ..TtsOptions::default() };
    let trial = Trial { words: false, ..spoken_trial() };
    conformance::tts(&voice(bursts), &trial).await.expect("every rule holds in bursts");
}

#[tokio::test(start_paused = true)]
async fn the_model_keeps_the_contract_of_llm() {
    let model = Altered { model: model(), alter: keep };
    conformance::llm(&model, &trial()).await.expect("every rule holds");
}

#[tokio::test(start_paused = true)]
async fn an_ear_that_lies_is_noticed() {
    let broken = |options| async { conformance::stt(&FakeStt::new(options), &trial()).await.unwrap_err() };
    let empty = broken(SttOptions { always: Fault::Empty, ..SttOptions::default() }).await;
    assert_eq!(empty.rule, "speech gives its words");
    let mute = broken(SttOptions { always: Fault::Mute, ..SttOptions::default() }).await;
    assert_eq!(mute.found, "no final in time");
    let eager = broken(SttOptions { endpoint_ms: Some(20), ..SttOptions::default() }).await;
    assert!(eager.found.contains("nobody asked"), "{eager}");
    let late = broken(SttOptions { partial_delay_ms: 60_000, ..SttOptions::default() }).await;
    assert_eq!(late.found, "no partial before the final");
    // Recites and so has no times for its words.
    let reciting = SttOptions { lines: vec!["our opening hours".to_owned()], ..SttOptions::default() };
    assert_eq!(broken(reciting).await.rule, "words have their times");
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_lies_is_noticed() {
    let trial = spoken_trial();
    let dumb = voice(TtsOptions { always: Fault::Empty, ..TtsOptions::default() });
    assert!(conformance::tts(&dumb, &trial).await.expect_err("no audio").found.contains("voiced sample"));
    let hung = voice(TtsOptions { always: Fault::Hang, ..TtsOptions::default() });
    assert_eq!(conformance::tts(&hung, &trial).await.expect_err("hangs").found, "did not open in time");
    let wordless = voice(TtsOptions { words: false, ..TtsOptions::default() });
    assert_eq!(conformance::tts(&wordless, &trial).await.expect_err("wordless").found, "no words were told");
    let free = voice(TtsOptions::default());
    let counting = Trial { usage: true, ..spoken_trial() };
    assert_eq!(conformance::tts(&free, &counting).await.expect_err("free").rule, "what was used is told");
    let forgetful = Forgetful(voice(TtsOptions::default()));
    let broken = conformance::tts(&forgetful, &trial).await.expect_err("leaves a word out");
    assert_eq!(broken.rule, "words cover their sentence");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_lies_is_noticed() {
    let lies: [(Alter, &str); 9] = [
        (
            |request, events| keep(request, vec![events[0].clone()]),
            "text streams in pieces and is finished once",
        ),
        (
            |_, events| [events, vec![LlmEvent::Text("P.S.".to_owned())]].concat(),
            "Finished is the last event",
        ),
        (|_, events| [vec![used(1)], events].concat(), "usage is given once"),
        (
            |request, events| keep(request, without(events, |e| matches!(e, LlmEvent::Usage(_)))),
            "what was used is told",
        ),
        (
            |request, events| {
                keep(request, each(events, |e| if matches!(e, LlmEvent::Usage(_)) { used(0) } else { e }))
            },
            "what was used is told",
        ),
        (
            |request, events| keep(request, without(events, |e| matches!(e, LlmEvent::ToolCall(_)))),
            "a wanted tool is called",
        ),
        (|request, events| keep(request, each(events, stopped)), "a wanted tool is called"),
        (
            |request, events| {
                if request.tool_choice == ToolChoice::None { calling() } else { keep(request, events) }
            },
            "ToolChoice::None gives words alone",
        ),
        (|_, events| events, "an output schema gives one JSON value of it"),
    ];
    for (number, (alter, rule)) in lies.into_iter().enumerate() {
        let model = Altered { model: model(), alter };
        let broken = conformance::llm(&model, &trial()).await.expect_err(rule);
        assert_eq!(broken.rule, rule, "lie {number}: {broken}");
    }
}

/// What a fake can be told to do wrong, in the words of every vendor.
fn fault(adversity: Option<Adversity>) -> Fault {
    match adversity {
        None => Fault::None,
        Some(Adversity::Unauthorized) => Fault::Refuse,
        Some(Adversity::Overloaded) => Fault::Unreachable,
        Some(Adversity::Hang) => Fault::Hang,
        Some(Adversity::Mute) => Fault::Mute,
        Some(Adversity::Slow(factor)) => Fault::Slow { factor },
        Some(Adversity::Garbage | Adversity::Oversized) => Fault::Garbage,
        Some(Adversity::BreaksAfter(after_ms)) => Fault::CloseAfter { after_ms },
        Some(Adversity::Empty) => Fault::Empty,
        Some(Adversity::Exhausted | Adversity::Limited | Adversity::Rejected) => Fault::None,
    }
}

type Next = Arc<Mutex<Option<Adversity>>>;

/// A provider whose vendor refuses with reasons, which the fake's faults have no words for.
struct Refusing<P> {
    provider: P,
    next: Next,
    reason: &'static str,
}

impl<P> Refusing<P> {
    fn refusal(&self, ability: Ability, faults: Faults) -> Result<(), Error> {
        let adversity = *self.next.lock().expect("no test panics while it holds this");
        faults.always(fault(adversity));
        let kind = match adversity {
            Some(Adversity::Exhausted) => ErrorKind::Exhausted,
            Some(Adversity::Limited) => ErrorKind::Limited(Some(ms(3_000))),
            Some(Adversity::Rejected) => ErrorKind::Rejected,
            _ => return Ok(()),
        };
        Err(Error::new(ability, kind, "acme", self.reason))
    }
}

impl Llm for Refusing<FakeLlm> {
    fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        match self.refusal(Ability::Llm, self.provider.faults()) {
            Ok(()) => self.provider.chat(request),
            Err(error) => async { Err(error) }.boxed(),
        }
    }
}

impl Stt for Refusing<FakeStt> {
    fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        match self.refusal(Ability::Stt, self.provider.faults()) {
            Ok(()) => self.provider.open(request),
            Err(error) => async { Err(error) }.boxed(),
        }
    }
}

impl Tts for Refusing<FakeTts> {
    fn info(&self) -> &ProviderInfo {
        self.provider.info()
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        match self.refusal(Ability::Tts, self.provider.faults()) {
            Ok(()) => self.provider.open(request),
            Err(error) => async { Err(error) }.boxed(),
        }
    }
}

/// Runs the adversities of one ability: each is turned by `honest` into what the vendor then really does.
async fn adversities(
    ability: Ability,
    reason: &'static str,
    honest: fn(Adversity) -> Adversity,
) -> Result<(), Broken> {
    let next = Next::default();
    let set = |adversity: Option<Adversity>| {
        *next.lock().expect("no test panics while it holds this") = adversity.map(honest);
    };
    let trial = Trial { key: "sk-live-1".to_owned(), ..trial() };
    match ability {
        Ability::Stt => {
            let provider = || FakeStt::new(SttOptions::default());
            let fresh =
                || Arc::new(Refusing { provider: provider(), next: next.clone(), reason }) as Arc<dyn Stt>;
            conformance::stt_adversities(&fresh, &set, &trial).await
        }
        Ability::Tts => {
            let provider = || voice(TtsOptions::default());
            let fresh =
                || Arc::new(Refusing { provider: provider(), next: next.clone(), reason }) as Arc<dyn Tts>;
            conformance::tts_adversities(&fresh, &set, &trial).await
        }
        _ => {
            let fresh =
                || Arc::new(Refusing { provider: model(), next: next.clone(), reason }) as Arc<dyn Llm>;
            conformance::llm_adversities(&fresh, &set, &trial).await
        }
    }
}

/// A voice must not claim to have spoken: the fake's does, so it is told to breach the protocol instead.
fn unclaimed(adversity: Adversity) -> Adversity {
    if adversity == Adversity::Empty { Adversity::Garbage } else { adversity }
}

#[tokio::test(start_paused = true)]
async fn adversities_are_told_for_what_they_are() {
    adversities(Ability::Llm, "no", |adversity| adversity).await.expect("each for what it is");
    adversities(Ability::Stt, "no", |adversity| adversity).await.expect("each for what it is");
    adversities(Ability::Tts, "no", unclaimed).await.expect("each for what it is");
}

#[tokio::test(start_paused = true)]
async fn adversities_that_are_misnamed_or_say_too_much_are_noticed() {
    let found = |ability, reason, honest| async move {
        adversities(ability, reason, honest).await.expect_err("noticed").found
    };
    let same: fn(Adversity) -> Adversity = |adversity| adversity;
    assert_eq!(found(Ability::Llm, "no credit for sk-live-1", same).await, "an error holds the key");
    let gossip = "Rumpelstilzchen is not in your plan";
    assert_eq!(found(Ability::Tts, gossip, same).await, "an error repeats what was said");
    assert_eq!(found(Ability::Tts, "no", same).await, "Empty was told as Nothing");
    let confused = |adversity| match adversity {
        Adversity::Exhausted => Adversity::Limited,
        other => other,
    };
    assert!(found(Ability::Stt, "no", confused).await.starts_with("Exhausted was told as Failed"));
    let chatty = |adversity| if adversity == Adversity::Mute { Adversity::Slow(1) } else { adversity };
    assert_eq!(found(Ability::Llm, "no", chatty).await, "Mute was told as Served");
}

type Alter = fn(&LlmRequest, Vec<LlmEvent>) -> Vec<LlmEvent>;

/// The fake, its replies altered before they are given.
struct Altered {
    model: FakeLlm,
    alter: Alter,
}

impl Llm for Altered {
    fn info(&self) -> &ProviderInfo {
        self.model.info()
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        async move {
            let reply = self.model.chat(request.clone()).await?;
            let events: Vec<_> = reply.map(|event| event.expect("the fake does not fail")).collect().await;
            Ok(futures::stream::iter((self.alter)(&request, events)).map(Ok).boxed())
        }
        .boxed()
    }
}

/// Honest, and gives JSON where it is wanted, which the fake cannot.
fn keep(request: &LlmRequest, events: Vec<LlmEvent>) -> Vec<LlmEvent> {
    let Some(OutputSchema { .. }) = request.output.as_deref() else { return events };
    let others = without(events, |event| matches!(event, LlmEvent::Text(_)));
    [vec![LlmEvent::Text(json!({ "answer": "It is." }).to_string())], others].concat()
}

fn without(events: Vec<LlmEvent>, unwanted: fn(&LlmEvent) -> bool) -> Vec<LlmEvent> {
    events.into_iter().filter(|event| !unwanted(event)).collect()
}

fn each(events: Vec<LlmEvent>, alter: fn(LlmEvent) -> LlmEvent) -> Vec<LlmEvent> {
    events.into_iter().map(alter).collect()
}

fn stopped(event: LlmEvent) -> LlmEvent {
    if let LlmEvent::Finished(_) = event { LlmEvent::Finished(Finish::Stop) } else { event }
}

fn used(tokens: u64) -> LlmEvent {
    LlmEvent::Usage(Usage { input_tokens: tokens, output_tokens: tokens, ..Usage::default() })
}

fn calling() -> Vec<LlmEvent> {
    let call = providers_api::ToolCall {
        id: "call-0".to_owned(),
        name: "note_down".to_owned(),
        arguments: json!({ "text": "blue" }),
    };
    vec![LlmEvent::ToolCall(call), LlmEvent::Finished(Finish::ToolCalls)]
}

/// A voice that leaves the last word of each sentence out when it tells the times.
struct Forgetful(providers_fake::FakeTts);

impl Tts for Forgetful {
    fn info(&self) -> &ProviderInfo {
        self.0.info()
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        async move {
            let TtsStream { input, events } = self.0.open(request).await?;
            let forget = |mut words: Vec<Word>| {
                words.pop();
                words
            };
            let events = events.map(move |event| match event {
                Ok(TtsEvent::Words { sentence, words }) => {
                    Ok(TtsEvent::Words { sentence, words: forget(words) })
                }
                other => other,
            });
            Ok(TtsStream { input, events: events.boxed() })
        }
        .boxed()
    }
}
