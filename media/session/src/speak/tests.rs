use std::sync::{Mutex, PoisonError};

use domain::{TurnId, Word};
use futures::FutureExt;
use providers_api::ProviderInfo;

use super::*;

const RATE_HZ: u32 = 16_000;

/// Each stream gives these, whatever it is asked, and ends.
struct Streams(ProviderInfo, Mutex<VecDeque<Vec<TtsEvent>>>);

impl Tts for Streams {
    fn info(&self) -> &ProviderInfo {
        &self.0
    }

    fn open(&self, _: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let events = self.1.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default();
        let (input, taken) = Sink::bounded(8);
        let events = futures::stream::iter(events).map(move |event| {
            let _open = &taken;
            Ok(event)
        });
        let events = events.boxed();
        std::future::ready(Ok(TtsStream { input, events })).boxed()
    }
}

fn voice(streams: impl Into<VecDeque<Vec<TtsEvent>>>) -> Voice {
    let info = ProviderInfo {
        name: "test".to_owned(),
        model: "voice".to_owned(),
        rate_hz: RATE_HZ,
        ..ProviderInfo::default()
    };
    let speaker = Speaker {
        tts: Arc::new(Streams(info, Mutex::new(streams.into()))),
        voice: VoiceChoice::default(),
        session: SessionId::generate(),
        clips: Arc::default(),
    };
    Voice::new(speaker, TurnId(1))
}

/// "One two." of a second, nearly all of it the second word.
fn one_two() -> Vec<TtsEvent> {
    let word = |text: &str, from, to| Word {
        text: text.to_owned(),
        from: MediaTime::from_millis(from),
        to: MediaTime::from_millis(to),
    };
    let words = vec![word("One", 0, 100), word("two.", 100, 1_000)];
    let frame = AudioFrame { samples: vec![4_000; RATE_HZ as usize], rate_hz: RATE_HZ, at: MediaTime::ZERO };
    vec![
        TtsEvent::Words { sentence: 0, words },
        TtsEvent::Audio(frame),
        TtsEvent::SentenceDone { sentence: 0 },
    ]
}

/// Takes what comes until the stream is closed.
async fn until_closed(voice: &mut Voice) -> Result<(), Error> {
    while !matches!(voice.stream, Stream::Closed) {
        let came = voice.next().await;
        voice.take(came, Instant::now())?;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_that_ends_when_it_owes_nothing_is_followed_by_another_and_is_no_failure() {
    let mut voice = voice([one_two(), one_two(), Vec::new(), one_two()]);
    for _ in 0..2 {
        voice.say("One two.", Instant::now());
        until_closed(&mut voice).await.expect("ends in good order");
    }
    let heard = |voice: &Voice, at| voice.history().heard(MediaTime::from_millis(at)).text;
    assert_eq!(heard(&voice, 1_060), "One two. One", "word times of the second stream");
    assert!(!voice.was_retried());
    voice.say("One two.", Instant::now());
    until_closed(&mut voice).await.expect_err("it has given nothing");
    let again = voice.retry(Instant::now()).expect("the first failure");
    assert!(again.inserted.is_empty() && voice.was_retried());
    until_closed(&mut voice).await.expect("ends in good order");
    assert_eq!(heard(&voice, 2_060), "One two. One two. One");
    voice.say("One two.", Instant::now());
    until_closed(&mut voice).await.expect_err("it has given nothing");
    assert!(voice.retry(Instant::now()).is_none(), "the second");
}

#[tokio::test]
async fn what_the_playout_takes_for_silence_is_no_voice() {
    for (quieter_by, audible) in [(0, true), (1, false)] {
        let samples = vec![media_core::level::AUDIBLE as i16 - quieter_by; 320];
        let frame = AudioFrame { samples, rate_hz: RATE_HZ, at: MediaTime::ZERO };
        let mut voice = voice([vec![TtsEvent::Audio(frame), TtsEvent::SentenceDone { sentence: 0 }]]);
        voice.say("One two.", Instant::now());
        assert_eq!(until_closed(&mut voice).await.is_ok(), audible);
        assert_eq!(voice.first_audible().is_some(), audible);
    }
}
