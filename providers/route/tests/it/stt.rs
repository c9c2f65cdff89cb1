//! Ears: each demand answered once, with every word, whoever heard it.

use std::time::Duration;

use domain::{AudioFrame, MediaTime, Transcript};
use futures::{FutureExt, StreamExt};
use providers_api::{Error, ErrorKind, Stt, SttEvent, SttInput, SttStream};
use providers_fake::{Fault, Lexicon, SttOptions};
use providers_route::RouteEvent;
use tokio::time::Instant;

use crate::cast::{Scene, ms, stt_request, stt_route, who};

const SAID: &str = "hello there i would like to order two plants please";
const RATE_HZ: u32 = 16_000;

fn ears(fault: Fault) -> Vec<SttOptions> {
    vec![SttOptions { always: fault, ..SttOptions::default() }, SttOptions::default()]
}

/// A caller whose track goes on in real time, as a session pushes it.
pub(crate) struct Caller {
    stream: SttStream,
    at: MediaTime,
    pub finals: Vec<Transcript>,
    pub partials: Vec<String>,
    pub served: Vec<String>,
    pub error: Option<Error>,
    over: bool,
}

impl Caller {
    pub(crate) async fn call(stt: &dyn Stt) -> Self {
        let stream = stt.open(stt_request()).await.expect("opens");
        Self {
            stream,
            at: MediaTime::ZERO,
            finals: vec![],
            partials: vec![],
            served: vec![],
            error: None,
            over: false,
        }
    }

