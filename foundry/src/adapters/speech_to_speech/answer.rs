//! One answer: the model's own, or the cascade's where nothing of the model's came in time.
//!
//! Once its voice was given nobody takes over: what another model would say does not continue this answer. One that breaks off then
//! ends in an error behind what was given, and the node says its `sorry`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::Voiced;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{Ability, Error, ErrorKind, Llm, LlmEvent, LlmRequest, LlmStream, ProviderInfo};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::line::{Handle, Order};

/// From the question to the first of the voice, or a call of a tool. What the cascade needs after it must fit into the caller's patience.
const FIRST_WITHIN: Duration = Duration::from_millis(1_200);
/// From when all that was given has been played to more of it.
const MORE_WITHIN: Duration = Duration::from_millis(900);

pub(super) struct Spoken {
    line: Handle,
    cascade: Option<Arc<dyn Llm>>,
}

impl Spoken {
    pub(super) fn new(line: Handle, cascade: Option<Arc<dyn Llm>>) -> Self {
        Self { line, cascade }
    }
}

impl Llm for Spoken {
    fn info(&self) -> &ProviderInfo {
        self.line.info()
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
        async move {
            // A value of a schema is for the graph and not to be spoken.
            if request.output.is_some() || !self.line.is_live() {
                return match &self.cascade {
                    Some(llm) => llm.chat(request).await,
                    None => Err(self.nobody()),
                };
            }
            let events = self.line.ask(&request);
            let now = Instant::now();
            let own = Own {
                line: self.line.clone(),
                events,
                held: VecDeque::new(),
                due: now + FIRST_WITHIN,
                dry: None,
                cascade: self.cascade.clone(),
                request,
            };
            let served = LlmEvent::Served(Arc::clone(self.line.info()));
            let answer = stream::unfold(Stage::Own(Box::new(own)), Stage::next);
            Ok(stream::once(std::future::ready(Ok(served))).chain(answer).boxed())
        }
        .boxed()
    }
}

impl Spoken {
    fn nobody(&self) -> Error {
        let name = self.line.info().name.clone();
        Error::new(Ability::Llm, ErrorKind::Unreachable, name, "no other language model is configured")
    }
}

enum Stage {
    Own(Box<Own>),
    Asking(BoxFuture<'static, Result<LlmStream, Error>>),
    Cascade(LlmStream),
    Over,
}

/// The model's answer as it comes.
struct Own {
    line: Handle,
    events: mpsc::Receiver<Result<LlmEvent, Error>>,
    /// Words, until their voice begins; then what is to be given.
    held: VecDeque<LlmEvent>,
    due: Instant,
    /// When what was given has been played; none before the first of it.
    dry: Option<Instant>,
    cascade: Option<Arc<dyn Llm>>,
    request: LlmRequest,
}

impl Stage {
    async fn next(mut self) -> Option<(Result<LlmEvent, Error>, Self)> {
        loop {
            match self {
                Self::Own(mut own) => match own.next().await {
                    Ok(event) => {
                        let over = matches!(event, LlmEvent::Finished(_));
                        return Some((Ok(event), if over { Self::Over } else { Self::Own(own) }));
                    }
                    Err(error) => match own.replaced() {
                        Some((served, asking)) => return Some((Ok(served), Self::Asking(asking))),
                        None => return Some((Err(error), Self::Over)),
                    },
                },
                Self::Asking(asking) => match asking.await {
                    Ok(answer) => self = Self::Cascade(answer),
                    Err(error) => return Some((Err(error), Self::Over)),
                },
                Self::Cascade(mut answer) => {
                    let event = answer.next().await?;
                    return Some((event, Self::Cascade(answer)));
                }
                Self::Over => return None,
            }
        }
    }
}

impl Own {
    async fn next(&mut self) -> Result<LlmEvent, Error> {
        loop {
            if self.dry.is_some()
                && let Some(event) = self.held.pop_front()
            {
                return Ok(event);
            }
            let event = match timeout_at(self.due, self.events.recv()).await {
                Ok(Some(event)) => event?,
                Ok(None) => return Err(self.error(ErrorKind::Closed, "the conversation ended")),
                Err(_late) => {
                    let reason =
                        if self.dry.is_some() { "stopped in mid-answer" } else { "gave nothing in time" };
                    let error = self.error(ErrorKind::TimedOut, reason);
                    self.line.tell(Order::Failed(error.clone()));
                    return Err(error);
                }
            };
            self.take(event)?;
        }
    }

    fn take(&mut self, event: LlmEvent) -> Result<(), Error> {
        let now = Instant::now();
        match &event {
            LlmEvent::Voiced(Voiced::Audio(frame)) => {
                let dry = self.dry.unwrap_or(now).max(now) + frame.duration().as_duration();
                self.dry = Some(dry);
            }
            LlmEvent::ToolCall(_) => {
                self.dry.get_or_insert(now);
            }
            LlmEvent::Finished(_) if self.dry.is_none() => {
                return Err(self.error(ErrorKind::Protocol, "answered without a word"));
            }
            _ => {}
        }
        if let Some(dry) = self.dry {
            self.due = dry.max(now) + MORE_WITHIN;
        }
        self.held.push_back(event);
        Ok(())
    }

    /// Who answers instead, where nothing was given yet.
    fn replaced(&mut self) -> Option<(LlmEvent, BoxFuture<'static, Result<LlmStream, Error>>)> {
        let llm = self.cascade.take().filter(|_| self.dry.is_none())?;
        let served = LlmEvent::Served(Arc::new(llm.info().clone()));
        let request = self.request.clone();
        Some((served, async move { llm.chat(request).await }.boxed()))
    }

    fn error(&self, kind: ErrorKind, reason: &str) -> Error {
        Error::new(Ability::Llm, kind, self.line.info().name.clone(), reason)
    }
}
