//! The embedded voice: loud enough, without gaps, in time, and understood by the embedded recogniser.

use std::sync::LazyLock;
use std::time::Duration;

use domain::{AudioFrame, Language, MediaTime, SessionId, Voice, Word};
use futures::{FutureExt as _, StreamExt as _};
use providers_api::conformance::{self, Trial};
use providers_api::{ErrorKind, Stt, SttEvent, SttInput, SttRequest, Tts, TtsEvent, TtsInput, TtsRequest};
use providers_local::tts::{LocalTts, Variation};

use crate::models::{engine, store, stt};
use crate::speech::Errors;

/// As a recogniser may write it, and as it is given to the voice.
const SENTENCES: [(&str, &str); 20] = [
    ("I would like to check the status of my order.", "I would like to check the status of my order."),
    ("Your order number is 47291.", "Your order number is 47291."),
    ("Can you please cancel my subscription?", "Can you please cancel my subscription?"),
    ("You can reset your password when you log in.", "You can reset your password when you log in."),
    (
        "We are open from Monday to Saturday, nine to six.",
        "We are open from Monday to Saturday, nine to six.",
    ),
    (
        "Our opening hours on Saturday are from ten to four.",
        "Our opening hours on Saturday are from ten to four.",
    ),
    ("I will transfer you to a human agent.", "I will transfer you to a human agent."),
    (
        "Your appointment is on Tuesday at 3:30 in the afternoon.",
        "Your appointment is on Tuesday at 3:30 in the afternoon.",
    ),
    ("Thank you very much for your call, goodbye.", "Thank you very much for your call, goodbye."),
    ("Did you say Thursday or Tuesday?", "Did you say Thursday or Tuesday?"),
    (
        "A haircut costs thirty-five dollars and takes about forty minutes.",
        "A haircut costs $35 and takes about 40 minutes.",
    ),
    (
        "You can find us at 12 Market Street, next to the library.",
        "You can find us at 12 Market Street, next to the library.",
    ),
    ("May I have your name, please?", "May I have your name, please?"),
    ("I am sorry, I did not understand that.", "I am sorry, I did not understand that."),
    ("Would you prefer the morning or the afternoon?", "Would you prefer the morning or the afternoon?"),
    ("Thank you, Maria Lopez.", "Thank you, Maria Lopez."),
    (
        "Is there anything else I can help you with today?",
        "Is there anything else I can help you with today?",
    ),
    ("Your phone number is 555-0142, is that correct?", "Your phone number is 555-0142, is that correct?"),
    ("We also offer hair coloring and a beard trim.", "We also offer hair coloring and a beard trim."),
    ("See you on Wednesday the 3rd of June.", "See you on Wednesday the 3rd of June."),
];

/// As callers hear it. It says nothing twice alike, so a test that judges its samples would judge chance.
static NATURAL: LazyLock<LocalTts> =
    LazyLock::new(|| LocalTts::load(&engine(), &store()).expect("the voice loads"));
/// The same voice without chance.
static EVEN: LazyLock<LocalTts> = LazyLock::new(even);

fn even() -> LocalTts {
    LocalTts::load_with(&engine(), &store(), Variation::None).expect("the voice loads")
}

#[derive(Default)]
struct Heard {
    /// 24 kHz.
    samples: Vec<i16>,
    words: Vec<Vec<Word>>,
    done: Vec<usize>,
    /// Where pieces of audio meet.
    seams: Vec<usize>,
}

fn request() -> TtsRequest {
    TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() }
}

async fn speak(voice: &LocalTts, sentences: &[&str]) -> Heard {
    let mut stream = voice.open(request()).await.expect("opens");
    for sentence in sentences {
        stream.input.send(TtsInput::Sentence((*sentence).to_owned())).await.expect("takes text");
    }
    drop(stream.input);
    let mut heard = Heard::default();
    while let Some(event) = stream.events.next().await {
        match event.expect("speaks") {
            TtsEvent::Audio(frame) => {
                assert_eq!(frame.rate_hz, 24_000);
                assert_eq!(frame.at.as_samples(24_000), heard.samples.len() as u64, "no gap");
                heard.seams.push(heard.samples.len());
                heard.samples.extend(frame.samples);
            }
            TtsEvent::Words { sentence, words } => {
                heard.words.resize(sentence + 1, Vec::new());
                heard.words[sentence] = words;
            }
            TtsEvent::SentenceDone { sentence } => heard.done.push(sentence),
            TtsEvent::Usage(_) | TtsEvent::Served(_) => {}
        }
    }
    heard
}

