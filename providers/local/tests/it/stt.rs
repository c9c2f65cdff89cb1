//! Recognition: word error rates by kind of speech, and the contract of a stream.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, SessionId, Transcript};
use futures::{FutureExt as _, StreamExt as _};
use providers_api::conformance::{self, Trial};
use providers_api::{Ability, ErrorKind, Stt as _, SttEvent, SttInput, SttRequest, SttStream};

use crate::models::stt;
use crate::speech::{Clip, Errors, clip, clips};

const RATE_HZ: u32 = 16_000;
/// Ceilings with room for the few words of the files: the rates themselves stand in docs/models.md.
const WORST_PERCENT: f64 = 15.0;

fn request() -> SttRequest {
    SttRequest { session: SessionId::generate(), rate_hz: RATE_HZ, language: None, keywords: Vec::new() }
}

/// A caller on an open stream.
struct Caller {
    stream: SttStream,
    at: MediaTime,
    partials: Vec<Transcript>,
}

impl Caller {
    async fn dial() -> Self {
        let stream = stt().open(request()).await.expect("room for a stream");
        Self { stream, at: MediaTime::ZERO, partials: Vec::new() }
    }

    /// Gives samples in frames of 20 ms, letting the stream work in between.
    async fn say(&mut self, samples: &[i16]) {
        for samples in samples.chunks(320) {
            let frame = AudioFrame { samples: samples.to_vec(), rate_hz: RATE_HZ, at: self.at };
            self.at = frame.end();
            self.give(SttInput::Audio(frame)).await;
        }
    }

    async fn silence(&mut self, millis: usize) {
        self.say(&vec![0; millis * 16]).await;
    }

