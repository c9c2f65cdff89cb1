//! One attempt's connection: opening, then open. Polled by whoever owns it; dropping it hangs up.

use std::task::{Context, Poll};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use providers_api::{Error, Sink};

use crate::tried::Tried;

/// What an opened provider gives: a way in where it takes more than the request, and the events.
pub(crate) struct Opened<I, E> {
    pub input: Option<Sink<I>>,
    pub events: BoxStream<'static, Result<E, Error>>,
}

pub(crate) type Opening<I, E> = BoxFuture<'static, Result<Opened<I, E>, Error>>;

pub(crate) enum Came<E> {
    Opened,
    Event(E),
    Failed(Error),
    /// The events ended.
    Ended,
}

pub(crate) struct Line<I, E> {
    pub number: u32,
    pub index: usize,
    pub tried: Tried,
    opening: Option<Opening<I, E>>,
    pub input: Option<Sink<I>>,
    events: Option<BoxStream<'static, Result<E, Error>>>,
}

impl<I, E> Line<I, E> {
    pub(crate) fn new(number: u32, index: usize, tried: Tried, opening: Opening<I, E>) -> Self {
        Self { number, index, tried, opening: Some(opening), input: None, events: None }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.events.is_some()
    }

    /// What comes next. Everything that came stays with the line until it is given: cancel-safe.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Came<E>> {
        if let Some(opening) = &mut self.opening {
            let Poll::Ready(opened) = opening.as_mut().poll(cx) else { return Poll::Pending };
            self.opening = None;
            return Poll::Ready(match opened {
                Ok(Opened { input, events }) => {
                    self.input = input;
                    self.events = Some(events);
                    Came::Opened
                }
                Err(error) => Came::Failed(error),
            });
        }
        let Some(events) = &mut self.events else { return Poll::Pending };
        let Poll::Ready(event) = events.poll_next_unpin(cx) else { return Poll::Pending };
        Poll::Ready(match event {
            Some(Ok(event)) => Came::Event(event),
            Some(Err(error)) => Came::Failed(error),
            None => Came::Ended,
        })
    }
}
