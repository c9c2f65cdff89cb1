//! The audio of one call, both ways: datagrams to packets and keys, the agent's packets and pauses to datagrams.
//!
//! Pure, like the parts of `rtp` that it puts together. It decides nothing about the call.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::{AudioFrame, Digit, FRAME, Key, Keys};
use media_codec::{G722Decoder, G722Encoder};
use media_core::codec::{Decoder, Encoder};
use media_core::{Codec, Packet, Resampler, dtmf};

use crate::echo::Canceller;
use crate::rtp::{Header, Latch, Timeline, frame_units, is_ahead};
use crate::sdp::{Agreed, Format, G722, clock_hz};
use crate::srtp::Context;
use crate::tones::Tones;

/// About -72 dBFS: a line that is open sounds like this, one that is dead does not.
const NOISE: i16 = 12;

/// Frames of keys that may wait: as many as the most keys and pauses at once have.
const PRESSING: usize = 2_048;

/// What a datagram was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Audio(Packet),
    /// A key, once for each press.
    Key(Digit),
    /// Of the caller, and nothing new: a key that is held, comfort noise.
    Alive,
    /// Not RTP, not from the caller, or nothing that was agreed on.
    Stray,
}

/// When tones of keys are looked for in what is heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Listens {
    #[default]
    Never,
    /// Where the other side has no events for keys (RFC 4733).
    WithoutEvents,
    /// Until an event comes.
    Always,
}

pub struct Voice {
    timeline: Timeline,
    latch: Latch,
    keys: dtmf::Events,
    /// Keys that are tones in what is heard.
    tones: Option<Tones>,
    listens: Listens,
    /// Of the agent's own voice, where a phone gives it back.
    echo: Option<Box<Canceller>>,
    cancels_echo: bool,
    agreed: Option<Agreed>,
    /// Of G.722 that comes.
    wide: Wide,
    /// Of the stream that is heard.
    source: Option<u32>,
    /// Where audio is enciphered. Without contexts nothing is sent or heard.
    srtp: Option<Srtp>,
    /// Makes what is sent, where it is not what the session gives: a pause, or another codec.
    encoder: Option<Encoding>,
    bridge: Option<Bridge>,
    noise: u32,
    /// Keys that are to be sent, frame by frame.
    pressing: VecDeque<Sound>,
    /// Keys were left out, since the line changed while they were sent.
    cut: bool,
}

/// A frame of keys that we send.
enum Sound {
    Quiet,
    /// A packet of an event (RFC 4733); the first of a key is marked.
    Event {
        begins: bool,
        payload: Bytes,
    },
    /// Where the other side takes no events: a part of the tone.
    Tone(Vec<i16>),
}

struct Srtp {
    send: Option<Context>,
    receive: Option<Context>,
}

/// From the codec that the session speaks to the one of the line.
struct Bridge {
    from: Codec,
    decoder: Box<dyn Decoder>,
    resampler: Option<Resampler>,
    pending: Vec<i16>,
}

impl Voice {
    #[must_use]
    pub fn new(timeline: Timeline) -> Self {
        Self {
            timeline,
            latch: Latch::default(),
            keys: dtmf::Events::default(),
            tones: None,
            listens: Listens::default(),
            echo: None,
            cancels_echo: false,
            agreed: None,
            wide: Wide::default(),
            source: None,
            srtp: None,
            encoder: None,
            bridge: None,
            noise: 1,
            pressing: VecDeque::new(),
            cut: false,
        }
    }

    /// When keys are looked for in the sound itself; from the next agreement on.
    pub fn listens_for_tones(&mut self, listens: Listens) {
        self.listens = listens;
    }

    /// Whether the agent's own voice is taken out of what is heard; from the next agreement on.
    pub fn cancels_echo(&mut self, cancels: bool) {
        self.cancels_echo = cancels;
    }

    /// The keys that sound in a packet which was received, where they are looked for.
    pub fn toned(&mut self, packet: &Packet, now: Instant) -> Vec<Digit> {
        self.tones.as_mut().map(|tones| tones.hear(packet, now)).unwrap_or_default()
    }

