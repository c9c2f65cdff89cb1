//! The body of an answer. Over HTTP/1.1 a connection is free for the next request only once the body before was read to its end, and
//! what is wanted of it often ends earlier: the rest is read beside whatever comes next.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, Stream, StreamExt};
use runtime::{Kind, Tasks};

use crate::codes::Fault;

/// Of a body of which no more is wanted, so much is read at most: an end mark and a count. What goes on is ended with its connection.
const LARGEST_REST: usize = 16 << 10;
/// For reading it: servers end a body some milliseconds after its last event.
const REST_WITHIN: Duration = Duration::from_millis(500);
/// Rests that are read at once. With more the next is dropped, and its connection with it.
const MOST_RESTS: usize = 256;
const REST: Kind = Kind::new("link.rest");

type Pieces = BoxStream<'static, Result<Bytes, Fault>>;

/// Pieces as they come. Dropping it ends the request, and with it what the vendor still makes.
pub struct Body {
    pieces: Pieces,
    /// None: of no client, in tests.
    rests: Option<Arc<Rests>>,
}

/// Whoever reads what is left of bodies. All end with the client.
#[derive(Debug, Default)]
pub(super) struct Rests(Tasks);

impl Body {
    pub(super) fn of(pieces: Pieces, rests: Arc<Rests>) -> Self {
        Self { pieces, rests: Some(rests) }
    }

    /// The same with what was taken from its beginning.
    #[must_use]
    pub fn begun_with(self, begun: Bytes) -> Self {
        Self { pieces: stream::iter([Ok(begun)]).chain(self.pieces).boxed(), ..self }
    }

    /// Everything that is wanted has come. What is left of the body is read to its end within bounds, so that its connection can be used
    /// again. Never waits. Not for an answer that is given up: drop that one.
    pub fn finish(self) {
        let Self { pieces, rests } = self;
        let mut reading = Box::pin(async move { drain(pieces).await });
        // The end mostly comes with what was wanted.
        if reading.as_mut().now_or_never().is_some() {
            return;
        }
        if let Some(Rests(tasks)) = rests.as_deref()
            && tasks.len() < MOST_RESTS
        {
            tasks.spawn(REST, async move {
                let _in_time = tokio::time::timeout(REST_WITHIN, reading).await;
            });
        }
    }
}

impl From<Pieces> for Body {
    fn from(pieces: Pieces) -> Self {
        Self { pieces, rests: None }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.poll_next_unpin(context)
    }
}

async fn drain(mut pieces: Pieces) {
    let mut read = 0;
    while let Some(Ok(piece)) = pieces.next().await {
        read += piece.len();
        if read > LARGEST_REST {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A body that goes on for ever, a piece each so many ms, and how much of it was read.
    fn endless(every: Duration) -> (Pieces, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let pieces = stream::unfold((), move |()| {
            let counted = Arc::clone(&counted);
            async move {
                tokio::time::sleep(every).await;
                counted.fetch_add(1, Ordering::Relaxed);
                Some((Ok(Bytes::from(vec![0; 1 << 10])), ()))
            }
        });
        (pieces.boxed(), read)
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_is_given_up_after_so_much_and_after_so_long() {
        let rests = Arc::new(Rests::default());
        let (fast, read) = endless(Duration::from_millis(1));
        Body::of(fast, Arc::clone(&rests)).finish();
        let (slow, read_slowly) = endless(Duration::from_millis(200));
        Body::of(slow, Arc::clone(&rests)).finish();
        assert!(rests.0.drain(Duration::from_secs(60)).await, "both end by themselves");
        let counts = [&read, &read_slowly].map(|read| read.load(Ordering::Relaxed));
        assert_eq!(counts, [17, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_are_read_at_once_than_there_is_room_for_and_all_end_with_the_client() {
        let rests = Arc::new(Rests::default());
        for _ in 0..MOST_RESTS + 10 {
            Body::of(stream::pending().boxed(), Arc::clone(&rests)).finish();
        }
        assert_eq!(rests.0.len(), MOST_RESTS);
        rests.0.shutdown().await;
    }
}
