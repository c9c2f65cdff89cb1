//! Recognition over connections that break, grow old, fall silent.

use std::collections::VecDeque;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, SessionId, Transcript};
use futures::StreamExt;
use futures::stream::BoxStream;
use providers_api::{Error, ErrorKind, ProviderInfo, Sink, Stt, SttEvent, SttInput, SttRequest, SttStream};
use providers_link::hearing::{Options, PieceWord};
use providers_link::socket::Manners;
use providers_link::{Endpoint, Fault, Frame, Heard, Hearing, HearingProtocol, Piece, pcm};
use runtime::Tasks;
use tokio::time::{sleep, timeout};

use crate::{Got, LONG, manners, serve};

const RATE: u32 = 16_000;
/// The stream begins an hour into the call.
const BEGIN: MediaTime = MediaTime::from_millis(3_600_000);

/// A vendor whose messages are `partial` or `settled` with words `word@from-to` in ms, and `finalized`.
struct Plain {
    url: String,
}

impl HearingProtocol for Plain {
    fn connect(&mut self) -> Endpoint {
        Endpoint::new(self.url.clone())
    }

    fn audio(&mut self, samples: &[i16], out: &mut Vec<Frame>) {
        out.push(Frame::Binary(pcm::bytes(samples).into()));
    }

    fn finalize(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::Text("finalize".to_owned()));
    }

    fn keep_alive(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::Text("keep-alive".to_owned()));
    }

    fn closing(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::Text("closing".to_owned()));
    }

    fn received(&mut self, frame: Frame, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let Frame::Text(text) = frame else { return Err(Fault::protocol("bytes")) };
        let (kind, words) = text.split_once(' ').unwrap_or((&text, ""));
        match kind {
            "partial" => heard.push(Heard::Partial(piece(words))),
            "settled" => heard.push(Heard::Settled(piece(words))),
            "finalized" => heard.push(Heard::Finalized),
            other => return Err(Fault::protocol(format!("no message {:?}", other.len()))),
        }
        Ok(())
    }
}

fn piece(words: &str) -> Piece {
    let words: Vec<PieceWord> = words
        .split_whitespace()
        .map(|word| {
            let (text, times) = word.split_once('@').expect("word@from-to");
            let (from, to) = times.split_once('-').expect("from-to");
            let at = |millis: &str| Duration::from_millis(millis.parse().expect("ms"));
            PieceWord { text: text.to_owned(), from: at(from), to: at(to) }
        })
        .collect();
    Piece {
        text: words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
        from: words.first().map(|word| word.from).unwrap_or_default(),
        to: words.last().map(|word| word.to).unwrap_or_default(),
        words,
        ..Piece::default()
    }
}

/// A recognition, and what it told while nobody asked.
struct Ear {
    input: Sink<SttInput>,
    events: BoxStream<'static, Result<SttEvent, Error>>,
    told: VecDeque<SttEvent>,
}

async fn listen(url: &str, manners: Manners) -> Ear {
    let url = url.to_owned();
    let info = ProviderInfo { name: "acme".to_owned(), ..ProviderInfo::default() };
    let hearing = Hearing::new(info, Options::new(manners), move |_: &SttRequest| Plain { url: url.clone() });
    let request =
        SttRequest { session: SessionId::generate(), rate_hz: RATE, language: None, keywords: Vec::new() };
    let SttStream { input, events } = hearing.open(request).await.expect("opens");
    Ear { input, events, told: VecDeque::new() }
}

/// Gives audio from `from` to `to`, ms of the stream, while the events are polled.
async fn speak(stream: &mut Ear, from: u64, to: u64) {
    for at in (from..to).step_by(20) {
        let frame =
            AudioFrame { samples: vec![7; 320], rate_hz: RATE, at: BEGIN + MediaTime::from_millis(at) };
        stream.input.push(SttInput::Audio(frame)).expect("the stream goes on");
        if let Ok(event) = timeout(Duration::from_millis(2), stream.events.next()).await {
            stream.told.push_back(event.expect("goes on").expect("no failure"));
        }
    }
}

