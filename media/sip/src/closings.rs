//! When all that came by a connection is with those whom it is for.
//!
//! A connection has ended for the stack (its token) as soon as nothing more can be read. What was read before may still be on its way to its transaction,
//! in a queue at whose end the stack puts that it has ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rsipstack::transaction::endpoint::TransportEventInspector;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use tokio_util::sync::CancellationToken;

use crate::pace::Paces;
use crate::tls::lives;

/// Both ends of a connection: one at a time has them.
pub(crate) type Ends = (SipAddr, SipAddr);

/// Connections whose end somebody waits for.
#[derive(Clone, Default)]
pub(crate) struct Closings {
    awaited: Arc<Mutex<BTreeMap<Ends, CancellationToken>>>,
    /// Of what comes by connections, in the same row.
    pub(crate) paces: Paces,
}

impl Closings {
    /// Cancelled once nothing of the connection is on its way any more. To be asked for before anything is sent by it. `None`: it cannot end.
    pub(crate) fn of(&self, connection: &SipConnection) -> Option<CancellationToken> {
        let ends = ends(connection)?;
        let mut open = self.open();
        if let Some(ended) = open.get(&ends) {
            return Some(ended.clone());
        }
        let ended = CancellationToken::new();
        // Its token is cancelled before its end is told of, which waits for this lock.
        if lives(connection) {
            open.insert(ends, ended.clone());
        } else {
            ended.cancel();
        }
        Some(ended)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<Ends, CancellationToken>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TransportEventInspector for Closings {
    /// In the order in which it happened, each after the one before is with its transaction.
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        if let TransportEvent::Incoming(_, connection, _) = &event {
            self.paces.begun(connection);
        }
        if let TransportEvent::Closed(connection) = &event
            && let Some(ended) = ends(connection).and_then(|ends| self.open().remove(&ends))
        {
            ended.cancel();
        }
        Some(event)
    }
}

pub(crate) fn ends(connection: &SipConnection) -> Option<Ends> {
    let far = connection.get_remote_addr().filter(|_| connection.is_reliable())?;
    Some((connection.get_addr().clone(), far.clone()))
}

#[cfg(test)]
mod tests {
    use rsipstack::transport::tcp::TcpConnection;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn the_end_of_a_connection_is_told_after_all_that_came_by_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let connection = |token: &CancellationToken| {
            let token = token.clone();
            async move {
                let tcp = TcpStream::connect(address).await.expect("listens");
                let local = SipAddr {
                    r#type: Some(rsipstack::sip::Transport::Tcp),
                    addr: tcp.local_addr().expect("bound").into(),
                };
                SipConnection::Tcp(TcpConnection::from_stream(tcp, local, Some(token)).expect("made"))
            }
        };
        let (closings, token) = (Closings::default(), CancellationToken::new());
        let (one, other) = (connection(&token).await, connection(&CancellationToken::new()).await);
        let (ended, again) = (closings.of(&one).expect("may end"), closings.of(&one).expect("may end"));
        let not = closings.of(&other).expect("may end");
        token.cancel();
        assert!(!ended.is_cancelled(), "something may be on its way");
        closings.handle(TransportEvent::Closed(one.clone())).await.expect("goes on");
        assert!(ended.is_cancelled() && again.is_cancelled() && !not.is_cancelled());
        assert!(closings.of(&one).is_some_and(|ended| ended.is_cancelled()), "nothing will come of it");
        assert_eq!(closings.open().len(), 1, "nobody waits for what has ended");
    }
}
