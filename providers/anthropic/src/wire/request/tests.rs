use std::sync::Arc;

use domain::{Secret, SessionId};
use providers_api::OutputSchema;

use super::*;

fn options() -> Options {
    Options::new(Secret::new("key".to_owned()))
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

fn messages(messages: &[Message]) -> Value {
    conversation(messages, false)
}

#[test]
fn a_request_has_everything_with_marks_for_the_cache() {
    let tool = |name: &str| ToolSpec {
        name: name.to_owned(),
        description: "Looks up.".to_owned(),
        parameters: json!({ "type": "object", "properties": {} }),
    };
    let conversation =
        vec![caller("One"), agent("Two", &[]), caller("Three"), agent("Four", &[]), caller("Five")];
    let request = LlmRequest {
        tools: vec![tool("a"), tool("b")].into(),
        tool_choice: ToolChoice::Named("b".to_owned()),
        max_tokens: Some(100),
        temperature: Some(1.5),
        ..request(conversation)
    };
    let mark = json!({ "type": "ephemeral" });
    assert_eq!(
        body(&options(), &request),
        json!({
            "model": "claude-haiku-4-5", "max_tokens": 100, "stream": true, "temperature": 1.0,
            "system": [{ "type": "text", "text": "Be brief.", "cache_control": mark }],
            "tools": [
                { "name": "a", "description": "Looks up.", "input_schema": { "type": "object", "properties": {} } },
                { "name": "b", "description": "Looks up.", "input_schema": { "type": "object", "properties": {} },
                  "cache_control": mark },
            ],
            "tool_choice": { "type": "tool", "name": "b" },
            "messages": [
                { "role": "user", "content": [{ "type": "text", "text": "One" }] },
                { "role": "assistant", "content": [{ "type": "text", "text": "Two" }] },
                { "role": "user", "content": [{ "type": "text", "text": "Three", "cache_control": mark }] },
                { "role": "assistant", "content": [{ "type": "text", "text": "Four" }] },
                { "role": "user", "content": [{ "type": "text", "text": "Five" }] },
            ],
        })
    );
}

#[test]
fn without_caching_nothing_is_marked_and_without_tools_there_is_no_choice() {
    let options = Options { caching: false, ..options() };
    let text = body(&options, &request(vec![caller("One"), agent("Two", &[]), caller("Three")])).to_string();
    assert!(!text.contains("cache_control") && !text.contains("tool"), "{text}");
}

#[test]
fn choices_of_tools_have_their_names() {
    let choice = |choice| {
        let tool = ToolSpec { name: "a".to_owned(), description: String::new(), parameters: json!({}) };
        let request =
            LlmRequest { tools: [tool].into(), tool_choice: choice, ..request(vec![caller("One")]) };
        body(&options(), &request)["tool_choice"]["type"].clone()
    };
    assert_eq!(
        [choice(ToolChoice::Auto), choice(ToolChoice::None), choice(ToolChoice::Required)],
        ["auto", "none", "any"]
    );
}

#[test]
fn sides_take_turns_and_results_come_first() {
    let spoken = [
        caller("Hello?"),
        caller("Are you there?"),
        agent("I am.", &[]),
        agent("Just a moment.", &[call("one"), call("two")]),
        caller("Hurry!"),
        result_of("one", "found", false),
        result_of("two", "", true),
    ];
    let tool =
        |id: &str| json!({ "type": "tool_use", "id": id, "name": "look_up", "input": { "text": "blue" } });
    assert_eq!(
        messages(&spoken),
        json!([
            { "role": "user", "content": [
                { "type": "text", "text": "Hello?" }, { "type": "text", "text": "Are you there?" } ] },
            { "role": "assistant", "content": [
                { "type": "text", "text": "I am." }, { "type": "text", "text": "Just a moment." }, tool("one"), tool("two") ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "one", "content": "found" },
                { "type": "tool_result", "tool_use_id": "two", "is_error": true },
                { "type": "text", "text": "Hurry!" } ] },
        ])
    );
}

#[test]
fn a_conversation_begins_and_ends_with_the_callers_side() {
    let roles = |spoken: &[Message]| -> Vec<(String, String)> {
        let sent = messages(spoken);
        let sent = sent.as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        sent.map(|message| (text(&message["role"]), text(&message["content"][0]["text"]))).collect()
    };
    let pair = |role: &str, text: &str| (role.to_owned(), text.to_owned());
    assert_eq!(roles(&[]), [pair("user", OPENING)]);
    let greeted = [agent("Good day. ", &[])];
    assert_eq!(roles(&greeted), [pair("user", OPENING), pair("assistant", "Good day."), pair("user", GO_ON)]);
}

#[test]
fn blank_words_are_left_out_and_foreign_identifiers_are_made_known() {
    let sent = messages(&[
        caller("  "),
        caller("Yes"),
        agent("", &[call("call:1/x")]),
        result_of("call:1/x", "ok", false),
    ]);
    assert_eq!(sent[0]["content"], json!([{ "type": "text", "text": "Yes" }]));
    assert_eq!(sent[1]["content"][0]["id"], "call_1_x");
    assert_eq!(sent[2]["content"][0]["tool_use_id"], "call_1_x");
}

#[test]
fn objects_of_an_output_format_are_closed() {
    let schema = json!({
        "type": "object",
        "properties": { "items": { "type": "array", "items": { "type": "object", "properties": {} } } },
    });
    let output = Some(Arc::new(OutputSchema { name: "answer".to_owned(), schema }));
    let body = body(&options(), &LlmRequest { output, ..request(vec![caller("One")]) });
    let format = &body["output_config"]["format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(format["schema"]["additionalProperties"], false);
    assert_eq!(format["schema"]["properties"]["items"]["items"]["additionalProperties"], false);
}