    /// Offer and answer came to this, at the beginning or anew.
    ///
    /// # Errors
    /// Where there is no encoder for the codec.
    pub fn agree(&mut self, agreed: Agreed) -> Result<(), media_core::codec::Error> {
        let before = self.agreed.as_ref().map(|before| before.send.codec);
        let other =
            |before: &Agreed| before.send.codec != agreed.send.codec || before.events != agreed.events;
        if self.is_pressing() && self.agreed.as_ref().is_some_and(other) {
            // What is left of them is made for the line as it was.
            self.release();
            self.cut = true;
        }
        if before != Some(agreed.send.codec) {
            let options = media_codec::opus::Options::default();
            self.encoder = Some(match agreed.send.codec {
                G722 => Encoding::Wide(Box::default()),
                codec => Encoding::Other(media_codec::encoder(codec, &options)?),
            });
            self.bridge = None;
        }
        let before = self.agreed.as_ref().and_then(|before| before.keys);
        let mut kept = self.srtp.take();
        self.srtp = agreed.keys.map(|keys| {
            // A key that stays keeps its counts, whatever becomes of the other: no packet may be enciphered as another was.
            let before = before.filter(|before| before.suite == keys.suite);
            let (mut send, mut receive) = (None, None);
            if let (Some(srtp), Some(before)) = (kept.take(), before) {
                send = srtp.send.filter(|_| before.send == keys.send);
                receive = srtp.receive.filter(|_| before.receive == keys.receive);
            }
            Srtp {
                send: send.or_else(|| Context::new(keys.suite, &keys.send)),
                receive: receive.or_else(|| Context::new(keys.suite, &keys.receive)),
            }
        });
        let listens = match self.listens {
            Listens::Always => true,
            Listens::WithoutEvents => agreed.events.is_none(),
            Listens::Never => false,
        };
        let codec = agreed.send.codec;
        let kept = self.tones.take().filter(|tones| tones.is_of(codec));
        self.tones = if listens { kept.or_else(|| Tones::of(codec)) } else { None };
        let kept = self.echo.take().filter(|echo| echo.is_of(codec));
        self.echo =
            if self.cancels_echo { kept.or_else(|| Canceller::of(codec).map(Box::new)) } else { None };
        self.latch.signal(agreed.remote);
        self.agreed = Some(agreed);
        Ok(())
    }

    pub fn received(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) -> Heard {
        let plain = match &mut self.srtp {
            None => None,
            Some(Srtp { receive: Some(context), .. }) => match context.unprotect(datagram) {
                None => return Heard::Stray,
                plain => plain,
            },
            Some(_) => return Heard::Stray,
        };
        let datagram = plain.as_deref().unwrap_or(datagram);
        let Some((header, payload)) = Header::parse(datagram) else { return Heard::Stray };
        let Some(agreed) = &self.agreed else { return Heard::Stray };
        let format = agreed.receive.iter().find(|format| format.payload_type == header.payload_type).copied();
        let events = agreed.events;
        // Comfort noise (RFC 3389) has this number by table.
        let known = format.is_some() || events == Some(header.payload_type) || header.payload_type == 13;
        if !known || !self.latch.hears(from, now) {
            return Heard::Stray;
        }
        if format.is_some() && self.source.replace(header.ssrc) != Some(header.ssrc) {
            self.begin();
        }
        match format {
            Some(Format { codec, .. }) if !payload.is_empty() => {
                let Header { sequence, timestamp, marker, .. } = header;
                let (timestamp, payload) = match codec {
                    // Two samples to each of the clock's units.
                    G722 => (timestamp.wrapping_mul(2), self.wide.samples(sequence, &payload)),
                    _ => (timestamp, payload),
                };
                let mut packet = Packet { codec, sequence, timestamp, marker, payload, at: now };
                if let Some(echo) = &mut self.echo {
                    packet.payload = echo.heard(&packet);
                }
                Heard::Audio(packet)
            }
            None if events == Some(header.payload_type) => {
                let key = self.keys.received(header.timestamp, &payload);
                let told =
                    key.is_some_and(|key| self.tones.as_ref().is_some_and(|tones| tones.told(key, now)));
                if key.is_some() {
                    // A line that has events needs no tones.
                    (self.tones, self.listens) = (None, Listens::Never);
                }
                key.filter(|_| !told).map_or(Heard::Alive, Heard::Key)
            }
            _ => Heard::Alive,
        }
    }

