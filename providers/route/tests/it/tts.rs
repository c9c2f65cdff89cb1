//! Voices: every sentence once, whoever speaks it, and no long silence between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{AudioFrame, MediaTime, Voice, Word};
use futures::future::{BoxFuture, ready};
use futures::{FutureExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, ProviderInfo, Sink, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream,
};
use providers_fake::drill::{self, Moment};
use providers_fake::{Drilled, FakeTts, Fault, Lexicon, Named, TtsOptions};
use providers_route::{Alternative, Options, RouteEvent, Setting, TtsRoute, Why};
use tokio::time::Instant;

use crate::cast::{Scene, ms, setting, tts_request, tts_route, who};

const TEXT: [&str; 3] = [
    "Good morning and welcome to the garden shop.",
    "We open at nine and close at six.",
    "Would you like to order something today?",
];

fn voices(fault: Fault) -> Vec<TtsOptions> {
    vec![TtsOptions { always: fault, ..TtsOptions::default() }, TtsOptions::default()]
}

/// What a session makes of one turn.
#[derive(Default)]
pub(crate) struct Heard {
    pub served: Vec<String>,
    pub done: Vec<usize>,
    /// The last words given for each sentence.
    pub words: BTreeMap<usize, Vec<Word>>,
    pub samples: Vec<i16>,
    /// Longest wait for audio while there was none to play.
    pub silence: Duration,
    pub error: Option<Error>,
}

impl Heard {
    pub(crate) fn said(&self) -> Vec<String> {
        let text =
            |words: &Vec<Word>| words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        self.words.values().map(text).collect()
    }

    /// The words that are in the samples; one that broke off and was begun again counts once.
    pub(crate) fn audible(&self) -> Vec<String> {
        let words = Lexicon::shared().understand(&self.samples, 24_000);
        let mut words: Vec<_> = words.into_iter().map(|placed| placed.word).collect();
        words.dedup();
        words
    }
}

pub(crate) async fn speak(tts: &dyn Tts, request: TtsRequest, text: &[&str]) -> Heard {
    let mut stream = tts.open(request).await.expect("opens");
    for sentence in text {
        stream.input.push(TtsInput::Sentence((*sentence).to_owned())).expect("open");
    }
    drop(stream.input);
    let mut heard = Heard::default();
    let mut dry = Instant::now();
    while let Some(event) = stream.events.next().await {
        match event {
            Ok(TtsEvent::Served(info)) => heard.served.push(info.name.clone()),
            Ok(TtsEvent::Audio(frame)) => {
                let now = Instant::now();
                heard.silence = heard.silence.max(now.saturating_duration_since(dry));
                dry = dry.max(now) + frame.duration().as_duration();
                let at = MediaTime::from_samples(heard.samples.len() as u64, frame.rate_hz);
                assert_eq!(frame.at, at, "positions without gaps");
                heard.samples.extend(frame.samples);
            }
            Ok(TtsEvent::Words { sentence, words }) => drop(heard.words.insert(sentence, words)),
            Ok(TtsEvent::SentenceDone { sentence }) => heard.done.push(sentence),
            Ok(TtsEvent::Usage(_)) => {}
            Err(error) => {
                heard.silence = heard.silence.max(Instant::now().saturating_duration_since(dry));
                heard.error = Some(error);
            }
        }
    }
    heard
}

fn all_words() -> Vec<String> {
    TEXT.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
}

#[track_caller]
fn assert_whole(heard: &Heard, fault: Fault, longest: Duration) {
    assert_eq!(heard.error, None, "{fault:?}");
    assert_eq!(heard.done, [0, 1, 2], "{fault:?}");
    assert_eq!(heard.said(), TEXT, "{fault:?}: words of the history");
    assert_eq!(heard.audible(), all_words(), "{fault:?}: words that sound");
    assert!(heard.silence <= longest, "{fault:?}: {:?} of silence", heard.silence);
}

