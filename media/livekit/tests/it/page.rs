//! A page with LiveKit's own client: what it said before we were there, and its methods.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use media_core::{LegEvent, Packet};
use media_livekit::rpc::Failed;
use media_livekit::{Grant, Visit};
use runtime::tasks::Tasks;
use testkit::livekit::{LiveKit, python};

use crate::support::{keys, options, ticket_with, visit, within};

const RATE_HZ: u32 = media_core::inbound::RATE_HZ;
const FRAME: usize = RATE_HZ as usize / 50;

/// Of a process that a test started.
struct Page(Child);

impl Page {
    fn open(server: &LiveKit, before_ms: u32, from_ms: u32) -> Self {
        let grant = Grant { room: "desk".to_owned(), identity: "ann".to_owned(), ..Grant::default() };
        let token = keys().join(&grant, std::time::SystemTime::now(), crate::support::HOUR).expect("a token");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/livekit/page.py");
        let wav = testkit::speech("desk_hours.wav");
        let (before, from) = (before_ms.to_string(), from_ms.to_string());
        let arguments = [&server.url(), token.expose(), wav.to_str().expect("a plain path"), &before, &from];
        let page = python(&script, &arguments).stdout(Stdio::piped()).spawn();
        Self(page.expect("scripts/setup.sh test installs LiveKit's client"))
    }

    /// What it prints, once it is over.
    fn said(mut self) -> String {
        let mut said = String::new();
        let mut out = self.0.stdout.take().expect("piped");
        std::io::Read::read_to_string(&mut out, &mut said).expect("text");
        assert!(self.0.wait().expect("it runs").success(), "{said}");
        said
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn agent(server: &LiveKit, tasks: &Tasks) -> Visit {
    let grant =
        Grant { room: "desk".to_owned(), identity: "agent".to_owned(), kind: "agent", ..Grant::default() };
    visit(ticket_with(&server.url(), grant), options(), tasks)
}

/// Everything that is heard, until it has lasted so long; and how many packets of it came first and at once.
async fn hear(agent: &mut Visit, length_ms: u32) -> (Vec<Packet>, usize) {
    let (mut packets, mut first): (Vec<Packet>, usize) = (Vec::new(), 0);
    within("what is said", async {
        while packets.iter().filter_map(Packet::units).sum::<u32>() < length_ms * 48 {
            match agent.peer.events.recv().await {
                Some(LegEvent::Earlier(earlier)) => {
                    assert!(packets.is_empty(), "the first thing that is heard, and once");
                    first = earlier.len();
                    packets = earlier;
                }
                Some(LegEvent::Packet(packet)) => packets.push(packet),
                Some(_) => {}
                None => unreachable!("the visit ended"),
            }
        }
    })
    .await;
    (packets, first)
}

/// How loud each 20 ms are.
fn envelope(samples: &[i16]) -> Vec<f64> {
    let loudness = |frame: &[i16]| frame.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>().sqrt();
    samples.chunks_exact(FRAME).map(loudness).collect()
}

fn alike(one: &[f64], other: &[f64]) -> f64 {
    let product =
        |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f64>();
    let length = one.len().min(other.len());
    let (one, other) = (&one[..length], &other[..length]);
    product(one, other) / (product(one, one) * product(other, other)).sqrt()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_sent_of_the_time_before_is_heard_first_and_what_it_says_once_more_is_not() {
    let server = LiveKit::start();
    let tasks = Tasks::new();
    let mut agent = agent(&server, &tasks);
    let page = Page::open(&server, 1_400, 1_100);
    let (packets, first) = hear(&mut agent, 3_000).await;
    assert!(first >= 70, "{first} packets at once");
    let steps =
        packets.windows(2).filter(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)).count();
    assert!(steps + 2 >= packets.len(), "numbered in order: {steps} of {}", packets.len());
    let mut decoder = media_codec::decoder(media_core::Codec::Opus).expect("a decoder");
    let mut heard = Vec::new();
    for packet in &packets {
        decoder.decode(&packet.payload, &mut heard).expect("Opus");
    }
    let mut wav = hound::WavReader::open(testkit::speech("desk_hours.wav")).expect("a recording");
    let said: Vec<i16> = wav.samples::<i16>().map(|sample| sample.expect("a sample")).collect();
    let (heard, said) = (envelope(&heard), envelope(&said));
    // A frame or two of the codec's own delay.
    let best = (0..4).map(|late| alike(&heard[late..], &said)).fold(0.0, f64::max);
    assert!(best > 0.95, "{best:.3}: as it was said, each word once");
    drop(agent.peer);
    drop(page);
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "it is waited for at once")]
async fn methods_of_a_page_answer_fail_and_hang_and_we_have_none() {
    let server = LiveKit::start();
    let tasks = Tasks::new();
    let mut agent = agent(&server, &tasks);
    let page = Page::open(&server, 500, 500);
    // It has its methods by the time that it speaks.
    hear(&mut agent, 500).await;
    let (rpc, patience) = (agent.peer.rpc.clone(), Duration::from_secs(8));
    let call = async |method: &str, payload: &str, patience| {
        within("an answer", rpc.call(method, payload.to_owned(), patience)).await
    };
    let shown = call("show", r#"{"what":"the map"}"#, patience).await.expect("an answer");
    assert_eq!(shown, r#"{"shown": "the map", "by": "agent"}"#);
    let failed = call("fails", "{}", patience).await;
    assert_eq!(failed, Err(Failed::Method { code: 7, message: "there is no map".to_owned() }));
    assert_eq!(call("nothing", "{}", patience).await, Err(Failed::NoMethod));
    let short = Duration::from_secs(1);
    assert_eq!(call("sleeps", "{}", short).await, Err(Failed::NoAnswer(short)));
    // Longer than a packet: by streams, both ways.
    let long = "x".repeat(100_000);
    let shown = call("show", &format!(r#"{{"what":"{long}"}}"#), patience).await.expect("an answer");
    assert_eq!(shown, format!(r#"{{"shown": "{long}", "by": "agent"}}"#));
    assert_eq!(call("show", &"x".repeat(300_000), patience).await, Err(Failed::TooLarge));
    assert_eq!(call("long", "300000", patience).await, Err(Failed::TooLarge));
    // Some of what it says is not read any more; the end of it is waited for.
    let drained =
        async { while agent.peer.events.recv().await.is_some_and(|event| event != LegEvent::Closed) {} };
    let _said_all = tokio::time::timeout(Duration::from_secs(4), drained).await;
    drop(agent.peer);
    let said = tokio::task::spawn_blocking(move || page.said()).await.expect("the page ends");
    assert_eq!(said.trim(), r#"{"refused": [1400, 1400]}"#);
    within("all tasks", tasks.shutdown()).await;
    assert_eq!(rpc.call("show", "{}".to_owned(), patience).await, Err(Failed::NotSent), "the room is left");
}