    pub(crate) async fn push(&mut self, samples: &[i16]) {
        for piece in samples.chunks(320) {
            let frame = AudioFrame { samples: piece.to_vec(), rate_hz: RATE_HZ, at: self.at };
            self.at = frame.end();
            if self.stream.input.push(SttInput::Audio(frame)).is_err() {
                return;
            }
            self.listen(ms(20)).await;
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        let samples = Lexicon::shared().speak(text, RATE_HZ, 60).0;
        self.push(&samples).await;
    }

    pub(crate) async fn silence(&mut self, length: Duration) {
        let samples = MediaTime::from_duration(length).as_samples(RATE_HZ) as usize;
        self.push(&vec![0; samples]).await;
    }

    /// How long the final took; audio goes on meanwhile.
    pub(crate) async fn finalize(&mut self) -> Duration {
        let (begun, before) = (Instant::now(), self.finals.len());
        self.stream.input.push(SttInput::Finalize).expect("open");
        while self.finals.len() == before && self.error.is_none() && begun.elapsed() < ms(20_000) {
            self.silence(ms(20)).await;
        }
        begun.elapsed()
    }

    async fn listen(&mut self, length: Duration) {
        let until = Instant::now() + length;
        while !self.over {
            let Ok(event) = tokio::time::timeout_at(until, self.stream.events.next()).await else { return };
            match event {
                Some(Ok(SttEvent::Transcript(t))) if t.is_final() => self.finals.push(t),
                Some(Ok(SttEvent::Transcript(t))) => self.partials.push(t.text),
                Some(Ok(SttEvent::Served(info))) => self.served.push(info.name.clone()),
                Some(Ok(_)) => {}
                Some(Err(error)) => self.error = Some(error),
                None => self.over = true,
            }
        }
        tokio::time::sleep_until(until).await;
    }

    fn texts(&self) -> Vec<&str> {
        self.finals.iter().map(|t| t.text.as_str()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn without_faults_the_first_hears_all() {
    let Scene { route, notes, .. } = stt_route(ears(Fault::None));
    let mut caller = Caller::call(&route).await;
    for round in 1..=3 {
        caller.say(SAID).await;
        assert!(caller.finalize().await <= ms(80));
        assert_eq!(caller.texts(), vec![SAID; round]);
    }
    assert_eq!(caller.served, ["first"]);
    drop(caller);
    assert_eq!(notes.outcomes(), who(&[("first", "cancelled")]));
    let usage = notes.attempts()[0].usage;
    assert!(usage.audio_in >= ms(9_000) && notes.attempts()[0].first_progress.is_some());
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_the_final_has_every_word_once_and_comes_in_time() {
    let faults = [
        // Taking the stream.
        Fault::Refuse,
        Fault::Unreachable,
        Fault::Hang,
        // Before the first word.
        Fault::Mute,
        Fault::Garbage,
        Fault::Empty,
        Fault::CloseAfter { after_ms: 60 },
        Fault::Slow { factor: 50 },
        // While it hears.
        Fault::CloseAfter { after_ms: 1_500 },
        Fault::CloseAfter { after_ms: 3_000 },
        Fault::Stall { after_ms: 300, for_ms: 60_000 },
        Fault::Stall { after_ms: 1_500, for_ms: 60_000 },
        Fault::Stall { after_ms: 2_500, for_ms: 2_000 },
    ];
    for fault in faults {
        let scene = stt_route(ears(fault));
        let mut caller = Caller::call(&scene.route).await;
        caller.silence(ms(200)).await;
        let begun = caller.at;
        caller.say(SAID).await;
        let took = caller.finalize().await;
        caller.silence(ms(2_000)).await;
        assert_eq!((caller.texts(), &caller.error), (vec![SAID], &None), "{fault:?}");
        assert!(took <= ms(1_000 + 50 + 150), "{fault:?}: {took:?}");
        let Transcript { from, to, .. } = &caller.finals[0];
        let slack = MediaTime::from_millis(200);
        assert!(*from + slack >= begun && *to <= caller.at && from < to, "{fault:?}: {from} to {to}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ear_that_breaks_anywhere_in_three_turns_costs_no_word() {
    for after_ms in (100..12_000).step_by(470) {
        let mut all = ears(Fault::None);
        all[0].faults = vec![Fault::CloseAfter { after_ms }];
        let scene = stt_route(all);
        let mut caller = Caller::call(&scene.route).await;
        for text in ["good morning", "two plants please", "that is all for today"] {
            caller.say(text).await;
            caller.silence(ms(300)).await;
            assert!(caller.finalize().await <= ms(300), "after {after_ms} ms");
            caller.silence(ms(1_000)).await;
        }
        let expected = ["good morning", "two plants please", "that is all for today"];
        assert_eq!((caller.texts(), &caller.error), (expected.to_vec(), &None), "after {after_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_turn_goes_back_to_the_first_where_its_breaker_allows() {
    let mut all = ears(Fault::None);
    all[0].faults = vec![Fault::CloseAfter { after_ms: 500 }];
    let Scene { route, notes, .. } = stt_route(all);
    let mut caller = Caller::call(&route).await;
    for _ in 0..2 {
        caller.say(SAID).await;
        caller.finalize().await;
    }
    assert_eq!(caller.texts(), [SAID, SAID]);
    assert_eq!(caller.served, ["first", "second", "first"]);
    assert_eq!(notes.outcomes(), who(&[("first", "failed"), ("second", "served")]));
}

#[tokio::test(start_paused = true)]
async fn a_noisy_line_opens_no_breaker_and_ends_no_call() {
    let Scene { route, notes, .. } = stt_route(ears(Fault::None));
    let mut caller = Caller::call(&route).await;
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..5 {
        let noise: Vec<i16> = (0..RATE_HZ as usize * 6).map(|_| random.i16(-1_500..1_500)).collect();
        caller.push(&noise).await;
        caller.finalize().await;
    }
    assert_eq!((caller.texts(), &caller.error), (vec![""; 5], &None));
    assert!(!notes.events().iter().any(|event| matches!(event, RouteEvent::BreakerOpened { .. })));
    assert!(notes.outcomes().iter().all(|(_, outcome)| *outcome != "failed"), "{:?}", notes.outcomes());
}

#[tokio::test(start_paused = true)]
async fn where_all_fail_the_error_goes_up_in_bounded_time() {
    for fault in [Fault::Refuse, Fault::Hang, Fault::Mute, Fault::Garbage] {
        let mut all = ears(fault);
        all[1].always = fault;
        let scene = stt_route(all);
        let mut caller = Caller::call(&scene.route).await;
        caller.say("hello").await;
        if caller.error.is_none() {
            let took = caller.finalize().await;
            assert!(took <= ms(5_000), "{fault:?}: {took:?}");
        }
        assert!(caller.error.is_some() && caller.finals.is_empty(), "{fault:?}: {:?}", caller.texts());
    }
}

#[tokio::test(start_paused = true)]
async fn the_most_hopeful_error_goes_up_and_not_the_last() {
    let mut all = ears(Fault::Unreachable);
    all[1].always = Fault::Refuse;
    let scene = stt_route(all);
    let mut caller = Caller::call(&scene.route).await;
    caller.say("hello").await;
    assert_eq!(caller.error.map(|error| error.kind), Some(ErrorKind::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn ears_that_close_while_nobody_speaks_follow_each_other_for_as_long_as_the_call() {
    let mut all = ears(Fault::CloseAfter { after_ms: 3_000 });
    all[1].always = Fault::CloseAfter { after_ms: 3_000 };
    for count in [2, 1] {
        let scene = stt_route(all[..count].to_vec());
        let mut caller = Caller::call(&scene.route).await;
        caller.silence(ms(60_000)).await;
        assert_eq!(caller.error, None, "{count} ears");
        caller.say("hello").await;
        caller.finalize().await;
        assert_eq!(caller.texts(), ["hello"], "{count} ears");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ear_that_hangs_with_the_final_leaves_the_next_its_time_and_all_of_them_keep_the_whole() {
    for hangs in [1, 2] {
        let mut all = ears(Fault::Stall { after_ms: 900, for_ms: 60_000 });
        if hangs == 2 {
            all[1].always = Fault::Hang;
        }
        let (setting, ..) = crate::cast::setting(providers_route::Options {
            give_up_after_ms: 2_000,
            ..providers_route::Options::stt()
        });
        let route = providers_route::SttRoute::new(crate::cast::named_stts(all), setting).expect("valid");
        let mut caller = Caller::call(&route).await;
        caller.say(SAID).await;
        let took = caller.finalize().await;
        assert!(took <= ms(2_000 + 50), "{hangs} hang: {took:?}");
        assert_eq!(caller.error.is_some(), hangs == 2);
    }
}

#[tokio::test(start_paused = true)]
async fn segments_without_partials_are_not_taken_for_silence() {
    let slow = SttOptions { partial_delay_ms: 60_000, ..SttOptions::default() };
    let (setting, notes, _health) = crate::cast::setting(providers_route::Options::stt());
    let mut alternatives = crate::cast::named_stts(vec![slow, SttOptions::default()]);
    alternatives[0].partials = false;
    let route = providers_route::SttRoute::new(alternatives, setting).expect("valid");
    let mut caller = Caller::call(&route).await;
    caller.say(SAID).await;
    caller.finalize().await;
    assert_eq!((caller.texts(), caller.served.clone()), (vec![SAID], vec!["first".to_owned()]));
    assert!(notes.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_uses_costs_nothing_when_it_is_dropped() {
    let Scene { route, notes, .. } = stt_route(ears(Fault::Hang));
    let mut stream = route.open(stt_request()).await.expect("opens");
    assert!(stream.events.next().now_or_never().is_none());
    drop(stream);
    assert_eq!(notes.outcomes(), who(&[("first", "cancelled")]));
}

#[tokio::test(start_paused = true)]
async fn half_a_sentence_of_an_ear_that_hangs_is_taken_back_when_the_final_is_due() {
    let scene = stt_route(ears(Fault::Stall { after_ms: 900, for_ms: 60_000 }));
    let mut caller = Caller::call(&scene.route).await;
    caller.say("hello there two plants please").await;
    let told = caller.partials.last().cloned().unwrap_or_default();
    assert!(told.starts_with("hello") && !told.contains("please"), "{told:?}");
    let took = caller.finalize().await;
    assert_eq!(caller.texts(), ["hello there two plants please"]);
    // Half the wait for a final: less than a session waits before it goes on with what it has.
    assert!(took <= ms(500 + 150), "{took:?}");
    let words = |text: &&String| text.is_empty();
    assert_eq!(caller.partials.iter().filter(words).count(), 1, "{:?}", caller.partials);
}

#[tokio::test(start_paused = true)]
async fn an_ear_that_falls_silent_while_the_voice_goes_on_is_replaced_before_the_end() {
    let long = [SAID, SAID].join(" ");
    let scene = stt_route(ears(Fault::Stall { after_ms: 900, for_ms: 60_000 }));
    let mut caller = Caller::call(&scene.route).await;
    caller.say(&long).await;
    assert_eq!(caller.served, ["first", "second"], "while the caller spoke");
    assert!(caller.finalize().await <= ms(80));
    assert_eq!(caller.texts(), [&long]);
    assert_eq!(scene.notes.outcomes(), who(&[("first", "failed"), ("second", "served")]));
    assert!(
        !caller.partials.iter().any(String::is_empty),
        "a longer partial takes the place of the one before"
    );
}

#[tokio::test(start_paused = true)]
async fn a_voice_without_words_behind_a_word_asks_another_once_and_blames_nobody() {
    let one_word = || SttOptions { lines: vec!["hello".to_owned()], ..SttOptions::default() };
    let scene = stt_route(vec![one_word(), one_word()]);
    let mut caller = Caller::call(&scene.route).await;
    let hum: Vec<i16> = (0..RATE_HZ * 8).map(|n| if n % 80 < 40 { 3_000 } else { -3_000 }).collect();
    caller.push(&hum).await;
    caller.finalize().await;
    assert_eq!((caller.texts(), &caller.error), (vec!["hello"], &None));
    assert_eq!(caller.served, ["first", "second"]);
    assert!(
        scene.notes.outcomes().iter().all(|(_, outcome)| *outcome == "served"),
        "{:?}",
        scene.notes.outcomes()
    );
}
