//! Every rule of `Llm`.

use std::sync::Arc;
use std::time::Duration;

use domain::SessionId;
use futures::StreamExt;
use serde_json::{Value, json};

use super::{Broken, Trial, before, broken, within};
use crate::llm::{
    Finish, Llm, LlmEvent, LlmRequest, LlmStream, Message, OutputSchema, ToolCall, ToolChoice, ToolSpec,
};
use crate::usage::Usage;

/// The tool that is given, and what it is wanted to be called with. Stand-ins answer a caller's `call NAME with TEXT` with a call of the
/// tool NAME with the arguments `{"text": TEXT}`; a real model takes the same words as they are meant.
const TOOL: &str = "note_down";
const TEXT: &str = "blue";
const INSTRUCTIONS: &str = "You are being tried out. Do exactly what you are asked to, and nothing else. Once a tool has given its \
     result, tell the result in words.";

/// Every rule of `Llm`.
///
/// # Errors
/// The first rule that is broken.
pub async fn llm(llm: &dyn Llm, trial: &Trial) -> Result<(), Broken> {
    text_streams_in_pieces(llm, trial).await?;
    a_wanted_tool_is_called(llm, trial).await?;
    a_conversation_goes_on_after_a_tool(llm, trial).await?;
    without_a_choice_of_tools_there_are_words_alone(llm, trial).await?;
    a_schema_gives_one_value_of_it(llm, trial).await?;
    every_shape_of_a_conversation_is_taken(llm, trial).await?;
    dropping_is_possible_at_any_point(llm, trial).await
}

async fn text_streams_in_pieces(llm: &dyn Llm, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "text streams in pieces and is finished once";
    let reply = Reply::of(llm, question(), trial, RULE).await?;
    let pieces = reply.texts.iter().filter(|piece| !piece.is_empty()).count();
    if pieces < 2 {
        return Err(broken(RULE, format!("{pieces} pieces of text")));
    }
    reply.finished(Finish::Stop, 0, RULE)?;
    match reply.usage {
        Some(usage) => counted(&usage),
        None if trial.usage => Err(broken("what was used is told", "no usage before the end")),
        None => Ok(()),
    }
}

fn counted(usage: &Usage) -> Result<(), Broken> {
    const RULE: &str = "what was used is told";
    if usage.input_tokens == 0 || usage.output_tokens == 0 {
        return Err(broken(RULE, format!("{} tokens in, {} out", usage.input_tokens, usage.output_tokens)));
    }
    if usage.cached_tokens + usage.cache_written_tokens > usage.input_tokens {
        return Err(broken(RULE, "more tokens of the cache than tokens in all"));
    }
    Ok(())
}

async fn a_wanted_tool_is_called(llm: &dyn Llm, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "a wanted tool is called";
    for choice in [ToolChoice::Auto, ToolChoice::Required, ToolChoice::Named(TOOL.to_owned())] {
        let reply = Reply::of(llm, call_wanted(choice), trial, RULE).await?;
        reply.finished(Finish::ToolCalls, 1, RULE)?;
        let ToolCall { id, name, arguments } = &reply.calls[0];
        let text = arguments["text"].as_str().unwrap_or_default();
        if id.is_empty() || name != TOOL || !arguments.is_object() || !text.to_lowercase().contains(TEXT) {
            return Err(broken(RULE, format!("call {id:?} of {name:?} with {arguments}")));
        }
    }
    Ok(())
}

async fn a_conversation_goes_on_after_a_tool(llm: &dyn Llm, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "a conversation goes on after a tool's result";
    let asked = call_wanted(ToolChoice::Auto);
    // The call as this very provider gave it, so that what it keeps with a call comes back to it.
    let calls = Reply::of(llm, asked.clone(), trial, RULE).await?.calls;
    let Some(call) = calls.first().cloned() else { return Err(broken(RULE, "no call to answer")) };
    let mut messages = asked.messages.to_vec();
    messages.push(Message::Agent { text: String::new(), calls: vec![call.clone()] });
    messages.push(result(&call, "number seven", false));
    let reply = Reply::of(llm, LlmRequest { messages: messages.into(), ..asked }, trial, RULE).await?;
    reply.finished(Finish::Stop, 0, RULE)?;
    reply.said_something(RULE)
}

async fn without_a_choice_of_tools_there_are_words_alone(llm: &dyn Llm, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "ToolChoice::None gives words alone";
    let reply = Reply::of(llm, call_wanted(ToolChoice::None), trial, RULE).await?;
    reply.finished(Finish::Stop, 0, RULE)?;
    reply.said_something(RULE)
}

async fn a_schema_gives_one_value_of_it(llm: &dyn Llm, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "an output schema gives one JSON value of it";
    let schema = json!({
        "type": "object", "properties": { "answer": { "type": "string" } },
        "required": ["answer"], "additionalProperties": false,
    });
    let output = Some(Arc::new(OutputSchema { name: "answer".to_owned(), schema }));
    let reply = Reply::of(llm, LlmRequest { output, ..question() }, trial, RULE).await?;
    reply.finished(Finish::Stop, 0, RULE)?;
    let text = reply.texts.concat();
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(fields)) if fields.len() == 1 && fields["answer"].is_string() => Ok(()),
        _ => Err(broken(RULE, format!("{text:?}"))),
    }
}