#[tokio::test(start_paused = true)]
async fn without_faults_the_first_speaks_alone() {
    let Scene { route, notes, .. } = tts_route(voices(Fault::None));
    let heard = speak(&route, tts_request(), &TEXT).await;
    assert_whole(&heard, Fault::None, ms(50));
    assert_eq!(heard.served, ["first"]);
    assert_eq!(notes.outcomes(), who(&[("first", "served")]));
    let attempt = &notes.attempts()[0];
    assert_eq!((attempt.why, attempt.first_progress), (Why::First, Some(ms(50))));
    let characters = TEXT.iter().map(|text| text.len() as u64).sum::<u64>();
    assert_eq!((attempt.usage.characters, attempt.usage.estimated), (characters, true));
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_before_the_first_sample_the_second_speaks_it_all_in_time() {
    let faults = [
        (Fault::Refuse, 0),
        (Fault::Unreachable, 0),
        (Fault::Hang, 600),
        (Fault::Mute, 600),
        (Fault::Garbage, 0),
        (Fault::Empty, 0),
        (Fault::CloseAfter { after_ms: 20 }, 20),
        (Fault::Slow { factor: 100 }, 600),
        (Fault::Stall { after_ms: 0, for_ms: 60_000 }, 600),
    ];
    for (fault, added) in faults {
        let scene = tts_route(voices(fault));
        let heard = speak(&scene.route, tts_request(), &TEXT).await;
        assert_whole(&heard, fault, ms(added + 50 + 150));
        assert_eq!(heard.served, ["second"], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_breaks_off_anywhere_costs_no_word() {
    for after_ms in (60..1_400).step_by(45) {
        let fault = Fault::CloseAfter { after_ms };
        let scene = tts_route(voices(fault));
        let heard = speak(&scene.route, tts_request(), &TEXT).await;
        assert_whole(&heard, fault, ms(200));
    }
    for after_ms in (100..9_000).step_by(230) {
        let fault = Fault::Stall { after_ms, for_ms: 60_000 };
        let scene = tts_route(voices(fault));
        let heard = speak(&scene.route, tts_request(), &TEXT).await;
        assert_whole(&heard, fault, ms(1_200 + 50 + 150));
    }
}

/// A voice that is faster than it is played has broken off in the second sentence while the first is still heard.
#[tokio::test(start_paused = true)]
async fn a_sentence_that_nobody_can_have_heard_yet_is_spoken_by_one_voice() {
    for after_ms in (340..500).step_by(20) {
        let fault = Fault::CloseAfter { after_ms };
        let mut all = voices(fault);
        all.iter_mut().for_each(|voice| voice.speed = 10.0);
        let scene = tts_route(all);
        let heard = speak(&scene.route, tts_request(), &TEXT).await;
        assert_whole(&heard, fault, ms(200));
        assert_eq!(heard.served, ["first", "second"], "{fault:?}");
        let whole = TEXT[1..].iter().map(|text| text.len() as u64).sum::<u64>();
        let spoken = scene.notes.attempts()[1].usage.characters;
        assert_eq!(spoken, whole, "{fault:?}: the second voice says both sentences to their ends");
    }
}

#[tokio::test(start_paused = true)]
async fn the_turn_stays_with_whoever_took_over_and_the_next_asks_the_first_again() {
    let mut all = voices(Fault::None);
    all[0].faults = vec![Fault::CloseAfter { after_ms: 200 }];
    let Scene { route, notes, .. } = tts_route(all);
    assert_eq!(speak(&route, tts_request(), &TEXT).await.served, ["first", "second"]);
    assert_eq!(speak(&route, tts_request(), &TEXT).await.served, ["first"]);
    assert_eq!(notes.outcomes(), who(&[("first", "failed"), ("second", "served"), ("first", "served")]));
    assert!(matches!(notes.events().as_slice(), [RouteEvent::Switched { .. }]));
}

#[tokio::test(start_paused = true)]
async fn a_voice_without_words_that_breaks_off_is_told_and_the_session_goes_on_with_another() {
    let mut all = voices(Fault::CloseAfter { after_ms: 300 });
    all.iter_mut().for_each(|voice| voice.words = false);
    let scene = tts_route(all);
    let request = tts_request();
    let heard = speak(&scene.route, request.clone(), &TEXT).await;
    let error = heard.error.expect("nobody knows what was said");
    assert_eq!((error.kind, error.provider.as_str()), (ErrorKind::Closed, "first"));
    assert!(heard.done.len() < 3);
    let again = speak(&scene.route, request, &TEXT[1..]).await;
    assert_eq!((again.served, again.done), (vec!["second".to_owned()], vec![0, 1]));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_speak_reaches_no_vendor_and_blames_nobody() {
    let Scene { route, notes, .. } = tts_route(voices(Fault::Mute));
    let heard = speak(&route, tts_request(), &["", " … ", "?!"]).await;
    assert_eq!((heard.done, heard.error), (vec![0, 1, 2], None));
    assert!(notes.attempts().iter().all(|attempt| attempt.usage.characters == 0));
    assert!(notes.events().is_empty());
}

/// Counts the connections it is asked to open ahead, and refuses to speak.
#[derive(Default)]
struct Warmed(ProviderInfo, AtomicUsize);

impl Tts for Warmed {
    fn info(&self) -> &ProviderInfo {
        &self.0
    }

    fn open(&self, _request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let refused = Error::new(Ability::Tts, ErrorKind::Unauthorized, self.0.name.clone(), "no");
        ready(Err(refused)).boxed()
    }

    fn warm(&self, request: &TtsRequest, turns: usize) {
        assert_eq!(request.voice.name, self.0.name, "in the voice of this provider");
        self.1.fetch_add(turns, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_are_opened_ahead_at_whoever_would_speak_and_whoever_would_take_over() {
    let (setting, ..) = setting(Options::tts());
    let voices = ["first", "second", "third"].map(|name| {
        let info = ProviderInfo { name: name.to_owned(), ..ProviderInfo::default() };
        Arc::new(Warmed(info, AtomicUsize::new(0)))
    });
    let alternatives = voices.clone().map(|voice| {
        let mut way = Alternative::new(Arc::clone(&voice) as Arc<dyn Tts>, "tenant");
        way.voice = Some(Voice { name: voice.0.name.clone(), ..Voice::default() });
        way
    });
    let route = TtsRoute::new(alternatives.into(), setting).expect("valid");
    let counts = || voices.each_ref().map(|voice| voice.1.swap(0, Ordering::SeqCst));
    route.warm(&tts_request(), 2);
    assert_eq!(counts(), [2, 1, 0]);
    // All refuse: there is nobody to be prepared for.
    speak(&route, tts_request(), &TEXT[..1]).await;
    route.warm(&tts_request(), 2);
    assert_eq!(counts(), [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_most_hopeful_error_goes_up_and_not_the_last() {
    let mut all = voices(Fault::Unreachable);
    all[1].always = Fault::Refuse;
    let heard = speak(&tts_route(all).route, tts_request(), &TEXT).await;
    assert_eq!(heard.error.map(|error| error.kind), Some(ErrorKind::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn the_silence_before_a_voice_was_found_to_be_gone_counts_for_those_after_it() {
    let mut all = voices(Fault::Stall { after_ms: 900, for_ms: 60_000 });
    all[1].always = Fault::Mute;
    let heard = speak(&tts_route(all).route, tts_request(), &TEXT).await;
    assert!(heard.error.is_some());
    assert!(heard.silence <= ms(4_000), "{:?}", heard.silence);
}

#[tokio::test(start_paused = true)]
async fn where_all_fail_the_last_error_goes_up_in_bounded_time() {
    for fault in [Fault::Refuse, Fault::Hang, Fault::Mute, Fault::Empty, Fault::Garbage] {
        let mut all = voices(fault);
        all[1].always = fault;
        let scene = tts_route(all);
        let heard = speak(&scene.route, tts_request(), &TEXT).await;
        assert!(heard.error.is_some() && heard.samples.is_empty(), "{fault:?}");
        assert!(heard.silence <= ms(4_000), "{fault:?}: {:?}", heard.silence);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_closes_while_nothing_is_said_is_replaced_before_the_next_sentence() {
    let mut all = voices(Fault::None);
    all[0].faults = vec![Fault::CloseAfter { after_ms: 3_000 }];
    let scene = tts_route(all);
    let mut stream = scene.route.open(tts_request()).await.expect("opens");
    let mut done = 0;
    for round in 0..2 {
        stream.input.push(TtsInput::Sentence("Just a moment please.".to_owned())).expect("open");
        while done <= round {
            let event = stream.events.next().await.expect("goes on").expect("no error");
            done += usize::from(matches!(event, TtsEvent::SentenceDone { .. }));
        }
        // Nobody speaks; the stream is polled as a session does.
        let idle = tokio::time::timeout(ms(5_000), stream.events.next()).await;
        assert!(idle.is_err(), "nothing is given meanwhile");
    }
}

/// A voice that says that its sentence is done after 400 ms of it, and another.
fn one_that_stops_short(count: usize) -> (TtsRoute, Arc<crate::cast::Notes>) {
    let named = |name, voice: Arc<dyn Tts>| Alternative::new(voice, name);
    let fake = |name| {
        let fake = FakeTts::new(TtsOptions::default()).expect("valid");
        Arc::new(Named::new(name, fake.info().clone(), fake)) as Arc<dyn Tts>
    };
    let short = Drilled::new(fake("first"), drill::Fault::Silence, Moment::MidSentence);
    let mut voices = vec![named("tenant", Arc::new(short) as _), named("tenant", fake("second"))];
    voices.truncate(count);
    let (setting, notes, _health) = setting(Options::tts());
    (TtsRoute::new(voices, setting).expect("valid"), notes)
}

#[tokio::test(start_paused = true)]
async fn a_sentence_that_is_said_to_be_done_after_a_fraction_of_it_is_ended_by_the_next_voice() {
    let (route, notes) = one_that_stops_short(2);
    let heard = speak(&route, tts_request(), &TEXT).await;
    assert_whole(&heard, Fault::None, ms(250));
    assert_eq!(notes.outcomes(), who(&[("first", "failed"), ("second", "served")]));
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_nobody_could_follow_is_believed() {
    let (route, notes) = one_that_stops_short(1);
    let heard = speak(&route, tts_request(), &TEXT[..1]).await;
    assert_eq!((heard.done, heard.error), (vec![0], None));
    assert_eq!(notes.outcomes(), who(&[("first", "served")]));
}

/// A tone of so many ms for each letter.
struct Toned(ProviderInfo, u64);

impl Tts for Toned {
    fn info(&self) -> &ProviderInfo {
        &self.0
    }

    fn open(&self, _request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        let (input, receiver) = Sink::bounded(8);
        let per_letter = self.1;
        let events = receiver.enumerate().flat_map(move |(sentence, TtsInput::Sentence(text))| {
            let letters = text.chars().filter(|c| c.is_alphanumeric()).count() as u64;
            let samples = vec![5_000; (letters * per_letter * 24) as usize];
            let audio = AudioFrame { samples, rate_hz: 24_000, at: MediaTime::ZERO };
            stream::iter([Ok(TtsEvent::Audio(audio)), Ok(TtsEvent::SentenceDone { sentence })])
        });
        ready(Ok(TtsStream { input, events: events.boxed() })).boxed()
    }
}

fn toned(per_letter: u64, setting: &Setting) -> TtsRoute {
    let toned = |name: &str, per_letter| {
        let info = ProviderInfo { name: name.to_owned(), rate_hz: 24_000, ..ProviderInfo::default() };
        Alternative::new(Arc::new(Toned(info, per_letter)) as Arc<dyn Tts>, "tenant")
    };
    TtsRoute::new(vec![toned("first", per_letter), toned("second", 60)], setting.clone()).expect("valid")
}

#[tokio::test(start_paused = true)]
async fn how_fast_a_voice_can_speak_is_known_by_its_own_sentences_and_by_what_was_asked_of_it() {
    let (setting, ..) = setting(Options::tts());
    let error = |heard: Heard| heard.error.map(|error| error.kind);
    // Its audio has no words: the session is told that it broke off, and asks for the rest.
    let heard = speak(&toned(20, &setting), tts_request(), &TEXT[..1]).await;
    assert_eq!(error(heard), Some(ErrorKind::Closed));
    let mut fast = tts_request();
    fast.voice.speed = 2.0;
    let heard = speak(&toned(20, &setting), fast, &TEXT).await;
    assert_eq!((heard.served, heard.done), (vec!["first".to_owned()], vec![0, 1, 2]));
    // What another could do is believed until this one is known.
    assert_eq!(error(speak(&toned(45, &setting), tts_request(), &TEXT).await), None);
    for _ in 0..200 {
        assert_eq!(error(speak(&toned(100, &setting), tts_request(), &TEXT).await), None);
    }
    assert_eq!(error(speak(&toned(45, &setting), tts_request(), &TEXT).await), Some(ErrorKind::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_pause_within_a_sentence_lasts_no_longer_than_the_wait_for_another_voice() {
    let stall = Fault::Stall { after_ms: 600, for_ms: 60_000 };
    let scene = tts_route(voices(stall));
    let heard = speak(&scene.route, tts_request(), &TEXT).await;
    let hedge = Options::tts().hedge.expect("voices hedge").default_ms;
    assert_whole(&heard, stall, ms(hedge + 150));
    // Alone it has the time that a pause may take.
    let scene = tts_route(vec![TtsOptions {
        always: Fault::Stall { after_ms: 600, for_ms: 750 },
        ..TtsOptions::default()
    }]);
    let heard = speak(&scene.route, tts_request(), &TEXT).await;
    assert_eq!((heard.done, heard.error), (vec![0, 1, 2], None));
}
