//! The suite that every voice passes, against a server that speaks the vendor's protocol, and against the vendor where a key is given.

use std::sync::Arc;
use std::time::Duration;

use domain::Secret;
use loadtest_vendors::trial::{heard, say, spoken, turn};
use loadtest_vendors::{Delays, Stage, Standin};
use providers_api::conformance::{self, Trial};
use providers_api::{Tts, TtsEvent};
use providers_elevenlabs::{Options, reciting, reciting_with_words, speaking, voices};
use providers_link::{Client, Pool};
use runtime::Tasks;
use tokio::time::Instant;

const KEY: &str = "sk_4f1c9a";
const VENDOR: &str = "elevenlabs";

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
        let base_url = format!("ws://{address}/elevenlabs");
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
async fn requests_keep_the_contract_with_words_and_without() {
    let stand = Stand::new().await;
    let plain = reciting(stand.options.clone(), client());
    conformance::tts(&plain, &Trial { words: false, ..trial() }).await.expect("the contract");
    let timed = reciting_with_words(stand.options.clone(), client());
    conformance::tts(&timed, &trial()).await.expect("the contract");
}

#[tokio::test]
async fn requests_tell_each_adversity_for_what_it_is() {
    let stand = Stand::new().await;
    let set = |adversity| stand.stage.always(adversity);
    let plain = || -> Arc<dyn Tts> { Arc::new(reciting(stand.options.clone(), client())) };
    conformance::tts_adversities(&plain, &set, &trial()).await.expect("told");
    let timed = || -> Arc<dyn Tts> { Arc::new(reciting_with_words(stand.options.clone(), client())) };
    conformance::tts_adversities(&timed, &set, &trial()).await.expect("told");
}

#[tokio::test]
async fn turns_share_a_connection_and_close_their_contexts() {
    let stand = Stand::new().await;
    let tts = stand.socket();
    for _turn in 0..5 {
        let events = spoken(&*tts, &["Good day.", "How are you?"]).await;
        let done = events.iter().filter(|event| matches!(event, TtsEvent::SentenceDone { .. })).count();
        assert_eq!(done, 2);
    }
    assert_eq!((stand.seen("open"), stand.seen("close_context"), stand.seen("flush")), (1, 5, 10));
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
    while stand.seen("close_context") == 0 {
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
    // Six characters, the blanks before and after it among them, of 30 ms at 24 kHz.
    assert_eq!(audio.sum::<usize>(), 6 * 30 * 24);
    assert_eq!(stand.seen("open"), 1);
}

#[tokio::test]
async fn settings_go_with_the_first_message_of_each_context_alone() {
    let mut stand = Stand::new().await;
    stand.options.voice_settings.stability = Some(0.4);
    let tts = stand.socket();
    for _turn in 0..2 {
        spoken(&*tts, &["Good day."]).await;
    }
    let opened: Vec<_> = stand.stage.seen().into_iter().filter(|seen| seen.what == "text").collect();
    assert_eq!(opened.len(), 2);
    assert!(opened.iter().all(|seen| seen.body["voice_settings"]["stability"].is_number()));
    assert_ne!(opened[0].body["context_id"], opened[1].body["context_id"]);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_vendors_patience() {
    let mut stand = Stand::new().await;
    stand.options.inactivity = Duration::from_secs(2);
    let tts = stand.socket();
    spoken(&*tts, &["Good day."]).await;
    tokio::time::sleep(Duration::from_millis(2_800)).await;
    spoken(&*tts, &["Still there?"]).await;
    assert_eq!(stand.seen("open"), 1);
    let kept: Vec<_> = stand.stage.seen().into_iter().filter(|seen| seen.what == "keep_alive").collect();
    assert!(!kept.is_empty() && kept.iter().all(|seen| seen.body["context_id"].is_null()));
}

#[tokio::test]
async fn voices_are_listed_over_all_pages() {
    let stand = Stand::new().await;
    let listed = voices(&stand.options, &client()).await.expect("a list");
    let named: Vec<_> = listed.iter().map(|voice| (voice.name.as_str(), voice.language.as_deref())).collect();
    assert_eq!(named, [("George", Some("en")), ("Klaus", Some("de-DE"))]);
    assert!(listed[0].preview_url.is_some() && listed[1].preview_url.is_none());
    stand.stage.push(conformance::Adversity::Unauthorized);
    let refused = voices(&stand.options, &client()).await.expect_err("a wrong key");
    assert_eq!(refused.kind, providers_api::ErrorKind::Unauthorized);
}

/// With `FOUNDRY_LIVE=1` and `ELEVENLABS_API_KEY`: spends credits.
#[tokio::test]
async fn live() {
    let key = std::env::var("ELEVENLABS_API_KEY").unwrap_or_default();
    if key.is_empty() || std::env::var("FOUNDRY_LIVE").as_deref() != Ok("1") {
        eprintln!("not run: needs ELEVENLABS_API_KEY and FOUNDRY_LIVE=1");
        return;
    }
    let (tasks, options) = (Tasks::new(), Options::new(Secret::new(key.clone())));
    let trial = Trial { key, patience: Duration::from_secs(20), ..trial() };
    let socket = speaking(options.clone(), Pool::new(&tasks));
    conformance::tts(&socket, &trial).await.expect("the contract");
    let timed = reciting_with_words(options.clone(), client());
    conformance::tts(&timed, &trial).await.expect("the contract");
    let plain = reciting(options.clone(), client());
    conformance::tts(&plain, &Trial { words: false, ..trial }).await.expect("the contract");
    assert!(!voices(&options, &client()).await.expect("a list").is_empty());
}
