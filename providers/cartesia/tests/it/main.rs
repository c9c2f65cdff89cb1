//! The suite that every voice passes, against a server that speaks the vendor's protocol, and against the vendor where a key is given.

use std::sync::Arc;
use std::time::Duration;

use domain::Secret;
use futures::StreamExt;
use loadtest_vendors::trial::{heard, say, spoken, turn};
use loadtest_vendors::{Delays, Stage, Standin};
use providers_api::conformance::{self, Trial};
use providers_api::{Tts, TtsEvent, TtsStream};
use providers_cartesia::{Options, reciting, speaking, voices};
use providers_link::{Client, Pool};
use runtime::Tasks;
use tokio::time::Instant;

const KEY: &str = "sk_car_4f1c9a";
const VENDOR: &str = "cartesia";

struct Stand {
    stage: Stage,
    options: Options,
    tasks: Tasks,
}

impl Stand {
    async fn new() -> Self {
        let delays =
            Delays { tts_first_byte_ms: 20, tts_ms_per_char: 30, tts_speed: 20, ..Delays::default() };
        let Standin { stage, address, tasks } = Standin::start(delays).await;
        let base_url = format!("ws://{address}/cartesia");
        let options = Options { base_url, ..Options::new(Secret::new(KEY.to_owned())) };
        Self { stage, options, tasks }
    }

    fn socket(&self) -> Arc<dyn Tts> {
        Arc::new(speaking(self.options.clone(), Pool::new(&self.tasks)))
    }

    fn seen(&self, what: &str) -> usize {
        self.stage.seen().iter().filter(|seen| seen.vendor == VENDOR && seen.what == what).count()
    }
}

fn trial() -> Trial {
    loadtest_vendors::trial::trial(KEY)
}

fn client() -> Client {
    Client::new(providers_link::http::Options::default())
}

#[tokio::test]
async fn the_socket_keeps_the_contract() {
    let stand = Stand::new().await;
    conformance::tts(&*stand.socket(), &trial()).await.expect("the contract");
}

#[tokio::test]
async fn the_socket_tells_each_adversity_for_what_it_is() {
    let stand = Stand::new().await;
    let set = |adversity| stand.stage.always(adversity);
    let trial = Trial { retry_after: false, ..trial() };
    conformance::tts_adversities(&|| stand.socket(), &set, &trial).await.expect("told");
}

#[tokio::test]
async fn requests_keep_the_contract_without_words() {
    let stand = Stand::new().await;
    let tts = reciting(stand.options.clone(), client());
    conformance::tts(&tts, &Trial { words: false, ..trial() }).await.expect("the contract");
}

#[tokio::test]
async fn requests_tell_each_adversity_for_what_it_is() {
    let stand = Stand::new().await;
    let set = |adversity| stand.stage.always(adversity);
    let fresh = || -> Arc<dyn Tts> { Arc::new(reciting(stand.options.clone(), client())) };
    conformance::tts_adversities(&fresh, &set, &trial()).await.expect("told");
}

#[tokio::test]
async fn turns_share_a_connection() {
    let stand = Stand::new().await;
    let tts = stand.socket();
    for _turn in 0..5 {
        let events = spoken(&*tts, &["Good day.", "How are you?"]).await;
        let done = events.iter().filter(|event| matches!(event, TtsEvent::SentenceDone { .. })).count();
        assert_eq!(done, 2);
    }
    assert_eq!((stand.seen("open"), stand.seen("flush")), (1, 10));
}

#[tokio::test]
async fn the_first_sentence_sounds_before_the_second_is_known() {
    let stand = Stand::new().await;
    let tts = stand.socket();
    let mut stream = tts.open(turn()).await.expect("it opens");
    say(&mut stream, "Good day.").await;
    // Done, though the turn goes on and no other sentence follows.
    while heard(&mut stream).await != Some(TtsEvent::SentenceDone { sentence: 0 }) {}
    say(&mut stream, "How are you?").await;
    while heard(&mut stream).await != Some(TtsEvent::SentenceDone { sentence: 1 }) {}
}