async fn next(stream: &mut Ear) -> SttEvent {
    if let Some(told) = stream.told.pop_front() {
        return told;
    }
    let event = timeout(LONG, stream.events.next()).await.expect("an event in time");
    event.expect("the stream goes on").expect("no failure")
}

async fn until(stream: &mut Ear, is: impl Fn(&Transcript) -> bool) -> Transcript {
    loop {
        if let SttEvent::Transcript(told) = next(stream).await {
            if is(&told) {
                return told;
            }
            assert!(!told.is_final(), "a final nobody asked for: {told:?}");
        }
    }
}

async fn finalize(stream: &mut Ear) -> Transcript {
    stream.input.push(SttInput::Finalize).expect("the stream goes on");
    until(stream, Transcript::is_final).await
}

fn times(told: &Transcript) -> Vec<(&str, u64, u64)> {
    let at = |time: MediaTime| (time - BEGIN).as_millis();
    told.words.iter().map(|word| (word.text.as_str(), at(word.from), at(word.to))).collect()
}

#[tokio::test]
async fn a_break_in_mid_turn_loses_no_word_and_doubles_none() {
    let tasks = Tasks::new();
    let url = serve(&tasks, |number, mut peer| async move {
        if number == 0 {
            peer.hear(16_000).await;
            peer.say("settled one@0-400 two@400-1000").await;
            peer.hear(7_680).await; // whole messages: half a one waits for more
            peer.say("partial three@1000-1300").await;
            return; // without a word
        }
        let samples = peer.until("finalize").await;
        assert_eq!(samples, 16_000, "from the end of the settled segment on");
        peer.say("settled three@0-300 four@300-900").await;
        peer.say("finalized").await;
        peer.next().await;
    })
    .await;
    let mut stream = listen(&url, manners()).await;
    speak(&mut stream, 0, 1_500).await;
    let partial = until(&mut stream, |told| told.text.ends_with("three")).await;
    assert_eq!(partial.text, "one two three");
    speak(&mut stream, 1_500, 2_000).await;
    let told = finalize(&mut stream).await;
    assert_eq!(told.text, "one two three four");
    assert_eq!(
        times(&told),
        [("one", 0, 400), ("two", 400, 1_000), ("three", 1_000, 1_300), ("four", 1_300, 1_900)]
    );
    let SttEvent::Usage(used) = next(&mut stream).await else { panic!("usage follows a final") };
    // A second more than was given: replayed audio is charged. What is sent into a break before it is seen is, too.
    let charged = Duration::from_millis(2_400)..Duration::from_millis(3_000);
    assert!(used.estimated && charged.contains(&used.audio_in), "{used:?}");
}

