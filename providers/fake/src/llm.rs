//! A language model that answers by script, token by token, on time.

use std::collections::VecDeque;
use std::time::Duration;

use domain::Role;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{Ability, Error, ErrorKind, Llm, LlmEvent, LlmRequest, ProviderInfo};
use tokio::time::Instant;

use crate::fault::{Fault, Faults};
use crate::options::{LlmOptions, ms};
use crate::stt::refuse;

pub struct FakeLlm {
    info: ProviderInfo,
    options: LlmOptions,
    faults: Faults,
}

impl FakeLlm {
    #[must_use]
    pub fn new(options: LlmOptions) -> Self {
        let info = ProviderInfo { name: "fake".to_owned(), model: "script".to_owned(), rate_hz: 0 };
        Self { info, faults: Faults::new(&options.faults, options.always), options }
    }

    /// The handle that makes coming replies fail.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    fn answer(&self, request: &LlmRequest) -> String {
        let last = request.messages.iter().rev().find(|m| m.role == Role::Caller);
        let asked = last.map_or("", |m| m.text.as_str());
        let lower = asked.to_lowercase();
        let scripted = self.options.answers.iter().find(|a| lower.contains(&a.to.to_lowercase()));
        scripted.map_or_else(|| self.options.otherwise.replace("{}", asked), |a| a.text.clone())
    }

    fn plan(&self, request: &LlmRequest, fault: Fault) -> VecDeque<(Instant, Result<LlmEvent, Error>)> {
        let begun = Instant::now();
        let answer = if fault == Fault::Empty { String::new() } else { self.answer(request) };
        let error = |kind, at| (at, Err(Error::new(Ability::Llm, kind, "fake", "on demand")));
        if fault == Fault::Garbage {
            return [error(ErrorKind::Protocol, begun)].into();
        }
        let mut at = begun + ms(self.options.first_token_ms) * fault.factor();
        let per_token = Duration::from_secs(1) * fault.factor() / self.options.tokens_per_second.max(1);
        let mut due = VecDeque::new();
        for token in answer.split_inclusive(' ') {
            match fault {
                Fault::CloseAfter { after_ms } if at > begun + ms(after_ms) => {
                    due.push_back(error(ErrorKind::Closed, begun + ms(after_ms)));
                    return due;
                }
                Fault::Stall { after_ms, for_ms } if at >= begun + ms(after_ms) => {
                    let stalled = at < begun + ms(after_ms) + per_token;
                    at += if stalled { ms(for_ms) } else { Duration::ZERO };
                }
                _ => {}
            }
            due.push_back((at, Ok(LlmEvent::Text(token.to_owned()))));
            at += per_token;
        }
        let count = |text: &str| text.split_whitespace().count() as u64;
        let input_tokens =
            count(&request.instructions) + request.messages.iter().map(|m| count(&m.text)).sum::<u64>();
        due.push_back((at, Ok(LlmEvent::Usage { input_tokens, output_tokens: count(&answer) })));
        due
    }
}

impl Llm for FakeLlm {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn chat(
        &self,
        request: LlmRequest,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<LlmEvent, Error>>, Error>> {
        async move {
            let fault = self.faults.take();
            refuse(fault, Ability::Llm).await?;
            if fault == Fault::Mute {
                return Ok(stream::pending().boxed());
            }
            let plan = self.plan(&request, fault);
            Ok(stream::unfold(plan, |mut plan| async move {
                let (at, event) = plan.pop_front()?;
                tokio::time::sleep_until(at).await;
                Some((event, plan))
            })
            .boxed())
        }
        .boxed()
    }
}
