//! A language model that answers by script, token by token, on time.

use std::collections::VecDeque;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use providers_api::{
    Ability, Error, ErrorKind, Finish, Llm, LlmEvent, LlmRequest, LlmStream, Message, ProviderInfo, ToolCall,
    ToolChoice, Usage,
};
use tokio::time::Instant;

use crate::fault::{Fault, Faults};
use crate::options::{Answer, LlmOptions, ms};
use crate::stt::refuse;

pub struct FakeLlm {
    info: ProviderInfo,
    options: LlmOptions,
    faults: Faults,
}

impl FakeLlm {
    #[must_use]
    pub fn new(options: LlmOptions) -> Self {
        let info =
            ProviderInfo { name: "fake".to_owned(), model: "script".to_owned(), ..ProviderInfo::default() };
        Self { info, faults: Faults::new(&options.faults, options.always), options }
    }

    /// The handle that makes coming replies fail.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    fn answer(&self, request: &LlmRequest) -> Answer {
        let asked = request.messages.iter().rev().find_map(|message| match message {
            Message::Caller(text) => Some(text.as_str()),
            Message::ToolResult { content, .. } => Some(content.as_str()),
            Message::Agent { .. } => None,
        });
        let asked = asked.unwrap_or_default();
        let lower = asked.to_lowercase();
        let scripted = self.options.answers.iter().find(|a| lower.contains(&a.to.to_lowercase()));
        let otherwise =
            || Answer { to: String::new(), text: self.options.otherwise.clone(), calls: Vec::new() };
        let mut answer = scripted.cloned().unwrap_or_else(otherwise);
        if request.tool_choice == ToolChoice::None && !std::mem::take(&mut answer.calls).is_empty() {
            answer = otherwise();
        }
        answer.text = answer.text.replace("{}", asked);
        answer
    }

    fn plan(&self, request: &LlmRequest, fault: Fault) -> VecDeque<(Instant, Result<LlmEvent, Error>)> {
        let begun = Instant::now();
        let answer = if fault == Fault::Empty { Answer::default() } else { self.answer(request) };
        let error = |kind, at| (at, Err(Error::new(Ability::Llm, kind, "fake", "on demand")));
        if fault == Fault::Garbage {
            return [error(ErrorKind::Protocol, begun)].into();
        }
        let mut at = begun + ms(self.options.first_token_ms) * fault.factor();
        let per_token = Duration::from_secs(1) * fault.factor() / self.options.tokens_per_second.max(1);
        let mut due = VecDeque::new();
        for token in answer.text.split_inclusive(' ') {
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
        let finish = if answer.calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
        for (number, call) in answer.calls.into_iter().enumerate() {
            let id = format!("call-{number}");
            due.push_back((
                at,
                Ok(LlmEvent::ToolCall(ToolCall { id, name: call.name, arguments: call.arguments })),
            ));
        }
        let input_tokens = words(&request.instructions) + request.messages.iter().map(spoken).sum::<u64>();
        let usage = Usage { input_tokens, output_tokens: words(&answer.text), ..Usage::default() };
        due.push_back((at, Ok(LlmEvent::Usage(usage))));
        due.push_back((at, Ok(LlmEvent::Finished(finish))));
        due
    }
}

impl Llm for FakeLlm {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn chat(&self, request: LlmRequest) -> BoxFuture<'_, Result<LlmStream, Error>> {
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

fn words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn spoken(message: &Message) -> u64 {
    match message {
        Message::Caller(text) | Message::Agent { text, .. } => words(text),
        Message::ToolResult { content, .. } => words(content),
    }
}
