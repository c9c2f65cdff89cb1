//! The recording of both legs: what was received and sent, on the session's clock, whatever the connection and disk do.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{Encoding, Role, SessionEvent, Source};
use media_core::{Codec, Delivery, LegEvent};
use media_session::recording::Mode;
use media_session::{RecordedPart, RecordingFile, Recordings};
use providers_fake::Lexicon;

use crate::caller::{Caller, RATE_HZ};
use crate::dialogue::say;
use crate::net::Net;
use crate::sim::{GREETING, Setup, Sim, ms, plain, wait};

type Bytes = Arc<Mutex<Cursor<Vec<u8>>>>;

/// A disk in memory.
#[derive(Clone, Default)]
struct Shelf(Arc<Disk>);

#[derive(Default)]
struct Disk {
    files: Mutex<BTreeMap<String, Bytes>>,
    ended: Mutex<Vec<RecordedPart>>,
    full: AtomicBool,
    /// Every write waits while this is held.
    stall: Mutex<()>,
}

struct File {
    disk: Arc<Disk>,
    bytes: Bytes,
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(self.disk.stall.lock().expect("not poisoned"));
        if self.disk.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.lock().expect("not poisoned").seek(to)
    }
}

impl Recordings for Shelf {
    fn begin(&mut self, part: &RecordedPart) -> io::Result<Box<dyn RecordingFile>> {
        let bytes = Bytes::default();
        let name = format!("{:?}-{}", part.leg, part.part).to_lowercase();
        self.0.files.lock().expect("not poisoned").insert(name, Arc::clone(&bytes));
        Ok(Box::new(File { disk: Arc::clone(&self.0), bytes }))
    }

    fn end(&mut self, part: &RecordedPart) -> io::Result<()> {
        self.0.ended.lock().expect("not poisoned").push(part.clone());
        Ok(())
    }
}

impl Shelf {
    fn names(&self) -> Vec<String> {
        self.0.files.lock().expect("not poisoned").keys().cloned().collect()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        let file = self.0.files.lock().expect("not poisoned").get(name).map(Arc::clone);
        file.expect("it was begun").lock().expect("not poisoned").get_ref().clone()
    }

