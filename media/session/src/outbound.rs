//! The agent's side of the leg: the playout and encoder of `media_core`, for the turns and legs of a session.
//!
//! Legs come and go, and may differ in codec; the timeline goes on. Decides nothing about whose turn it is.

use std::time::Duration;

use domain::{AudioFrame, MediaTime, TurnId};
use media_core::codec::Error;
use media_core::outbound::Sent;
use media_core::pace::Late;
use media_core::playout::{self, Playout};
use media_core::{Codec, Delivery};
use tokio::time::Instant;

use crate::background::Background;

pub(crate) struct Outbound(media_core::outbound::Outbound);

impl Outbound {
    /// `codec` is the first leg's: mixing at its rate saves a resampler.
    pub(crate) fn new(
        mut options: playout::Options,
        opus: &media_codec::opus::Options,
        codec: Codec,
    ) -> Result<Self, Error> {
        match codec {
            Codec::Pcmu | Codec::Pcma => options.rate_hz = 8_000,
            Codec::Pcm16 { rate_hz: rate_hz @ (8_000 | 16_000 | 24_000 | 48_000) } => {
                options.rate_hz = rate_hz
            }
            Codec::Pcm16 { .. } | Codec::Opus => {}
        }
        let playout = Playout::new(options).map_err(|reason| Error::Setup { codec, reason })?;
        let outbound = media_core::outbound::Outbound::new(
            playout,
            media_codec::encoder(codec, opus)?,
            rand::random(),
            rand::random(),
        )?;
        Ok(Self(outbound))
    }

    /// Another leg: sequence, timeline and what plays go on.
    pub(crate) fn attach(
        &mut self,
        codec: Codec,
        delivery: Delivery,
        opus: &media_codec::opus::Options,
    ) -> Result<(), Error> {
        self.0.playout().carried_by(delivery);
        self.0.replace_encoder(media_codec::encoder(codec, opus)?)
    }

    /// The far end loses this share of our packets.
    pub(crate) fn expect_loss(&mut self, share: f32) {
        self.0.expect_loss(share);
    }

    pub(crate) fn push(&mut self, turn: TurnId, frame: &AudioFrame, now: Instant) {
        let pushed = self.0.playout().push(turn, &frame.samples, frame.rate_hz, now.into_std());
        if let Err(unsupported) = pushed {
            tracing::error!(%turn, rate_hz = frame.rate_hz, %unsupported, "audio of the voice cannot be played");
        }
    }

    pub(crate) fn sentence_done(&mut self, turn: TurnId) {
        self.0.playout().sentence_done(turn);
    }

    /// No more audio comes for the turn; `Event::Finished` follows.
    pub(crate) fn end(&mut self, turn: TurnId, now: Instant) {
        self.0.playout().end(turn, now.into_std());
    }

    pub(crate) fn duck(&mut self, turn: TurnId) {
        self.0.playout().duck(turn);
    }

    /// Goes on from where the caller lost the voice: the playout knows that to the sample, the machine to the frame.
    pub(crate) fn resume(&mut self, turn: TurnId, now: Instant) {
        self.0.playout().resume(turn, None, now.into_std());
    }

    /// Drops what was not sent of the turn; returns up to where it was heard.
    pub(crate) fn flush(&mut self, turn: TurnId, now: Instant) -> Option<MediaTime> {
        self.0.playout().flush(turn, now.into_std())
    }

    /// The sound of somebody who thinks, until the voice begins.
    pub(crate) fn think(&mut self, on: bool) {
        self.0.playout().set_thinking(on);
    }

    /// The sound under the whole call.
    pub(crate) fn set_background(&mut self, background: Option<&Background>) {
        let playout = self.0.playout();
        let sound = background.and_then(|background| background.at(playout.options().rate_hz));
        playout.set_background(sound);
    }

    /// Audio that the caller has not heard yet.
    pub(crate) fn unheard(&mut self, now: Instant) -> Duration {
        let playout = self.0.playout();
        playout.buffered() + playout.ahead(now.into_std())
    }

    /// Frames by how late they were sent, and how often and for how long the voice ran out.
    pub(crate) fn counts(&mut self) -> (Late, u64, Duration) {
        let playout = self.0.playout();
        (playout.late(), playout.underruns(), playout.dry())
    }

    pub(crate) fn poll_event(&mut self) -> Option<playout::Event> {
        self.0.playout().poll_event()
    }

    /// Nothing is being sent, not even silence.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.0.playout().is_idle()
    }

    /// The packet that is due, if one is. Call until `None`.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Sent> {
        self.0.tick(now.into_std())
    }
}
