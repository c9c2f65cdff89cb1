//! Speech that was encoded once for all who say it: in a run of many callers the encoder would cost more than everything else they do.
//!
//! The packets are those that one caller would have sent: silence, the speech, silence again, by one encoder. What is sent between two
//! speeches is its silence, over and over.

use bytes::Bytes;
use domain::AudioFrame;
use media_core::Codec;
use media_core::codec::Encoder;
use media_core::resample::Resampler;

use crate::caller::Error;
use crate::wav::RATE_HZ;

const FRAME_SAMPLES: usize = AudioFrame::samples_per_frame(RATE_HZ);
/// Half a second, until the encoder has nothing left of what was before.
const SETTLED: usize = 25;

/// Frames of 16 kHz to what goes on the wire.
pub(crate) struct Voice {
    encoder: Box<dyn Encoder>,
    to_wire: Resampler,
}

impl Voice {
    pub(crate) fn new(codec: Codec) -> Result<Self, Error> {
        let encoder = media_codec::encoder(codec, &media_codec::opus::Options::default())?;
        let to_wire =
            Resampler::new(RATE_HZ, encoder.rate_hz()).map_err(|error| Error::Rate(error.to_string()))?;
        Ok(Self { encoder, to_wire })
    }

    /// One frame; a shorter one is filled with silence.
    pub(crate) fn frame(&mut self, samples: &[i16]) -> Option<Bytes> {
        let mut frame = samples.to_vec();
        frame.resize(FRAME_SAMPLES, 0);
        let mut wire = Vec::with_capacity(FRAME_SAMPLES * 3);
        self.to_wire.push(&frame, &mut wire);
        let per_frame = AudioFrame::samples_per_frame(self.encoder.rate_hz());
        // The resampler's look-ahead makes the first frame short: silence before the first word.
        if wire.len() < per_frame {
            wire.splice(0..0, std::iter::repeat_n(0, per_frame - wire.len()));
        }
        wire.truncate(per_frame);
        self.encoder.encode(&wire).ok()
    }
}

/// One recording, encoded.
#[derive(Debug)]
pub struct Ahead {
    pub(crate) codec: Codec,
    /// Frames with speech in them, and those after it until all is silent.
    packets: Vec<Bytes>,
    pub(crate) spoken: usize,
    /// Samples of the last frame with speech.
    pub(crate) last: usize,
    pub(crate) silence: Bytes,
}

impl Ahead {
    /// Of samples of 16 kHz that end with the speech.
    ///
    /// # Errors
    /// When there is no encoder for the codec.
    pub fn of(codec: Codec, samples: &[i16]) -> Result<Self, Error> {
        let mut voice = Voice::new(codec)?;
        let quiet = |voice: &mut Voice| voice.frame(&[]).unwrap_or_default();
        for _ in 0..SETTLED {
            quiet(&mut voice);
        }
        let frames = samples.chunks(FRAME_SAMPLES);
        let (spoken, last) = (frames.len(), frames.clone().last().map_or(0, <[i16]>::len));
        let mut packets: Vec<Bytes> = frames.map(|frame| voice.frame(frame).unwrap_or_default()).collect();
        packets.extend((0..SETTLED).map(|_| quiet(&mut voice)));
        let silence = quiet(&mut voice);
        Ok(Self { codec, packets, spoken, last, silence })
    }

    pub(crate) fn packet(&self, at: usize) -> Option<Bytes> {
        self.packets.get(at).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(packets: impl Iterator<Item = Bytes>) -> Vec<i16> {
        let mut decoder = media_codec::decoder(Codec::Opus).expect("a decoder");
        let mut samples = Vec::new();
        for packet in packets {
            decoder.decode(&packet, &mut samples).expect("Opus");
        }
        samples
    }

    fn loudness(samples: &[i16]) -> Vec<f32> {
        samples.chunks(FRAME_SAMPLES).map(media_core::level::rms_dbfs).collect()
    }

    #[test]
    fn what_was_encoded_ahead_is_heard_as_what_is_encoded_in_the_call() {
        let path = testkit::speech("desk_hours.wav");
        let samples = crate::wav::read(&path).expect("a recording");
        let ahead = Ahead::of(Codec::Opus, &samples).expect("an encoder");
        let packets = (0..SETTLED).map(|_| ahead.silence.clone());
        let packets = packets.chain((0..).map_while(|at| ahead.packet(at)));
        let mut voice = Voice::new(Codec::Opus).expect("an encoder");
        let quiet = vec![0; SETTLED * FRAME_SAMPLES];
        let live: Vec<Bytes> = [quiet.clone(), samples.clone(), quiet]
            .iter()
            .flat_map(|part| part.chunks(FRAME_SAMPLES))
            .filter_map(|frame| voice.frame(frame))
            .collect();
        let (ahead, live) = (loudness(&heard(packets)), loudness(&heard(live.into_iter())));
        assert_eq!(ahead.len(), live.len());
        // The begin and the end of speech by the gate of the ear, frame by frame.
        let voiced = |levels: &[f32]| levels.iter().map(|level| *level > -45.0).collect::<Vec<_>>();
        assert_eq!(voiced(&ahead), voiced(&live));
        assert!(voiced(&live).iter().filter(|voiced| **voiced).count() > 50, "speech");
    }
}
