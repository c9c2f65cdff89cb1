//! Vendors that fail: what the caller hears then, and how soon.

use domain::{DeadAir, EndReason, SessionEvent};
use media_session::Said;
use media_session::lines::NOT_UNDERSTOOD;
use providers_fake::Fault;
use tokio::time::Instant;

use crate::dialogue::{Step, say};
use crate::sim::{APOLOGY, Setup, Sim, ms, plain, rendered, shipped, wait};

const QUESTION: &str = "what are your opening hours";
const LONG: &str =
    "We are open from nine to five on every weekday. On Saturdays we open at ten in the morning.";

/// The apology, or the answer, must be audible this soon after the caller's last sample.
const PATIENCE_MS: u64 = 3_000;

/// However the end of a turn is found, and with a phrase that is waited for the longest.
fn pauses() -> [(Setup, &'static str); 3] {
    [(plain(), QUESTION), (shipped(), QUESTION), (shipped(), "my number is")]
}

async fn ask(sim: &Sim) -> Instant {
    say_to(sim, QUESTION).await
}

/// When the last voiced sample was said.
async fn say_to(sim: &Sim, text: &str) -> Instant {
    wait(300).await;
    sim.caller.say(text).await;
    Instant::now()
}

async fn answered_in_time(sim: &Sim, asked: Instant, what: &str) {
    sim.until(6_000, |e| matches!(e, SessionEvent::AgentTurn { .. })).await;
    let first = sim.caller.first_sound_after(asked).expect("not silent");
    assert!(first - asked <= ms(PATIENCE_MS), "{what}: silent for {:?}", first - asked);
}

async fn apologised(sim: &Sim, asked: Instant) {
    answered_in_time(sim, asked, "the apology").await;
    assert_eq!(sim.caller.heard_since(asked), APOLOGY);
    assert_eq!(sim.agent_turns(), [(APOLOGY.to_owned(), false)], "it is remembered as what was said");
    assert!(sim.saw(|e| matches!(e, SessionEvent::Failed { .. })));
}

fn dead_air(sim: &Sim, cause: DeadAir) -> bool {
    sim.saw(|e| matches!(e, SessionEvent::DeadAir { cause: c, .. } if *c == cause))
}

/// Promise 41: a stream that opens and gives nothing.
#[tokio::test(start_paused = true)]
async fn a_voice_that_hangs_is_followed_by_the_apology_within_three_seconds() {
    for fault in [Fault::Mute, Fault::Hang] {
        for (mut setup, text) in pauses() {
            setup.tts.always = fault;
            let sim = Sim::start(setup).await;
            let asked = say_to(&sim, text).await;
            apologised(&sim, asked).await;
            assert!(dead_air(&sim, DeadAir::Synthesis));
            assert!(sim.saw(|e| matches!(e, SessionEvent::Failed { code, .. } if code == "TTS_TIMED_OUT")));
            assert!(sim.tts.opened() >= 2, "tried once more before");
        }
    }
}

/// Promises 42 and 45: a refused key, a quota that answers success without audio.
#[tokio::test(start_paused = true)]
async fn a_voice_that_refuses_or_gives_nothing_is_followed_by_the_apology_at_once() {
    for fault in [Fault::Refuse, Fault::Unreachable, Fault::Garbage, Fault::Empty] {
        let mut setup = plain();
        setup.tts.always = fault;
        let sim = Sim::start(setup).await;
        let asked = ask(&sim).await;
        apologised(&sim, asked).await;
        let first = sim.caller.first_sound_after(asked).expect("not silent");
        assert!(first - asked < ms(1_000), "{fault:?}: {:?}", first - asked);
    }
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_fails_once_is_replaced_and_nobody_notices() {
    for fault in [Fault::Garbage, Fault::Empty, Fault::Unreachable, Fault::Mute] {
        let mut setup = plain();
        setup.tts.faults = vec![fault];
        let sim = Sim::start(setup).await;
        ask(&sim).await;
        assert_eq!(sim.agent_turn(1).await.0, format!("You said {QUESTION} indeed."), "{fault:?}");
        assert_eq!(sim.caller.heard(), format!("You said {QUESTION} indeed."), "{fault:?}");
        assert!(dead_air(&sim, DeadAir::Synthesis), "the wait has a name: {fault:?}");
    }
}

/// Promise 48: a stream that drops mid-sentence. No word twice, none lost, but the one that broke.
#[tokio::test(start_paused = true)]
async fn a_voice_that_breaks_off_goes_on_with_the_words_that_are_missing() {
    let mut setup = plain();
    setup.tts.faults = vec![Fault::CloseAfter { after_ms: 300 }];
    setup.replies = vec![vec![say(LONG)]];
    let sim = Sim::start(setup).await;
    ask(&sim).await;
    assert_eq!(sim.agent_turn(1).await.0, LONG);
    let heard = sim.caller.heard();
    let (heard, long): (Vec<_>, Vec<_>) = (heard.split(' ').collect(), LONG.split(' ').collect());
    assert!(long.len().abs_diff(heard.len()) <= 1, "{heard:?}");
    assert_eq!(sim.tts.opened(), 2);
}

/// What is left of the sentence that broke off is a sentence of its own: nobody is told of it twice, and what was said
/// for the third sentence does not hold for the second.
#[tokio::test(start_paused = true)]
async fn a_voice_that_breaks_off_keeps_what_was_said_for_the_sentences_after_it() {
    const LAST: &str = "Please hold the line until all of this has been said to you.";
    for (speaks_at_ms, interrupted) in [(3_300, true), (6_200, false)] {
        let mut setup = plain();
        setup.tts.faults = vec![Fault::CloseAfter { after_ms: 200 }];
        setup.replies = vec![vec![say(LONG), Step::Say(Said::Interruptible(false)), say(LAST)]];
        let sim = Sim::listening(setup, QUESTION, speaks_at_ms).await;
        let saying = sim.events().into_iter().filter_map(|event| match event {
            SessionEvent::AgentSaying { text, .. } => Some(text),
            _ => None,
        });
        assert_eq!(saying.collect::<Vec<_>>().join(" "), format!("{LONG} {LAST}"));
        assert_eq!(sim.tts.opened(), 2, "it broke off");
        sim.caller.say("wait a moment please I have a question").await;
        let (text, cut) = sim.agent_turn(1).await;
        assert_eq!(cut, interrupted, "{text:?}");
        assert_eq!(text.ends_with(LAST), !interrupted, "{text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_never_works_ends_the_call_with_a_reason() {
    let mut setup = plain();
    setup.tts.always = Fault::Mute;
    let sim = Sim::start(setup).await;
    for n in 1..=3 {
        ask(&sim).await;
        sim.agent_turn(n).await;
    }
    assert_eq!(sim.ended().await, EndReason::ProviderFailed);
    assert_eq!(sim.caller.heard(), [APOLOGY; 3].join(" "));
}

/// Promise 52: bursts without a buffer are heard as cuts.
#[tokio::test(start_paused = true)]
async fn bursts_are_played_without_a_gap_while_there_is_audio() {
    for (chunk_ms, speed) in [(400, 1.0), (1_000, 2.0), (20, 1.05), (250, 10.0)] {
        let mut setup = plain();
        (setup.tts.chunk_ms, setup.tts.speed) = (chunk_ms, speed);
        setup.replies = vec![vec![say(LONG)]];
        let sim = Sim::start(setup).await;
        ask(&sim).await;
        sim.agent_turn(1).await;
        assert_eq!(sim.caller.heard(), LONG, "{chunk_ms} ms at {speed}");
        assert!(longest_gap_ms(&sim) <= 40, "{chunk_ms} ms at {speed}: {} ms", longest_gap_ms(&sim));
    }
}

/// Between packets of one run of speech, by when they came.
fn longest_gap_ms(sim: &Sim) -> u64 {
    let state = sim.caller.state.lock().expect("not poisoned");
    let gaps = state.received.windows(2).map(|pair| (pair[1].at - pair[0].at).as_millis() as u64);
    gaps.max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn a_stall_in_mid_reply_is_counted_as_dead_air_and_the_rest_is_heard() {
    let mut setup = plain();
    setup.tts.faults = vec![Fault::Stall { after_ms: 2_000, for_ms: 1_000 + 2_000 }];
    setup.tts.speed = 1.0;
    setup.options.waits.next_audio_ms = 5_000;
    setup.replies = vec![vec![say(LONG)]];
    let sim = Sim::start(setup).await;
    ask(&sim).await;
    assert_eq!(sim.agent_turn(1).await, (LONG.to_owned(), false));
    assert!(dead_air(&sim, DeadAir::Underrun));
    let heard = sim.caller.heard();
    assert!(heard.split(' ').count().abs_diff(LONG.split(' ').count()) <= 1, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stall_that_lasts_is_not_waited_for() {
    let mut setup = plain();
    setup.tts.faults = vec![Fault::Stall { after_ms: 1_500, for_ms: 600_000 }];
    setup.replies = vec![vec![say(LONG)]];
    let sim = Sim::start(setup).await;
    ask(&sim).await;
    assert_eq!(sim.agent_turn(1).await.0, LONG, "the rest came from a new stream");
    assert_eq!(sim.tts.opened(), 2);
}

/// A voice that breaks off in mid-reply and comes back on no stream, or breaks off on each.
#[tokio::test(start_paused = true)]
async fn a_voice_that_is_lost_for_good_in_mid_reply_is_followed_by_the_apology_within_three_seconds() {
    let stall = Fault::Stall { after_ms: 1_500, for_ms: 600_000 };
    for always in [Fault::Mute, Fault::Hang, stall] {
        let mut setup = plain();
        (setup.tts.faults, setup.tts.always) = (vec![stall], always);
        setup.replies = vec![vec![say(LONG)]];
        let sim = Sim::start(setup).await;
        ask(&sim).await;
        let (text, _) = sim.agent_turn(1).await;
        assert!(text.starts_with("We are open") && text.ends_with(APOLOGY), "{always:?}: {text:?}");
        let sounds = sim.caller.sounds();
        let silent = sounds.windows(2).map(|pair| pair[1] - pair[0]).max().expect("spoke");
        assert!(silent <= ms(2_800), "{always:?}: silent for {silent:?}");
        assert_eq!(sim.tts.opened(), 2, "{always:?}");
    }
}

/// Promises 13 and 14: what had come is still heard, then the apology; the memory has both.
#[tokio::test(start_paused = true)]
async fn a_voice_that_fails_while_it_is_ducked_says_what_it_has_and_apologises() {
    let mut setup = shipped();
    setup.options.turn.speculation.enabled = false;
    setup.tts.speed = 2.0;
    (setup.tts.faults, setup.tts.always) = (vec![Fault::CloseAfter { after_ms: 2_150 }], Fault::Refuse);
    setup.replies = vec![vec![say(LONG)]];
    let sim = Sim::listening(setup, QUESTION, 1_500).await;
    sim.caller.cough(650);
    sim.until_nth(1_000, 2, failed).await;
    assert!(sim.saw(|e| matches!(e, SessionEvent::Ducked { .. })));
    assert!(!sim.saw(|e| matches!(e, SessionEvent::Resumed { .. })), "it failed while it was ducked");
    let (text, _) = sim.agent_turn(1).await;
    assert!(text.ends_with(APOLOGY), "{text:?}");
    let (heard, said) = (sim.caller.heard(), text.split(' ').count());
    // The word in which it was ducked may sound twice, that in which it broke off may be half a word.
    assert!(heard.split(' ').count().abs_diff(said) <= 1, "{heard:?} of {text:?}");
}

/// Promise 48: recognition that drops is opened anew and hears again what it had not finished.
#[tokio::test(start_paused = true)]
async fn a_recogniser_that_fails_once_is_replaced_and_the_question_is_answered() {
    for fault in
        [Fault::Unreachable, Fault::Hang, Fault::Garbage, Fault::CloseAfter { after_ms: 1_200 }, Fault::Mute]
    {
        let mut setup = plain();
        setup.stt.faults = vec![fault];
        let sim = Sim::start(setup).await;
        let asked = ask(&sim).await;
        let (text, _) = sim.agent_turn(1).await;
        assert_eq!(text, format!("You said {QUESTION} indeed."), "{fault:?}");
        let first = sim.caller.first_sound_after(asked).expect("answered");
        assert!(first - asked <= ms(PATIENCE_MS), "{fault:?}: {:?}", first - asked);
        assert_eq!(sim.stt.opened(), 2, "{fault:?}");
    }
}

/// Promise 41 for recognition: the caller is not left in silence, however little they said.
#[tokio::test(start_paused = true)]
async fn a_recogniser_that_hangs_for_good_is_answered_within_three_seconds() {
    for fault in [Fault::Mute, Fault::Hang] {
        for (mut setup, text) in [(plain(), QUESTION), (shipped(), QUESTION), (shipped(), "hello?")] {
            setup.stt.always = fault;
            let sim = Sim::start(setup).await;
            let asked = say_to(&sim, text).await;
            answered_in_time(&sim, asked, &format!("{fault:?}, {text:?}")).await;
            assert!(dead_air(&sim, DeadAir::Recognition), "{fault:?}");
        }
    }
}

/// Where recognition and synthesis share what hangs, the request is at hand; and where it could not be rendered, the
/// apology is.
#[tokio::test(start_paused = true)]
async fn a_recogniser_and_a_voice_that_hang_together_are_answered_within_three_seconds() {
    for (clips, expected) in [(rendered(NOT_UNDERSTOOD), NOT_UNDERSTOOD), (Default::default(), APOLOGY)] {
        for text in [QUESTION, "hello?"] {
            let mut setup = shipped();
            setup.clips = clips.clone();
            (setup.stt.always, setup.tts.always) = (Fault::Mute, Fault::Mute);
            let sim = Sim::start(setup).await;
            let asked = say_to(&sim, text).await;
            answered_in_time(&sim, asked, text).await;
            assert_eq!(sim.caller.heard_since(asked), expected);
        }
    }
}

/// What an agent says then is its own, in the words that were rendered in its voice.
#[tokio::test(start_paused = true)]
async fn an_agent_apologises_and_asks_again_in_its_own_words() {
    let setup = || {
        let mut setup = shipped();
        setup.options.lines.apology = "One moment please.".to_owned();
        setup.options.lines.not_understood = "Please say that again.".to_owned();
        setup.clips = rendered("One moment please. Please say that again.");
        setup
    };
    for (ear_hangs, expected) in [(false, "One moment please."), (true, "Please say that again.")] {
        let mut setup = setup();
        setup.tts.always = Fault::Mute;
        setup.stt.always = if ear_hangs { Fault::Mute } else { Fault::None };
        let sim = Sim::start(setup).await;
        let asked = say_to(&sim, QUESTION).await;
        answered_in_time(&sim, asked, expected).await;
        assert_eq!(sim.caller.heard_since(asked), expected);
        assert_eq!(sim.agent_turns(), [(expected.to_owned(), false)], "it is remembered as what was said");
    }
}

/// Recognition dies while the agent is ducked: neither its reply nor the apology may wait for a decision that no word
/// will bring.
#[tokio::test(start_paused = true)]
async fn a_recogniser_that_dies_while_the_agent_is_ducked_is_apologised_for_at_once() {
    for fault in [Fault::Refuse, Fault::Garbage] {
        let mut setup = shipped();
        setup.replies = vec![vec![say(LONG)]];
        setup.stt.faults = vec![Fault::CloseAfter { after_ms: 5_000 }];
        setup.stt.always = fault;
        let sim = Sim::listening(setup, QUESTION, 0).await;
        tokio::time::sleep_until(sim.started + ms(4_850)).await;
        sim.caller.cough(650);
        let ducked = sim.until(1_000, |e| matches!(e, SessionEvent::Ducked { .. })).await;
        let died = sim.until_nth(1_000, if fault == Fault::Refuse { 2 } else { 3 }, failed).await;
        assert!(ducked < died && !sim.saw(|e| matches!(e, SessionEvent::Resumed { .. })), "{fault:?}");
        assert_eq!(sim.ended().await, EndReason::ProviderFailed);
        let first = sim.caller.first_sound_after(died).expect("not silent");
        assert!(first - died <= ms(100), "{fault:?}: silent for {:?}", first - died);
        let (reply, apology) = (&sim.agent_turns()[0], &sim.agent_turns()[1]);
        assert!(reply.1 && LONG.starts_with(&reply.0), "{fault:?}: {reply:?}");
        assert_eq!(apology, &(APOLOGY.to_owned(), false), "{fault:?}");
        assert!(sim.started.elapsed() < std::time::Duration::from_secs(9), "{fault:?}");
    }
}

fn failed(event: &SessionEvent) -> bool {
    matches!(event, SessionEvent::Failed { .. })
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_refuses_ends_the_call_after_the_apology() {
    let mut setup = plain();
    setup.stt.always = Fault::Refuse;
    let sim = Sim::start(setup).await;
    assert_eq!(sim.ended().await, EndReason::ProviderFailed);
    assert_eq!(sim.caller.heard(), APOLOGY);
    assert!(sim.saw(|e| matches!(e, SessionEvent::Failed { code, .. } if code == "STT_UNAUTHORIZED")));
}

/// A dialogue that hangs is a wait like any other.
#[tokio::test(start_paused = true)]
async fn a_dialogue_that_hangs_is_followed_by_the_apology_and_the_next_turn_works() {
    for (mut setup, text) in pauses() {
        setup.replies = vec![vec![Step::Hang]];
        let sim = Sim::start(setup).await;
        let asked = say_to(&sim, text).await;
        apologised(&sim, asked).await;
        assert!(dead_air(&sim, DeadAir::Thinking));
        assert!(sim.saw(|e| matches!(e, SessionEvent::Failed { code, .. } if code == "DIALOGUE_TIMED_OUT")));
        ask(&sim).await;
        assert_eq!(sim.agent_turn(2).await.0, format!("You said {QUESTION} indeed."));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialogue_that_fails_says_so_and_the_caller_hears_the_apology() {
    let mut setup = plain();
    let failure = domain::Failure::provider("LLM_LIMITED", domain::Retry::Now);
    setup.replies = vec![vec![Step::Say(Said::Failed { failure, message: "over quota".to_owned() })]];
    let sim = Sim::start(setup).await;
    let asked = ask(&sim).await;
    apologised(&sim, asked).await;
    assert!(sim.saw(|e| matches!(e, SessionEvent::Failed { code, .. } if code == "LLM_LIMITED")));
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_the_dialogue_has_words_for_is_on_record_and_not_apologised_for() {
    let mut setup = plain();
    let failure = domain::Failure::provider("LLM_UNREACHABLE", domain::Retry::Now);
    let trouble = Said::Trouble { failure, message: "no model answered".to_owned() };
    setup.replies = vec![vec![Step::Say(trouble), Step::Say(Said::Text("Sorry, ask me again.".to_owned()))]];
    let sim = Sim::start(setup).await;
    ask(&sim).await;
    assert_eq!(sim.agent_turn(1).await.0, "Sorry, ask me again.");
    let failed = |e: &SessionEvent| matches!(e, SessionEvent::Failed { code, turn: Some(turn), .. } if code == "LLM_UNREACHABLE" && turn.0 == 1);
    assert!(sim.saw(failed));
    assert!(!dead_air(&sim, DeadAir::Thinking));
}

/// Promise 43: a reply without words is no failure.
#[tokio::test(start_paused = true)]
async fn an_empty_reply_is_no_failure() {
    let mut setup = plain();
    let noted = Said::Noted { name: "booked".to_owned(), value: serde_json::json!({"day": "Monday"}) };
    setup.replies = vec![vec![Step::Think(50), Step::Say(noted)], vec![]];
    let sim = Sim::start(setup).await;
    ask(&sim).await;
    wait(3_500).await;
    ask(&sim).await;
    wait(3_500).await;
    assert_eq!(sim.caller.heard(), "");
    assert!(!sim.saw(|e| matches!(e, SessionEvent::Failed { .. } | SessionEvent::DeadAir { .. })));
    assert!(sim.saw(|e| matches!(e, SessionEvent::Noted { name, .. } if name == "booked")));
    ask(&sim).await;
    assert_eq!(sim.agent_turn(1).await.0, format!("You said {QUESTION} indeed."));
}

/// A sentence rendered before needs no voice at all.
#[tokio::test(start_paused = true)]
async fn a_rendered_greeting_is_heard_though_the_voice_is_dead() {
    let mut setup = crate::sim::Setup::default();
    let (samples, _) = providers_fake::Lexicon::shared().speak("Welcome to us.", 16_000, 60);
    let clip =
        media_session::Clip { text: "Welcome to us.".to_owned(), samples: samples.into(), rate_hz: 16_000 };
    setup.clips.insert(clip.text.clone(), clip);
    setup.greeting = vec![say("Welcome to us.")];
    setup.tts.always = Fault::Hang;
    let sim = Sim::start(setup).await;
    assert_eq!(sim.agent_turn(1).await, ("Welcome to us.".to_owned(), false));
    assert_eq!((sim.caller.heard().as_str(), sim.tts.opened()), ("Welcome to us.", 0));
    let first = sim.caller.first_sound_after(sim.started).expect("heard");
    assert!(first - sim.started <= ms(80), "{:?}", first - sim.started);
}
