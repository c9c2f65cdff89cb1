//! From the playout to packets: one RTP timeline for ever, across turns, legs and codecs.

use std::time::Instant;

use domain::{AudioFrame, MediaTime, TurnId};

use crate::codec::{Encoder, Error};
use crate::packet::Packet;
use crate::playout::Playout;
use crate::resample::Resampler;

/// A packet to send at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub packet: Packet,
    /// The turn that sounds and its position after this packet, for `Input::Heard`.
    pub heard: Option<(TurnId, MediaTime)>,
}

pub struct Outbound {
    playout: Playout,
    encoder: Box<dyn Encoder>,
    /// Where the encoder works at another rate than the playout.
    resampler: Option<Resampler>,
    /// At the encoder's rate.
    pending: Vec<i16>,
    sequence: u16,
    /// Timestamp of position 0 of the timeline.
    timestamp: u32,
    /// Discontinuous transmission left out the frame before.
    skipped: bool,
    failed: u64,
}

impl Outbound {
    /// `sequence` and `timestamp` of the first packet; RFC 3550 wants them random.
    pub fn new(
        playout: Playout,
        encoder: Box<dyn Encoder>,
        sequence: u16,
        timestamp: u32,
    ) -> Result<Self, Error> {
        let (resampler, pending) = bridge(&playout, encoder.as_ref())?;
        Ok(Self { playout, encoder, resampler, pending, sequence, timestamp, skipped: false, failed: 0 })
    }

    /// The caller came back on another leg. What plays goes on, and so do sequence and timestamp; only the clock that
    /// the timestamp counts may be another.
    pub fn replace_encoder(&mut self, encoder: Box<dyn Encoder>) -> Result<(), Error> {
        (self.resampler, self.pending) = bridge(&self.playout, encoder.as_ref())?;
        self.encoder = encoder;
        Ok(())
    }

    /// The packet that is due, if one is. Call until `None`, then wait until `deadline`.
    pub fn tick(&mut self, now: Instant) -> Option<Sent> {
        loop {
            let frame = self.playout.tick(now)?;
            let samples = match &mut self.resampler {
                Some(resampler) => {
                    resampler.push(&frame.samples, &mut self.pending);
                    let length =
                        AudioFrame::samples_per_frame(self.encoder.rate_hz()).min(self.pending.len());
                    self.pending.drain(..length).collect()
                }
                None => frame.samples,
            };
            let payload = match self.encoder.encode(&samples) {
                Ok(payload) => payload,
                Err(_) => {
                    self.failed += 1;
                    bytes::Bytes::new()
                }
            };
            if payload.is_empty() {
                self.skipped = true;
                continue;
            }
            let codec = self.encoder.codec();
            let sequence = self.sequence;
            self.sequence = self.sequence.wrapping_add(1);
            let marker = frame.after_silence || std::mem::take(&mut self.skipped);
            let timestamp = self.timestamp.wrapping_add(frame.media.as_samples(codec.clock_hz()) as u32);
            let packet = Packet { codec, sequence, timestamp, marker, payload, at: frame.due };
            return Some(Sent { packet, heard: frame.heard });
        }
    }

    /// When to call `tick` next; `None` where only audio can bring something to send.
    #[must_use]
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        self.playout.deadline(now)
    }

    pub fn playout(&mut self) -> &mut Playout {
        &mut self.playout
    }

    /// As the far end reports it (`leg::Quality::loss_out`).
    pub fn expect_loss(&mut self, share: f32) {
        self.encoder.expect_loss(share);
    }

    /// Frames that could not be encoded.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }
}

fn bridge(playout: &Playout, encoder: &dyn Encoder) -> Result<(Option<Resampler>, Vec<i16>), Error> {
    let (from_hz, to_hz) = (playout.options().rate_hz, encoder.rate_hz());
    if from_hz == to_hz {
        return Ok((None, Vec::new()));
    }
    let unsupported = |_| Error::Unsupported { codec: encoder.codec() };
    let mut resampler = Resampler::new(from_hz, to_hz).map_err(unsupported)?;
    let mut pending = Vec::new();
    resampler.prime(&mut pending);
    Ok((Some(resampler), pending))
}

#[cfg(test)]
mod tests;
