//! Synthesis over pooled connections.

use std::time::Duration;

use domain::{MediaTime, SessionId, Voice};
use futures::{SinkExt, StreamExt};
use providers_api::{ErrorKind, ProviderInfo, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream};
use providers_link::pcm::Samples;
use providers_link::speaking::Options;
use providers_link::{Endpoint, Fault, Frame, Pool, Speaking, SpeakingProtocol, Spoken};
use runtime::Tasks;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::{Got, LONG, Peer, manners, serve};

/// A vendor that answers each text by samples and `done`; `end` by `over`, `stop` by `stopped`.
struct Plain {
    url: String,
    done: usize,
    stopped: bool,
    /// Its connection takes no other turn for so long.
    rest: Option<Duration>,
}

impl SpeakingProtocol for Plain {
    fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.url.clone())
    }

    fn rests_until(&self, now: Instant) -> Option<Instant> {
        self.rest.map(|rest| now + rest)
    }

    fn sentence(&mut self, index: usize, text: &str, out: &mut Vec<Frame>) {
        out.push(Frame::Text(format!("{index} {text}")));
    }

    fn end(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::Text("end".to_owned()));
    }

    fn cancel(&mut self, out: &mut Vec<Frame>) -> bool {
        out.push(Frame::Text("stop".to_owned()));
        true
    }

    fn is_settled(&mut self, last: Option<&Frame>) -> bool {
        self.stopped |= last == Some(&Frame::Text("stopped".to_owned()));
        self.stopped
    }

    fn received(&mut self, frame: Frame, spoken: &mut Vec<Spoken>) -> Result<(), Fault> {
        match frame {
            Frame::Binary(bytes) => spoken.push(Spoken::Audio(Samples::default().push(&bytes))),
            Frame::Text(text) if text == "done" => {
                spoken.push(Spoken::SentencesDone(self.done));
                self.done += 1;
            }
            Frame::Text(text) if text == "over" => spoken.push(Spoken::TurnDone),
            Frame::Text(_) => return Err(Fault::protocol("no such message")),
        }
        Ok(())
    }
}

/// Serves until the client goes; what it was told.
async fn serve_turns(mut peer: Peer) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        match peer.next().await {
            Got::Text(text) if text == "end" => peer.say("over").await,
            Got::Text(text) if text == "stop" => peer.say("stopped").await,
            Got::Text(text) => {
                told.push(text);
                let _gone = peer.0.send(Message::binary(vec![1; 960])).await;
                peer.say("done").await;
            }
            Got::Samples(_) => {}
            Got::Gone => return told,
        }
    }
}

fn voice(url: &str, pool: &Pool) -> impl Tts + use<> {
    resting(url, pool, None)
}

fn resting(url: &str, pool: &Pool, rest: Option<Duration>) -> impl Tts + use<> {
    let (url, info) = (url.to_owned(), ProviderInfo { rate_hz: 24_000, ..ProviderInfo::default() });
    let options = Options { manners: manners(), keep_alive: None };
    Speaking::new(info, options, pool.clone(), move |_: &TtsRequest| Plain {
        url: url.clone(),
        done: 0,
        stopped: false,
        rest,
    })
}

fn request() -> TtsRequest {
    TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() }
}

/// All events of a turn of these sentences.
async fn turn(tts: &impl Tts, sentences: &[&str]) -> Vec<TtsEvent> {
    let TtsStream { mut input, events } = tts.open(request()).await.expect("opens");
    for sentence in sentences {
        input.send(TtsInput::Sentence((*sentence).to_owned())).await.expect("open");
    }
    drop(input);
    let events: Vec<_> = timeout(LONG, events.collect()).await.expect("the events end");
    events.into_iter().collect::<Result<_, _>>().expect("no failure")
}

fn done(events: &[TtsEvent]) -> Vec<usize> {
    let done = events.iter().filter_map(|event| match event {
        TtsEvent::SentenceDone { sentence } => Some(*sentence),
        _ => None,
    });
    done.collect()
}

#[tokio::test]
async fn turns_share_a_connection_and_blank_sentences_are_done_in_order() {
    let tasks = Tasks::new();
    let pool = Pool::new(&tasks);
    let url = serve(&tasks, |number, peer| async move {
        assert_eq!(number, 0, "one connection is enough");
        serve_turns(peer).await;
    })
    .await;
    let tts = voice(&url, &pool);
    for _ in 0..3 {
        let events = turn(&tts, &["…", "One.", " ", "Two."]).await;
        assert_eq!(done(&events), [0, 1, 2, 3]);
        let at: Vec<MediaTime> = events
            .iter()
            .filter_map(|event| if let TtsEvent::Audio(frame) = event { Some(frame.at) } else { None })
            .collect();
        assert_eq!(at, [MediaTime::ZERO, MediaTime::from_millis(20)]);
        let mut used = providers_api::Usage::default();
        for event in &events {
            if let TtsEvent::Usage(usage) = event {
                used += *usage;
            }
        }
        assert_eq!((used.characters, used.audio_out), (8, Duration::from_millis(40)));
        assert_eq!(pool.idle_count(&Endpoint::new(url.clone())), 1);
    }
    assert_eq!(done(&turn(&tts, &["", "!"]).await), [0, 1]);
}

