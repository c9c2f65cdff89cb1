//! The bounded way in: never blocks the media path, tells when the other side hung up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::channel::mpsc;

/// The other side hung up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the provider's stream was closed")]
pub struct Closed;

/// Bounded input of a provider's stream. Dropping it tells the provider that no more will come.
#[derive(Debug)]
pub struct Sink<T> {
    sender: mpsc::Sender<T>,
    counted: Option<Counted<T>>,
}

/// How each item is measured, and what was given so far.
type Counted<T> = (fn(&T) -> u64, Arc<AtomicU64>);

impl<T> Sink<T> {
    /// A sink and the receiving end for the provider. `capacity` is in items; the provider names its constant.
    #[must_use]
    pub fn bounded(capacity: usize) -> (Self, mpsc::Receiver<T>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self { sender, counted: None }, receiver)
    }

    /// The same way in, and what goes in by it from now on, as `measure` says of each item.
    #[must_use]
    pub fn counted(self, measure: fn(&T) -> u64) -> (Self, Arc<AtomicU64>) {
        let given = Arc::new(AtomicU64::new(0));
        (Self { counted: Some((measure, Arc::clone(&given))), ..self }, given)
    }

    /// Gives one item without waiting. `Ok(false)`: the queue is full and the item was dropped; count it.
    ///
    /// # Errors
    /// `Closed` when the provider hung up.
    pub fn push(&mut self, item: T) -> Result<bool, Closed> {
        let measured = self.measured(&item);
        match self.sender.try_send(item) {
            Ok(()) => {
                self.add(measured);
                Ok(true)
            }
            Err(error) if error.is_full() => Ok(false),
            Err(_) => Err(Closed),
        }
    }

    /// Gives one item, waiting for room. Cancel-safe: the item is either given or dropped with the future.
    ///
    /// # Errors
    /// `Closed` when the provider hung up.
    pub async fn send(&mut self, item: T) -> Result<(), Closed> {
        let measured = self.measured(&item);
        futures::SinkExt::send(&mut self.sender, item).await.map_err(|_| Closed)?;
        self.add(measured);
        Ok(())
    }

    fn measured(&self, item: &T) -> u64 {
        self.counted.as_ref().map_or(0, |(measure, _)| measure(item))
    }

    fn add(&self, measured: u64) {
        if let Some((_, given)) = &self.counted {
            given.fetch_add(measured, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_found_no_room_is_not_counted() {
        let (sink, mut receiver) = Sink::<u64>::bounded(0);
        let (mut sink, given) = sink.counted(|item| *item);
        assert_eq!((sink.push(5), sink.push(7)), (Ok(true), Ok(false)));
        assert_eq!(given.load(Ordering::Relaxed), 5);
        assert_eq!(receiver.try_recv(), Ok(5));
    }
}
