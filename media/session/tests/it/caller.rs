//! The caller: sends a packet every 20 ms through a bad network, speaks when told to, records what comes back.

use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::FRAME;
use media_core::codec::Encoder;
use media_core::{Codec, LegCommand, LegEvent, Packet};
use media_session::ports::Leg;
use providers_fake::Lexicon;
use runtime::tasks::{Kind, Tasks};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::net::{Net, Rng};

pub(crate) const RATE_HZ: u32 = 16_000;
const CODEC: Codec = Codec::Pcm16 { rate_hz: RATE_HZ };
/// Of the caller's speech, in ms for each character.
const MS_PER_CHAR: u64 = 50;

#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub at: Instant,
    pub packet: Packet,
}

#[derive(Default)]
pub(crate) struct State {
    queue: VecDeque<i16>,
    /// When the first and last voiced sample of the latest utterance were sent.
    pub spoke_from: Option<Instant>,
    pub spoke_to: Option<Instant>,
    /// Sends nothing at all.
    pub mute: bool,
    /// The network holds back everything until then.
    held_until: Option<Instant>,
    pub received: Vec<Received>,
    pub messages: Vec<String>,
    pub clears: Vec<Instant>,
    pub closed: Option<Instant>,
}

#[derive(Clone)]
pub(crate) struct Caller {
    pub state: Arc<Mutex<State>>,
    events: mpsc::Sender<LegEvent>,
}

/// One word as it came out of the caller's earpiece.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub text: String,
    pub from: Instant,
}

impl Caller {
    /// Connects; the leg goes to the session. Packets flow once `Active` was sent.
    pub(crate) fn connect(tasks: &Tasks, net: Net, seed: u64) -> (Self, Leg) {
        Self::connect_with(tasks, net, seed, CODEC)
    }

    /// The same over another codec, which must take 16 kHz.
    pub(crate) fn connect_with(tasks: &Tasks, net: Net, seed: u64, codec: Codec) -> (Self, Leg) {
        let (events, session_events) = mpsc::channel(1_024);
        let (commands, session_commands) = mpsc::channel(1_024);
        let state = Arc::new(Mutex::new(State::default()));
        let caller = Self { state, events };
        let options =
            media_codec::opus::Options { rate_hz: RATE_HZ, ..media_codec::opus::Options::default() };
        let encoder = media_codec::encoder(codec, &options).expect("a codec that takes 16 kHz");
        tasks.spawn(Kind::new("test.caller"), caller.clone().run(net, Rng::new(seed), encoder));
        tasks.spawn(Kind::new("test.earpiece"), caller.clone().earpiece(session_commands));
        let delivery = media_core::Delivery::Datagrams;
        (
            caller,
            Leg {
                transport: "test",
                delivery,
                codec,
                events: session_events,
                commands,
                refer: None,
                keypad: None,
            },
        )
    }

    async fn run(self, net: Net, mut rng: Rng, mut encoder: Box<dyn Encoder>) {
        let codec = encoder.codec();
        let mut ticks = tokio::time::interval(FRAME);
        let mut sequence = 1_000_u16;
        let mut timestamp = 77_000_u32;
        // Earliest first: the heap is reversed by the sign of time.
        let mut flying: BinaryHeap<(std::cmp::Reverse<Instant>, std::cmp::Reverse<u32>)> = BinaryHeap::new();
        let mut packets: VecDeque<Packet> = VecDeque::new();
        loop {
            let next = flying.peek().map(|(at, _)| at.0);
            tokio::select! {
                biased;
                () = async { tokio::time::sleep_until(next.expect("checked")).await }, if next.is_some() => {
                    let Some((_, id)) = flying.pop() else { continue };
                    let Some(mut packet) = packets.iter().find(|p| p.timestamp == id.0).cloned() else { continue };
                    packet.at = Instant::now().into_std();
                    if self.events.send(LegEvent::Packet(packet)).await.is_err() {
                        return;
                    }
                }
                now = ticks.tick() => {
                    let samples = self.microphone(now);
                    sequence = sequence.wrapping_add(1);
                    timestamp = timestamp.wrapping_add(codec.clock_hz() / 50);
                    let Some(samples) = samples else { continue };
                    let payload = encoder.encode(&samples).expect("a frame of 20 ms");
                    let at = now.into_std();
                    packets.push_back(Packet { codec, sequence, timestamp, marker: false, payload, at });
                    if packets.len() > 64 {
                        packets.pop_front();
                    }
                    let held = self.state.lock().expect("not poisoned").held_until;
                    for late in net.fate(&mut rng) {
                        let arrives = held.map_or(now + late, |until| until.max(now + late));
                        flying.push((std::cmp::Reverse(arrives), std::cmp::Reverse(timestamp)));
                    }
                }
            }
        }
    }

    fn microphone(&self, now: Instant) -> Option<Vec<i16>> {
        let mut state = self.state.lock().expect("not poisoned");
        if state.mute {
            return None;
        }
        let mut frame = vec![0_i16; 320];
        for sample in &mut frame {
            let Some(next) = state.queue.pop_front() else { break };
            *sample = next;
        }
        if let Some(last) = frame.iter().rposition(|s| *s != 0) {
            // A frame leaves when its last sample was spoken: the voice ended that much before.
            let rest = FRAME.mul_f64((320 - last) as f64 / 320.0);
            state.spoke_from.get_or_insert(now);
            state.spoke_to = Some(now - rest);
        }
        Some(frame)
    }

    async fn earpiece(self, mut commands: mpsc::Receiver<LegCommand>) {
        while let Some(command) = commands.recv().await {
            let at = Instant::now();
            let mut state = self.state.lock().expect("not poisoned");
            match command {
                LegCommand::Packet(packet) => state.received.push(Received { at, packet }),
                LegCommand::Message(message) => state.messages.push(message),
                LegCommand::Clear => state.clears.push(at),
                LegCommand::Close => state.closed = Some(at),
            }
        }
    }

