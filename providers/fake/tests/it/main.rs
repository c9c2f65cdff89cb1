//! The fakes keep the contract of every provider, keep time exactly, and fail as told.

mod contract;
mod drills;

use std::time::Duration;

use domain::{AudioFrame, MediaTime, SessionId, Voice};
use futures::StreamExt;
use providers_api::llm::Message;
use providers_api::{
    Embedder, ErrorKind, Llm, LlmEvent, LlmRequest, Stt, SttEvent, SttInput, SttRequest, Tts, TtsEvent,
    TtsInput, TtsRequest,
};
use providers_fake::{
    EmbedOptions, FakeEmbedder, FakeLlm, FakeStt, FakeTts, Fault, Lexicon, LlmOptions, SttOptions, TtsOptions,
};
use tokio::time::Instant;

fn voice(options: TtsOptions) -> FakeTts {
    FakeTts::new(options).expect("valid options")
}

fn tts_request() -> TtsRequest {
    TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() }
}

fn stt_request() -> SttRequest {
    SttRequest { session: SessionId::generate(), rate_hz: 16_000, language: None, keywords: Vec::new() }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[tokio::test(start_paused = true)]
async fn the_voice_is_on_time_to_the_millisecond() {
    let voice = voice(TtsOptions { first_byte_ms: 70, speed: 10.0, chunk_ms: 100, ..TtsOptions::default() });
    let mut stream = voice.open(tts_request()).await.expect("opens");
    let begun = Instant::now();
    stream.input.push(TtsInput::Sentence("abcdefghi".to_owned())).expect("open");
    let mut audio = Vec::new();
    while let Some(Ok(event)) = stream.events.next().await {
        match event {
            TtsEvent::Audio(frame) => audio.push((begun.elapsed(), frame.duration().as_duration())),
            TtsEvent::SentenceDone { .. } => break,
            _ => {}
        }
    }
    // 10 characters of 60 ms, ten times faster than real time, in pieces of 100 ms.
    let expected: Vec<_> = (0..6).map(|n| (ms(70 + 10 * n), ms(100))).collect();
    assert_eq!(audio, expected);
}

#[tokio::test(start_paused = true)]
async fn a_prepared_final_is_there_when_it_is_wanted() {
    let ear = FakeStt::new(SttOptions { final_delay_ms: 200, ..SttOptions::default() });
    for (prepare, expected) in [(true, ms(0)), (false, ms(200))] {
        let mut stream = ear.open(stt_request()).await.expect("opens");
        let speech = Lexicon::shared().speak("hello", 16_000, 60).0;
        let frame = AudioFrame { samples: speech, rate_hz: 16_000, at: MediaTime::ZERO };
        stream.input.push(SttInput::Audio(frame)).expect("open");
        if prepare {
            stream.input.push(SttInput::Prepare).expect("open");
        }
        // Polls the stream as a session does while the caller is silent.
        let _partials = tokio::time::timeout(ms(300), stream.events.by_ref().collect::<Vec<_>>()).await;
        stream.input.push(SttInput::Finalize).expect("open");
        let asked = Instant::now();
        let Some(Ok(SttEvent::Transcript(heard))) = stream.events.next().await else { panic!("no final") };
        assert_eq!((heard.text.as_str(), heard.is_final(), asked.elapsed()), ("hello", true, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn lines_stand_in_for_voices_that_a_fake_cannot_understand() {
    let options =
        SttOptions { lines: vec!["First.".to_owned(), "Second.".to_owned()], ..SttOptions::default() };
    let mut stream = FakeStt::new(options).open(stt_request()).await.expect("opens");
    let mut finals = Vec::new();
    for n in 0..3_u64 {
        for piece in 0..10 {
            let at = MediaTime::from_millis((n * 10 + piece) * 20);
            let frame = AudioFrame { samples: vec![2_000; 320], rate_hz: 16_000, at };
            stream.input.push(SttInput::Audio(frame)).expect("open");
        }
        stream
            .input
            .push(SttInput::Audio(AudioFrame::silence(16_000, MediaTime::from_millis(n))))
            .expect("open");
        stream.input.push(SttInput::Finalize).expect("open");
        while let Some(Ok(event)) = stream.events.next().await {
            if let SttEvent::Transcript(t) = event
                && t.is_final()
            {
                finals.push(t.text);
                break;
            }
        }
    }
    assert_eq!(finals, ["First.", "Second.", "First."]);
}

#[tokio::test(start_paused = true)]
async fn each_stream_has_the_fate_it_was_given() {
    let ear = FakeStt::new(SttOptions {
        faults: vec![Fault::Refuse, Fault::Garbage, Fault::CloseAfter { after_ms: 300 }],
        ..SttOptions::default()
    });
    let refused = ear.open(stt_request()).await.err().expect("refused");
    assert_eq!(refused.kind, ErrorKind::Unauthorized);
    let mut garbage = ear.open(stt_request()).await.expect("opens");
    garbage.input.push(SttInput::Finalize).expect("open");
    assert!(matches!(garbage.events.next().await, Some(Err(e)) if e.kind == ErrorKind::Protocol));
    let begun = Instant::now();
    let mut closed = ear.open(stt_request()).await.expect("opens");
    assert!(matches!(closed.events.next().await, Some(Err(e)) if e.kind == ErrorKind::Closed));
    assert_eq!(begun.elapsed(), ms(300));
    assert!(closed.events.next().await.is_none());
    assert_eq!(ear.faults().opened(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_language_model_streams_its_script_on_time() {
    let model = FakeLlm::new(LlmOptions::default());
    let messages = vec![Message::Caller("hello there".to_owned())];
    let request = LlmRequest::new(SessionId::generate(), "", messages);
    let begun = Instant::now();
    let mut reply = model.chat(request.clone()).await.expect("answers");
    let mut text = String::new();
    while let Some(Ok(LlmEvent::Text(token))) = reply.next().await {
        text.push_str(&token);
    }
    assert_eq!(text, "You said: hello there.");
    assert_eq!(begun.elapsed(), ms(50 + 4 * 10));
    model.faults().push(Fault::Mute);
    let mut silent = model.chat(request).await.expect("opens");
    assert!(tokio::time::timeout(ms(60_000), silent.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn embeddings_of_the_same_words_are_near_and_of_unit_length() {
    let embedder = FakeEmbedder::new(EmbedOptions::default());
    let texts = ["opening hours please", "your opening hours", "a taxi"].map(str::to_owned).to_vec();
    let vectors = embedder.embed(texts).await.expect("embeds");
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    assert!((dot(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-5);
    assert!(dot(&vectors[0], &vectors[1]) > dot(&vectors[0], &vectors[2]) + 0.3);
}
