//! From packets to the caller's track: 20 ms frames at 16 kHz, without gaps, on one position that only goes forward.
//!
//! Puts the jitter buffer, a decoder, concealment and the resampler together. The track also advances when nothing
//! comes at all, so that detection and endpointing go on. It does not judge what is heard.

use std::time::{Duration, Instant};

use domain::{AudioFrame, FRAME, MediaTime};
use serde::{Deserialize, Serialize};

use crate::codec::{self, Decoder, DecoderFactory};
use crate::concealment::Fade;
use crate::jitter::{self, Cause, Jitter, Slot};
use crate::leg::Delivery;
use crate::level::rms_dbfs;
use crate::packet::{Codec, Packet};
use crate::quality::Statistics;
use crate::resample::{RATES_HZ, Resampler};

/// What detection and recognition hear.
pub const RATE_HZ: u32 = 16_000;
const FRAME_SAMPLES: usize = AudioFrame::samples_per_frame(RATE_HZ);
/// A payload longer than a second of 48 kHz PCM is no piece of live audio.
const PAYLOAD_MAX_BYTES: usize = 96_000;
/// Silence owed between two packets that the keeper has not filled already; more is a jump of the sender's clock.
const OWED_MAX: MediaTime = MediaTime::from_millis(300);
/// No packet of live audio is longer.
const HOLE_MAX: MediaTime = MediaTime::from_millis(120);

/// A caller who sends nothing for longer than this is taken for one who stopped sending, and not for one whose network was held up.
const GAP_MAX: MediaTime = MediaTime::from_millis(3_000);

/// What a long hold-up of the network can leave; a packet below this level can make up for it unheard.
const SURPLUS_MAX: MediaTime = MediaTime::from_millis(10_000);
const QUIET_DBFS: f32 = -50.0;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// When nothing came for this long, the track goes on with silence, in ms. Default 60; grows with the jitter.
    pub silence_after_ms: u64,
    /// The same where nothing is lost and audio may be late (`Delivery::Stream`), in ms. Default 400.
    pub stream_silence_after_ms: u64,
    pub jitter: jitter::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self { silence_after_ms: 60, stream_silence_after_ms: 400, jitter: jitter::Options::default() }
    }
}

impl Options {
    pub fn validate(&self) -> Result<(), String> {
        for (name, value) in [
            ("silence_after_ms", self.silence_after_ms),
            ("stream_silence_after_ms", self.stream_silence_after_ms),
        ] {
            if !(20..=1_000).contains(&value) {
                return Err(format!("inbound: {name} is 20 to 1000"));
            }
        }
        self.jitter.validate()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The next 20 ms of the track.
    Frame(AudioFrame),
    /// Nothing now; poll again after the next push, or at this instant.
    Wait(Option<Instant>),
}

/// What became of the audio beyond what the network did to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// Lost packets that the redundancy of the next one gave back.
    pub recovered: u64,
    /// Lost packets bridged by concealment.
    pub concealed: u64,
    /// So much sound is in place of what was lost and not recovered.
    pub concealed_for: MediaTime,
    /// Frames of silence made while nothing came.
    pub silent_frames: u64,
    /// Times at which that was not the sender's doing: what it had sent was lost, or came after its silence was made; and how much silence
    /// it was.
    pub gaps: u64,
    pub gap_for: MediaTime,
    /// Packets whose payload no decoder took.
    pub undecodable: u64,
    /// Changes of codec in mid-stream.
    pub codec_changes: u64,
}

pub struct Inbound {
    options: Options,
    delivery: Delivery,
    jitter: Jitter,
    decoders: DecoderFactory,
    stream: Option<Stream>,
    /// At the decoder's rate; kept to save the allocation.
    scratch: Vec<i16>,
    /// At `RATE_HZ`, less than a frame between polls.
    pending: Vec<i16>,
    given: u64,
    /// The track is complete up to this instant; `None` before the start and while stopped.
    covered: Option<Instant>,
    /// When the track would have begun, had it not stood still since.
    began: Option<Instant>,
    /// Silence made since the last real packet: what a hole reported now is shorter by.
    made: MediaTime,
    /// Silence that was made although the audio may yet come: the track may get ahead of the sender by this, until a pause of the sender
    /// makes up for it.
    surplus: MediaTime,
    /// Of the silence made since the last real packet, what the network is known to be the cause of.
    gap: MediaTime,
    /// Packets came since the track was started.
    heard: bool,
    /// What holes may still add before the next packet.
    owed_max: MediaTime,
    /// Of the legs before.
    before: Statistics,
    filled: Filled,
    fault: Option<codec::Error>,
}

/// The decoder of the current codec and what goes with its rate.
struct Stream {
    codec: Codec,
    decoder: Box<dyn Decoder>,
    resampler: Resampler,
    fade: Fade,
}

