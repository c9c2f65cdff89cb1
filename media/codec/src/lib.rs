//! Opus and the WebRTC voice detector through FFI, behind the codec and gate traits of media-core; G.722 for phone lines.
//!
//! The two functions here make any codec the house speaks, so that a session needs to know no other.

pub mod g722;
pub mod opus;
pub mod voice;

use media_core::Codec;
use media_core::codec::{Decoder, DecoderFactory, Encoder, Error, plain_decoder, plain_encoder};

pub use crate::g722::{G722Decoder, G722Encoder};
pub use crate::opus::{OpusDecoder, OpusEncoder};
pub use crate::voice::WebrtcDetector;

/// A decoder for whatever the wire names. Opus comes out at 16 kHz, the others at their own rate.
pub fn decoder(codec: Codec) -> Result<Box<dyn Decoder>, Error> {
    match codec {
        Codec::Opus => Ok(Box::new(OpusDecoder::new(media_core::inbound::RATE_HZ)?)),
        other => plain_decoder(other),
    }
}

/// An encoder for the leg's codec. `options` matter to Opus alone.
pub fn encoder(codec: Codec, options: &opus::Options) -> Result<Box<dyn Encoder>, Error> {
    match codec {
        Codec::Opus => Ok(Box::new(OpusEncoder::new(options)?)),
        other => plain_encoder(other),
    }
}

/// What `media_core::Inbound` wants.
#[must_use]
pub fn decoders() -> DecoderFactory {
    Box::new(decoder)
}
