use std::sync::Arc;
use std::time::Duration;

use domain::{Secret, SessionId};
use futures::StreamExt;
use providers_api::conformance;
use providers_api::{
    Error, ErrorKind, Finish, Llm, LlmEvent, LlmRequest, Message, OutputSchema, ToolCall, ToolChoice,
    ToolSpec,
};
use providers_openai::{Flavour, LlmOptions, OpenAiLlm, Options};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{KEY, client, ms, seen, trial, vendor};

fn model(options: &Options, name: &str) -> OpenAiLlm {
    OpenAiLlm::new(options.clone(), LlmOptions::new(options, name), client())
}

fn request(text: &str) -> LlmRequest {
    LlmRequest::new(SessionId::generate(), "Be brief.", vec![Message::Caller(text.to_owned())])
}

async fn reply(llm: &OpenAiLlm, request: LlmRequest) -> Result<Vec<LlmEvent>, Error> {
    let events: Vec<_> = llm.chat(request).await?.collect().await;
    events.into_iter().collect()
}

fn text(events: &[LlmEvent]) -> String {
    events
        .iter()
        .filter_map(|event| if let LlmEvent::Text(text) = event { Some(text.as_str()) } else { None })
        .collect()
}

#[tokio::test]
async fn it_keeps_the_contract_of_language_models() {
    let (_standin, options) = vendor().await;
    conformance::llm(&model(&options, "gpt-4o-mini"), &trial()).await.expect("every rule holds");
}

#[tokio::test]
async fn each_adversity_is_told_for_what_it_is() {
    let (standin, options) = vendor().await;
    let fresh = || Arc::new(model(&options, "gpt-4o-mini")) as Arc<dyn Llm>;
    let set = |adversity| standin.stage.always(adversity);
    conformance::llm_adversities(&fresh, &set, &trial()).await.expect("each for what it is");
}

#[tokio::test]
async fn what_is_asked_is_what_the_protocol_documents() {
    let (standin, options) = vendor().await;
    let call =
        ToolCall { id: "call_1".to_owned(), name: "look".to_owned(), arguments: json!({ "day": "Monday" }) };
    let parameters = json!({ "type": "object", "properties": { "day": { "type": "string" } } });
    let tool = ToolSpec {
        name: "look".to_owned(),
        description: "Looks.".to_owned(),
        parameters: parameters.clone(),
    };
    let schema = json!({ "type": "object", "additionalProperties": false, "properties": {}, "required": [] });
    let asked = LlmRequest {
        messages: vec![
            Message::Caller("Is Monday free?".to_owned()),
            Message::Agent { text: String::new(), calls: vec![call] },
            Message::ToolResult {
                id: "call_1".to_owned(),
                name: "look".to_owned(),
                content: "down".to_owned(),
                is_error: true,
            },
            Message::Agent { text: "I could not look.".to_owned(), calls: Vec::new() },
            Message::Caller("Try again.".to_owned()),
        ]
        .into(),
        tools: vec![tool].into(),
        tool_choice: ToolChoice::Named("look".to_owned()),
        output: Some(Arc::new(OutputSchema { name: "an answer".to_owned(), schema: schema.clone() })),
        max_tokens: Some(200),
        temperature: Some(0.2),
        cache_key: Some("agent-7".to_owned()),
        ..request("")
    };
    let llm = LlmOptions {
        parallel_tool_calls: Some(false),
        reasoning_effort: Some("low".to_owned()),
        service_tier: Some("priority".to_owned()),
        ..LlmOptions::new(&options, "gpt-4o-mini")
    };
    reply(&OpenAiLlm::new(options, llm, client()), asked).await.expect("accepted");
    let function = json!({ "name": "look", "arguments": "{\"day\":\"Monday\"}" });
    let expected = json!({
        "model": "gpt-4o-mini",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Is Monday free?" },
            { "role": "assistant", "content": null, "tool_calls": [{ "id": "call_1", "type": "function", "function": function }] },
            { "role": "tool", "tool_call_id": "call_1", "content": "Error: down" },
            { "role": "assistant", "content": "I could not look." },
            { "role": "user", "content": "Try again." },
        ],
        "stream": true,
        "stream_options": { "include_usage": true },
        "tools": [{ "type": "function", "function": { "name": "look", "description": "Looks.", "parameters": parameters } }],
        "tool_choice": { "type": "function", "function": { "name": "look" } },
        "parallel_tool_calls": false,
        "response_format": { "type": "json_schema", "json_schema": { "name": "an_answer", "schema": schema, "strict": true } },
        "max_completion_tokens": 200,
        "temperature": 0.2,
        "prompt_cache_key": "agent-7",
        "reasoning_effort": "low",
        "service_tier": "priority",
    });
    assert_eq!(seen(&standin.stage, "request").await.expect("asked").body, expected);
}

#[tokio::test]
async fn a_compatible_server_is_asked_for_nothing_that_only_openai_knows() {
    let (standin, vendor) = vendor().await;
    let options = Options::compatible("vllm", Some(Secret::new(KEY.to_owned())), &vendor.base_url);
    let asked =
        LlmRequest { max_tokens: Some(9), cache_key: Some("agent-7".to_owned()), ..request("Hello.") };
    let events = reply(&model(&options, "compat-bare"), asked).await.expect("accepted");
    let body = seen(&standin.stage, "request").await.expect("asked").body;
    assert_eq!((&body["max_tokens"], &body["prompt_cache_key"]), (&json!(9), &Value::Null));
    let [.., LlmEvent::Usage(usage), LlmEvent::Finished(Finish::Stop)] = &events[..] else {
        panic!("ended otherwise: {events:?}")
    };
    assert!(usage.estimated && usage.input_tokens > 0 && usage.output_tokens > 0, "{usage:?}");
}

