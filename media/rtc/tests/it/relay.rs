//! A UDP relay between callers and the server that loses, doubles, delays, records or stops.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use runtime::tasks::{Kind, Tasks};
use tokio::net::UdpSocket;

use crate::support::{Dice, loopback};

const RELAY: Kind = Kind::new("test.relay");

#[derive(Clone)]
pub(crate) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// Per mille of datagrams lost, in each direction.
    loss: AtomicU32,
    recorded: Mutex<Vec<Vec<u8>>>,
    far: UdpSocket,
    server: SocketAddr,
}

impl Relay {
    /// Between one caller, whoever sends first, and the server.
    pub(crate) async fn start(server: SocketAddr, seed: u64, tasks: &Tasks) -> Self {
        let near = UdpSocket::bind(loopback()).await.expect("a port");
        let far = UdpSocket::bind(loopback()).await.expect("a port");
        let address = near.local_addr().expect("bound");
        let shared = Arc::new(Shared { loss: AtomicU32::new(0), recorded: Mutex::default(), far, server });
        tasks.spawn(RELAY, run(near, Arc::clone(&shared), Dice::seeded(seed)));
        Self { address, shared }
    }

    /// The answer, with the relay in place of the server.
    pub(crate) fn stand_in(&self, server: SocketAddr) -> impl FnOnce(String) -> String + use<> {
        let relay = self.address;
        move |answer| answer.replace(&format!(" {} ", server.port()), &format!(" {} ", relay.port()))
    }

    pub(crate) fn lose(&self, per_mille: u32) {
        self.shared.loss.store(per_mille, Ordering::Relaxed);
    }

    /// To the server, from the address it knows the caller by.
    pub(crate) async fn inject(&self, bytes: Vec<u8>) {
        let _ = self.shared.far.send_to(&bytes, self.shared.server).await;
    }

    /// What the caller sent to the server.
    pub(crate) fn recorded(&self) -> Vec<Vec<u8>> {
        self.shared.recorded.lock().expect("no panic").clone()
    }
}

async fn run(near: UdpSocket, shared: Arc<Shared>, mut dice: Dice) {
    let mut caller = None;
    let (mut to_server, mut to_caller) = ([0; 2048], [0; 2048]);
    loop {
        tokio::select! {
            Ok((length, source)) = near.recv_from(&mut to_server) => {
                caller = Some(source);
                shared.recorded.lock().expect("no panic").push(to_server[..length].to_vec());
                if dice.below(1000) >= shared.loss.load(Ordering::Relaxed) as usize {
                    let _ = shared.far.send_to(&to_server[..length], shared.server).await;
                }
            }
            Ok((length, _)) = shared.far.recv_from(&mut to_caller) => {
                let lost = dice.below(1000) < shared.loss.load(Ordering::Relaxed) as usize;
                if let Some(caller) = caller.filter(|_| !lost) {
                    let _ = near.send_to(&to_caller[..length], caller).await;
                }
            }
        }
    }
}
