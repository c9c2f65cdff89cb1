use std::sync::Arc;

use domain::{Secret, SessionId};
use providers_api::{OutputSchema, ToolSpec};

use super::*;
use crate::gemini::calls::Kept;

fn options(model: &str) -> GeminiOptions {
    GeminiOptions { model: model.to_owned(), ..GeminiOptions::new(Secret::new("key".to_owned())) }
}

fn request(messages: Vec<Message>) -> LlmRequest {
    LlmRequest::new(SessionId::generate(), "Be brief.", messages)
}

fn caller(text: &str) -> Message {
    Message::Caller(text.to_owned())
}

fn agent(text: &str, calls: &[ToolCall]) -> Message {
    Message::Agent { text: text.to_owned(), calls: calls.to_vec() }
}

fn call(id: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: "look_up".to_owned(), arguments: json!({ "text": "blue" }) }
}

fn result_of(id: &str, content: &str, is_error: bool) -> Message {
    Message::ToolResult {
        id: id.to_owned(),
        name: "look_up".to_owned(),
        content: content.to_owned(),
        is_error,
    }
}

fn tool(name: &str) -> ToolSpec {
    let parameters = json!({ "type": "object", "properties": {} });
    ToolSpec { name: name.to_owned(), description: "Looks up.".to_owned(), parameters }
}

fn contents(messages: &[Message], calls: &Calls) -> Value {
    body(&options("gemini-3.5-flash"), &request(messages.to_vec()), calls)["contents"].clone()
}

#[test]
fn a_request_has_everything() {
    let schema = json!({ "type": "object" });
    let request = LlmRequest {
        tools: vec![tool("a")].into(),
        tool_choice: ToolChoice::Named("a".to_owned()),
        output: Some(Arc::new(OutputSchema { name: "answer".to_owned(), schema: schema.clone() })),
        max_tokens: Some(100),
        temperature: Some(0.5),
        ..request(vec![caller("One"), agent("Two", &[]), caller("Three")])
    };
    assert_eq!(
        body(&options("gemini-3.5-flash"), &request, &Calls::default()),
        json!({
            "systemInstruction": { "parts": [{ "text": "Be brief." }] },
            "contents": [
                { "role": "user", "parts": [{ "text": "One" }] },
                { "role": "model", "parts": [{ "text": "Two" }] },
                { "role": "user", "parts": [{ "text": "Three" }] },
            ],
            "tools": [{ "functionDeclarations": [{
                "name": "a", "description": "Looks up.",
                "parametersJsonSchema": { "type": "object", "properties": {} },
            }] }],
            "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["a"] } },
            "generationConfig": {
                "maxOutputTokens": 100, "temperature": 0.5, "responseMimeType": "application/json",
                "responseJsonSchema": schema, "thinkingConfig": { "thinkingLevel": "minimal" },
            },
        })
    );
}

#[test]
fn choices_of_tools_have_their_names() {
    let mode = |choice| {
        let request =
            LlmRequest { tools: vec![tool("a")].into(), tool_choice: choice, ..request(vec![caller("One")]) };
        let body = body(&options("gemini-3.5-flash"), &request, &Calls::default());
        body["toolConfig"]["functionCallingConfig"]["mode"].clone()
    };
    assert_eq!(
        [mode(ToolChoice::Auto), mode(ToolChoice::None), mode(ToolChoice::Required)],
        ["AUTO", "NONE", "ANY"]
    );
}

#[test]
fn an_older_family_has_a_budget_and_either_tools_or_a_schema() {
    let output = Some(Arc::new(OutputSchema { name: "answer".to_owned(), schema: json!({}) }));
    let request = LlmRequest { tools: vec![tool("a")].into(), output, ..request(vec![caller("One")]) };
    let options = GeminiOptions { thinking: Some(Thinking::Budget(0)), ..options("gemini-2.5-flash") };
    let body = body(&options, &request, &Calls::default());
    assert!(body.get("tools").is_none() && body.get("toolConfig").is_none());
    assert_eq!(body["generationConfig"]["thinkingConfig"], json!({ "thinkingBudget": 0 }));
}

#[test]
fn sides_take_turns_and_answers_come_first_and_in_the_order_of_the_calls() {
    let spoken = [
        caller("Hello?"),
        caller("Are you there?"),
        agent("I am.", &[]),
        agent("Just a moment.", &[call("one"), call("two")]),
        caller("Hurry!"),
        result_of("two", "", true),
        result_of("one", "found", false),
    ];
    let called = json!({ "name": "look_up", "args": { "text": "blue" } });
    assert_eq!(
        contents(&spoken, &Calls::default()),
        json!([
            { "role": "user", "parts": [{ "text": "Hello?" }, { "text": "Are you there?" }] },
            { "role": "model", "parts": [
                { "text": "I am." }, { "text": "Just a moment." },
                { "functionCall": called, "thoughtSignature": NO_SIGNATURE }, { "functionCall": called } ] },
            { "role": "user", "parts": [
                { "functionResponse": { "name": "look_up", "response": { "output": "found" } } },
                { "functionResponse": { "name": "look_up", "response": { "error": "" } } },
                { "text": "Hurry!" } ] },
        ])
    );
}

#[test]
fn what_came_with_a_call_goes_back_with_it() {
    let calls = Calls::default();
    calls.keep("one", Kept { is_named: true, signature: Some("signed".to_owned()) });
    calls.keep("two", Kept { is_named: false, signature: None });
    let spoken = [
        caller("Hello"),
        agent("", &[call("one"), call("two")]),
        result_of("one", "a", false),
        result_of("two", "b", false),
    ];
    let sent = contents(&spoken, &calls);
    let (first, second) = (&sent[1]["parts"][0], &sent[1]["parts"][1]);
    assert_eq!((&first["functionCall"]["id"], &first["thoughtSignature"]), (&json!("one"), &json!("signed")));
    assert!(second["functionCall"].get("id").is_none() && second.get("thoughtSignature").is_none());
    assert_eq!(sent[2]["parts"][0]["functionResponse"]["id"], "one");
    assert!(sent[2]["parts"][1]["functionResponse"].get("id").is_none());
}

#[test]
fn a_conversation_begins_and_ends_with_the_callers_side() {
    let text = |text: &str| json!([{ "text": text }]);
    assert_eq!(contents(&[], &Calls::default()), json!([{ "role": "user", "parts": text(OPENING) }]));
    assert_eq!(
        contents(&[agent("Good day.", &[]), caller("  ")], &Calls::default()),
        json!([
            { "role": "user", "parts": text(OPENING) },
            { "role": "model", "parts": text("Good day.") },
            { "role": "user", "parts": text(GO_ON) },
        ])
    );
}