    /// What is told of a packet without sound, so that its number is not missed.
    #[must_use]
    pub fn soundless(&self, header: &Header, now: Instant) -> Option<Packet> {
        let codec = self.agreed.as_ref()?.receive.first()?.codec;
        // As that of audio.
        let timestamp = if codec == G722 { header.timestamp.wrapping_mul(2) } else { header.timestamp };
        let (sequence, payload) = (header.sequence, Bytes::new());
        Some(Packet { codec, sequence, timestamp, marker: false, payload, at: now })
    }

    /// Of another stream of the other side's: its numbers are no later or earlier than those before.
    fn begin(&mut self) {
        self.wide.last = None;
        if let Some(tones) = &mut self.tones {
            tones.begin();
        }
        if let Some(echo) = &mut self.echo {
            echo.begin();
        }
    }

    /// The agent's packet as a datagram and where it goes; `None` while nothing may be sent.
    pub fn speak(&mut self, packet: &Packet, now: Instant) -> Option<(Vec<u8>, SocketAddr)> {
        let (send, remote) = self.way().filter(|_| self.pressing.is_empty())?;
        let payload = if packet.codec == send.codec && send.codec != G722 {
            packet.payload.clone()
        } else {
            self.translate(packet).filter(|payload| !payload.is_empty())?
        };
        let clock = clock_hz(send.codec);
        let units = match send.codec {
            G722 => u32::try_from(payload.len()).ok(),
            codec => codec.units(&payload),
        };
        let units = units.unwrap_or_else(|| frame_units(clock));
        if let Some(echo) = &mut self.echo {
            echo.sent(&payload);
        }
        let header = self.timeline.voice(send.payload_type, units, clock, now);
        Some((self.sealed(header.datagram(&payload))?, remote))
    }

    /// Sends keys once those before them are sent: as events where the other side takes them, as tones in the audio where not. Whether
    /// they will be; on hold nothing is.
    pub fn press(&mut self, keys: &Keys) -> bool {
        let (Some((send, _)), Some(encoder)) = (self.way(), &self.encoder) else { return false };
        if self.pressing.len() > PRESSING {
            return false;
        }
        self.cut = false;
        let (events, rate_hz) =
            (self.agreed.as_ref().is_some_and(|agreed| agreed.events.is_some()), encoder.rate_hz());
        for key in keys.iter() {
            match key {
                Key::Pause => self.pressing.extend(quiet(Key::PAUSE)),
                Key::Press(digit) => {
                    if events {
                        let packets = dtmf::TelephoneEvent::press(digit, Key::PRESS, clock_hz(send.codec));
                        let sounds = packets.into_iter().enumerate();
                        self.pressing
                            .extend(sounds.map(|(n, payload)| Sound::Event { begins: n == 0, payload }));
                    } else {
                        let samples = dtmf::tones(digit, Key::PRESS, rate_hz);
                        let frames = samples.chunks(AudioFrame::samples_per_frame(rate_hz));
                        self.pressing.extend(frames.map(|frame| Sound::Tone(frame.to_vec())));
                    }
                    self.pressing.extend(quiet(Key::BETWEEN));
                }
            }
        }
        true
    }

    #[must_use]
    pub fn is_pressing(&self) -> bool {
        !self.pressing.is_empty()
    }

    /// Whether keys were left out, since this was last asked.
    pub fn take_cut(&mut self) -> bool {
        std::mem::take(&mut self.cut)
    }

    /// Keys that were not sent are not wanted any more.
    pub fn release(&mut self) {
        self.pressing.clear();
    }

    /// Where our reports go (RTCP). `None` while nothing may be sent, where reports would have to be enciphered, and where audio comes from
    /// another port than the other side said: the one beside that of a router is somebody else's.
    #[must_use]
    pub fn reports_to(&self) -> Option<SocketAddr> {
        let (_, mut remote) = self.way().filter(|_| self.srtp.is_none())?;
        if self.agreed.as_ref()?.remote?.port() != remote.port() {
            return None;
        }
        remote.set_port(remote.port().checked_add(1)?);
        Some(remote)
    }

    /// Who may report on what they hear, and the clock of what we send.
    #[must_use]
    pub fn reported_by(&self) -> Option<(IpAddr, u32)> {
        let (send, remote) = self.way().filter(|_| self.srtp.is_none())?;
        Some((remote.ip(), clock_hz(send.codec)))
    }