fn rms_dbfs(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum();
    10.0 * (energy / samples.len().max(1) as f64).max(1e-12).log10()
}

/// Level while speaking: blocks of 20 ms that are no pause.
fn speech_dbfs(samples: &[i16]) -> f64 {
    let voiced: Vec<i16> =
        samples.chunks(480).filter(|block| rms_dbfs(block) > -45.0).flatten().copied().collect();
    rms_dbfs(&voiced)
}

#[tokio::test]
async fn every_sentence_is_equally_loud_starts_at_once_and_ends_with_a_pause() {
    let mut levels = Vec::new();
    for (_, text) in SENTENCES {
        let heard = speak(&EVEN, &[text]).await;
        levels.push(speech_dbfs(&heard.samples));
        assert!(heard.samples.iter().all(|s| s.unsigned_abs() < 32_700), "clips: {text}");
        let onset = heard.samples.chunks(120).position(|block| rms_dbfs(block) > -52.0);
        assert!(
            onset.is_some_and(|blocks| blocks <= 4),
            "silence of {onset:?} blocks of 5 ms before: {text}"
        );
        let tail = &heard.samples[heard.samples.len() - 24 * 100..];
        assert!(rms_dbfs(tail) < -50.0, "no pause after: {text}");
        assert_eq!(heard.done, [0]);
    }
    let mean = levels.iter().sum::<f64>() / levels.len() as f64;
    println!("levels while speaking, mean {mean:.1} dBFS: {levels:.1?}");
    assert!((mean + 23.0).abs() < 1.0, "{mean:.1} dBFS");
    // Half or double the power is where a listener begins to remark that a sentence is quieter or louder.
    assert!(levels.iter().all(|level| (level + 23.0).abs() < 3.0), "{levels:.1?}");
}

/// 24 kHz to the recogniser's 16: two samples for three, after a low-pass at 7 kHz.
fn for_the_recogniser(samples: &[i16]) -> Vec<i16> {
    const HALF: i32 = 24;
    let tap = |x: f64| {
        let angle = std::f64::consts::TAU * 7_000.0 / 24_000.0 * x;
        let sinc = if x.abs() < 1e-9 { 1.0 } else { angle.sin() / angle };
        sinc * (0.5 + 0.5 * (std::f64::consts::PI * x / f64::from(HALF)).cos()) * 7.0 / 12.0
    };
    let at = |n: i64| usize::try_from(n).ok().and_then(|n| samples.get(n)).copied().unwrap_or_default();
    let one = |n: usize| {
        let centre = n as f64 * 1.5;
        let middle = centre.floor() as i64;
        let sum: f64 = (-HALF..=HALF)
            .map(|d| f64::from(at(middle + i64::from(d))) * tap(centre - (middle + i64::from(d)) as f64))
            .sum();
        sum.clamp(-32_768.0, 32_767.0) as i16
    };
    (0..samples.len() * 2 / 3).map(one).collect()
}