#[tokio::test]
async fn a_final_that_was_asked_for_before_the_break_is_asked_for_again() {
    let tasks = Tasks::new();
    let url = serve(&tasks, |number, mut peer| async move {
        peer.until("finalize").await;
        if number > 0 {
            peer.say("settled yes@100-400").await;
            peer.say("finalized").await;
            peer.next().await;
        }
    })
    .await;
    let mut stream = listen(&url, manners()).await;
    speak(&mut stream, 0, 500).await;
    assert_eq!(finalize(&mut stream).await.text, "yes");
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_is_taken_at_its_last_word_once() {
    let tasks = Tasks::new();
    let url = serve(&tasks, |_, mut peer| async move {
        peer.hear(7_680).await; // whole messages: half a one waits for more
        peer.say("partial well@0-300 then@300-480").await;
        peer.until("finalize").await;
        sleep(Duration::from_millis(1_200)).await;
        peer.say("settled well@0-300 then@300-490").await;
        peer.say("finalized").await;
        peer.until("finalize").await;
        peer.say("settled bye@600-900").await;
        peer.say("finalized").await;
        peer.next().await;
    })
    .await;
    let mut stream = listen(&url, manners()).await;
    speak(&mut stream, 0, 500).await;
    until(&mut stream, |told| told.text == "well then").await;
    assert_eq!(finalize(&mut stream).await.text, "well then");
    speak(&mut stream, 500, 1_000).await;
    sleep(Duration::from_millis(400)).await;
    assert_eq!(finalize(&mut stream).await.text, "bye");
}

#[tokio::test]
async fn the_last_words_are_waited_for_while_a_word_is_under_way() {
    let tasks = Tasks::new();
    let url = serve(&tasks, |_, mut peer| async move {
        peer.hear(7_680).await;
        peer.say("partial well@0-300").await;
        peer.until("finalize").await;
        sleep(Duration::from_millis(600)).await;
        peer.say("settled well@0-300 then@300-490").await;
        peer.say("finalized").await;
        peer.next().await;
    })
    .await;
    let mut stream = listen(&url, manners()).await;
    speak(&mut stream, 0, 500).await;
    until(&mut stream, |told| told.text == "well").await;
    assert_eq!(finalize(&mut stream).await.text, "well then");
}

#[tokio::test]
async fn an_answer_that_comes_long_after_it_was_given_up_is_not_taken_for_that_of_the_next_turn() {
    let tasks = Tasks::new();
    let url = serve(&tasks, |_, mut peer| async move {
        peer.hear(7_680).await;
        peer.say("partial well@0-300").await;
        peer.until("finalize").await;
        peer.until("finalize").await;
        peer.say("settled well@0-300 then@300-490").await;
        peer.say("finalized").await;
        peer.say("settled bye@600-900").await;
        peer.say("finalized").await;
        peer.next().await;
    })
    .await;
    let mut stream = listen(&url, manners()).await;
    speak(&mut stream, 0, 500).await;
    until(&mut stream, |told| told.text == "well").await;
    assert_eq!(finalize(&mut stream).await.text, "well");
    sleep(Duration::from_millis(2_200)).await;
    speak(&mut stream, 500, 1_000).await;
    assert_eq!(
        finalize(&mut stream).await.text,
        "then bye",
        "nothing is lost, and nothing left for the next"
    );
}

#[tokio::test]
async fn an_answer_that_never_comes_does_not_take_the_next_with_it() {
    let tasks = Tasks::new();
    let url = serve(&tasks, |_, mut peer| async move {
        peer.hear(7_680).await;
        peer.say("settled well@0-300").await;
        peer.until("finalize").await;
        peer.until("finalize").await;
        peer.say("settled bye@600-900").await;
        peer.say("finalized").await;
        peer.say("partial never@900-950").await;
        peer.next().await;
    })
    .await;
    let mut stream = listen(&url, manners()).await;
    speak(&mut stream, 0, 500).await;
    until(&mut stream, |told| told.text == "well").await;
    assert_eq!(finalize(&mut stream).await.text, "well");
    speak(&mut stream, 500, 1_000).await;
    assert_eq!(finalize(&mut stream).await.text, "bye", "the answer ends the wait, not the clock");
}

#[tokio::test]
async fn after_a_break_the_final_is_of_its_own_turn() {
    let tasks = Tasks::new();
    let url = serve(&tasks, |number, mut peer| async move {
        let samples = peer.until("finalize").await;
        if number == 0 {
            return; // without a word
        }
        assert_eq!(samples, 8_000, "what was said after the demand comes after it");
        peer.say("settled yes@100-400").await;
        peer.say("finalized").await;
        let samples = peer.until("finalize").await;
        assert_eq!(samples, 8_000);
        peer.say("settled no@600-900").await;
        peer.say("finalized").await;
        peer.next().await;
    })
    .await;
    let mut stream = listen(&url, manners()).await;
    speak(&mut stream, 0, 500).await;
    stream.input.push(SttInput::Finalize).expect("the stream goes on");
    speak(&mut stream, 500, 1_000).await;
    assert_eq!(until(&mut stream, Transcript::is_final).await.text, "yes");
    assert_eq!(finalize(&mut stream).await.text, "no");
}

#[tokio::test]
async fn a_connection_that_grew_old_is_replaced_in_a_quiet_moment() {
    let tasks = Tasks::new();
    let (said_bye, bye) = std::sync::mpsc::channel();
    let url = serve(&tasks, move |number, mut peer| {
        let said_bye = said_bye.clone();
        async move {
            if number == 0 {
                peer.hear(16_000).await;
                peer.say("partial one@0-500").await;
                // The next one is open by now, and not used: a word is under way.
                sleep(Duration::from_millis(400)).await;
                peer.say("settled one@0-1000").await;
                peer.until("closing").await;
                let _heard = said_bye.send(());
                return;
            }
            let samples = peer.until("finalize").await;
            assert_eq!(samples, 8_000);
            peer.say("settled two@0-400").await;
            peer.say("finalized").await;
            peer.next().await;
        }
    });
    let url = url.await;
    let aging = Manners { rotate_after: Some(Duration::from_millis(200)), ..manners() };
    let mut stream = listen(&url, aging).await;
    speak(&mut stream, 0, 1_000).await;
    until(&mut stream, |told| told.text == "one").await;
    while bye.try_recv().is_err() {
        if let Ok(Some(event)) = timeout(Duration::from_millis(10), stream.events.next()).await {
            stream.told.push_back(event.expect("no failure"));
        }
    }
    speak(&mut stream, 1_000, 1_500).await;
    let told = finalize(&mut stream).await;
    assert_eq!(told.text, "one two");
    assert_eq!(times(&told), [("one", 0, 1_000), ("two", 1_000, 1_400)]);
}

#[tokio::test]
async fn a_silent_line_is_kept_alive_and_the_end_of_the_input_ends_the_events() {
    let tasks = Tasks::new();
    let url = serve(&tasks, |_, mut peer| async move {
        peer.until("keep-alive").await;
        peer.until("keep-alive").await;
        peer.say("partial awake@0-10").await;
        peer.until("closing").await;
    })
    .await;
    let quiet = Manners { keep_alive: Some(Duration::from_millis(50)), ..manners() };
    let mut stream = listen(&url, quiet).await;
    speak(&mut stream, 0, 20).await;
    until(&mut stream, |told| told.text == "awake").await;
    let Ear { input, mut events, .. } = stream;
    drop(input);
    let rest = async {
        while let Some(event) = events.next().await {
            event.expect("no failure");
        }
    };
    timeout(LONG, rest).await.expect("the events end");
}

#[tokio::test]
async fn a_vendor_that_stays_away_is_given_up_and_a_breach_at_once() {
    let tasks = Tasks::new();
    let url = serve(&tasks, |_, _gone| async {}).await;
    let mut stream = listen(&url, manners()).await;
    let begun = tokio::time::Instant::now();
    let failed = loop {
        match timeout(LONG, stream.events.next()).await.expect("an end") {
            Some(Err(error)) => break error,
            Some(Ok(_)) => {}
            None => panic!("ended without a failure"),
        }
    };
    assert_eq!(failed.kind, ErrorKind::Closed);
    assert!(begun.elapsed() > Duration::from_secs(2), "tried again after 0.1 s and 2 s");
    assert!(stream.events.next().await.is_none());
    let url = serve(&tasks, |_, mut peer| async move {
        peer.say("<html>").await;
        assert_eq!(peer.next().await, Got::Gone);
    })
    .await;
    let mut stream = listen(&url, manners()).await;
    let told = timeout(LONG, stream.events.next()).await.expect("an end");
    assert_eq!(told.expect("an event").expect_err("a breach").kind, ErrorKind::Protocol);
}
