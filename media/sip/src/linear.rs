//! Payloads of a phone's codecs as samples, and back. G.722 has become samples before (`voice`).

use bytes::Bytes;
use media_core::{Codec, g711};

use crate::sdp::G722;

/// Of its samples; `None` for codecs that are no phone line's own.
pub(crate) const fn rate_hz(codec: Codec) -> Option<u32> {
    match codec {
        Codec::Pcmu | Codec::Pcma => Some(8_000),
        G722 => Some(media_codec::g722::RATE_HZ),
        _ => None,
    }
}

pub(crate) fn samples(codec: Codec, payload: &[u8]) -> Vec<i16> {
    match codec {
        Codec::Pcmu => payload.iter().map(|byte| g711::decode_ulaw(*byte)).collect(),
        Codec::Pcma => payload.iter().map(|byte| g711::decode_alaw(*byte)).collect(),
        _ => payload.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect(),
    }
}

pub(crate) fn payload(codec: Codec, samples: &[i16]) -> Bytes {
    match codec {
        Codec::Pcmu => samples.iter().map(|sample| g711::encode_ulaw(*sample)).collect(),
        Codec::Pcma => samples.iter().map(|sample| g711::encode_alaw(*sample)).collect(),
        _ => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
    }
}
