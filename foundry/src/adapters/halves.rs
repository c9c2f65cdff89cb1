//! Callers whose voice comes on one WebRTC peer and whose ear is another (WHIP and WHEP): two peers, one leg.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control_server::ports::CallRequest;
use media_core::{Codec, LegCommand, LegEvent};
use media_rtc::Peer;
use media_session::Slot;
use runtime::{Kind, Tasks};
use tokio::sync::mpsc;

const WAITING: Kind = Kind::new("whip.waiting");
const JOINED: Kind = Kind::new("whip.joined");
/// Within this somebody listens, or the place is another caller's.
const LISTENS_WITHIN: Duration = Duration::from_secs(15);
/// Events that the session has not taken. When full the peers wait, whose own queues are bounded and count what they drop.
const EVENTS: usize = 8;

/// A caller who sends, before somebody listens.
pub(crate) struct Half {
    pub(crate) slot: Slot,
    pub(crate) call: CallRequest,
    pub(crate) offered: String,
    pub(crate) sender: Peer,
}

/// Those who wait, by the sender's peer. At most as many as there are places for calls.
#[derive(Clone, Default)]
pub(crate) struct Halves(Arc<Mutex<HashMap<String, Half>>>);

impl Halves {
    /// Lets the half go when nobody listens in time.
    pub(crate) fn keep(&self, half: Half, tasks: &Tasks) {
        let name = half.sender.id.clone();
        self.lock().insert(name.clone(), half);
        let halves = self.clone();
        tasks.spawn(WAITING, async move {
            tokio::time::sleep(LISTENS_WITHIN).await;
            if halves.take(&name).is_some() {
                tracing::info!("a caller who only sends was let go: nobody listened");
            }
        });
    }

    pub(crate) fn take(&self, sender: &str) -> Option<Half> {
        self.lock().remove(sender)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Half>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Both as a session sees one leg.
pub(crate) struct Joined {
    pub(crate) codec: Codec,
    pub(crate) events: mpsc::Receiver<LegEvent>,
    pub(crate) commands: mpsc::Sender<LegCommand>,
}

/// What the two have said of their connections.
#[derive(Debug, Default)]
struct Lines {
    sends: bool,
    hears: bool,
}

impl Lines {
    /// What one of them says, as the leg says it: media flows when it can on both.
    fn said(&mut self, by_sender: bool, event: LegEvent) -> Option<LegEvent> {
        let line = if by_sender { &mut self.sends } else { &mut self.hears };
        match event {
            LegEvent::Active => {
                *line = true;
                (self.sends && self.hears).then_some(LegEvent::Active)
            }
            LegEvent::Lost => {
                let was = std::mem::take(line);
                let other = if by_sender { self.hears } else { self.sends };
                // The one that breaks first is said; of one that never stood nothing can come.
                (other || !was).then_some(LegEvent::Lost)
            }
            // Of the listener's there is none.
            LegEvent::Packet(packet) => by_sender.then_some(LegEvent::Packet(packet)),
            // What is told of the connection is told of what we send, which is the listener's.
            LegEvent::Quality(quality) => (!by_sender).then_some(LegEvent::Quality(quality)),
            other
            @ (LegEvent::Earlier(_) | LegEvent::Message(_) | LegEvent::Signal(_) | LegEvent::Closed) => {
                Some(other)
            }
        }
    }
}

/// Both end when either does, or when the session lets go.
pub(crate) fn joined(mut sender: Peer, mut listener: Peer, tasks: &Tasks) -> Joined {
    let (events, receiver) = mpsc::channel(EVENTS);
    let (codec, commands) = (listener.codec, listener.commands.clone());
    tasks.spawn_graceful(JOINED, async move {
        // A peer whose handle is not held, by both its ends, closes.
        let _held = (sender.commands, listener.commands);
        let mut lines = Lines::default();
        // What was said before anybody listened is not answered late.
        while let Ok(event) = sender.events.try_recv() {
            if !matches!(event, LegEvent::Packet(_)) {
                let _not_both_yet = lines.said(true, event);
            }
        }
        loop {
            let (by_sender, event) = tokio::select! {
                biased;
                () = events.closed() => return,
                event = sender.events.recv() => (true, event),
                event = listener.events.recv() => (false, event),
            };
            let Some(event) = event else { return };
            let ends = matches!(event, LegEvent::Closed);
            if let Some(event) = lines.said(by_sender, event)
                && events.send(event).await.is_err()
            {
                return;
            }
            if ends {
                return;
            }
        }
    });
    Joined { codec, events: receiver, commands }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_of_two_is_active_when_both_are_and_lost_when_one_is() {
        let mut lines = Lines::default();
        assert_eq!(lines.said(true, LegEvent::Active), None);
        assert_eq!(lines.said(false, LegEvent::Active), Some(LegEvent::Active));
        assert_eq!(lines.said(false, LegEvent::Lost), Some(LegEvent::Lost));
        assert_eq!(lines.said(true, LegEvent::Lost), None, "it was said");
        assert_eq!(lines.said(true, LegEvent::Active), None);
        assert_eq!(lines.said(false, LegEvent::Active), Some(LegEvent::Active));
        assert_eq!(lines.said(true, LegEvent::Closed), Some(LegEvent::Closed));
    }

    #[test]
    fn a_peer_that_never_connected_is_a_lost_leg() {
        let mut lines = Lines::default();
        assert_eq!(lines.said(true, LegEvent::Active), None);
        assert_eq!(lines.said(false, LegEvent::Lost), Some(LegEvent::Lost));
    }
}
