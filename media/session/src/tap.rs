//! Who listens to a call while it runs: packets of both legs as they are on the wire, as the recording has them.
//!
//! A listener who is behind loses packets; the call never waits.

use domain::Role;
use media_core::Packet;
use tokio::sync::mpsc;

/// Packets on their way to a listener: two seconds of both legs. When full, packets are lost, which sounds like a bad line.
pub const PACKETS: usize = 200;
/// So many may listen at once; one more takes the place of the first.
const MOST: usize = 4;

/// A packet of a call, and whose it is. The agent's are what the caller hears, also where that is a person.
#[derive(Debug, Clone)]
pub struct Tapped {
    pub leg: Role,
    pub packet: Packet,
}

#[derive(Default)]
pub(crate) struct Taps(Vec<mpsc::Sender<Tapped>>);

impl Taps {
    pub(crate) fn add(&mut self, ear: mpsc::Sender<Tapped>) {
        self.0.retain(|ear| !ear.is_closed());
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(ear);
    }

    /// Never waits. The packet's payload is shared, not copied.
    pub(crate) fn hear(&mut self, leg: Role, packet: &Packet) {
        if !self.0.is_empty() {
            self.0.retain(|ear| {
                let given = ear.try_send(Tapped { leg, packet: packet.clone() });
                !matches!(given, Err(mpsc::error::TrySendError::Closed(_)))
            });
        }
    }
}