#[tokio::test]
async fn a_pooled_connection_that_died_is_replaced_without_a_word() {
    let tasks = Tasks::new();
    let pool = Pool::new(&tasks);
    let url = serve(&tasks, |number, mut peer| async move {
        if number > 0 {
            assert_eq!(serve_turns(peer).await, ["0 Again."]);
            return;
        }
        peer.until("0 One.").await;
        let _gone = peer.0.send(Message::binary(vec![1; 960])).await;
        peer.say("done").await;
        peer.until("end").await;
        peer.say("over").await;
        peer.until("0 Again.").await; // and goes
    })
    .await;
    let tts = voice(&url, &pool);
    assert_eq!(done(&turn(&tts, &["One."]).await), [0]);
    assert_eq!(done(&turn(&tts, &["Again."]).await), [0]);
}

#[tokio::test]
async fn a_turn_that_is_dropped_is_stopped_and_its_connection_used_again() {
    let tasks = Tasks::new();
    let pool = Pool::new(&tasks);
    let url = serve(&tasks, |number, peer| async move {
        assert_eq!(number, 0);
        serve_turns(peer).await;
    })
    .await;
    let tts = voice(&url, &pool);
    let TtsStream { mut input, mut events } = tts.open(request()).await.expect("opens");
    input.send(TtsInput::Sentence("One.".to_owned())).await.expect("open");
    while !matches!(events.next().await, Some(Ok(TtsEvent::Audio(_)))) {}
    drop(events);
    let endpoint = Endpoint::new(url);
    let free = async {
        while pool.idle_count(&endpoint) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, free).await.expect("settled");
    assert_eq!(done(&turn(&tts, &["Two."]).await), [0]);
}

#[tokio::test]
async fn a_connection_that_rests_leaves_the_next_turn_to_another_and_is_kept() {
    let tasks = Tasks::new();
    let pool = Pool::new(&tasks);
    let (tell, mut served) = tokio::sync::mpsc::channel(16);
    let url = serve(&tasks, move |number, mut peer| {
        let tell = tell.clone();
        async move {
            loop {
                match peer.next().await {
                    Got::Text(text) if text == "end" => peer.say("over").await,
                    Got::Text(_) => {
                        tell.try_send(number).expect("room for a few turns");
                        let _gone = peer.0.send(Message::binary(vec![1; 960])).await;
                        peer.say("done").await;
                    }
                    _ => return,
                }
            }
        }
    })
    .await;
    let endpoint = Endpoint::new(url.clone());
    for rest in [Some(LONG), None, Some(Duration::from_millis(1))] {
        turn(&resting(&url, &pool, rest), &["One."]).await;
    }
    let rested = async {
        while pool.idle_count(&endpoint) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, rested).await.expect("rested");
    turn(&voice(&url, &pool), &["Two."]).await;
    let mut by = Vec::new();
    while let Ok(number) = served.try_recv() {
        by.push(number);
    }
    assert_eq!(by, [0, 1, 1, 1]);
}

#[tokio::test]
async fn a_new_connection_that_breaks_and_success_without_audio_are_failures() {
    let tasks = Tasks::new();
    let pool = Pool::new(&tasks);
    let url = serve(&tasks, |number, mut peer| async move {
        peer.until("0 One.").await;
        if number == 1 {
            peer.say("done").await;
            peer.next().await;
        }
    })
    .await;
    let tts = voice(&url, &pool);
    for kind in [ErrorKind::Closed, ErrorKind::Protocol] {
        let TtsStream { mut input, events } = tts.open(request()).await.expect("opens");
        input.send(TtsInput::Sentence("One.".to_owned())).await.expect("open");
        let events: Vec<_> = timeout(LONG, events.collect()).await.expect("the events end");
        let failed = events.into_iter().find_map(Result::err).expect("a failure");
        assert_eq!(failed.kind, kind);
    }
}

#[tokio::test]
async fn connections_are_opened_ahead_and_those_that_the_vendor_closes_are_not_kept() {
    let tasks = Tasks::new();
    let pool = Pool::new(&tasks);
    let url = serve(&tasks, |_, peer| async move { drop(peer) }).await;
    let endpoint = Endpoint::new(url);
    pool.warm(&endpoint, &manners(), None, 2);
    let gone = async {
        // The server's own task stays.
        while pool.idle_count(&endpoint) > 0 || tasks.len() > 1 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, gone).await.expect("none is kept");
}
