//! The dialects without a socket: messages in, events out. For whoever has bytes and no connection, such as a fuzzer.

use std::time::Instant;

use bytes::Bytes;
use media_core::LegEvent;

use crate::error::Refusal;
use crate::framing::{Data, Framing as _};
use crate::pipecat::Pipecat;
use crate::telnyx::Telnyx;
use crate::twilio::Twilio;

/// One connection's reader.
pub struct Dialect(Reader);

enum Reader {
    Pipecat(Pipecat),
    Twilio(Twilio),
    Telnyx(Telnyx),
}

impl Dialect {
    #[must_use]
    pub fn pipecat() -> Self {
        Self(Reader::Pipecat(Pipecat::default()))
    }

    #[must_use]
    pub fn twilio() -> Self {
        Self(Reader::Twilio(Twilio::default()))
    }

    #[must_use]
    pub fn telnyx() -> Self {
        Self(Reader::Telnyx(Telnyx::default()))
    }

    /// What a text message means.
    ///
    /// # Errors
    /// Why the far end would be refused.
    pub fn text(&mut self, text: &str, now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        self.read(Data::Text(text.to_owned()), now)
    }

    /// What a binary message means.
    ///
    /// # Errors
    /// Why the far end would be refused.
    pub fn binary(&mut self, bytes: &[u8], now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        self.read(Data::Binary(Bytes::copy_from_slice(bytes)), now)
    }

    fn read(&mut self, message: Data, now: Instant) -> Result<Vec<LegEvent>, Refusal> {
        match &mut self.0 {
            Reader::Pipecat(pipecat) => pipecat.read(message, now),
            Reader::Twilio(twilio) => twilio.read(message, now),
            Reader::Telnyx(telnyx) => telnyx.read(message, now),
        }
    }
}