    /// What was said to nobody yet, and the quiet after it, as a transport brings it: all at once. Live packets would follow on.
    pub(crate) fn earlier(text: &str, quiet_ms: u64) -> LegEvent {
        let (mut samples, _) = Lexicon::shared().speak(text, RATE_HZ, MS_PER_CHAR);
        samples.resize(samples.len() + (u64::from(RATE_HZ) * quiet_ms / 1000) as usize, 0);
        samples.resize(samples.len().next_multiple_of(320), 0);
        let mut encoder = media_codec::encoder(CODEC, &media_codec::opus::Options::default()).expect("PCM");
        let at = Instant::now().into_std();
        let packets = samples.chunks_exact(320).zip(0_u16..).map(|(samples, sequence)| {
            let payload = encoder.encode(samples).expect("a frame of 20 ms");
            let timestamp = u32::from(sequence) * 320;
            Packet { codec: CODEC, sequence, timestamp, marker: false, payload, at }
        });
        LegEvent::Earlier(packets.collect())
    }

    /// Whether the session still takes it.
    pub(crate) async fn event(&self, event: LegEvent) -> bool {
        self.events.send(event).await.is_ok()
    }

    /// The network holds up what is sent from now on, and lets it through all at once.
    pub(crate) fn hold_up(&self, length_ms: u64) {
        let until = Instant::now() + Duration::from_millis(length_ms);
        self.state.lock().expect("not poisoned").held_until = Some(until);
    }

    /// Begins to speak, without waiting. Returns how long it takes.
    pub(crate) fn begin(&self, text: &str) -> Duration {
        let (mut samples, _) = Lexicon::shared().speak(text, RATE_HZ, MS_PER_CHAR);
        while samples.last() == Some(&0) {
            samples.pop();
        }
        self.sound(samples)
    }

    /// Says it, to the last voiced sample.
    pub(crate) async fn say(&self, text: &str) {
        let length = self.begin(text);
        tokio::time::sleep(length).await;
    }

    /// Makes a noise without words.
    pub(crate) fn cough(&self, length_ms: u64) -> Duration {
        let mut rng = Rng::new(7);
        let count = u64::from(RATE_HZ) * length_ms / 1000;
        self.sound((0..count).map(|_| (rng.next() >> 50) as i16 - 8_192).collect())
    }

    /// The tone of an answering machine.
    pub(crate) fn beep(&self, hz: u32, length_ms: u64) -> Duration {
        let count = u64::from(RATE_HZ) * length_ms / 1000;
        let step = std::f32::consts::TAU * hz as f32 / RATE_HZ as f32;
        self.sound((0..count).map(|n| (8_000.0 * (step * n as f32).sin()) as i16).collect())
    }

    fn sound(&self, samples: Vec<i16>) -> Duration {
        let mut state = self.state.lock().expect("not poisoned");
        let length = Duration::from_secs_f64(samples.len() as f64 / f64::from(RATE_HZ));
        state.spoke_from = None;
        state.queue.extend(samples);
        length
    }

    /// Everything that came, on the agent's own timeline, with silence where nothing was sent.
    pub(crate) fn track(&self) -> (Vec<i16>, Vec<(u64, Instant)>) {
        let state = self.state.lock().expect("not poisoned");
        let mut track: Vec<i16> = Vec::new();
        let mut starts = Vec::new();
        let Some(first) = state.received.first().map(|r| r.packet.timestamp) else { return (track, starts) };
        let mut decoder = None;
        for received in &state.received {
            let packet = &received.packet;
            let units = u64::from(packet.timestamp.wrapping_sub(first));
            let at = (units * u64::from(RATE_HZ) / u64::from(packet.codec.clock_hz())) as usize;
            let decoder = decoder.get_or_insert_with(|| media_codec::decoder(packet.codec).expect("known"));
            track.resize(at.max(track.len()), 0);
            track.truncate(at);
            decoder.decode(&packet.payload, &mut track).expect("decodes");
            starts.push((at as u64, received.at));
        }
        (track, starts)
    }

    /// Every word that came out of the earpiece.
    pub(crate) fn words(&self) -> Vec<Word> {
        let (track, starts) = self.track();
        let words = Lexicon::shared().understand(&track, RATE_HZ);
        words
            .into_iter()
            .map(|placed| {
                let index = starts.partition_point(|(at, _)| *at <= placed.from).saturating_sub(1);
                Word { text: placed.word, from: starts[index].1 }
            })
            .collect()
    }

    pub(crate) fn heard(&self) -> String {
        self.words().iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn heard_since(&self, since: Instant) -> String {
        let words = self.words();
        words.iter().filter(|w| w.from >= since).map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// When the first audible sample after this instant came.
    pub(crate) fn first_sound_after(&self, since: Instant) -> Option<Instant> {
        self.sounds().into_iter().find(|at| *at > since)
    }

    pub(crate) fn last_sound(&self) -> Option<Instant> {
        let state = self.state.lock().expect("not poisoned");
        state.received.iter().rev().find(|received| is_audible(received)).map(|received| received.at)
    }

    /// When packets with anything audible came.
    pub(crate) fn sounds(&self) -> Vec<Instant> {
        let state = self.state.lock().expect("not poisoned");
        state.received.iter().filter(|received| is_audible(received)).map(|received| received.at).collect()
    }
}

fn is_audible(received: &Received) -> bool {
    received.packet.payload.chunks_exact(2).any(|b| i16::from_le_bytes([b[0], b[1]]).unsigned_abs() > 104)
}