    async fn give(&mut self, input: SttInput) {
        self.stream.input.send(input).await.expect("the stream is open");
        while let Some(event) = self.stream.events.next().now_or_never() {
            match event.expect("the stream is open").expect("no failure") {
                SttEvent::Transcript(transcript) => {
                    assert!(!transcript.is_final(), "a final nobody asked for: {transcript:?}");
                    self.partials.push(transcript);
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    async fn finalize(&mut self) -> Transcript {
        self.stream.input.send(SttInput::Finalize).await.expect("the stream is open");
        self.next_final().await
    }

    async fn next_final(&mut self) -> Transcript {
        loop {
            match self.stream.events.next().await.expect("the stream is open").expect("no failure") {
                SttEvent::Transcript(transcript) if transcript.is_final() => return transcript,
                SttEvent::Transcript(transcript) => self.partials.push(transcript),
                other => panic!("unexpected {other:?}"),
            }
        }
    }
}

/// Backchannels are made-up noises whose spelling is arbitrary; they are judged apart.
fn is_judged(clip: &Clip) -> bool {
    !clip.file.starts_with("backchannel")
}

fn report(name: &str, heard: &[(Clip, String)]) {
    let mut by_kind: BTreeMap<&str, Errors> = BTreeMap::new();
    for (clip, text) in heard {
        let errors = Errors::of(&clip.text, text);
        if errors.wrong > 0 {
            println!("{name}: {} {:?} heard as {text:?}", clip.file, clip.text);
        }
        by_kind.entry(&clip.kind).or_default().add(errors);
    }
    assert!(by_kind.contains_key("human") && by_kind.contains_key("tts"));
    for (kind, errors) in by_kind {
        println!("{name}: {kind} word error rate {:.1} % of {} words", errors.percent(), errors.words);
        assert!(errors.percent() <= WORST_PERCENT, "{name}, {kind}: {:.1} %", errors.percent());
    }
}

#[test]
fn whole_clips_are_understood() {
    let clips = clips().into_iter().filter(is_judged);
    let hear = |clip: Clip| {
        let text = stt().recognise_blocking(&clip.samples()).expect("the model runs");
        (clip, text)
    };
    report("whole", &clips.map(hear).collect::<Vec<_>>());
}

#[tokio::test]
async fn streamed_clips_are_understood_as_well() {
    let mut heard = Vec::new();
    for clip in clips().into_iter().filter(is_judged) {
        let mut caller = Caller::dial().await;
        caller.silence(600).await;
        caller.say(&clip.samples()).await;
        caller.silence(200).await;
        caller.give(SttInput::Prepare).await;
        caller.silence(400).await;
        let text = caller.finalize().await.text;
        heard.push((clip, text));
    }
    report("streamed", &heard);
}

#[tokio::test]
async fn it_keeps_the_contract_of_speech_to_text() {
    let trial = Trial {
        speech: clip("desk_book.wav").samples(),
        rate_hz: RATE_HZ,
        word: "appointment".to_owned(),
        // None are made while the machine is busy, with other tests say.
        partials: false,
        usage: false,
        ..Trial::new(|duration| tokio::time::sleep(duration).boxed(), Duration::from_secs(20))
    };
    conformance::stt(stt(), &trial).await.unwrap();
}

#[tokio::test]
async fn noise_and_silence_give_no_words() {
    let mut caller = Caller::dial().await;
    caller.silence(3_000).await;
    assert_eq!(caller.finalize().await.text, "");
    // A fixed seed: the same noise each time.
    let mut state = 0x1234_5678_u32;
    let mut noise = |amplitude: f32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as f32 / 32_768.0 - 1.0) * amplitude
    };
    let steady: Vec<i16> = (0..48_000).map(|_| noise(600.0) as i16).collect();
    caller.say(&steady).await;
    assert_eq!(caller.finalize().await.text, "");
    let bursts: Vec<i16> =
        (0..48_000).map(|n| noise(if n % 16_000 < 3_200 { 8_000.0 } else { 20.0 }) as i16).collect();
    caller.say(&bursts).await;
    assert_eq!(caller.finalize().await.text, "");
}

#[tokio::test]
async fn speech_after_prepare_is_in_the_final() {
    let mut caller = Caller::dial().await;
    caller.say(&clip("desk_book.wav").samples()).await;
    caller.silence(200).await;
    caller.give(SttInput::Prepare).await;
    caller.say(&clip("desk_day_time.wav").samples()).await;
    caller.silence(200).await;
    let text = caller.finalize().await.text.to_lowercase();
    assert!(text.contains("appointment") && text.contains("tuesday"), "{text}");
    assert_eq!(caller.finalize().await.text, "");
}

#[tokio::test]
async fn what_is_said_while_a_final_is_computed_belongs_to_the_next() {
    let mut caller = Caller::dial().await;
    caller.say(&clip("desk_book.wav").samples()).await;
    caller.silence(200).await;
    caller.stream.input.send(SttInput::Finalize).await.unwrap();
    let late = clip("desk_price.wav").samples();
    for samples in late.chunks(320) {
        let frame = AudioFrame { samples: samples.to_vec(), rate_hz: RATE_HZ, at: caller.at };
        caller.at = frame.end();
        caller.stream.input.send(SttInput::Audio(frame)).await.unwrap();
    }
    caller.stream.input.send(SttInput::Finalize).await.unwrap();
    let first = caller.next_final().await;
    let second = caller.next_final().await;
    assert!(first.text.to_lowercase().contains("appointment"), "{first:?}");
    assert!(second.text.to_lowercase().contains("how much"), "{second:?}");
    assert!(first.to <= second.from);
}

#[tokio::test]
async fn partials_come_while_the_caller_speaks() {
    // Partials are left out while other work waits, so this caller has a pool of its own.
    let (engine, stt) = crate::models::own_stt();
    let stream = stt.open(request()).await.expect("room for a stream");
    let mut caller = Caller { stream, at: MediaTime::ZERO, partials: Vec::new() };
    for samples in clip("human_two_cities_2.wav").samples().chunks(8_000) {
        engine.pool().background_done().await;
        caller.say(samples).await;
        // The pass of a partial runs on another thread; it ends before the next half second of audio.
        engine.pool().background_done().await;
        if let Some(event) = caller.stream.events.next().now_or_never() {
            match event.expect("the stream is open").expect("no failure") {
                SttEvent::Transcript(transcript) => caller.partials.push(transcript),
                other => panic!("unexpected {other:?}"),
            }
        }
    }
    let text = caller.finalize().await.text;
    assert!(caller.partials.len() >= 3, "{} partials before {text:?}", caller.partials.len());
    assert!(caller.partials.iter().all(|partial| !partial.text.is_empty()));
}

#[tokio::test]
async fn half_a_minute_without_a_pause_loses_no_words() {
    let clip = clip("human_two_cities_2.wav");
    let mut caller = Caller::dial().await;
    let mut seconds = 0;
    let mut times = 0;
    while seconds < 30 {
        let samples = clip.samples();
        for samples in samples.chunks(320) {
            let frame = AudioFrame { samples: samples.to_vec(), rate_hz: RATE_HZ, at: caller.at };
            caller.at = frame.end();
            caller.stream.input.send(SttInput::Audio(frame)).await.unwrap();
            // Let it take what it was given; finals come where it cuts by itself.
            if let Some(Some(Ok(SttEvent::Transcript(transcript)))) =
                caller.stream.events.next().now_or_never()
            {
                caller.partials.push(transcript);
            }
        }
        seconds += samples.len() / 16_000;
        times += 1;
    }
    drop(caller.stream.input);
    let mut text =
        caller.partials.iter().filter(|t| t.is_final()).map(|t| t.text.clone()).collect::<Vec<_>>();
    while let Some(event) = caller.stream.events.next().await {
        if let SttEvent::Transcript(transcript) = event.unwrap()
            && transcript.is_final()
        {
            text.push(transcript.text);
        }
    }
    assert!(text.len() >= 2, "{text:?}");
    let errors = Errors::of(&[clip.text.as_str()].repeat(times).join(" "), &text.join(" "));
    println!("half a minute: word error rate {:.1} % of {} words", errors.percent(), errors.words);
    assert!(errors.percent() <= WORST_PERCENT, "{text:?}");
}

#[tokio::test]
async fn words_have_times_in_the_order_they_were_said() {
    let mut caller = Caller::dial().await;
    caller.silence(1_000).await;
    let samples = clip("desk_name.wav").samples();
    caller.say(&samples).await;
    let transcript = caller.finalize().await;
    assert_eq!(transcript.words.len(), transcript.text.split_whitespace().count());
    assert!(transcript.words.windows(2).all(|pair| pair[0].to <= pair[1].from));
    assert!(transcript.from >= MediaTime::from_millis(900) && transcript.to <= caller.at);
    assert!(transcript.confidence.is_some_and(|c| c > 0.5), "{transcript:?}");
}

#[tokio::test]
async fn what_it_cannot_hear_is_refused_with_a_reason() {
    let wrong_rate = SttRequest { rate_hz: 8_000, ..request() };
    let error = stt().open(wrong_rate).await.err().expect("refused");
    assert_eq!((error.ability, error.kind), (Ability::Stt, ErrorKind::Rejected));
    let german = SttRequest { language: Some(domain::Language("de-CH".to_owned())), ..request() };
    assert_eq!(stt().open(german).await.err().expect("refused").kind, ErrorKind::Rejected);
    let mut caller = Caller::dial().await;
    let frame = AudioFrame { samples: vec![0; 960], rate_hz: 48_000, at: MediaTime::ZERO };
    caller.stream.input.send(SttInput::Audio(frame)).await.unwrap();
    let error = caller.stream.events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(caller.stream.events.next().await.is_none());
}
