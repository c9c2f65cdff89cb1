//! A body that comes piece by piece and on time, as HTTP vendors stream, with what can go wrong on the way.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use providers_api::conformance::Adversity;
use tokio::time::{Instant, sleep_until};

use crate::stage::{Stage, Watch};

/// More than any answer of a vendor in one event.
pub(crate) const OVERSIZED: usize = 6 << 20;

/// How long the first piece takes, and each after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) first: Duration,
    pub(crate) each: Duration,
}

struct Paced {
    pieces: VecDeque<Bytes>,
    due: Instant,
    each: Duration,
    breaks_after: Option<Duration>,
    breaks_at: Option<Instant>,
    is_mute: bool,
    watch: Watch,
}

/// The body of a good answer. Notes `cancelled` when the client leaves before its end.
pub(crate) fn body(
    stage: &Stage,
    vendor: &'static str,
    fate: Option<Adversity>,
    pace: Pace,
    pieces: Vec<Bytes>,
) -> Body {
    let factor = if let Some(Adversity::Slow(factor)) = fate { factor } else { 1 };
    let breaks_after = match fate {
        Some(Adversity::BreaksAfter(after_ms)) => Some(Duration::from_millis(after_ms)),
        _ => None,
    };
    let paced = Paced {
        pieces: pieces.into(),
        due: Instant::now() + pace.first * factor,
        each: pace.each * factor,
        breaks_after,
        breaks_at: None,
        is_mute: fate == Some(Adversity::Mute),
        watch: Watch::new(stage, vendor),
    };
    Body::from_stream(stream::unfold(Some(paced), |paced| async move {
        let mut paced = paced?;
        match paced.next().await {
            Some(Ok(piece)) => Some((Ok(piece), Some(paced))),
            Some(Err(broken)) => Some((Err(broken), None)),
            None => None,
        }
    }))
}

/// The connection is taken and never answered.
pub(crate) async fn hang(stage: &Stage, vendor: &'static str) -> Infallible {
    let _cancelled = Watch::new(stage, vendor);
    std::future::pending().await
}

impl Paced {
    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        if self.is_mute {
            std::future::pending::<()>().await;
        }
        let breaks_at = self.breaks_at.filter(|at| *at <= self.due && !self.pieces.is_empty());
        sleep_until(breaks_at.unwrap_or(self.due)).await;
        if breaks_at.is_some() {
            self.watch.done();
            return Some(Err(std::io::Error::other("on demand")));
        }
        let piece = self.pieces.pop_front();
        if self.pieces.is_empty() {
            self.watch.done();
        }
        let now = Instant::now();
        self.breaks_at = self.breaks_at.or_else(|| self.breaks_after.map(|after| now + after));
        self.due = now + self.each;
        piece.map(Ok)
    }
}
