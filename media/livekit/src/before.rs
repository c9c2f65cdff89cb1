//! What the caller said before we were there (`lk.agent.pre-connect-audio-buffer`): packets that come before those of the live track,
//! which waits for them and is cut where it says the same once more. Without I/O.
//!
//! A page records its microphone from the moment that it is switched on, and sends the recording when an agent is there; it stops when it
//! learns that its track is subscribed to. What was said in between is in both: they are laid over each other by what they sound like,
//! since no clock is common to them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media_codec::opus;
use media_core::codec::Encoder as _;
use media_core::resample::Resampler;
use media_core::{Codec, Packet};

use crate::text::Blob;
use crate::webm;

/// The stream that brings it.
pub(crate) const TOPIC: &str = "lk.agent.pre-connect-audio-buffer";
/// A buffer that is not there so long after its track was subscribed to comes too late: the caller is waiting for an answer.
const WAITED_FOR: Duration = Duration::from_secs(3);
/// More was recorded than anybody says before an agent comes: what lies further back is left out. In units of Opus.
const LONGEST: u32 = 10 * OPUS_HZ;
/// Tracks that have had theirs, so that nothing waits for it again.
const REMEMBERED: usize = 8;
const OPUS_HZ: u32 = 48_000;

/// At which both are compared: speech is told apart by what lies below 2 kHz.
const COMPARED_HZ: u32 = 4_000;
const DECODED_HZ: u32 = media_core::inbound::RATE_HZ;
/// As much of the buffer's end, and of the live track's beginning, is compared.
const END: Duration = Duration::from_secs(2);
const BEGINNING: Duration = Duration::from_millis(1_500);
/// A piece of the live track that is looked for in the buffer, the step to the next, and how many are at most: each takes a ms or two.
const PIECE: usize = COMPARED_HZ as usize / 10;
const STEP: usize = COMPARED_HZ as usize / 20;
const MOST_PIECES: usize = 8;
/// A piece below this (about -45 dBFS) is silence, which fits anywhere.
const QUIET: f32 = 180.0;
/// Two encodings of one sound are more alike than this, two sounds are not.
const ALIKE: f64 = 0.85;

/// What was said before, and the live track from there on.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Joined {
    /// Payloads of Opus with their lengths in units.
    pub(crate) before: Vec<(Bytes, u32)>,
    pub(crate) live: Vec<Packet>,
}

#[derive(Debug, Default)]
pub(crate) struct Before {
    waiting: Option<Waiting>,
    had: Vec<String>,
}

#[derive(Debug)]
struct Waiting {
    track: String,
    until: Instant,
    live: Vec<Packet>,
}

impl Before {
    /// This track is heard from now on. With `announced` it waits for what was said before, once.
    pub(crate) fn hears(&mut self, track: Option<&str>, announced: bool, now: Instant) {
        self.waiting = None;
        let Some(track) = track.filter(|track| announced && !self.had.iter().any(|had| had == track)) else {
            return;
        };
        if self.had.len() == REMEMBERED {
            self.had.remove(0);
        }
        self.had.push(track.to_owned());
        self.waiting = Some(Waiting { track: track.to_owned(), until: now + WAITED_FOR, live: Vec::new() });
    }

    /// Keeps a packet of the live track while what was said before is not there.
    pub(crate) fn keeps(&mut self, packet: Packet) -> Option<Packet> {
        match &mut self.waiting {
            Some(waiting) => {
                waiting.live.push(packet);
                None
            }
            None => Some(packet),
        }
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.waiting.as_ref().map(|waiting| waiting.until)
    }

    /// The buffer is there. One of another track is none of the caller's.
    pub(crate) fn came(&mut self, blob: &Blob) -> Option<Joined> {
        let of = blob.attributes.get("trackId")?;
        let Waiting { live, .. } = self.waiting.take_if(|waiting| waiting.track == *of)?;
        Some(join(recorded(blob), live))
    }

    /// Nothing is waited for any more; `blob` is what has come so far.
    pub(crate) fn give_up(&mut self, blob: Option<&Blob>) -> Option<Joined> {
        if let Some(joined) = blob.and_then(|blob| self.came(blob)) {
            return Some(joined);
        }
        let Waiting { live, .. } = self.waiting.take()?;
        Some(Joined { before: Vec::new(), live })
    }
}

/// The recording as packets of Opus. Nothing where it is in a format that is not known (AAC in MP4, of browsers that have no other).
fn recorded(blob: &Blob) -> Vec<(Bytes, u32)> {
    let bytes = Bytes::copy_from_slice(&blob.bytes);
    let payloads = if blob.mime.contains("webm") || blob.bytes.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]) {
        webm::frames(&bytes)
    } else if blob.mime.contains("mp4") {
        tracing::info!(mime = blob.mime, "what the caller said before cannot be read");
        Vec::new()
    } else {
        encoded(&bytes, &blob.attributes)
    };
    let timed = |payload: Bytes| Codec::Opus.units(&payload).map(|units| (payload, units));
    let mut packets: Vec<_> = payloads.into_iter().filter_map(timed).collect();
    let mut length = 0;
    let kept = packets.iter().rev().take_while(|(_, units)| {
        length += units;
        length <= LONGEST
    });
    let kept = kept.count();
    packets.drain(..packets.len() - kept);
    packets
}

