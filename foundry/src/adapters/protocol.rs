//! The session's `ClientProtocol` on the RTVI machine. Carriers' sockets speak it too: their framing turns keys into messages.

use domain::SessionEvent;
use media_session::{ClientProtocol, Reaction};

pub(crate) struct Rtvi(media_rtvi::Server);

impl Rtvi {
    pub(crate) fn new(options: media_rtvi::Options) -> Self {
        Self(media_rtvi::Server::new(options))
    }
}

impl ClientProtocol for Rtvi {
    fn announces_ready(&self) -> bool {
        true
    }

    fn message(&mut self, text: &str) -> Vec<Reaction> {
        self.0.message(text).into_iter().map(reaction).collect()
    }

    fn event(&mut self, event: &SessionEvent) -> Vec<String> {
        self.0.event(event)
    }
}

fn reaction(reaction: media_rtvi::Reaction) -> Reaction {
    match reaction {
        media_rtvi::Reaction::Send(text) => Reaction::Send(text),
        media_rtvi::Reaction::Ready => Reaction::Ready,
        media_rtvi::Reaction::Text(text) => Reaction::Text(text),
        media_rtvi::Reaction::Dtmf(digit) => Reaction::Dtmf(digit),
        media_rtvi::Reaction::HangUp => Reaction::HangUp,
    }
}