async fn every_shape_of_a_conversation_is_taken(llm: &dyn Llm, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "every shape of a conversation is taken";
    let caller = |text: &str| Message::Caller(text.to_owned());
    let agent = |text: &str, calls: &[&ToolCall]| Message::Agent {
        text: text.to_owned(),
        calls: calls.iter().map(|call| (*call).clone()).collect(),
    };
    let call = |id: &str, text: &str| ToolCall {
        id: id.to_owned(),
        name: TOOL.to_owned(),
        arguments: json!({ "text": text }),
    };
    let (first, second) = (call("call_1", "red"), call("call_2", "green"));
    let shapes = [
        // two results in a row, of a message with text and calls; one of them an error without a word
        vec![
            caller("Note down red and green, please."),
            agent("Just a moment.", &[&first, &second]),
            result(&first, "done", false),
            result(&second, "", true),
        ],
        // neighbouring messages of either side, and a caller who goes on after a result
        vec![
            caller("Hello?"),
            caller("Are you there?"),
            agent("Hello.", &[]),
            agent("I am.", &[&first]),
            result(&first, "done", false),
            caller("And what was noted?"),
        ],
        // who answers a telephone speaks first
        vec![agent("Good day, how can I help?", &[]), caller("Say hello, please.")],
    ];
    for (number, messages) in shapes.into_iter().enumerate() {
        let request = LlmRequest { messages: messages.into(), ..call_wanted(ToolChoice::Auto) };
        let reply = Reply::of(llm, request, trial, RULE).await?;
        if reply.finish.is_none() || (reply.calls.is_empty() && reply.texts.concat().trim().is_empty()) {
            return Err(broken(RULE, format!("nothing came of shape {number}")));
        }
    }
    Ok(())
}

async fn dropping_is_possible_at_any_point(llm: &dyn Llm, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "a reply may be dropped at any point";
    // While it is being asked for: the future is dropped, not a stream.
    let _dropped = before(trial.sleep, Duration::from_millis(1), llm.chat(question())).await;
    for events in [0, 1, 3] {
        let mut stream = ask(llm, question(), trial, RULE).await?;
        for _ in 0..events {
            match within(trial, stream.next()).await {
                Some(Some(Ok(_))) => {}
                Some(Some(Err(error))) => return Err(broken(RULE, error)),
                Some(None) => break,
                None => return Err(broken(RULE, "no event in time")),
            }
        }
    }
    let reply = Reply::of(llm, question(), trial, RULE).await?;
    reply.finished(Finish::Stop, 0, RULE)
}

/// Has words that no error may repeat.
pub(super) fn question() -> LlmRequest {
    let asked = format!("In three sentences, please: what is {}?", super::adversity::PRIVATE);
    LlmRequest::new(SessionId::generate(), INSTRUCTIONS, vec![Message::Caller(asked)])
}

fn call_wanted(choice: ToolChoice) -> LlmRequest {
    let parameters = json!({
        "type": "object", "required": ["text"],
        "properties": { "text": { "type": "string", "description": "What is to be noted." } },
    });
    let tool = ToolSpec { name: TOOL.to_owned(), description: "Notes a text down.".to_owned(), parameters };
    let asked = Message::Caller(format!("If you can, call {TOOL} with {TEXT}"));
    LlmRequest {
        tools: vec![tool].into(),
        tool_choice: choice,
        ..LlmRequest::new(SessionId::generate(), INSTRUCTIONS, vec![asked])
    }
}

fn result(call: &ToolCall, content: &str, is_error: bool) -> Message {
    Message::ToolResult {
        id: call.id.clone(),
        name: call.name.clone(),
        content: content.to_owned(),
        is_error,
    }
}

async fn ask(
    llm: &dyn Llm,
    request: LlmRequest,
    trial: &Trial,
    rule: &'static str,
) -> Result<LlmStream, Broken> {
    match within(trial, llm.chat(request)).await {
        Some(opened) => opened.map_err(|error| broken(rule, error)),
        None => Err(broken(rule, "no answer in time")),
    }
}

/// A reply to its end.
#[derive(Debug, Default)]
struct Reply {
    texts: Vec<String>,
    calls: Vec<ToolCall>,
    usage: Option<Usage>,
    finish: Option<Finish>,
}

impl Reply {
    async fn of(
        llm: &dyn Llm,
        request: LlmRequest,
        trial: &Trial,
        rule: &'static str,
    ) -> Result<Self, Broken> {
        let mut stream = ask(llm, request, trial, rule).await?;
        let mut reply = Self::default();
        loop {
            let event = match within(trial, stream.next()).await {
                Some(Some(Ok(event))) => event,
                Some(Some(Err(error))) => return Err(broken(rule, error)),
                Some(None) => return Ok(reply),
                None => return Err(broken(rule, "no event in time")),
            };
            if reply.finish.is_some() {
                return Err(broken("Finished is the last event", format!("then came {event:?}")));
            }
            match event {
                LlmEvent::Text(piece) => reply.texts.push(piece),
                LlmEvent::ToolCall(call) => reply.calls.push(call),
                LlmEvent::Usage(usage) => {
                    if reply.usage.replace(usage).is_some() {
                        return Err(broken("usage is given once", "it came twice"));
                    }
                }
                LlmEvent::Finished(finish) => reply.finish = Some(finish),
                LlmEvent::Served(_) | LlmEvent::Voiced(_) => {}
            }
        }
    }

    fn finished(&self, finish: Finish, calls: usize, rule: &'static str) -> Result<(), Broken> {
        if self.finish != Some(finish) {
            return Err(broken(rule, format!("finished with {:?}, not {finish:?}", self.finish)));
        }
        if self.calls.len() == calls {
            return Ok(());
        }
        Err(broken(rule, format!("{} calls of tools, not {calls}", self.calls.len())))
    }

    fn said_something(&self, rule: &'static str) -> Result<(), Broken> {
        if self.texts.concat().trim().is_empty() { Err(broken(rule, "not a word")) } else { Ok(()) }
    }
}