    /// When to call `fill`; `None` while nothing may be sent.
    #[must_use]
    pub fn fill_due(&self, now: Instant) -> Option<Instant> {
        self.way().map(|_| self.next_due(now))
    }

    /// A key that is to be sent, or a frame of comfort noise where a pause is due to be filled.
    pub fn fill(&mut self, now: Instant) -> Option<(Vec<u8>, SocketAddr)> {
        let (send, remote) = self.way()?;
        if self.next_due(now) > now {
            return None;
        }
        let samples = match self.pressing.pop_front() {
            Some(Sound::Event { begins, payload }) => {
                if let Some(events) = self.agreed.as_ref().and_then(|agreed| agreed.events) {
                    if let Some(echo) = &mut self.echo {
                        echo.silent();
                    }
                    let header = self.timeline.key(events, begins, clock_hz(send.codec), now);
                    return Some((self.sealed(header.datagram(&payload))?, remote));
                }
                self.noise()?
            }
            Some(Sound::Tone(samples)) => samples,
            Some(Sound::Quiet) | None => self.noise()?,
        };
        let encoder = self.encoder.as_mut()?;
        let payload = encoder.encode(&samples).filter(|payload| !payload.is_empty())?;
        if let Some(echo) = &mut self.echo {
            echo.sent(&payload);
        }
        let clock = clock_hz(send.codec);
        let header = self.timeline.fill(send.payload_type, frame_units(clock), clock, now);
        Some((self.sealed(header.datagram(&payload))?, remote))
    }

    /// A frame of an open line.
    fn noise(&mut self) -> Option<Vec<i16>> {
        let length = AudioFrame::samples_per_frame(self.encoder.as_ref()?.rate_hz());
        let sample = |_| {
            // A linear congruential generator (Knuth's), of which the upper bits are good enough for noise.
            self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((self.noise >> 16) % (2 * NOISE as u32 + 1)) as i16 - NOISE
        };
        Some((0..length).map(sample).collect())
    }

    /// Keys wait for nobody's voice.
    fn next_due(&self, now: Instant) -> Instant {
        if self.pressing.is_empty() { self.timeline.fill_due(now) } else { self.timeline.due(now) }
    }

    /// As it goes out.
    fn sealed(&mut self, datagram: Vec<u8>) -> Option<Vec<u8>> {
        match &mut self.srtp {
            None => Some(datagram),
            Some(srtp) => srtp.send.as_mut()?.protect(datagram),
        }
    }

    fn way(&self) -> Option<(Format, SocketAddr)> {
        let agreed = self.agreed.as_ref().filter(|agreed| agreed.direction.sends())?;
        // Without an address in the description the caller holds, whoever was heard before.
        agreed.remote?;
        Some((agreed.send, self.latch.remote()?))
    }

    /// The session keeps the codec that the call began with; the line may have changed to another.
    fn translate(&mut self, packet: &Packet) -> Option<Bytes> {
        let encoder = self.encoder.as_mut()?;
        if self.bridge.as_ref().is_none_or(|bridge| bridge.from != packet.codec) {
            self.bridge = Some(Bridge::new(packet.codec, encoder.rate_hz())?);
        }
        let bridge = self.bridge.as_mut()?;
        let mut samples = Vec::new();
        bridge.decoder.decode(&packet.payload, &mut samples).ok()?;
        match &mut bridge.resampler {
            Some(resampler) => resampler.push(&samples, &mut bridge.pending),
            None => bridge.pending.extend(samples),
        }
        let length = AudioFrame::samples_per_frame(encoder.rate_hz());
        if bridge.pending.len() < length {
            return None;
        }
        let frame: Vec<i16> = bridge.pending.drain(..length).collect();
        encoder.encode(&frame)
    }
}

/// So many frames without a key.
fn quiet(length: Duration) -> impl Iterator<Item = Sound> {
    let frames = length.as_millis().div_ceil(FRAME.as_millis()) as usize;
    std::iter::repeat_with(|| Sound::Quiet).take(frames)
}

/// What makes the line's payloads.
enum Encoding {
    Wide(Box<G722Encoder>),
    Other(Box<dyn Encoder>),
}

