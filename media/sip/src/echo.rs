//! Takes the agent's own voice out of what comes from a phone that gives it back: a loudspeaker beside the microphone, a line that reflects.
//!
//! What was sent is set against what is heard by counting samples, not by clocks: between the two lies the phone's delay alone, however
//! the network hurries or tarries, and WebRTC's canceller (AEC3) looks for that delay by itself. Pure: payloads both ways.

use std::collections::VecDeque;

use bytes::Bytes;
use media_codec::G722Decoder;
use media_core::{Codec, Packet};
use sonora::config::EchoCanceller;
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::linear;
use crate::rtp::is_ahead;
use crate::sdp::G722;

/// More than this was sent and never set against something heard: the line was silent, or its clock is another.
const WAITS_MS: u32 = 1_000;
/// Nothing of the packet that was sent last can be in one that comes before it was played.
const LAST_MS: u32 = 20;

pub(crate) struct Canceller {
    processing: AudioProcessing,
    codec: Codec,
    rate_hz: u32,
    /// Where G.722 is sent: it becomes samples here.
    wide: G722Decoder,
    /// What was sent and is not yet set against something heard.
    sent: VecDeque<i16>,
    last: Option<Last>,
}

/// Of the packets that were heard.
#[derive(Clone, Copy)]
struct Last {
    sequence: u16,
    /// Where the next one begins.
    end: u32,
}

impl Canceller {
    /// `None` for codecs that are no phone line's own.
    pub(crate) fn of(codec: Codec) -> Option<Self> {
        let rate_hz = linear::rate_hz(codec)?;
        let stream = StreamConfig::new(rate_hz, 1);
        let config = Config { echo_canceller: Some(EchoCanceller::default()), ..Config::default() };
        let processing =
            AudioProcessing::builder().config(config).capture_config(stream).render_config(stream);
        Some(Self {
            processing: processing.build(),
            codec,
            rate_hz,
            wide: G722Decoder::default(),
            sent: VecDeque::new(),
            last: None,
        })
    }

    pub(crate) fn is_of(&self, codec: Codec) -> bool {
        self.codec == codec
    }

    /// A payload as it goes out: the agent's voice, or what fills a pause of it.
    pub(crate) fn sent(&mut self, payload: &[u8]) {
        let samples = match self.codec {
            G722 => self.wide.decode(payload),
            codec => linear::samples(codec, payload),
        };
        self.plays(samples);
    }

    /// A key goes out in the place of a frame.
    pub(crate) fn silent(&mut self) {
        self.plays(vec![0; self.length(LAST_MS)]);
    }

    fn plays(&mut self, samples: Vec<i16>) {
        self.sent.extend(samples);
        if self.sent.len() > self.length(WAITS_MS) {
            self.forget();
        }
    }

    /// What follows is another stream of the phone's, with numbers of its own.
    pub(crate) fn begin(&mut self) {
        self.last = None;
    }

    /// What is left of a packet without our own voice. One that is late, comes again or is of another rate is left as it is.
    pub(crate) fn heard(&mut self, packet: &Packet) -> Bytes {
        let length = self.length(10);
        let ahead = is_ahead(self.last.map(|last| last.sequence), packet.sequence);
        if linear::rate_hz(packet.codec) != Some(self.rate_hz) || !ahead {
            return packet.payload.clone();
        }
        let mut samples = linear::samples(packet.codec, &packet.payload);
        if !samples.len().is_multiple_of(length) {
            return packet.payload.clone();
        }
        self.skip(packet.timestamp);
        let end = packet.timestamp.wrapping_add(u32::try_from(samples.len()).unwrap_or_default());
        self.last = Some(Last { sequence: packet.sequence, end });
        for frame in samples.chunks_exact_mut(length) {
            self.cancel(frame);
        }
        linear::payload(packet.codec, &samples)
    }

    /// What was lost, or not sent in a pause, had its own share of what we sent.
    fn skip(&mut self, timestamp: u32) {
        let Some(last) = self.last else { return self.forget() };
        let missing = timestamp.wrapping_sub(last.end) as usize;
        if missing > self.length(WAITS_MS) {
            self.forget();
        } else {
            // Silence in its place, so that the canceller's memory of what we sent has no gap.
            let length = self.length(10);
            vec![0; missing].chunks_exact_mut(length).for_each(|frame| self.cancel(frame));
        }
    }

    /// The last packet stays, since what is heard now was sounding before it was sent.
    fn forget(&mut self) {
        let kept = self.length(LAST_MS).saturating_mul(2);
        self.sent.drain(..self.sent.len().saturating_sub(kept));
    }

    /// 10 ms of what was heard.
    fn cancel(&mut self, heard: &mut [i16]) {
        let ours: Vec<i16> = heard.iter().map(|_| self.sent.pop_front().unwrap_or_default()).collect();
        let (mut played, mut left) = (vec![0; ours.len()], vec![0; heard.len()]);
        // Frames of 10 ms at a rate that was given to it: it refuses none.
        let done = self.processing.process_render_i16(&ours, &mut played);
        if done.and_then(|()| self.processing.process_capture_i16(heard, &mut left)).is_ok() {
            heard.copy_from_slice(&left);
        }
    }

