//! The session's `ClientProtocol` on the RTVI machine, and on what LiveKit's frontends know. Carriers' sockets speak RTVI too: their framing
//! turns keys into messages.

use domain::{SessionEvent, SessionId};
use media_session::{ClientProtocol, Reaction};

pub(crate) struct Rtvi {
    machine: media_rtvi::Server,
    announces_ready: bool,
}

impl Rtvi {
    pub(crate) fn new(options: media_rtvi::Options) -> Self {
        Self { machine: media_rtvi::Server::new(options), announces_ready: true }
    }

    /// For a client that may know nothing of RTVI: nothing waits for its word.
    pub(crate) const fn unannounced(mut self) -> Self {
        self.announces_ready = false;
        self
    }
}

impl ClientProtocol for Rtvi {
    fn announces_ready(&self) -> bool {
        self.announces_ready
    }

    fn message(&mut self, text: &str) -> Vec<Reaction> {
        self.machine.message(text).into_iter().map(reaction).collect()
    }

    fn event(&mut self, event: &SessionEvent) -> Vec<String> {
        self.machine.event(event)
    }
}

pub(crate) struct LiveKit(media_livekit::Conversation);

impl LiveKit {
    /// `taken` says how often the session was taken over.
    pub(crate) fn new(session: SessionId, taken: i32) -> Self {
        // No two sessions of a room have segments of one name, nor two servers that have one session in turn.
        let name: String = session.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        Self(media_livekit::Conversation::new(if taken == 0 { name } else { format!("{name}T{taken}N") }))
    }
}

impl ClientProtocol for LiveKit {
    fn message(&mut self, text: &str) -> Vec<Reaction> {
        let reaction = |reaction| match reaction {
            media_livekit::Reaction::Text(text) => Reaction::Text(text),
            media_livekit::Reaction::Dtmf(digit) => Reaction::Dtmf(digit),
        };
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