    /// Samples of a WAV file at `RATE_HZ`, as far as its header says that there are any.
    fn samples(&self, name: &str) -> Vec<i16> {
        let bytes = self.bytes(name);
        assert_eq!((&bytes[..4], &bytes[36..40]), (&b"RIFF"[..], &b"data"[..]), "{name}");
        let length = u32::from_le_bytes(bytes[40..44].try_into().expect("four")) as usize;
        let data = bytes[44..44 + length].chunks_exact(2);
        data.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    /// Sound of an Ogg file, decoded packet by packet as a player does.
    fn decoded(&self, name: &str) -> (Vec<i16>, u32) {
        let bytes = self.bytes(name);
        let mut decoder = media_codec::decoder(Codec::Opus).expect("known");
        let (mut samples, mut file, mut packets) = (Vec::new(), bytes.as_slice(), 0);
        while !file.is_empty() {
            assert_eq!(&file[..4], b"OggS");
            let segments = usize::from(file[26]);
            let mut body = 27 + segments;
            let mut length = 0;
            for lacing in &file[27..27 + segments] {
                length += usize::from(*lacing);
                if *lacing < 255 {
                    if packets >= 2 {
                        decoder.decode(&file[body..body + length], &mut samples).expect("Opus");
                    }
                    (body, length, packets) = (body + length, 0, packets + 1);
                }
            }
            file = &file[body..];
        }
        (samples, decoder.rate_hz())
    }

    /// Words with the instant since the recording's begin at which each starts.
    fn words(&self, name: &str) -> Vec<(String, Duration)> {
        let placed = Lexicon::shared().understand(&self.samples(name), RATE_HZ);
        placed
            .into_iter()
            .map(|word| (word.word, Duration::from_secs_f64(word.from as f64 / f64::from(RATE_HZ))))
            .collect()
    }

    fn text(&self, name: &str) -> String {
        self.words(name).into_iter().map(|(word, _)| word).collect::<Vec<_>>().join(" ")
    }
}

fn recorded(mut setup: Setup) -> (Shelf, Setup) {
    let shelf = Shelf::default();
    setup.options.recording.mode = Mode::On;
    setup.recordings = Some(Box::new(shelf.clone()));
    (shelf, setup)
}

async fn hang_up(sim: &Sim) {
    sim.caller.event(LegEvent::Closed).await;
    sim.ended().await;
    sim.tasks.shutdown().await;
}

fn parts(sim: &Sim) -> Vec<RecordedPart> {
    let events = sim.events().into_iter();
    events
        .filter_map(|event| match event {
            SessionEvent::Recorded { leg, part, codec, offset, length, bytes, complete } => {
                Some(RecordedPart { leg, part, codec, offset, length, bytes, complete })
            }
            _ => None,
        })
        .collect()
}

/// Within a frame.
fn close(a: Duration, b: Duration) -> bool {
    a.abs_diff(b) <= ms(20)
}

/// Where the sounds begin that follow at least half a second of silence, since the first sample.
fn onsets(samples: &[i16]) -> Vec<Duration> {
    let mut onsets = Vec::new();
    let mut quiet = usize::MAX / 2;
    for (index, sample) in samples.iter().enumerate() {
        if sample.unsigned_abs() <= 104 {
            quiet += 1;
            continue;
        }
        if quiet >= RATE_HZ as usize / 2 {
            onsets.push(Duration::from_secs_f64(index as f64 / f64::from(RATE_HZ)));
        }
        quiet = 0;
    }
    onsets
}

#[tokio::test(start_paused = true)]
async fn both_legs_are_recorded_on_one_clock_over_ten_minutes_of_pauses() {
    let (shelf, mut setup) = recorded(plain());
    setup.options.turn.idle.after_ms = 0;
    let sim = Sim::start(setup).await;
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    for n in 1..=20 {
        wait(1_000 + 317 * n as u64 % 900).await;
        let length = sim.caller.begin("what are your opening hours");
        tokio::time::sleep(length).await;
        let from = sim.caller.state.lock().expect("not poisoned").spoke_from.expect("it spoke");
        asked.push(from - sim.started);
        sim.agent_turn(n).await;
        // The client stops sending while nobody speaks, as push-to-talk does.
        sim.caller.state.lock().expect("not poisoned").mute = true;
        wait(20_000 + 1_313 * n as u64).await;
        sim.caller.state.lock().expect("not poisoned").mute = false;
    }
    for (index, at) in sim.caller.sounds().iter().enumerate() {
        if index == 0 || *at - sim.caller.sounds()[index - 1] > ms(500) {
            answered.push(*at - sim.started);
        }
    }
    hang_up(&sim).await;
    assert!(sim.started.elapsed() > Duration::from_secs(600));
    let heard = onsets(&shelf.samples("caller-1"));
    assert_eq!(heard.len(), asked.len());
    for (heard, asked) in heard.iter().zip(&asked) {
        // A frame leaves when its last sample was spoken; `spoke_from` is when it left.
        assert!(close(*heard + ms(20), *asked), "the caller spoke at {asked:?} and is recorded at {heard:?}");
    }
    let said = onsets(&shelf.samples("agent-1"));
    assert_eq!(said.len(), answered.len());
    for (said, answered) in said.iter().zip(&answered) {
        assert!(close(*said, *answered), "the agent was heard at {answered:?} and is recorded at {said:?}");
    }
    let parts = parts(&sim);
    assert_eq!(parts.len(), 2, "{parts:?}");
    for part in parts {
        assert!(part.complete && part.codec == Encoding::Pcm16 && part.offset.is_zero(), "{part:?}");
        let name = format!("{:?}-1", part.leg).to_lowercase();
        let samples = shelf.samples(&name).len() as f64;
        assert!(close(part.length, Duration::from_secs_f64(samples / f64::from(RATE_HZ))));
        assert_eq!(part.bytes, shelf.bytes(&name).len() as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn opus_is_kept_as_it_was_and_plays_in_its_place() {
    let (shelf, mut setup) = recorded(Setup { codec: Codec::Opus, ..plain() });
    setup.options.turn.idle.after_ms = 0;
    let sim = Sim::start(setup).await;
    let mut spoke = Vec::new();
    for n in 1..=3 {
        // Not a whole number of frames.
        wait(1_003 * n).await;
        sim.caller.state.lock().expect("not poisoned").mute = false;
        wait(700).await;
        sim.caller.say("what are your opening hours").await;
        spoke
            .push(sim.caller.state.lock().expect("not poisoned").spoke_from.expect("it spoke") - sim.started);
        sim.agent_turn(n as usize).await;
        sim.caller.state.lock().expect("not poisoned").mute = true;
    }
    hang_up(&sim).await;
    let (samples, rate_hz) = shelf.decoded("caller-1");
    let words = Lexicon::shared().understand(&samples, rate_hz);
    let firsts: Vec<_> = words.iter().filter(|word| word.word == "what").collect();
    assert_eq!(firsts.len(), spoke.len(), "{words:?}");
    for (word, spoke) in firsts.iter().zip(&spoke) {
        let at = Duration::from_secs_f64(word.from as f64 / f64::from(rate_hz));
        assert!((at + ms(20)).abs_diff(*spoke) <= ms(40), "spoken at {spoke:?}, recorded at {at:?}");
    }
    let (said, rate_hz) = shelf.decoded("agent-1");
    let said = Lexicon::shared().understand(&said, rate_hz);
    assert_eq!(said.iter().filter(|word| word.word == "indeed.").count(), 3, "{said:?}");
    let quiet = &samples[..samples.len().min(rate_hz as usize)];
    assert!(quiet.iter().all(|sample| sample.unsigned_abs() < 20), "the filled silence is not silent");
}

#[tokio::test(start_paused = true)]
async fn the_callers_leg_is_what_they_sent_sample_for_sample() {
    let net = Net { jitter: ms(60), delay: ms(40), duplicate: 0.05, ..Net::default() };
    let (shelf, setup) = recorded(Setup { net, ..plain() });
    let sim = Sim::start(setup).await;
    wait(500).await;
    sim.caller.say("when are you open on Sundays please").await;
    wait(3_000).await;
    hang_up(&sim).await;
    let (mut sent, _) = Lexicon::shared().speak("when are you open on Sundays please", RATE_HZ, 50);
    while sent.last() == Some(&0) {
        sent.pop();
    }
    let samples = shelf.samples("caller-1");
    assert!(samples.windows(sent.len()).any(|window| window == sent), "not as it was sent");
}

#[tokio::test(start_paused = true)]
async fn after_a_barge_in_the_agents_leg_holds_what_was_sent_and_no_more() {
    let (shelf, mut setup) = recorded(plain());
    let story =
        "Our opening hours are nine to five on weekdays. On Saturdays we open at ten and close at two.";
    setup.replies = vec![vec![say(story)]];
    let sim = Sim::listening(setup, "when are you open", 2_000).await;
    sim.caller.say("stop please I know that already").await;
    let (_, interrupted) = sim.agent_turn(1).await;
    assert!(interrupted);
    wait(4_000).await;
    hang_up(&sim).await;
    let sent: Vec<i16> = {
        let state = sim.caller.state.lock().expect("not poisoned");
        let payloads = state.received.iter().flat_map(|received| received.packet.payload.chunks_exact(2));
        payloads.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).filter(|sample| *sample != 0).collect()
    };
    let kept: Vec<i16> = shelf.samples("agent-1").into_iter().filter(|sample| *sample != 0).collect();
    assert!(kept == sent, "{} samples recorded, {} sent", kept.len(), sent.len());
    assert!(!shelf.text("agent-1").contains("close at two"), "{}", shelf.text("agent-1"));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_ends_the_recording_and_not_the_call() {
    let (shelf, setup) = recorded(plain());
    let sim = Sim::start(setup).await;
    sim.caller.say("what are your opening hours").await;
    sim.agent_turn(1).await;
    wait(2_000).await;
    shelf.0.full.store(true, Ordering::Relaxed);
    sim.caller.say("and on Sundays").await;
    assert_eq!(sim.agent_turn(2).await.0, "You said and on Sundays indeed.");
    wait(1_500).await;
    let failed = |event: &SessionEvent| {
        matches!(event, SessionEvent::Failed { source: Source::Platform, code, message, .. }
            if code == "RECORDING_FAILED" && message.contains("leg"))
    };
    assert_eq!(sim.events().iter().filter(|event| failed(event)).count(), 1, "{:?}", sim.events());
    let parts = parts(&sim);
    assert_eq!(parts.len(), 2, "told while the call goes on: {parts:?}");
    assert!(parts.iter().all(|part| !part.complete));
    hang_up(&sim).await;
    assert_eq!(shelf.text("caller-1"), "what are your opening hours", "what was written stays playable");
    let ended = sim.events().pop();
    assert!(matches!(ended, Some(SessionEvent::Ended { .. })), "{ended:?}");
}

/// In real time: a thread that is stalled knows no other.
#[tokio::test]
async fn a_disk_that_stalls_holds_up_no_call() {
    let (shelf, setup) = recorded(Setup::default());
    let sim = {
        let stall = Arc::clone(&shelf.0);
        let (held, is_held) = std::sync::mpsc::channel();
        let (go, wait_for_it) = std::sync::mpsc::channel::<()>();
        let holder = std::thread::spawn(move || {
            let _stalled = stall.stall.lock().expect("not poisoned");
            held.send(()).expect("waited for");
            let _gone_on = wait_for_it.recv_timeout(Duration::from_secs(20));
        });
        is_held.recv().expect("held");
        let sim = Sim::start(setup).await;
        let heard = async {
            while sim.caller.sounds().len() < 25 {
                wait(20).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), heard).await.expect("the call waited for its recording");
        go.send(()).expect("it waits");
        holder.join().expect("no panic");
        sim
    };
    hang_up(&sim).await;
    assert!(parts(&sim).iter().all(|part| part.complete), "{:?}", parts(&sim));
    assert!(shelf.text("agent-1").starts_with("Hello this"), "{}", shelf.text("agent-1"));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_comes_back_over_another_transport_begins_another_part_that_knows_its_place() {
    let (shelf, setup) = recorded(plain());
    let sim = Sim::start(setup).await;
    wait(500).await;
    sim.caller.say("when are you open").await;
    sim.agent_turn(1).await;
    sim.caller.event(LegEvent::Lost).await;
    wait(8_000).await;
    let codec = Codec::Opus;
    let (again, mut leg) = Caller::connect_with(&sim.tasks, Net::default(), 9, codec);
    (leg.transport, leg.delivery) = ("websocket", Delivery::Stream);
    let back = sim.started.elapsed();
    sim.handle.attach(leg).await.expect("alive");
    again.event(LegEvent::Active).await;
    wait(700).await;
    again.say("and on Sundays").await;
    sim.agent_turn(2).await;
    again.event(LegEvent::Closed).await;
    sim.ended().await;
    sim.tasks.shutdown().await;
    assert_eq!(shelf.names(), ["agent-1", "agent-2", "caller-1", "caller-2"]);
    assert_eq!(shelf.text("caller-1"), "when are you open");
    let parts = parts(&sim);
    let part = |leg, number| {
        parts.iter().find(|part| (part.leg, part.part) == (leg, number)).expect("it ended").clone()
    };
    let (first, second) = (part(Role::Caller, 1), part(Role::Caller, 2));
    assert_eq!((first.codec, second.codec), (Encoding::Pcm16, Encoding::Opus));
    assert!(back > ms(8_000) && close(second.offset, back), "back at {back:?}: {second:?}");
    let answer = part(Role::Agent, 2);
    let sounded = again.state.lock().expect("not poisoned").received[0].at - sim.started;
    // After a stall up to three frames, which were due before, go out at once.
    assert!(
        (answer.offset..=answer.offset + ms(80)).contains(&sounded),
        "sent from {sounded:?} on, recorded from {:?}",
        answer.offset
    );
    assert_eq!(&shelf.bytes("caller-2")[..4], b"OggS");
    assert!(second.length > ms(1_000), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_comes_back_on_another_leg_of_the_same_kind_goes_on_in_the_same_part() {
    let (shelf, setup) = recorded(plain());
    let sim = Sim::start(setup).await;
    wait(500).await;
    sim.caller.say("when are you open").await;
    sim.agent_turn(1).await;
    sim.caller.event(LegEvent::Lost).await;
    wait(8_000).await;
    let (again, leg) = Caller::connect(&sim.tasks, Net::default(), 9);
    sim.handle.attach(leg).await.expect("alive");
    again.event(LegEvent::Active).await;
    wait(700).await;
    again.say("and on Sundays").await;
    let spoke = again.state.lock().expect("not poisoned").spoke_from.expect("it spoke") - sim.started;
    sim.agent_turn(2).await;
    again.event(LegEvent::Closed).await;
    sim.ended().await;
    sim.tasks.shutdown().await;
    assert_eq!(shelf.names(), ["agent-1", "caller-1"]);
    assert_eq!(shelf.text("caller-1"), "when are you open and on Sundays");
    let onsets = onsets(&shelf.samples("caller-1"));
    assert!(close(onsets[onsets.len() - 1] + ms(20), spoke), "spoke at {spoke:?}: {onsets:?}");
}

#[tokio::test(start_paused = true)]
async fn a_notice_is_spoken_first_cannot_be_interrupted_and_is_recorded() {
    let (shelf, mut setup) = recorded(Setup::default());
    setup.options.recording.mode = Mode::Notice;
    setup.options.recording.notice = "This call will be recorded for training.".to_owned();
    let sim = Sim::start(setup).await;
    wait(600).await;
    sim.caller.say("no wait stop I do not want that").await;
    let (said, _) = sim.agent_turn(1).await;
    assert!(said.starts_with("This call will be recorded for training."), "{said}");
    assert!(
        sim.caller.heard().starts_with("This call will be recorded for training"),
        "{}",
        sim.caller.heard()
    );
    wait(1_000).await;
    hang_up(&sim).await;
    assert!(shelf.text("agent-1").starts_with("This call will be recorded for training"));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_does_not_ask_for_it_records_nothing_and_says_no_notice() {
    let shelf = Shelf::default();
    let setup = Setup { recordings: Some(Box::new(shelf.clone())), ..Setup::default() };
    let sim = Sim::start(setup).await;
    assert_eq!(sim.agent_turn(1).await, (GREETING.to_owned(), false));
    hang_up(&sim).await;
    assert!(shelf.names().is_empty() && parts(&sim).is_empty());
}
