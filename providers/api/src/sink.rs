//! The bounded way in: never blocks the media path, tells when the other side hung up.

use futures::channel::mpsc;

/// The other side hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the provider's stream was closed")]
pub struct Closed;

/// Bounded input of a provider's stream. Dropping it tells the provider that no more will come.
#[derive(Debug)]
pub struct Sink<T>(mpsc::Sender<T>);

impl<T> Sink<T> {
    /// A sink and the receiving end for the provider. `capacity` is in items; the provider names its constant.
    #[must_use]
    pub fn bounded(capacity: usize) -> (Self, mpsc::Receiver<T>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self(sender), receiver)
    }

    /// Gives one item without waiting. `Ok(false)`: the queue is full and the item was dropped; count it.
    ///
    /// # Errors
    /// `Closed` when the provider hung up.
    pub fn push(&mut self, item: T) -> Result<bool, Closed> {
        match self.0.try_send(item) {
            Ok(()) => Ok(true),
            Err(error) if error.is_full() => Ok(false),
            Err(_) => Err(Closed),
        }
    }

    /// Gives one item, waiting for room. Cancel-safe: the item is either given or dropped with the future.
    ///
    /// # Errors
    /// `Closed` when the provider hung up.
    pub async fn send(&mut self, item: T) -> Result<(), Closed> {
        futures::SinkExt::send(&mut self.0, item).await.map_err(|_| Closed)
    }
}