#[tokio::test]
async fn a_barge_in_reaches_the_vendor_at_once_and_the_next_turn_uses_the_connection() {
    let stand = Stand::new().await;
    let tts = stand.socket();
    let mut stream = tts.open(turn()).await.expect("it opens");
    say(&mut stream, "A sentence that nobody will hear to its end, since the caller interrupts it.").await;
    while !matches!(heard(&mut stream).await, Some(TtsEvent::Audio(_))) {}
    let dropped = Instant::now();
    drop(stream);
    while stand.seen("cancel") == 0 {
        assert!(dropped.elapsed() < Duration::from_secs(2), "the vendor was not told");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    eprintln!("the vendor was told within {:?}", dropped.elapsed());
    // The tail of the old context comes on the same connection and is passed over.
    let events = spoken(&*tts, &["Yes?"]).await;
    let audio = events.iter().map(|event| match event {
        TtsEvent::Audio(frame) => frame.samples.len(),
        _ => 0,
    });
    // Five characters, the blank after it among them, of 30 ms at 24 kHz.
    assert_eq!(audio.sum::<usize>(), 5 * 30 * 24);
    assert_eq!(stand.seen("open"), 1);
}

#[tokio::test]
async fn a_turn_that_pauses_outlives_its_context() {
    let stand = Stand::new().await;
    let tts = stand.socket();
    let mut stream = tts.open(turn()).await.expect("it opens");
    say(&mut stream, "Let me see.").await;
    while heard(&mut stream).await != Some(TtsEvent::SentenceDone { sentence: 0 }) {}
    // A context expires one second after its last audio; tools take longer.
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    say(&mut stream, "Here it is.").await;
    while heard(&mut stream).await != Some(TtsEvent::SentenceDone { sentence: 1 }) {}
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    let TtsStream { input, mut events } = stream;
    let dropped = Instant::now();
    drop(input);
    while events.next().await.transpose().expect("no failure").is_some() {}
    assert!(dropped.elapsed() < Duration::from_millis(500), "an expired context was waited for");
    // And the connection is of use.
    spoken(&*tts, &["Yes?"]).await;
    assert_eq!(stand.seen("open"), 1);
}

#[tokio::test]
async fn voices_are_listed_over_all_pages() {
    let stand = Stand::new().await;
    let listed = voices(&stand.options, &client()).await.expect("a list");
    let named: Vec<_> = listed.iter().map(|voice| (voice.name.as_str(), voice.language.as_deref())).collect();
    assert_eq!(named, [("Katie", Some("en")), ("Klaus", Some("de"))]);
    assert!(listed.iter().all(|voice| voice.preview_url.is_some()));
    stand.stage.push(conformance::Adversity::Unauthorized);
    let refused = voices(&stand.options, &client()).await.expect_err("a wrong key");
    assert_eq!(refused.kind, providers_api::ErrorKind::Unauthorized);
}

/// With `FOUNDRY_LIVE=1` and `CARTESIA_API_KEY`: spends credits.
#[tokio::test]
async fn live() {
    let key = std::env::var("CARTESIA_API_KEY").unwrap_or_default();
    if key.is_empty() || std::env::var("FOUNDRY_LIVE").as_deref() != Ok("1") {
        eprintln!("not run: needs CARTESIA_API_KEY and FOUNDRY_LIVE=1");
        return;
    }
    let (tasks, options) = (Tasks::new(), Options::new(Secret::new(key.clone())));
    let trial = Trial { key, patience: Duration::from_secs(20), ..trial() };
    let socket = speaking(options.clone(), Pool::new(&tasks));
    conformance::tts(&socket, &trial).await.expect("the contract");
    let requests = reciting(options.clone(), client());
    conformance::tts(&requests, &Trial { words: false, ..trial }).await.expect("the contract");
    assert!(!voices(&options, &client()).await.expect("a list").is_empty());
}