impl Encoding {
    fn rate_hz(&self) -> u32 {
        match self {
            Self::Wide(_) => media_codec::g722::RATE_HZ,
            Self::Other(encoder) => encoder.rate_hz(),
        }
    }

    fn encode(&mut self, samples: &[i16]) -> Option<Bytes> {
        match self {
            Self::Wide(encoder) => Some(encoder.encode(samples)),
            Self::Other(encoder) => encoder.encode(samples).ok(),
        }
    }
}

/// Decodes G.722 as it comes, since its state runs from packet to packet.
#[derive(Default)]
struct Wide {
    decoder: G722Decoder,
    last: Option<u16>,
}

impl Wide {
    /// A packet that is late or comes again is decoded beside the stream, so that it does not disturb what follows.
    fn samples(&mut self, sequence: u16, payload: &[u8]) -> Bytes {
        let samples = if is_ahead(self.last, sequence) {
            self.last = Some(sequence);
            self.decoder.decode(payload)
        } else {
            G722Decoder::default().decode(payload)
        };
        samples.into_iter().flat_map(i16::to_le_bytes).collect()
    }
}

impl Bridge {
    fn new(from: Codec, to_hz: u32) -> Option<Self> {
        let decoder = media_codec::decoder(from).ok()?;
        let (from_hz, mut pending) = (decoder.rate_hz(), Vec::new());
        let resampler = if from_hz == to_hz {
            None
        } else {
            let mut resampler = Resampler::new(from_hz, to_hz).ok()?;
            resampler.prime(&mut pending);
            Some(resampler)
        };
        Some(Self { from, decoder, resampler, pending })
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use super::*;
    use crate::sdp::Direction;
    use crate::srtp::{Keys, Master, Suite};

    const PCMU: Format = Format { payload_type: 0, codec: Codec::Pcmu };

    fn from() -> SocketAddr {
        "127.0.0.1:4000".parse().expect("address")
    }

    fn agreed(send: Format) -> Agreed {
        Agreed {
            remote: Some(from()),
            send,
            receive: vec![send],
            events: Some(101),
            direction: Direction::SendRecv,
            keys: None,
        }
    }

    fn voice(send: Format) -> Voice {
        let mut voice = Voice::new(Timeline::new(1, 0, 0));
        voice.agree(agreed(send)).expect("an encoder");
        voice
    }

    fn packet(codec: Codec, payload: Bytes) -> Packet {
        Packet { codec, sequence: 0, timestamp: 0, marker: false, payload, at: Instant::now() }
    }

    fn header(payload_type: u8, timestamp: u32) -> Header {
        Header { payload_type, marker: false, sequence: 1, timestamp, ssrc: 5 }
    }

    #[test]
    fn audio_is_told_from_keys_and_each_press_is_one_key() {
        let now = Instant::now();
        let mut voice = voice(PCMU);
        let audio = header(0, 160).datagram(&[0xff; 160]);
        assert!(
            matches!(voice.received(&audio, from(), now), Heard::Audio(packet) if packet.codec == Codec::Pcmu)
        );
        let digit = Digit::try_from('7').expect("a key");
        let heard: Vec<Heard> = dtmf::TelephoneEvent::press(digit, Duration::from_millis(100), 8_000)
            .iter()
            .map(|payload| voice.received(&header(101, 320).datagram(payload), from(), now))
            .collect();
        assert_eq!(heard[0], Heard::Key(digit));
        assert!(heard[1..].iter().all(|heard| *heard == Heard::Alive), "{heard:?}");
        assert_eq!(voice.received(&header(13, 480).datagram(&[30]), from(), now), Heard::Alive);
        assert_eq!(voice.received(&header(96, 480).datagram(&[30]), from(), now), Heard::Stray);
        assert_eq!(voice.received(b"hello", from(), now), Heard::Stray);
    }

    #[test]
    fn what_the_session_speaks_is_translated_where_the_line_speaks_another_codec() {
        let now = Instant::now();
        let mut voice = voice(Format { payload_type: 8, codec: Codec::Pcma });
        let mulaw: Bytes = (0..160).map(|n| media_core::g711::encode_ulaw((n * 100) as i16)).collect();
        let (datagram, to) = voice.speak(&packet(Codec::Pcmu, mulaw), now).expect("sent");
        let (header, payload) = Header::parse(&datagram).expect("RTP");
        assert_eq!((header.payload_type, payload.len(), to), (8, 160, from()));
        let heard = media_core::g711::decode_alaw(payload[100]);
        assert!((i32::from(heard) - 10_000).abs() < 600, "{heard}");
        voice.agree(agreed(Format { payload_type: 111, codec: Codec::Opus })).expect("an encoder");
        let mut sent = 0;
        for n in 0..50_u64 {
            let at = now + Duration::from_millis(20 * n);
            sent += usize::from(
                voice.speak(&packet(Codec::Pcmu, Bytes::from_static(&[0x80; 160])), at).is_some(),
            );
        }
        assert!(sent >= 48, "{sent} of 50");
    }

    #[test]
    fn wide_sound_goes_both_ways_as_samples_and_late_packets_disturb_nothing() {
        let now = Instant::now();
        let line = Format { payload_type: 9, codec: G722 };
        let (mut near, mut far) = (voice(line), voice(line));
        let tone = |n: usize| ((n as f32 * 0.4).sin() * 8_000.0) as i16;
        let sent: Vec<Vec<u8>> = (0..20_usize)
            .map(|n| {
                let samples = (0..320).flat_map(|m| tone(n * 320 + m).to_le_bytes()).collect();
                let packet = packet(G722, samples);
                near.speak(&packet, now + Duration::from_millis(20 * n as u64)).expect("sent").0
            })
            .collect();
        let headers: Vec<Header> = sent.iter().map(|at| Header::parse(at).expect("RTP").0).collect();
        assert!(sent.iter().all(|at| at.len() == 172), "160 bytes for 20 ms");
        assert_eq!(headers[5].timestamp - headers[4].timestamp, 160, "the clock of RFC 3551 counts 8000");
        let mut heard = Vec::new();
        for (n, datagram) in sent.iter().enumerate() {
            let Heard::Audio(audio) = far.received(datagram, from(), now) else { panic!("audio {n}") };
            assert_eq!((audio.codec, audio.payload.len()), (G722, 640));
            assert_eq!(audio.timestamp, headers[n].timestamp.wrapping_mul(2));
            heard.extend(audio.payload.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)));
            if n == 10 {
                assert!(matches!(far.received(&sent[3], from(), now), Heard::Audio(_)), "again, or late");
            }
        }
        let off = (4_000..6_000).map(|n: usize| (i32::from(heard[n + 22]) - i32::from(tone(n))).abs()).max();
        assert!(off.is_some_and(|off| off < 1_000), "{off:?}");
        let (fill, _) = near.fill(now + Duration::from_secs(1)).expect("a pause");
        assert_eq!(fill.len(), 172);
    }

    #[test]
    fn keys_are_heard_as_tones_where_no_events_come_and_never_twice() {
        let key = Digit::try_from('5').expect("a key");
        let sound = dtmf::tones(key, Duration::from_millis(100), 8_000);
        let frames: Vec<Vec<u8>> = sound
            .chunks_exact(160)
            .map(|frame| frame.iter().map(|sample| media_core::g711::encode_ulaw(*sample)).collect())
            .collect();
        let pressed = |voice: &mut Voice, from_sequence: u16, now: Instant| {
            let mut keys = Vec::new();
            for (n, frame) in frames.iter().enumerate() {
                let header = Header { sequence: from_sequence + n as u16, ..header(0, 160 * n as u32) };
                let Heard::Audio(packet) = voice.received(&header.datagram(frame), from(), now) else {
                    panic!("audio")
                };
                keys.extend(voice.toned(&packet, now));
            }
            keys
        };
        let now = Instant::now();
        let listening = |listens, events| {
            let mut voice = Voice::new(Timeline::new(1, 0, 0));
            voice.listens_for_tones(listens);
            voice.agree(Agreed { events, ..agreed(PCMU) }).expect("agreed");
            voice
        };
        assert_eq!(pressed(&mut listening(Listens::WithoutEvents, None), 1, now), [key]);
        let mut line = listening(Listens::WithoutEvents, None);
        assert_eq!(pressed(&mut line, 40_000, now), [key]);
        for n in 0..5 {
            let other = Header { ssrc: 99, sequence: n, ..header(0, 0) };
            let Heard::Audio(quiet) = line.received(&other.datagram(&[0xff; 160]), from(), now) else {
                panic!("audio")
            };
            assert!(line.toned(&quiet, now).is_empty());
        }
        assert_eq!(pressed(&mut line, 30_000, now), [key], "another stream has numbers of its own");
        assert!(pressed(&mut listening(Listens::WithoutEvents, Some(101)), 1, now).is_empty());
        assert!(pressed(&mut listening(Listens::Never, None), 1, now).is_empty());
        let mut both = listening(Listens::Always, Some(101));
        assert_eq!(pressed(&mut both, 1, now), [key]);
        let event = |voice: &mut Voice, timestamp, now| {
            let first = dtmf::TelephoneEvent::press(key, Duration::from_millis(100), 8_000);
            voice.received(&header(101, timestamp).datagram(&first[0]), from(), now)
        };
        assert_eq!(event(&mut both, 9_000, now + Duration::from_millis(80)), Heard::Alive, "the same press");
        let later = now + Duration::from_secs(2);
        assert!(pressed(&mut both, 20, later).is_empty(), "it has events");
        assert_eq!(event(&mut both, 30_000, later), Heard::Key(key));
    }

    #[test]
    fn keys_are_sent_one_after_the_other_in_place_of_audio() {
        let now = Instant::now();
        let (mut near, mut far) = (voice(PCMU), voice(PCMU));
        let digit = |key| Digit::try_from(key).expect("a key");
        assert!(near.press(&"122w#".parse().expect("keys")) && near.is_pressing());
        let mut heard = Vec::new();
        for n in 0..80_u64 {
            let at = now + Duration::from_millis(20 * n);
            let spoken = near.speak(&packet(Codec::Pcmu, Bytes::from_static(&[0x80; 160])), at);
            let sent = near.fill(at);
            assert!(spoken.is_some() != sent.is_some(), "one packet for each frame: {n}");
            let (datagram, _) = spoken.or(sent).expect("one");
            heard.push(far.received(&datagram, from(), at));
        }
        let keys: Vec<Digit> = heard
            .iter()
            .filter_map(|heard| if let Heard::Key(key) = heard { Some(*key) } else { None })
            .collect();
        assert_eq!(keys, ['1', '2', '2', '#'].map(digit));
        assert!(matches!(heard.last(), Some(Heard::Audio(_))), "and the voice goes on");
        assert!(!near.is_pressing());
        near.press(&"1".parse().expect("keys"));
        near.release();
        assert!(near.speak(&packet(Codec::Pcmu, Bytes::from_static(&[0x80; 160])), now).is_some());
        near.agree(Agreed { direction: Direction::RecvOnly, ..agreed(PCMU) }).expect("held");
        assert!(!near.press(&"1".parse().expect("keys")), "on hold");
    }

    #[test]
    fn who_takes_no_events_is_sent_tones() {
        for format in
            [PCMU, Format { payload_type: 8, codec: Codec::Pcma }, Format { payload_type: 9, codec: G722 }]
        {
            let now = Instant::now();
            let (mut near, mut far) = (voice(format), Voice::new(Timeline::new(7, 0, 0)));
            near.agree(Agreed { events: None, ..agreed(format) }).expect("agreed");
            far.listens_for_tones(Listens::WithoutEvents);
            far.agree(Agreed { events: None, ..agreed(format) }).expect("agreed");
            assert!(near.press(&"4w711#".parse().expect("keys")));
            let mut keys = String::new();
            for n in 0..100_u64 {
                let at = now + Duration::from_millis(20 * n);
                let Some((datagram, _)) = near.fill(at) else { continue };
                if let Heard::Audio(packet) = far.received(&datagram, from(), at) {
                    keys.extend(far.toned(&packet, at).into_iter().map(char::from));
                }
            }
            assert_eq!(keys, "4711#", "{format:?}");
        }
    }

    #[test]
    fn keys_are_cut_where_the_line_changes_while_they_are_sent_and_that_is_known() {
        let now = Instant::now();
        let mut near = voice(PCMU);
        assert!(near.press(&"47".parse().expect("keys")));
        near.agree(agreed(PCMU)).expect("agreed");
        assert!(near.is_pressing() && !near.take_cut(), "nothing of theirs changed");
        near.agree(Agreed { events: None, ..agreed(PCMU) }).expect("agreed");
        assert!(!near.is_pressing() && near.take_cut() && !near.take_cut());
        assert!(near.press(&"4".parse().expect("keys")), "as tones");
        assert!(near.fill(now).is_some() && !near.take_cut());
    }

    #[test]
    fn reports_go_beside_the_port_that_was_told_and_nowhere_where_audio_comes_from_another() {
        let mut near = voice(PCMU);
        let told = from();
        assert_eq!(near.reports_to(), Some(SocketAddr::new(told.ip(), told.port() + 1)));
        let router = SocketAddr::new(told.ip(), told.port() + 40);
        let audio = header(0, 160).datagram(&[0xff; 160]);
        assert!(matches!(near.received(&audio, router, Instant::now()), Heard::Audio(_)));
        assert_eq!(near.reports_to(), None);
        assert_eq!(near.reported_by(), Some((router.ip(), 8_000)));
    }

    #[test]
    fn enciphered_audio_is_understood_by_who_has_the_keys_and_nothing_else_is_heard() {
        let now = Instant::now();
        let (ours, theirs) = (Master::new([1; 30]), Master::new([2; 30]));
        let keys = |send, receive| Some(Keys { suite: Suite::Sha1Of80, send, receive });
        let (mut near, mut far) = (voice(PCMU), voice(PCMU));
        near.agree(Agreed { keys: keys(ours, theirs), ..agreed(PCMU) }).expect("agreed");
        far.agree(Agreed { keys: keys(theirs, ours), ..agreed(PCMU) }).expect("agreed");
        let mulaw = Bytes::from_static(&[0x80; 160]);
        let (sealed, _) = near.speak(&packet(Codec::Pcmu, mulaw.clone()), now).expect("sent");
        assert_eq!(sealed.len(), 172 + 10);
        assert!(!sealed.windows(8).any(|part| part == [0x80; 8]), "not in plain");
        assert!(
            matches!(far.received(&sealed, from(), now), Heard::Audio(packet) if packet.payload == mulaw)
        );
        assert_eq!(far.received(&sealed, from(), now), Heard::Stray, "again");
        // The same keys anew, as a hold or a refresh says them: the counts go on.
        near.agree(Agreed { keys: keys(ours, theirs), ..agreed(PCMU) }).expect("agreed");
        let (next, _) =
            near.speak(&packet(Codec::Pcmu, mulaw), now + Duration::from_millis(20)).expect("sent");
        assert!(matches!(far.received(&next, from(), now), Heard::Audio(_)));
        // The far side's key alone is another, as where a hold renews it: ours goes on, and what was heard is not heard again.
        let renewed = Master::new([3; 30]);
        near.agree(Agreed { keys: keys(ours, renewed), ..agreed(PCMU) }).expect("agreed");
        far.agree(Agreed { keys: keys(renewed, ours), ..agreed(PCMU) }).expect("agreed");
        assert_eq!(far.received(&next, from(), now), Heard::Stray, "again");
        let (last, _) = near
            .speak(&packet(Codec::Pcmu, Bytes::from_static(&[0x80; 160])), now + Duration::from_millis(40))
            .expect("sent");
        assert!(matches!(far.received(&last, from(), now), Heard::Audio(_)));
        let plain = header(0, 160).datagram(&[0xff; 160]);
        assert_eq!(far.received(&plain, from(), now), Heard::Stray, "in plain");
    }

    #[test]
    fn pauses_are_filled_and_on_hold_nothing_is_sent() {
        let now = Instant::now();
        let mut voice = voice(PCMU);
        let (datagram, _) = voice.fill(now).expect("the first at once");
        assert_eq!(datagram.len(), 172);
        assert_eq!(voice.fill(now), None);
        assert_eq!(voice.fill_due(now), Some(now + Duration::from_millis(20)));
        voice.agree(Agreed { direction: Direction::RecvOnly, ..agreed(PCMU) }).expect("held");
        assert_eq!(voice.fill_due(now), None);
        assert_eq!(voice.speak(&packet(Codec::Pcmu, Bytes::from_static(&[0xff; 160])), now), None);
        voice.agree(Agreed { remote: None, ..agreed(PCMU) }).expect("held the older way");
        assert_eq!(voice.fill(now + Duration::from_secs(1)), None);
    }
}
