//! The seam between the signal path and the codecs. G.711 and PCM live here; Opus is supplied by `media-codec`.

use bytes::Bytes;

use crate::packet::Codec;

#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    #[error("no decoder or encoder for {codec:?} here")]
    Unsupported { codec: Codec },
    #[error("the payload of {length} bytes is no {codec:?}: {reason}")]
    Payload { codec: Codec, length: usize, reason: String },
    #[error("cannot encode {samples} samples as {codec:?}: {reason}")]
    Encode { codec: Codec, samples: usize, reason: String },
    #[error("cannot set up {codec:?}: {reason}")]
    Setup { codec: Codec, reason: String },
}

impl Error {
    /// What a caller of the server can be told.
    #[must_use]
    pub fn failure(&self) -> domain::Failure {
        match self {
            Self::Unsupported { .. } => domain::Failure::caller("AUDIO_CODEC_UNSUPPORTED"),
            Self::Payload { .. } => domain::Failure::caller("AUDIO_PAYLOAD_INVALID"),
            Self::Encode { .. } | Self::Setup { .. } => {
                domain::Failure::platform("AUDIO_ENCODER_FAILED", domain::Retry::Now)
            }
        }
    }
}

/// Turns payloads of one stream into samples, in order. Keeps what it needs to bridge a gap.
pub trait Decoder: Send {
    /// Of the samples it gives.
    fn rate_hz(&self) -> u32;

    /// Appends what the payload holds. On an error `out` is as before.
    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Error>;

    /// Appends exactly `samples` that continue the sound so far; the caller fades them.
    fn conceal(&mut self, samples: usize, out: &mut Vec<i16>);

    /// Appends exactly `samples` for the packet that was lost just before the one that carries `next`, from the
    /// redundancy in it. `false` when there was none and the samples are concealment.
    fn recover(&mut self, next: &[u8], samples: usize, out: &mut Vec<i16>) -> bool {
        let _ = next;
        self.conceal(samples, out);
        false
    }
}

/// Turns 20 ms frames into payloads.
pub trait Encoder: Send {
    fn codec(&self) -> Codec;

    /// Of the samples it takes.
    fn rate_hz(&self) -> u32;

    /// One frame of `domain::FRAME`. An empty payload says that nothing needs to be sent (discontinuous transmission).
    fn encode(&mut self, samples: &[i16]) -> Result<Bytes, Error>;

    /// The far end loses this share of our packets, 0 to 1: spend redundancy accordingly.
    fn expect_loss(&mut self, share: f32) {
        let _ = share;
    }
}

/// How a session makes the decoder of a codec that turns up on the wire. `media_codec::decoder` is one.
pub type DecoderFactory = Box<dyn FnMut(Codec) -> Result<Box<dyn Decoder>, Error> + Send>;

/// The decoders that need no foreign library.
pub fn plain_decoder(codec: Codec) -> Result<Box<dyn Decoder>, Error> {
    match codec {
        Codec::Pcmu | Codec::Pcma => Ok(Box::new(crate::g711::G711Decoder::new(codec))),
        Codec::Pcm16 { rate_hz } => Ok(Box::new(crate::pcm::PcmDecoder::new(rate_hz)?)),
        Codec::Opus => Err(Error::Unsupported { codec }),
    }
}

/// The encoders that need no foreign library.
pub fn plain_encoder(codec: Codec) -> Result<Box<dyn Encoder>, Error> {
    match codec {
        Codec::Pcmu | Codec::Pcma => Ok(Box::new(crate::g711::G711Encoder::new(codec))),
        Codec::Pcm16 { rate_hz } => Ok(Box::new(crate::pcm::PcmEncoder::new(rate_hz)?)),
        Codec::Opus => Err(Error::Unsupported { codec }),
    }
}
