//! A thousand replies with a primary that fails in one of five, seeded: none is lost, none is late, nothing is said twice.

use std::time::Duration;

use domain::SessionId;
use futures::StreamExt;
use providers_api::{Llm, LlmEvent, TtsRequest};
use providers_fake::{FakeLlm, FakeTts, Fault, LlmOptions, TtsOptions};
use providers_route::{Alternative, LlmRoute, Options, Outcome, TtsRoute};
use tokio::time::Instant;

use crate::cast::{llm_request, ms, setting};
use crate::tts::speak;

const REPLIES: usize = 1_000;
const SEED: u64 = 20_261_126;

fn fault(random: &mut fastrand::Rng) -> Fault {
    if random.u8(0..5) > 0 {
        return Fault::None;
    }
    match random.u8(0..9) {
        0 => Fault::Refuse,
        1 => Fault::Unreachable,
        2 => Fault::Hang,
        3 => Fault::Mute,
        4 => Fault::Garbage,
        5 => Fault::Empty,
        6 => Fault::Slow { factor: random.u32(2..40) },
        7 => Fault::CloseAfter { after_ms: random.u64(0..1_500) },
        _ => Fault::Stall { after_ms: random.u64(0..4_000), for_ms: random.u64(1_000..60_000) },
    }
}

const SENTENCES: [&str; 3] = ["Certainly, I can do that.", "Your table is booked for nine.", "See you then!"];

#[tokio::test(start_paused = true)]
async fn a_thousand_turns_are_spoken_to_the_end_without_dead_air() {
    let mut random = fastrand::Rng::with_seed(SEED);
    let (primary, fallback) = (
        FakeTts::new(TtsOptions::default()).expect("valid"),
        FakeTts::new(TtsOptions::default()).expect("valid"),
    );
    let faults = primary.faults();
    let (setting, notes, _health) = setting(Options::tts());
    // Of different tenants, so that each has a breaker of its own.
    let alternatives = vec![
        Alternative::new(std::sync::Arc::new(primary) as _, "one"),
        Alternative::new(std::sync::Arc::new(fallback) as _, "two"),
    ];
    let route = TtsRoute::new(alternatives, setting).expect("valid");
    let mut longest = Duration::ZERO;
    for reply in 0..REPLIES {
        let fault = fault(&mut random);
        faults.always(fault);
        let request =
            TtsRequest { session: SessionId::generate(), turn: None, voice: domain::Voice::default() };
        let heard = speak(&route, request, &SENTENCES).await;
        assert_eq!(heard.error, None, "reply {reply}, {fault:?}, seed {SEED}");
        assert_eq!(heard.said(), SENTENCES, "reply {reply}, {fault:?}, seed {SEED}");
        assert_eq!(heard.done, [0, 1, 2], "reply {reply}, {fault:?}, seed {SEED}");
        longest = longest.max(heard.silence);
        tokio::time::sleep(ms(random.u64(100..5_000))).await;
    }
    assert!(longest <= ms(2_000), "{longest:?} of dead air, seed {SEED}");
    let served = notes.attempts().iter().filter(|attempt| attempt.outcome == Outcome::Served).count();
    assert!(served >= REPLIES, "{served}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_answers_are_whole_or_end_with_what_was_given() {
    let mut random = fastrand::Rng::with_seed(SEED);
    let model = || {
        FakeLlm::new(LlmOptions { otherwise: "One two three four five.".to_owned(), ..Default::default() })
    };
    let (primary, fallback) = (model(), model());
    let faults = primary.faults();
    let (setting, _notes, _health) = setting(Options::llm());
    let alternatives = vec![
        Alternative::new(std::sync::Arc::new(primary) as _, "one"),
        Alternative::new(std::sync::Arc::new(fallback) as _, "two"),
    ];
    let route = LlmRoute::new(alternatives, setting).expect("valid");
    let (mut longest, mut broken) = (Duration::ZERO, 0);
    for reply in 0..REPLIES {
        let fault = fault(&mut random);
        faults.always(fault);
        let begun = Instant::now();
        let mut stream = route.chat(llm_request("count")).await.expect("somebody is well");
        longest = longest.max(begun.elapsed());
        let mut text = String::new();
        while let Some(event) = stream.next().await {
            match event {
                Ok(LlmEvent::Text(piece)) => text.push_str(&piece),
                Ok(_) => {}
                Err(_) => broken += 1,
            }
        }
        let whole = "One two three four five.";
        assert!(
            whole.starts_with(&text) && !text.is_empty(),
            "reply {reply}, {fault:?}: {text:?}, seed {SEED}"
        );
        tokio::time::sleep(ms(random.u64(100..5_000))).await;
    }
    assert!(longest <= ms(2_000), "{longest:?} to the first token, seed {SEED}");
    assert!(broken <= REPLIES / 50, "{broken} replies broke off, seed {SEED}");
}