    fn length(&self, ms: u32) -> usize {
        (self.rate_hz / 1_000 * ms) as usize
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need some instant to count from")]
mod tests {
    use std::time::Instant;

    use media_codec::G722Encoder;
    use media_core::{Resampler, level};

    use super::*;

    fn recording(name: &str, rate_hz: u32) -> Vec<i16> {
        let mut file = hound::WavReader::open(testkit::speech(name)).expect("a recording");
        let from = file.spec().sample_rate;
        let samples: Vec<i16> = file.samples::<i16>().map(|sample| sample.expect("a sample")).collect();
        if from == rate_hz {
            return samples;
        }
        let (mut resampler, mut out) = (Resampler::new(from, rate_hz).expect("a rate"), Vec::new());
        resampler.push(&samples, &mut out);
        out
    }

    /// A phone whose microphone hears its loudspeaker: later, quieter and duller.
    struct Phone {
        delay: VecDeque<i16>,
        before: f32,
        gain: f32,
    }

    impl Phone {
        fn new(rate_hz: u32, delay_ms: u32, gain: f32) -> Self {
            let delay = (0..rate_hz / 1_000 * delay_ms).map(|_| 0).collect();
            Self { delay, before: 0.0, gain }
        }

        fn gives_back(&mut self, sample: i16) -> i16 {
            self.delay.push_back(sample);
            let late = f32::from(self.delay.pop_front().unwrap_or_default());
            self.before = 0.6 * late + 0.4 * self.before;
            (self.before * self.gain) as i16
        }
    }

    /// Levels of what the phone sent and of what was left of it, once the canceller knew the line, in dBFS.
    struct Left {
        sent: f32,
        left: f32,
    }

    struct Line {
        codec: Codec,
        delay_ms: u32,
        /// Every so-manieth packet of the phone's is lost; 0: none.
        lost: usize,
        /// The phone's packets come in heaps of so many.
        heap: usize,
    }

    /// `caller` speaks from the beginning, the agent all the time.
    fn call(line: &Line, caller: &[i16]) -> Left {
        let rate_hz = linear::rate_hz(line.codec).expect("a phone's");
        let agent = recording("desk_book.wav", rate_hz);
        let agent: Vec<i16> = agent.iter().copied().cycle().take((rate_hz * 12) as usize).collect();
        let mut canceller = Canceller::of(line.codec).expect("a phone's");
        let (mut phone, mut encoder) = (Phone::new(rate_hz, line.delay_ms, 0.4), G722Encoder::default());
        let length = (rate_hz / 50) as usize;
        let (mut waiting, mut sent, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (n, frame) in agent.chunks_exact(length).enumerate() {
            match line.codec {
                G722 => canceller.sent(&encoder.encode(frame)),
                codec => canceller.sent(&linear::payload(codec, frame)),
            }
            let caller = caller.iter().copied().chain(std::iter::repeat(0)).skip(n * length);
            let sound: Vec<i16> = frame
                .iter()
                .zip(caller)
                .map(|(sample, caller)| phone.gives_back(*sample).saturating_add(caller))
                .collect();
            let payload = linear::payload(line.codec, &sound);
            let (sequence, timestamp) = (n as u16, (n * length) as u32);
            if line.lost == 0 || n % line.lost != 0 {
                let (codec, at) = (line.codec, Instant::now());
                waiting.push(Packet { codec, sequence, timestamp, marker: false, payload, at });
            }
            if n % line.heap == line.heap - 1 {
                for packet in waiting.drain(..) {
                    sent.extend(linear::samples(line.codec, &packet.payload));
                    left.extend(linear::samples(line.codec, &canceller.heard(&packet)));
                }
            }
        }
        let known = sent.len() / 2;
        Left { sent: level::rms_dbfs(&sent[known..]), left: level::rms_dbfs(&left[known..]) }
    }

    #[test]
    fn a_phone_that_gives_the_agents_voice_back_is_quiet() {
        for codec in [Codec::Pcmu, Codec::Pcma, G722] {
            for delay_ms in [30, 120, 240] {
                let heard = call(&Line { codec, delay_ms, lost: 0, heap: 1 }, &[]);
                eprintln!("{codec:?} {delay_ms} ms: {:.1} dBFS, {:.1} left", heard.sent, heard.left);
                assert!(heard.sent - heard.left > 40.0, "{codec:?} {delay_ms}");
            }
        }
    }

    #[test]
    fn packets_that_are_lost_or_come_in_heaps_do_not_bring_the_echo_back() {
        for (lost, heap) in [(25, 1), (0, 5)] {
            let heard = call(&Line { codec: Codec::Pcmu, delay_ms: 120, lost, heap }, &[]);
            eprintln!("lost {lost}, heaps of {heap}: {:.1} dBFS, {:.1} left", heard.sent, heard.left);
            assert!(heard.sent - heard.left > 40.0, "{lost} {heap}");
        }
    }

    #[test]
    fn a_caller_who_speaks_into_the_agents_voice_is_left() {
        let caller = recording("desk_hours.wav", 8_000);
        let from = vec![0; 8_000 * 7];
        let caller: Vec<i16> = from.into_iter().chain(caller).collect();
        let heard = call(&Line { codec: Codec::Pcmu, delay_ms: 120, lost: 0, heap: 1 }, &caller);
        eprintln!("{:.1} dBFS, {:.1} left of both", heard.sent, heard.left);
        assert!(heard.sent - heard.left < 8.0, "{:.1} {:.1}", heard.sent, heard.left);
    }
}
