//! How fast messages that came by a connection go to the stack.
//!
//! It works off those of all connections in one row, and answers a copy of what it has answered there, waiting until that is written. So a connection has
//! one message in the row at a time, and none while its peer does not take what is written to it. Whoever takes nothing is let go.

use std::collections::BTreeMap;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rsipstack::transport::SipConnection;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{SockRef, Socket};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::closings::{Ends, ends};

/// For a peer that takes nothing of what is written.
pub(crate) const WRITE: Duration = Duration::from_secs(2);
/// So often it is looked whether it does.
const LOOK: Duration = Duration::from_millis(20);
/// Of a connection, for what is not sent yet. The system says that there is room while a third is free, which has to be enough for two of the longest answers.
pub(crate) const BUFFER: usize = 256 * 1_024;

/// Those of all connections.
#[derive(Clone, Default)]
pub(crate) struct Paces(Arc<Mutex<BTreeMap<Ends, Arc<Semaphore>>>>);

/// That of one.
pub(crate) struct Pace {
    all: Paces,
    ends: Ends,
    /// Whether the message before is worked off, or about to be.
    turn: Arc<Semaphore>,
    /// Another handle of the connection.
    socket: Socket,
}

impl Paces {
    /// # Errors
    /// When there is no room for another handle.
    pub(crate) fn of(&self, ends: Ends, tcp: &TcpStream) -> io::Result<Pace> {
        let socket = SockRef::from(tcp).try_clone()?;
        let turn = Arc::new(Semaphore::new(1));
        self.all().insert(ends.clone(), Arc::clone(&turn));
        Ok(Pace { all: self.clone(), ends, turn, socket })
    }

    /// The stack begins with a message of this connection.
    pub(crate) fn begun(&self, connection: &SipConnection) {
        let Some(ends) = ends(connection) else { return };
        if let Some(turn) = self.all().get(&ends).filter(|turn| turn.available_permits() == 0) {
            turn.add_permits(1);
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Ends, Arc<Semaphore>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// Waits until another message may go to the stack.
    ///
    /// # Errors
    /// When the peer does not take what is written: it is let go then.
    pub(crate) async fn turn(&self) -> io::Result<()> {
        // One that the stack has not begun with by then waits for others, or was none to it.
        if let Ok(Ok(turn)) = timeout(WRITE, self.turn.acquire()).await {
            turn.forget();
        }
        let room = timeout(WRITE, async {
            while !self.is_roomy() {
                tokio::time::sleep(LOOK).await;
            }
        });
        room.await.map_err(|_late| {
            self.let_go();
            io::ErrorKind::TimedOut.into()
        })
    }

    /// Ends the connection at once, and whatever is being written to it.
    pub(crate) fn let_go(&self) {
        // What was not taken is not waited for.
        let _gone = self.socket.set_linger(Some(Duration::ZERO));
        let _gone = self.socket.shutdown(Shutdown::Both);
    }

    /// Whether something can be written without waiting; so it is to a connection that is lost.
    fn is_roomy(&self) -> bool {
        let mut look = [PollFd::new(&self.socket, PollFlags::OUT)];
        poll(&mut look, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        let mut all = self.all.all();
        if all.get(&self.ends).is_some_and(|turn| Arc::ptr_eq(turn, &self.turn)) {
            all.remove(&self.ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use rsipstack::sip::Transport;
    use rsipstack::transport::SipAddr;
    use rsipstack::transport::tcp::TcpConnection;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_message_goes_when_the_one_before_has_gone_and_none_to_whom_takes_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut near = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("listens");
        let (_far, _) = listener.accept().await.expect("it connects");
        let named =
            |address: std::net::SocketAddr| SipAddr { r#type: Some(Transport::Tcp), addr: address.into() };
        let (local, peer) =
            (named(near.local_addr().expect("bound")), named(near.peer_addr().expect("there")));
        let (paces, ends) = (Paces::default(), (local.clone(), peer));
        let pace = paces.of(ends, &near).expect("a handle");
        // By their names alone: what they lead to is another.
        let connection = |local: SipAddr| async {
            let tcp = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("listens");
            SipConnection::Tcp(TcpConnection::from_stream(tcp, local, None).expect("made"))
        };
        let strange = connection(named(listener.local_addr().expect("bound"))).await;
        let own = connection(local).await;
        pace.turn().await.expect("the first");
        paces.begun(&strange);
        assert_eq!(pace.turn.available_permits(), 0, "it is not the one's that the stack begins with");
        paces.begun(&own);
        assert_eq!(pace.turn.available_permits(), 1);
        pace.turn().await.expect("the next");
        // Until the system takes no more.
        while timeout(LOOK * 10, near.write_all(&[0; 65_536])).await.is_ok() {}
        assert!(!pace.is_roomy());
        paces.begun(&own);
        assert_eq!(pace.turn().await.expect_err("let go").kind(), io::ErrorKind::TimedOut);
        near.write_all(&[0]).await.expect_err("ended");
        drop(pace);
        assert!(paces.all().is_empty());
    }
}