/// Samples of 16 bits, of which most clients that are no browsers send the first channel and the others in turn.
fn encoded(bytes: &[u8], attributes: &BTreeMap<String, String>) -> Vec<Bytes> {
    let number =
        |name: &str, usual: u32| attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (rate_hz, channels) = (number("sampleRate", OPUS_HZ), number("channels", 1).clamp(1, 8));
    let options = opus::Options { forward_error_correction: false, ..opus::Options::default() };
    let (Ok(mut resampler), Ok(mut encoder)) =
        (Resampler::new(rate_hz, options.rate_hz), media_codec::OpusEncoder::new(&options))
    else {
        tracing::info!(rate_hz, "what the caller said before cannot be read");
        return Vec::new();
    };
    let (samples, _) = bytes.as_chunks::<2>();
    let mono: Vec<i16> = samples
        .chunks_exact(channels as usize)
        .map(|all| {
            let sum: i32 = all.iter().map(|sample| i32::from(i16::from_le_bytes(*sample))).sum();
            i16::try_from(sum / channels.cast_signed()).unwrap_or(0)
        })
        .collect();
    let mut even = Vec::new();
    resampler.push(&mono, &mut even);
    resampler.flush(&mut even);
    let frame = domain::AudioFrame::samples_per_frame(options.rate_hz);
    even.resize(even.len().next_multiple_of(frame), 0);
    even.chunks_exact(frame).filter_map(|frame| encoder.encode(frame).ok()).collect()
}

/// Leaves out what the live track says once more.
fn join(before: Vec<(Bytes, u32)>, live: Vec<Packet>) -> Joined {
    let overlap = overlap(&before, &live);
    let first = live.first().map_or(0, |packet| packet.timestamp);
    let live = live
        .into_iter()
        .filter(|packet| {
            // A packet goes where more than half of it was said before.
            let middle = packet.timestamp.wrapping_sub(first) + packet.units().unwrap_or(0) / 2;
            middle >= overlap
        })
        .collect();
    Joined { before, live }
}

/// How much of the live track's beginning is the buffer's end, in units of Opus.
fn overlap(before: &[(Bytes, u32)], live: &[Packet]) -> u32 {
    let units = |length: Duration| (length.as_secs_f64() * f64::from(OPUS_HZ)) as u32;
    let mut length = 0;
    let end = before.iter().rev().take_while(|(_, units_of)| {
        length += units_of;
        length <= units(END)
    });
    let end = &before[before.len() - end.count()..];
    let first = live.first().map_or(0, |packet| packet.timestamp);
    let beginning = live.iter().take_while(|packet| packet.timestamp.wrapping_sub(first) < units(BEGINNING));
    let (end, beginning) =
        (sound(end.iter().map(|(payload, _)| payload)), sound(beginning.map(|packet| &packet.payload)));
    let samples = common(&end, &beginning);
    u32::try_from(samples).unwrap_or(0) * (OPUS_HZ / COMPARED_HZ)
}

/// Decoded, at the rate of comparing.
fn sound<'a>(payloads: impl Iterator<Item = &'a Bytes>) -> Vec<f32> {
    let Ok(mut decoder) = media_codec::decoder(Codec::Opus) else { return Vec::new() };
    let mut samples = Vec::new();
    for payload in payloads {
        let _silent = decoder.decode(payload, &mut samples);
    }
    let together = (DECODED_HZ / COMPARED_HZ) as usize;
    let mean = |group: &[i16]| group.iter().map(|sample| f32::from(*sample)).sum::<f32>() / together as f32;
    samples.chunks_exact(together).map(mean).collect()
}

/// How many samples `beginning` has in common with `end`: where a piece of it is found there, all until `end` ends. The likest counts.
fn common(end: &[f32], beginning: &[f32]) -> usize {
    let quiet = f64::from(QUIET).powi(2) * PIECE as f64;
    let pieces = beginning.windows(PIECE).enumerate().step_by(STEP);
    let loud = pieces.map(|(from, piece)| (from, piece, energy(piece))).filter(|(.., power)| *power >= quiet);
    let found = loud.take(MOST_PIECES).filter_map(|(from, piece, power)| {
        let (alike, at) = place(end, piece, power)?;
        Some((alike, (end.len() - at) + from))
    });
    found.max_by(|one, other| one.0.total_cmp(&other.0)).map_or(0, |(_, samples)| samples)
}

/// How alike the piece is where it is most, and where, if it is alike at all.
fn place(end: &[f32], piece: &[f32], power: f64) -> Option<(f64, usize)> {
    let mut best = (ALIKE, None);
    let mut around = energy(end.get(..piece.len())?);
    for (at, window) in end.windows(piece.len()).enumerate() {
        if at > 0 {
            around += square(window[window.len() - 1]) - square(end[at - 1]);
        }
        let product: f32 = window.iter().zip(piece).map(|(one, other)| one * other).sum();
        let alike = f64::from(product) / (power * around).sqrt().max(1.0);
        if alike > best.0 {
            best = (alike, Some(at));
        }
    }
    best.1.map(|at| (best.0, at))
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().copied().map(square).sum()
}

fn square(sample: f32) -> f64 {
    f64::from(sample).powi(2)
}

#[cfg(test)]
mod tests;
