//! Another way for frames to travel than a websocket, such as streams of gRPC: what is done above a connection stays the same.

use std::fmt::Debug;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

use crate::codes::Fault;
use crate::socket::{Endpoint, Frame, Manners};

/// Opens connections.
pub trait Carrier: Debug + Send + Sync {
    /// Keeps to `Manners::connect_within`. Dropping the future closes what was begun.
    ///
    /// # Errors
    /// When nobody answers or the vendor refuses.
    fn open(
        &self,
        endpoint: &Endpoint,
        manners: &Manners,
    ) -> BoxFuture<'static, Result<Box<dyn Carried>, Fault>>;
}

/// An open connection; dropping it closes it.
pub trait Carried: Debug + Send {
    /// Never waits: what cannot be taken ends the connection. Why it ended is told by `poll_next`.
    ///
    /// # Errors
    /// When the connection is over or takes nothing more.
    fn send(&mut self, frame: Frame) -> Result<(), Fault>;

    /// The next message; `None` where the vendor ended the connection without a complaint.
    ///
    /// # Errors
    /// As those of a socket.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Frame>, Fault>>;
}
