//! Recordings of packets as they were on the wire: Ogg Opus (RFC 7845) and WAV, nothing is encoded again.
//!
//! What was written survives a crash up to the last second: pages and headers are brought up to date each second of
//! audio, and with `flush`. Gaps in the stream are the caller's to fill (`silence`); `Placement` says where they are.

mod ogg;
mod place;
mod wav;

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

pub use ogg::OggOpus;
pub use place::{Placement, Stamp, Step};
pub use wav::Wav;

use crate::packet::{Codec, Packet};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot write the recording")]
    Write(#[from] std::io::Error),
    #[error("a recording of {recording:?} cannot take a packet of {packet:?}")]
    Codec { recording: Codec, packet: Codec },
}

/// A recording in the container of its codec. Units are those of the codec's clock.
pub enum Track<W: Write + Seek> {
    Opus(OggOpus<W>),
    Samples(Wav<W>),
}

impl<W: Write + Seek> Track<W> {
    /// `serial` as for `OggOpus::new`.
    pub fn new(out: W, codec: Codec, serial: u32) -> Result<Self, Error> {
        match codec {
            Codec::Opus => OggOpus::new(out, serial, codec.clock_hz()).map(Self::Opus),
            Codec::Pcmu | Codec::Pcma | Codec::Pcm16 { .. } => Wav::new(out, codec).map(Self::Samples),
        }
    }

    pub fn write(&mut self, packet: &Packet) -> Result<(), Error> {
        match self {
            Self::Opus(ogg) => ogg.write(packet),
            Self::Samples(wav) => wav.write(packet),
        }
    }

    /// As near to this much as the container can; what was written is returned.
    pub fn silence(&mut self, units: u64) -> Result<u64, Error> {
        match self {
            Self::Opus(ogg) => ogg.silence(units),
            Self::Samples(wav) => wav.silence(units),
        }
    }

    /// What came so far can be played from now on, whatever happens to the process.
    pub fn flush(&mut self) -> Result<(), Error> {
        match self {
            Self::Opus(ogg) => ogg.flush(),
            Self::Samples(wav) => wav.flush(),
        }
    }

    /// The recording is complete; nothing may be written after it.
    pub fn finish(&mut self) -> Result<(), Error> {
        match self {
            Self::Opus(ogg) => ogg.finish(),
            Self::Samples(wav) => wav.finish(),
        }
    }

    #[must_use]
    pub fn units(&self) -> u64 {
        match self {
            Self::Opus(ogg) => ogg.units(),
            Self::Samples(wav) => wav.units(),
        }
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Opus(ogg) => ogg.bytes(),
            Self::Samples(wav) => wav.bytes(),
        }
    }
}

/// How long a recording sounds that may still be written to, or that a crash cut off. `None`: it is none of ours.
pub fn length<F: Read + Seek>(file: &mut F) -> std::io::Result<Option<Duration>> {
    if is_wav(file)? { wav::length(file) } else { ogg::length(file) }
}

/// Makes what a crash left behind tell its length where it has a header that does. Returns whether it was changed.
pub fn mend<F: Read + Write + Seek>(file: &mut F) -> std::io::Result<bool> {
    // The pages of Ogg are whole on their own.
    Ok(is_wav(file)? && wav::mend(file)?)
}

fn is_wav<F: Read + Seek>(file: &mut F) -> std::io::Result<bool> {
    let mut magic = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    Read::by_ref(file).take(4).read_to_end(&mut magic)?;
    Ok(magic == b"RIFF")
}

/// What so many units of a clock last.
#[must_use]
pub fn duration(units: u64, clock_hz: u32) -> Duration {
    let nanos = u128::from(units) * 1_000_000_000 / u128::from(clock_hz.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
