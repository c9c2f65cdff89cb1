//! The events of one stream, until the fault strikes and from then on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use providers_api::{Ability, Error};
use tokio::time::Instant;

use super::weigh::{Output, Weight};
use super::{Fault, Moment, SLOW};

/// A stream breaks this long after a turn was served, in the pause before the next.
const PAUSE: Duration = Duration::from_millis(300);

/// What strikes a stream.
pub(super) struct Struck {
    pub(super) fault: Fault,
    pub(super) moment: Moment,
    /// A turn of the call was served.
    pub(super) served: Arc<AtomicBool>,
    pub(super) ability: Ability,
    pub(super) provider: String,
    /// From its beginning.
    pub(super) now: bool,
}

impl Struck {
    /// Of a drill that is over.
    pub(super) fn never(ability: Ability, provider: &str) -> Self {
        let (fault, moment) = (Fault::Silence, Moment::Connect);
        Self { fault, moment, served: Arc::default(), ability, provider: provider.to_owned(), now: false }
    }

    pub(super) fn over<E: Output>(
        self,
        events: BoxStream<'static, Result<E, Error>>,
    ) -> BoxStream<'static, Result<E, Error>> {
        let now = self.now;
        let mut state = Striking {
            struck: self,
            events,
            progress: 0,
            pause: None,
            late: None,
            ended: false,
            over: false,
        };
        if now {
            state.late = Some(VecDeque::new());
        }
        stream::unfold(state, |mut state| async move {
            let event = state.next().await?;
            Some((event, state))
        })
        .boxed()
    }
}

struct Striking<E> {
    struck: Struck,
    events: BoxStream<'static, Result<E, Error>>,
    progress: u64,
    /// Until when what was served may still be told of; then it strikes.
    pause: Option<Instant>,
    /// Since it has struck: what has come and is held back, and until when.
    late: Option<VecDeque<(Instant, Result<E, Error>)>>,
    /// The vendor's events: not to be polled again.
    ended: bool,
    over: bool,
}

impl<E: Output> Striking<E> {
    /// Driven to its end by one future at a time: what was taken from the vendor is never lost.
    async fn next(&mut self) -> Option<Result<E, Error>> {
        loop {
            if self.over {
                return None;
            }
            if self.late.is_some() {
                return self.struck().await;
            }
            let came = match self.pause {
                None => self.events.next().await,
                Some(until) => match tokio::time::timeout_at(until, self.events.next()).await {
                    Ok(came) => came,
                    Err(_) => {
                        if let Some(broken) = self.strike(None) {
                            return Some(broken);
                        }
                        continue;
                    }
                },
            };
            let event = match came {
                Some(Ok(event)) => event,
                other => return other,
            };
            if self.is_due(&event) {
                match self.strike(Some(event)) {
                    Some(broken) => return Some(broken),
                    None => continue,
                }
            }
            self.note(&event);
            return Some(Ok(event));
        }
    }

    fn is_due(&self, event: &E) -> bool {
        let comes = !matches!(event.weight(), Weight::Nothing);
        match self.struck.moment {
            Moment::BeforeOutput => comes,
            Moment::MidSentence => comes && self.progress >= E::MIDDLE,
            Moment::Connect | Moment::BetweenTurns => false,
        }
    }

    fn note(&mut self, event: &E) {
        match event.weight() {
            Weight::Progress(much) => self.progress = self.progress.saturating_add(much),
            Weight::Done => {
                self.struck.served.store(true, Ordering::Relaxed);
                if self.struck.moment == Moment::BetweenTurns && self.struck.ability == Ability::Stt {
                    self.pause = Some(Instant::now() + PAUSE);
                }
            }
            Weight::Nothing => {}
        }
    }

    /// The error that is seen of it, if one is. What came in this moment is the first that is struck.
    fn strike(&mut self, came: Option<E>) -> Option<Result<E, Error>> {
        self.pause = None;
        if let Some(error) = self.struck.fault.error(self.struck.ability, &self.struck.provider) {
            self.over = true;
            return Some(Err(error));
        }
        let came = came.into_iter().map(|event| (Instant::now() + SLOW, Ok(event)));
        self.late = Some(came.collect());
        None
    }

    async fn struck(&mut self) -> Option<Result<E, Error>> {
        match self.struck.fault {
            Fault::Slow => self.late().await,
            Fault::Silence => self.empty().await,
            // Nothing is taken from the vendor either: its stream stays open, and fills.
            _ => std::future::pending().await,
        }
    }

    async fn late(&mut self) -> Option<Result<E, Error>> {
        let late = self.late.as_mut()?;
        loop {
            let due = late.front().map(|(at, _)| *at);
            let came = match due {
                Some(at) if self.ended => {
                    tokio::time::sleep_until(at).await;
                    return late.pop_front().map(|(_, event)| event);
                }
                Some(at) => match tokio::time::timeout_at(at, self.events.next()).await {
                    Ok(came) => came,
                    Err(_) => return late.pop_front().map(|(_, event)| event),
                },
                None if self.ended => return None,
                None => self.events.next().await,
            };
            match came {
                Some(event) => late.push_back((Instant::now() + SLOW, event)),
                None => self.ended = true,
            }
        }
    }

    async fn empty(&mut self) -> Option<Result<E, Error>> {
        let held = self.late.as_mut().and_then(VecDeque::pop_front).map(|(_, event)| event);
        let mut came = match held {
            Some(event) => Some(event),
            None => self.events.next().await,
        };
        loop {
            match came? {
                Ok(event) => {
                    if let Some(event) = event.emptied() {
                        return Some(Ok(event));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
            came = self.events.next().await;
        }
    }
}
