//! Chat completions: the request as it is sent, and what comes back piece by piece or whole.

use providers_api::{LlmRequest, Message, ToolChoice, Usage, if_readable};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::options::{LlmOptions, TokenLimit};

/// A schema's name is cut to this and to its alphabet.
const NAME_CHARS: usize = 64;

/// The body of a request.
pub(crate) fn body(options: &LlmOptions, request: &LlmRequest) -> Value {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    set("model", json!(options.model));
    set("messages", Value::Array(messages(request)));
    set("stream", json!(true));
    if options.asks_usage {
        set("stream_options", json!({ "include_usage": true }));
    }
    if !request.tools.is_empty() {
        set("tools", request.tools.iter().map(tool).collect());
        set("tool_choice", choice(&request.tool_choice));
        set("parallel_tool_calls", json!(options.parallel_tool_calls));
    }
    if let Some(output) = &request.output {
        let schema = json!({ "name": name(&output.name), "schema": output.schema, "strict": true });
        set("response_format", json!({ "type": "json_schema", "json_schema": schema }));
    }
    let limit = match options.token_limit {
        TokenLimit::MaxCompletionTokens => "max_completion_tokens",
        TokenLimit::MaxTokens => "max_tokens",
    };
    set(limit, json!(request.max_tokens));
    // As people wrote it: an f32 as f64 would be sent with its rounding error.
    set(
        "temperature",
        request.temperature.and_then(|t| t.to_string().parse::<f64>().ok()).map_or(Value::Null, Value::from),
    );
    if options.sends_cache_key {
        set("prompt_cache_key", json!(request.cache_key));
    }
    set("reasoning_effort", json!(options.reasoning_effort));
    set("service_tier", json!(options.service_tier));
    Value::Object(body)
}

/// About how many characters a request makes the model read.
pub(crate) fn characters(request: &LlmRequest) -> u64 {
    let messages = request.messages.iter().map(|message| match message {
        Message::Caller(text) => text.chars().count(),
        Message::Agent { text, calls } => {
            let calls = calls.iter().map(|call| call.name.len() + call.arguments.to_string().len());
            text.chars().count() + calls.sum::<usize>()
        }
        Message::ToolResult { content, .. } => content.chars().count(),
    });
    let tools = request
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.chars().count() + tool.parameters.to_string().len());
    (request.instructions.chars().count() + messages.sum::<usize>() + tools.sum::<usize>()) as u64
}

/// What stays the same stands first, so that the vendor's cache of beginnings applies.
fn messages(request: &LlmRequest) -> Vec<Value> {
    let system = (!request.instructions.is_empty())
        .then(|| json!({ "role": "system", "content": &*request.instructions }));
    system.into_iter().chain(request.messages.iter().filter_map(message)).collect()
}

fn message(message: &Message) -> Option<Value> {
    Some(match message {
        Message::Caller(text) => json!({ "role": "user", "content": text }),
        Message::Agent { text, calls } if calls.is_empty() => {
            (!text.is_empty()).then(|| json!({ "role": "assistant", "content": text }))?
        }
        Message::Agent { text, calls } => {
            let calls: Vec<Value> = calls
                .iter()
                .map(|call| {
                    let function = json!({ "name": call.name, "arguments": call.arguments.to_string() });
                    json!({ "id": call.id, "type": "function", "function": function })
                })
                .collect();
            let content = if text.is_empty() { Value::Null } else { json!(text) };
            json!({ "role": "assistant", "content": content, "tool_calls": calls })
        }
        // The protocol has no mark for a failure: the model reads it.
        Message::ToolResult { id, content, is_error, .. } => {
            let content = if *is_error { format!("Error: {content}") } else { content.clone() };
            json!({ "role": "tool", "tool_call_id": id, "content": content })
        }
    })
}

fn tool(tool: &providers_api::ToolSpec) -> Value {
    let function =
        json!({ "name": tool.name, "description": tool.description, "parameters": tool.parameters });
    json!({ "type": "function", "function": function })
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": name } }),
    }
}

fn name(name: &str) -> String {
    let known = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    let name: String =
        name.chars().take(NAME_CHARS).map(|letter| if known(letter) { letter } else { '_' }).collect();
    if name.is_empty() { "answer".to_owned() } else { name }
}

/// A piece of a streamed answer, or a whole one (`message` in the place of `delta`).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Chunk {
    #[serde(default)]
    pub(crate) choices: Vec<Choice>,
    #[serde(default, deserialize_with = "if_readable")]
    pub(crate) usage: Option<Counted>,
    /// Groq's place for it.
    #[serde(default, deserialize_with = "if_readable")]
    x_groq: Option<Groq>,
}

#[derive(Debug, Deserialize)]
struct Groq {
    #[serde(default)]
    usage: Option<Counted>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Choice {
    #[serde(default, alias = "message")]
    pub(crate) delta: Option<Delta>,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Delta {
    #[serde(default)]
    pub(crate) content: Option<String>,
    #[serde(default)]
    pub(crate) refusal: Option<String>,
    #[serde(default)]
    pub(crate) tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct CallPiece {
    #[serde(default)]
    pub(crate) index: Option<usize>,
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) function: Option<FunctionPiece>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct FunctionPiece {
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// A piece of a string; some servers give the object itself.
    #[serde(default)]
    pub(crate) arguments: Option<Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Counted {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<Details>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

impl Chunk {
    pub(crate) fn counted(&self) -> Option<Usage> {
        let counted = self.usage.as_ref().or_else(|| self.x_groq.as_ref()?.usage.as_ref())?;
        let cached = counted.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens);
        Some(Usage {
            input_tokens: counted.prompt_tokens,
            cached_tokens: cached.unwrap_or(0),
            output_tokens: counted.completion_tokens,
            ..Usage::default()
        })
    }
}
