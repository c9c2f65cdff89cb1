//! Recordings of packets as they were on the wire: Ogg Opus (RFC 7845) and WAV, nothing is encoded again.
//!
//! What was written survives a crash up to the last second: pages and headers are brought up to date each second of
//! audio. Gaps in the stream are the caller's to fill (`silence`), since only it knows the clock of the call.

mod ogg;
mod wav;

pub use ogg::OggOpus;
pub use wav::Wav;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot write the recording")]
    Write(#[from] std::io::Error),
    #[error("a recording of {recording:?} cannot take a packet of {packet:?}")]
    Codec { recording: crate::Codec, packet: crate::Codec },
}

#[cfg(test)]
mod tests;