async fn recognised(samples: &[i16]) -> String {
    const RATE_HZ: u32 = 16_000;
    let request =
        SttRequest { session: SessionId::generate(), rate_hz: RATE_HZ, language: None, keywords: Vec::new() };
    let mut stream = stt().open(request).await.expect("opens");
    let silence = vec![0; 6_400];
    let audio = [silence.as_slice(), samples, silence.as_slice()].concat();
    for (n, samples) in audio.chunks(320).enumerate() {
        let frame = AudioFrame {
            samples: samples.to_vec(),
            rate_hz: RATE_HZ,
            at: MediaTime::from_samples(320 * n as u64, RATE_HZ),
        };
        while !stream.input.push(SttInput::Audio(frame.clone())).expect("listens") {
            // Full: let it take what it has.
            let _ = tokio::time::timeout(Duration::from_millis(5), stream.events.next()).await;
        }
    }
    stream.input.send(SttInput::Finalize).await.expect("listens");
    loop {
        match stream.events.next().await.expect("a final").expect("recognises") {
            SttEvent::Transcript(transcript) if transcript.is_final() => return transcript.text,
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_it_says_is_understood() {
    const CEILING_PERCENT: f64 = 8.0;
    let mut errors = Errors::default();
    for (written, text) in SENTENCES {
        let heard = recognised(&for_the_recogniser(&speak(&EVEN, &[text]).await.samples)).await;
        let found = Errors::of(written, &heard);
        if found.wrong > 0 {
            println!("{} wrong: {written} -> {heard}", found.wrong);
        }
        errors.add(found);
    }
    println!(
        "word errors of the embedded voice by the embedded recogniser: {:.1} % of {}",
        errors.percent(),
        errors.words
    );
    assert!(errors.percent() <= CEILING_PERCENT, "{:.1} %", errors.percent());
}

#[tokio::test]
async fn it_keeps_the_contract_of_text_to_speech() {
    let trial = Trial {
        usage: false,
        ..Trial::new(|duration| tokio::time::sleep(duration).boxed(), Duration::from_secs(30))
    };
    conformance::tts(&*NATURAL, &trial).await.expect("keeps it");
}

/// The seams where the wave steps further than it does by itself close by, with the step and the longest around it.
fn jumps(samples: &[i16], seams: &[usize]) -> Vec<(usize, i32, i32)> {
    /// A period of the voice at its lowest, 80 Hz: on either side lies a whole one, with the steepest step that the
    /// voice makes in it.
    const PERIOD: usize = 300;
    /// What speech hides: a single step 30 dB below the voice's level of -23 dBFS is not heard while it speaks.
    const HIDDEN: i32 = 73;
    let step = |at: usize| (i32::from(samples[at]) - i32::from(samples[at - 1])).abs();
    let inside = seams.iter().copied().filter(|at| *at > PERIOD && at + PERIOD < samples.len());
    inside
        .map(|seam| {
            let around = (seam - PERIOD..seam + PERIOD).filter(|at| *at != seam).map(step);
            (seam, step(seam), around.max().unwrap_or_default())
        })
        .filter(|(_, step, around)| *step > around + HIDDEN)
        .collect()
}

#[tokio::test]
async fn where_windows_meet_nothing_jumps() {
    let heard = speak(&EVEN, &[SENTENCES[7].1, SENTENCES[11].1, SENTENCES[16].1]).await;
    assert!(heard.seams.len() > 8);
    let found = jumps(&heard.samples, &heard.seams);
    assert!(found.is_empty(), "sample, step, longest step around it: {found:?}");
    // The measure hears what it is meant to: pieces whose first 5 ms are missing.
    let ends = heard.seams.iter().skip(1).copied().chain([heard.samples.len()]);
    let mut cut = Vec::new();
    let mut seams = Vec::new();
    for (from, to) in heard.seams.iter().copied().zip(ends) {
        seams.push(cut.len());
        cut.extend_from_slice(&heard.samples[from + 120..to]);
    }
    assert!(
        !jumps(&cut, &seams).is_empty(),
        "5 ms were cut out at each of {seams:?} and nothing was noticed"
    );
}

#[tokio::test]
async fn words_are_the_written_ones_and_lie_inside_the_audio() {
    let texts = ["Call 555-0142 \u{2014} or come at 3:30 p.m. on 5/12!", "Goodbye."];
    let heard = speak(&EVEN, &texts).await;
    assert_eq!(heard.done, [0, 1]);
    let mut end = 0;
    for (text, words) in texts.iter().zip(&heard.words) {
        let written: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(written, text.split_whitespace().collect::<Vec<_>>());
        for word in words {
            assert!(word.from <= word.to && word.from.as_samples(24_000) >= end, "{word:?} before {end}");
            end = word.from.as_samples(24_000);
        }
        end = words.last().map(|word| word.to.as_samples(24_000)).unwrap_or_default();
    }
    let whole = heard.samples.len() as u64;
    println!("the last word ends at {end} of {whole} samples");
    assert!(end <= whole);
    assert!(end > whole - 24 * 600, "the last word ends near the end");
}

/// A caller who heard everything heard the last word: it ends with the voice, not in the pause behind it.
#[tokio::test]
async fn the_last_word_of_a_sentence_ends_with_the_voice() {
    const PAUSE: usize = 24 * 200;
    for text in [
        "Goodbye.",
        "Is there anything else I can do for you?",
        "A haircut is twenty-five dollars and takes half an hour, or a little less.",
    ] {
        let heard = speak(&EVEN, &[text]).await;
        let last = heard.words[0].last().expect("it has words").to.as_samples(24_000) as usize;
        println!("{text}: the last word ends at {last} of {}", heard.samples.len());
        assert!(last + PAUSE <= heard.samples.len(), "{text}: {last} of {}", heard.samples.len());
    }
}

#[tokio::test]
async fn text_without_a_sound_is_done_alone() {
    let heard = speak(&EVEN, &["", "...", "\u{1f600}", "Yes."]).await;
    assert_eq!(heard.done, [0, 1, 2, 3]);
    assert!(heard.words.iter().take(3).all(Vec::is_empty));
    assert!(heard.samples.len() > 24 * 200);
}

#[tokio::test]
async fn a_repeated_sentence_is_the_same_to_the_sample() {
    let text = "What was said before is said again without any work.";
    speak(&NATURAL, &[text]).await;
    let (first, second) = (speak(&NATURAL, &[text]).await, speak(&NATURAL, &[text]).await);
    assert!(!first.samples.is_empty());
    assert!(
        first.samples == second.samples,
        "the voice never says a thing twice alike: this came from the cache"
    );
    assert_eq!(first.words, second.words);
}

/// What every other test here that judges samples stands on.
#[tokio::test]
async fn without_variation_two_voices_say_a_thing_alike_and_with_it_they_do_not() {
    let text = "Two voices, neither of which has said this before.";
    let (first, second) = (speak(&EVEN, &[text]).await, speak(&even(), &[text]).await);
    assert!(first.samples.len() > 24_000);
    assert!(first.samples == second.samples, "chance is left in the voice");
    assert_eq!(first.words, second.words);
    let natural = speak(&NATURAL, &[text]).await;
    assert!(first.samples != natural.samples, "a caller hears the voice as it was made");
}

#[tokio::test]
async fn a_very_long_sentence_is_spoken_whole_in_parts() {
    let text = ["and then we went to the market, bought some bread"; 12].join(", ");
    let heard = speak(&EVEN, &[&text]).await;
    assert_eq!(heard.words[0].len(), text.split_whitespace().count());
    assert!(heard.words[0].is_sorted_by_key(|word| word.from));
    assert!(heard.samples.len() > 24_000 * 20);
}

#[tokio::test]
async fn other_languages_are_refused() {
    let voice = Voice { language: Language("de".to_owned()), ..Voice::default() };
    let refused = EVEN.open(TtsRequest { session: SessionId::generate(), turn: None, voice }).await;
    assert_eq!(refused.err().map(|error| error.kind), Some(ErrorKind::Rejected));
}

#[tokio::test]
async fn slower_takes_longer() {
    let at = |speed: f32| async move {
        let mut stream = EVEN
            .open(TtsRequest {
                session: SessionId::generate(),
                turn: None,
                voice: Voice { speed, ..Voice::default() },
            })
            .await
            .expect("opens");
        stream
            .input
            .send(TtsInput::Sentence("This is how fast I speak today.".to_owned()))
            .await
            .expect("takes text");
        drop(stream.input);
        let events = stream.events.collect::<Vec<_>>().await;
        events
            .into_iter()
            .map(|event| if let Ok(TtsEvent::Audio(frame)) = event { frame.samples.len() } else { 0 })
            .sum::<usize>()
    };
    let (slow, fast) = (at(0.7).await, at(1.4).await);
    assert!(slow as f64 > fast as f64 * 1.4, "{slow} against {fast}");
}