impl Inbound {
    #[must_use]
    pub fn new(options: Options, decoders: DecoderFactory) -> Self {
        Self {
            jitter: Jitter::new(options.jitter.clone()),
            options,
            delivery: Delivery::default(),
            decoders,
            stream: None,
            scratch: Vec::new(),
            pending: Vec::with_capacity(FRAME_SAMPLES * 8),
            given: 0,
            covered: None,
            began: None,
            made: MediaTime::ZERO,
            surplus: MediaTime::ZERO,
            gap: MediaTime::ZERO,
            heard: false,
            owed_max: OWED_MAX,
            before: Statistics::default(),
            filled: Filled::default(),
            fault: None,
        }
    }

    /// What the transport of the packets to come does with those that are late.
    pub fn carried_by(&mut self, delivery: Delivery) {
        self.delivery = delivery;
    }

    /// Media may flow from now on: the track advances even if the caller never sends a packet. The first packet
    /// starts it otherwise.
    pub fn start(&mut self, now: Instant) {
        if self.covered.is_none() {
            self.covered = Some(now);
            self.began = now.checked_sub(self.length().as_duration());
        }
    }

    /// The leg is gone: the track stands still until `start` or the next packet. Positions go on from where they were;
    /// the next leg may count its packets as it likes.
    pub fn stop(&mut self) {
        (self.covered, self.began) = (None, None);
        self.made = MediaTime::ZERO;
        self.surplus = MediaTime::ZERO;
        (self.gap, self.heard) = (MediaTime::ZERO, false);
        self.before = self.statistics();
        self.jitter = Jitter::new(self.options.jitter.clone());
    }

    pub fn push(&mut self, packet: Packet, now: Instant) {
        // A clock that ticks at an absurd rate would make hours of a few bytes.
        let known_rate = RATES_HZ.contains(&packet.codec.clock_hz());
        if packet.payload.len() > PAYLOAD_MAX_BYTES || !known_rate {
            self.refuse(codec::Error::Unsupported { codec: packet.codec });
            return;
        }
        self.start(now);
        self.jitter.push(packet, now);
    }

    /// Poll until `Wait`.
    pub fn poll(&mut self, now: Instant) -> Output {
        loop {
            if let Some(frame) = self.frame() {
                return Output::Frame(frame);
            }
            if self.jitter.begins_anew() {
                // Another stream, or the other side was on hold: the network did nothing.
                (self.gap, self.heard) = (MediaTime::ZERO, false);
            }
            match self.jitter.poll(now) {
                Slot::Packet(packet) => self.packet(&packet, now),
                Slot::Hole { duration, cause: Cause::Lost { next }, .. } => {
                    self.lost(duration, next.as_deref(), now)
                }
                Slot::Hole { duration, cause: Cause::Pause, .. } => self.paused(duration),
                // Packets are there and wait for a missing one, not for long.
                Slot::Wait(Some(until)) => return Output::Wait(Some(until)),
                Slot::Wait(None) => match self.silence_due() {
                    Some(due) if now >= due => self.keep_going(),
                    due => return Output::Wait(due),
                },
            }
        }
    }

    /// Where the track ends: the position of the next frame.
    #[must_use]
    pub fn position(&self) -> MediaTime {
        MediaTime::from_samples(self.given, RATE_HZ)
    }