#[tokio::test]
async fn azure_is_served_at_its_path_with_its_header() {
    let (_standin, vendor) = vendor().await;
    let resource = vendor.base_url.trim_end_matches("/openai/v1");
    let options = Options::azure(Secret::new(KEY.to_owned()), resource);
    assert_eq!(options.flavour, Flavour::Azure);
    let events = reply(&model(&options, "a-deployment"), request("Hello.")).await.expect("accepted");
    assert!(text(&events).contains("Hello."));
}

#[tokio::test]
async fn servers_that_only_claim_compatibility_are_understood() {
    let (_standin, options) = vendor().await;
    let whole = reply(&model(&options, "compat-whole"), request("Hello.")).await.expect("accepted");
    assert!(text(&whole).contains("Hello."));
    assert_eq!(whole.last(), Some(&LlmEvent::Finished(Finish::Stop)));
    let error = model(&options, "compat-ok-error").chat(request("Hello.")).await.err().expect("refused");
    assert_eq!(error.kind, ErrorKind::Unreachable);
    let mut midway = model(&options, "compat-midway").chat(request("Hello.")).await.expect("accepted");
    assert!(matches!(midway.next().await, Some(Ok(LlmEvent::Text(_)))));
    assert_eq!(midway.next().await.expect("told").expect_err("broken").kind, ErrorKind::Closed);
    assert!(midway.next().await.is_none(), "an error is the last");
    let missing = model(&options, "missing").chat(request("Hello.")).await.err().expect("refused");
    assert_eq!(missing.kind, ErrorKind::Rejected);
    assert!(missing.reason.contains("model_not_found"), "{missing}");
}

#[tokio::test]
async fn a_calls_id_is_made_where_the_server_gives_none_and_its_result_finds_it() {
    let (_standin, vendor) = vendor().await;
    let options = Options::compatible("vllm", Some(Secret::new(KEY.to_owned())), &vendor.base_url);
    let llm = model(&options, "compat-bare");
    let tool = ToolSpec {
        name: "note".to_owned(),
        description: String::new(),
        parameters: json!({ "type": "object" }),
    };
    let asked = LlmRequest { tools: vec![tool].into(), ..request("call note with blue") };
    let events = reply(&llm, asked.clone()).await.expect("accepted");
    let Some(LlmEvent::ToolCall(call)) = events.first() else { panic!("no call: {events:?}") };
    assert_eq!((call.id.as_str(), &call.arguments), ("call_1_0", &json!({ "text": "blue" })));
    let mut messages = asked.messages.to_vec();
    messages.push(Message::Agent { text: String::new(), calls: vec![call.clone()] });
    messages.push(Message::ToolResult {
        id: call.id.clone(),
        name: "note".to_owned(),
        content: "done".to_owned(),
        is_error: false,
    });
    let told = reply(&llm, LlmRequest { messages: messages.into(), ..asked }).await.expect("accepted");
    assert!(text(&told).contains("done"));
}

#[tokio::test]
async fn the_vendors_count_has_the_tokens_of_its_cache() {
    let (_standin, options) = vendor().await;
    let agent = Message::Agent { text: "Yes?".to_owned(), calls: Vec::new() };
    let messages = vec![Message::Caller("Hello.".to_owned()), agent, Message::Caller("Go on.".to_owned())];
    let asked = LlmRequest { messages: messages.into(), ..request("") };
    let events = reply(&model(&options, "gpt-4o-mini"), asked).await.expect("accepted");
    let usage =
        events.iter().find_map(|event| if let LlmEvent::Usage(usage) = event { Some(*usage) } else { None });
    let usage = usage.expect("counted");
    assert!(!usage.estimated && usage.cached_tokens > 0 && usage.cached_tokens < usage.input_tokens);
}

#[tokio::test]
async fn a_dropped_reply_ends_at_the_vendor_within_20_ms() {
    let (standin, options) = vendor().await;
    let long = "word ".repeat(400);
    let llm = model(&options, "gpt-4o-mini");
    let mut reply = llm.chat(request(&long)).await.expect("accepted");
    assert!(matches!(reply.next().await, Some(Ok(LlmEvent::Text(_)))));
    let dropped = Instant::now();
    drop(reply);
    let cancelled = seen(&standin.stage, "cancelled").await.expect("the vendor saw the client leave");
    let took = cancelled.at.saturating_duration_since(dropped);
    // 20 ms and slack for a machine that is busy with other tests.
    assert!(took < ms(20) + ms(200), "{took:?}");
    // While it waits for the first token too.
    standin.stage.push(conformance::Adversity::Mute);
    let silent = llm.chat(request("Hello.")).await.expect("accepted");
    drop(silent);
    let again = || standin.stage.seen().iter().filter(|seen| seen.what == "cancelled").count();
    let begun = Instant::now();
    while again() < 2 && begun.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(ms(1)).await;
    }
    assert_eq!(again(), 2);
}

#[tokio::test]
async fn a_server_that_went_silent_is_given_up_after_a_while() {
    let (standin, options) = vendor().await;
    let options = Options { silence_ms: 100, ..options };
    let llm = model(&options, "gpt-4o-mini");
    standin.stage.push(conformance::Adversity::Hang);
    let error = llm.chat(request("Hello.")).await.err().expect("given up");
    assert_eq!(error.kind, ErrorKind::TimedOut);
    standin.stage.push(conformance::Adversity::Mute);
    let error = reply(&llm, request("Hello.")).await.expect_err("given up");
    assert_eq!(error.kind, ErrorKind::TimedOut);
}
