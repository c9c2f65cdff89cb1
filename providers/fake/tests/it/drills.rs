//! What a drill does to a provider: at its moment, in its way, for as long as it lasts; and nothing before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{AudioFrame, MediaTime};
use futures::StreamExt;
use providers_api::{
    Error, ErrorKind, Llm, LlmEvent, LlmRequest, Message, Stt, SttEvent, SttInput, Tts, TtsEvent, TtsInput,
};
use providers_fake::drill::{Fault, Moment, SLOW};
use providers_fake::{Drilled, FakeLlm, FakeStt, FakeTts, Lexicon, LlmOptions, SttOptions, TtsOptions};
use tokio::time::Instant;

use crate::{ms, stt_request, tts_request};

const LONG: &str = "We open every weekday at nine sharp.";

fn voice(fault: Fault, moment: Moment) -> Drilled<dyn Tts> {
    Drilled::new(Arc::new(FakeTts::new(TtsOptions::default()).expect("valid")), fault, moment)
}

fn model(fault: Fault, moment: Moment) -> Drilled<dyn Llm> {
    let otherwise = LONG.to_owned();
    Drilled::new(Arc::new(FakeLlm::new(LlmOptions { otherwise, ..LlmOptions::default() })), fault, moment)
}

fn request() -> LlmRequest {
    LlmRequest::new(domain::SessionId::generate(), "Be brief.", vec![Message::Caller("hello".to_owned())])
}

/// How much audio came in ms, how many sentences were done, and how it ended; `None`: neither well nor badly in 20 s.
async fn spoken(voice: &Drilled<dyn Tts>) -> (u64, usize, Option<Result<(), ErrorKind>>) {
    let (mut heard, mut done) = (0, 0);
    let listening = async {
        let mut stream = voice.open(tts_request()).await?;
        stream.input.push(TtsInput::Sentence(LONG.to_owned())).expect("open");
        drop(stream.input);
        while let Some(event) = stream.events.next().await {
            match event? {
                TtsEvent::Audio(frame) => heard += frame.duration().as_duration().as_millis() as u64,
                TtsEvent::SentenceDone { .. } => done += 1,
                _ => {}
            }
        }
        Ok::<(), Error>(())
    };
    let ended = tokio::time::timeout(ms(20_000), listening).await.ok();
    (heard, done, ended.map(|ended| ended.map_err(|error| error.kind)))
}

async fn answered(model: &Drilled<dyn Llm>) -> (String, Option<Result<(), ErrorKind>>) {
    let mut text = String::new();
    let listening = async {
        let mut stream = model.chat(request()).await?;
        while let Some(event) = stream.next().await {
            if let LlmEvent::Text(piece) = event? {
                text += &piece;
            }
        }
        Ok::<(), Error>(())
    };
    let ended = tokio::time::timeout(ms(20_000), listening).await.ok();
    (text, ended.map(|ended| ended.map_err(|error| error.kind)))
}

fn reported(fault: Fault) -> Option<Result<(), ErrorKind>> {
    match fault {
        Fault::Refuse => Some(Err(ErrorKind::Unreachable)),
        Fault::Garbage => Some(Err(ErrorKind::Protocol)),
        Fault::Close => Some(Err(ErrorKind::Closed)),
        Fault::Quota => Some(Err(ErrorKind::Exhausted)),
        Fault::Slow | Fault::Silence => Some(Ok(())),
        Fault::Hang => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_voice_is_struck_at_its_moment_and_gives_nothing_beyond_it() {
    let (whole, ..) = spoken(&voice(Fault::Hang, Moment::BetweenTurns)).await;
    assert!(whole > 2_000, "{whole}");
    for fault in Fault::ALL {
        for moment in [Moment::Connect, Moment::BeforeOutput, Moment::MidSentence] {
            let begun = Instant::now();
            let (heard, done, ended) = spoken(&voice(fault, moment)).await;
            let cell = format!("{fault:?} {moment:?}: {heard} ms");
            assert_eq!(ended, reported(fault), "{cell}");
            match (fault, moment) {
                (Fault::Slow, _) => {
                    assert!(heard == whole && done == 1 && begun.elapsed() >= SLOW, "{cell}");
                }
                (_, Moment::MidSentence) => assert!((400..500).contains(&heard), "{cell}"),
                _ => assert_eq!(heard, 0, "{cell}"),
            }
            assert_eq!(done, usize::from(matches!(fault, Fault::Slow | Fault::Silence)), "{cell}");
        }
        let between = voice(fault, Moment::BetweenTurns);
        assert_eq!(spoken(&between).await, (whole, 1, Some(Ok(()))), "{fault:?}: the first turn is served");
        let (heard, _, ended) = spoken(&between).await;
        assert_eq!((heard == whole, ended), (fault == Fault::Slow, reported(fault)), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_is_struck_at_its_moment_and_says_nothing_beyond_it() {
    for fault in Fault::ALL {
        for (moment, before) in
            [(Moment::Connect, ""), (Moment::BeforeOutput, ""), (Moment::MidSentence, "We open every ")]
        {
            let (text, ended) = answered(&model(fault, moment)).await;
            let expected = if fault == Fault::Slow { LONG } else { before };
            assert_eq!((text.as_str(), ended), (expected, reported(fault)), "{fault:?} {moment:?}");
        }
        let between = model(fault, Moment::BetweenTurns);
        assert_eq!(answered(&between).await, (LONG.to_owned(), Some(Ok(()))), "{fault:?}");
        assert_eq!(answered(&between).await.1, reported(fault), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn recognition_that_runs_breaks_in_the_pause_after_a_turn_and_stays_broken() {
    let ear: Drilled<dyn Stt> =
        Drilled::new(Arc::new(FakeStt::new(SttOptions::default())), Fault::Close, Moment::BetweenTurns);
    let mut stream = ear.open(stt_request()).await.expect("opens");
    let speech = Lexicon::shared().speak("hello there", 16_000, 60).0;
    stream
        .input
        .push(SttInput::Audio(AudioFrame { samples: speech, rate_hz: 16_000, at: MediaTime::ZERO }))
        .expect("open");
    stream.input.push(SttInput::Finalize).expect("open");
    let mut finals = Vec::new();
    let error = loop {
        match stream.events.next().await.expect("it breaks") {
            Ok(SttEvent::Transcript(transcript)) if transcript.is_final() => finals.push(transcript.text),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!((finals, error.kind), (vec!["hello there".to_owned()], ErrorKind::Closed));
    assert_eq!(ear.open(stt_request()).await.err().map(|error| error.kind), Some(ErrorKind::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_is_over_strikes_nothing_that_is_asked_for_then() {
    let over = Arc::new(AtomicBool::new(false));
    let voice = voice(Fault::Quota, Moment::Connect).until(Arc::clone(&over));
    assert_eq!(spoken(&voice).await.2, Some(Err(ErrorKind::Exhausted)));
    over.store(true, Ordering::Relaxed);
    let (heard, done, ended) = spoken(&voice).await;
    assert!(heard > 2_000 && done == 1 && ended == Some(Ok(())), "{heard} {done} {ended:?}");
}