    /// Over all legs.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.before.followed_by(self.jitter.statistics())
    }

    #[must_use]
    pub fn filled(&self) -> Filled {
        self.filled
    }

    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        self.stream.as_ref().map(|stream| stream.codec)
    }

    /// Why audio could not be decoded, since this was last asked.
    pub fn take_fault(&mut self) -> Option<codec::Error> {
        self.fault.take()
    }

    fn length(&self) -> MediaTime {
        MediaTime::from_samples(self.given + self.pending.len() as u64, RATE_HZ)
    }

    /// By how much the track is longer than the time that has passed: what came in late, after silence was made in its place.
    fn lead(&self, now: Instant) -> MediaTime {
        let passed = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        self.length() - MediaTime::from_duration(passed)
    }

    fn frame(&mut self) -> Option<AudioFrame> {
        let samples = self.pending.get(..FRAME_SAMPLES)?.to_vec();
        self.pending.drain(..FRAME_SAMPLES);
        let at = self.position();
        self.given += FRAME_SAMPLES as u64;
        Some(AudioFrame { samples, rate_hz: RATE_HZ, at })
    }

    fn packet(&mut self, packet: &Packet, now: Instant) {
        if packet.payload.is_empty() {
            return; // it only keeps the count
        }
        self.count_gap();
        self.covered = Some(self.covered.map_or(now, |covered| covered.max(now)));
        self.surplus = (self.surplus + std::mem::take(&mut self.made)).min(SURPLUS_MAX);
        self.owed_max = OWED_MAX;
        let Some(units) = packet.units() else { return };
        let mut decoded = std::mem::take(&mut self.scratch);
        decoded.clear();
        let result =
            self.select(packet.codec).map(|stream| stream.decoder.decode(&packet.payload, &mut decoded));
        self.scratch = decoded;
        let Some(result) = result else { return };
        match result {
            Ok(()) => self.append_real(now),
            Err(error) => {
                self.filled.undecodable += 1;
                self.fault = Some(error);
                self.conceal(
                    MediaTime::from_samples(u64::from(units), packet.codec.clock_hz()).min(HOLE_MAX),
                );
            }
        }
    }

    fn lost(&mut self, duration: MediaTime, next: Option<&[u8]>, now: Instant) {
        let duration = duration.min(HOLE_MAX);
        self.gap += duration.min(self.made);
        let (Some(stream), Some(next)) = (&mut self.stream, next) else {
            self.filled.concealed += 1;
            self.filled.concealed_for += duration;
            let owed = self.owe(duration);
            return self.conceal(owed);
        };
        let rate_hz = stream.decoder.rate_hz();
        self.scratch.clear();
        if stream.decoder.recover(next, duration.as_samples(rate_hz) as usize, &mut self.scratch) {
            self.filled.recovered += 1;
            return self.append_real(now);
        }
        self.filled.concealed += 1;
        self.filled.concealed_for += duration;
        let owed = self.owe(duration);
        self.scratch.truncate(owed.as_samples(rate_hz) as usize);
        self.append_concealed();
    }

    /// Of the silence that was made before this packet, the sender's pauses are taken off already.
    fn count_gap(&mut self) {
        let gap = std::mem::take(&mut self.gap) + self.made;
        if self.heard && gap > MediaTime::ZERO && gap <= GAP_MAX {
            self.filled.gaps += 1;
            self.filled.gap_for += gap;
        }
        self.heard = true;
    }

    fn paused(&mut self, duration: MediaTime) {
        let made_up = self.surplus.min(duration - self.made);
        self.surplus = self.surplus - made_up;
        let owed = self.owe(duration - made_up);
        self.conceal(owed);
    }

    /// The part of a hole that the silence keeper has not filled yet. What a jump of sequence or clock would make
    /// besides is bounded: time that really passed was filled when it did.
    fn owe(&mut self, duration: MediaTime) -> MediaTime {
        let made = duration.min(self.made);
        self.made = self.made - made;
        let owed = (duration - made).min(self.owed_max);
        self.owed_max = self.owed_max - owed;
        owed
    }

    fn silence_due(&self) -> Option<Instant> {
        let patience_ms = match self.delivery {
            Delivery::Datagrams => self.options.silence_after_ms,
            Delivery::Stream => self.options.stream_silence_after_ms,
        };
        Some(self.covered? + Duration::from_millis(patience_ms).max(self.jitter.wait() + FRAME * 2))
    }

    fn keep_going(&mut self) {
        let frame = MediaTime::from_duration(FRAME);
        self.conceal(frame);
        self.made += frame;
        self.filled.silent_frames += 1;
        self.covered = self.covered.map(|covered| covered + FRAME);
    }

    /// Continues the sound, fading, then silence.
    fn conceal(&mut self, duration: MediaTime) {
        let Some(stream) = self.stream.as_mut().filter(|stream| !stream.fade.is_silent()) else {
            let samples = duration.as_samples(RATE_HZ) as usize;
            self.pending.resize(self.pending.len() + samples, 0);
            return;
        };
        self.scratch.clear();
        let samples = duration.as_samples(stream.decoder.rate_hz()) as usize;
        stream.decoder.conceal(samples, &mut self.scratch);
        self.append_concealed();
    }

    fn append_concealed(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        stream.fade.concealed(&mut self.scratch);
        stream.resampler.push(&self.scratch, &mut self.pending);
    }

    fn append_real(&mut self, now: Instant) {
        let lead = self.lead(now);
        let Some(stream) = &mut self.stream else { return };
        let length = MediaTime::from_samples(self.scratch.len() as u64, stream.decoder.rate_hz());
        if self.surplus >= length && lead >= length && rms_dbfs(&self.scratch) < QUIET_DBFS {
            // Quiet that a sender without pauses transmits: the track waits for it to catch up.
            self.surplus = self.surplus - length;
            return;
        }
        stream.fade.real(&mut self.scratch);
        stream.resampler.push(&self.scratch, &mut self.pending);
    }

    /// The stream of this codec; what the one before still held comes out first.
    fn select(&mut self, codec: Codec) -> Option<&mut Stream> {
        if self.stream.as_ref().is_none_or(|stream| stream.codec != codec) {
            let decoder = match (self.decoders)(codec) {
                Ok(decoder) => decoder,
                Err(error) => return self.refuse(error),
            };
            let rate_hz = decoder.rate_hz();
            let Ok(mut resampler) = Resampler::new(rate_hz, RATE_HZ) else {
                return self.refuse(codec::Error::Unsupported { codec });
            };
            if let Some(mut old) = self.stream.take() {
                old.resampler.flush(&mut self.pending);
                self.filled.codec_changes += 1;
            }
            resampler.prime(&mut self.pending);
            self.stream = Some(Stream { codec, decoder, resampler, fade: Fade::new(rate_hz) });
        }
        self.stream.as_mut()
    }

    fn refuse(&mut self, error: codec::Error) -> Option<&mut Stream> {
        self.filled.undecodable += 1;
        self.fault = Some(error);
        None
    }
}

#[cfg(test)]
mod tests;
