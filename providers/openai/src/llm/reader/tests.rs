use providers_api::ErrorKind;
use serde_json::json;

use super::*;

/// Everything that the events give, then the end of the body.
fn read(events: &[&str]) -> Result<Vec<LlmEvent>, Fault> {
    let mut reader = Reader::new(40, 3);
    let mut out = Vec::new();
    for data in events {
        reader.event(data, &mut out)?;
    }
    reader.end(&mut out)?;
    assert!(reader.is_over());
    Ok(out)
}

fn delta(delta: Value) -> String {
    json!({ "id": "c", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] }).to_string()
}

fn finish(reason: &str) -> String {
    json!({ "id": "c", "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }).to_string()
}

fn text(words: &str) -> LlmEvent {
    LlmEvent::Text(words.to_owned())
}

fn call(id: &str, name: &str, arguments: Value) -> LlmEvent {
    LlmEvent::ToolCall(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments })
}

fn estimated(input_tokens: u64, output_tokens: u64) -> LlmEvent {
    LlmEvent::Usage(Usage { input_tokens, output_tokens, estimated: true, ..Usage::default() })
}

const USAGE: &str = r#"{"choices": [], "usage": {"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127,
    "prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 0}}}"#;

#[test]
fn words_stream_and_the_count_and_the_end_come_last() {
    let events = [
        &delta(json!({ "role": "assistant", "content": "" })),
        &delta(json!({ "content": "Hel" })),
        &delta(json!({ "content": "lo." })),
        &finish("stop"),
        USAGE,
        "[DONE]",
    ];
    let counted = Usage { input_tokens: 120, cached_tokens: 100, output_tokens: 7, ..Usage::default() };
    let expected = [text("Hel"), text("lo."), LlmEvent::Usage(counted), LlmEvent::Finished(Finish::Stop)];
    assert_eq!(read(&events.map(|event| event as &str)).expect("well formed"), expected);
}

#[test]
fn a_server_that_leaves_out_the_done_the_count_and_the_ids_is_understood() {
    let piece = json!({ "tool_calls": [{ "index": 0, "function": { "name": "look", "arguments": "{}" } }] });
    let got =
        read(&[&delta(json!({ "content": "12345678" })), &delta(piece), &finish("stop")]).expect("tolerated");
    let expected = [
        text("12345678"),
        call("call_3_0", "look", json!({})),
        estimated(10, 4),
        LlmEvent::Finished(Finish::ToolCalls),
    ];
    assert_eq!(got, expected);
}

#[test]
fn parallel_calls_are_put_together_by_their_index() {
    let piece = |index: usize, id: &str, name: &str, arguments: &str| {
        let mut piece = json!({ "index": index, "function": { "arguments": arguments } });
        if !id.is_empty() {
            piece["id"] = json!(id);
            piece["type"] = json!("function");
            piece["function"]["name"] = json!(name);
        }
        delta(json!({ "tool_calls": [piece] }))
    };
    let got = read(&[
        &piece(0, "a", "first", ""),
        &piece(1, "b", "second", "{\"y\""),
        &piece(0, "", "", "{\"x\": "),
        &piece(1, "", "", ": 2}"),
        &piece(0, "", "", "1}"),
        &finish("tool_calls"),
        USAGE,
    ])
    .expect("well formed");
    assert_eq!(got[..2], [call("a", "first", json!({ "x": 1 })), call("b", "second", json!({ "y": 2 }))]);
    assert_eq!(got[3], LlmEvent::Finished(Finish::ToolCalls));
}

#[test]
fn calls_are_told_apart_where_servers_count_them_wrongly() {
    let whole = |id: &str, index: Value| json!({ "id": id, "index": index, "function": { "name": "look", "arguments": { "id": id } } });
    for index in [json!(0), Value::Null] {
        let calls = delta(json!({ "tool_calls": [whole("a", index.clone()), whole("b", index)] }));
        let got = read(&[&calls, &finish("tool_calls")]).expect("tolerated");
        assert_eq!(
            got[..2],
            [call("a", "look", json!({ "id": "a" })), call("b", "look", json!({ "id": "b" }))]
        );
    }
    // The opposite: one call, whose every piece has an id of its own.
    let first = delta(
        json!({ "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "look", "arguments": "{" } }] }),
    );
    let more = delta(json!({ "tool_calls": [{ "index": 0, "id": "b", "function": { "arguments": "}" } }] }));
    let got = read(&[&first, &more, &finish("tool_calls")]).expect("tolerated");
    assert_eq!(got[0], call("a", "look", json!({})));
}

#[test]
fn arguments_that_are_no_object_break_the_protocol_and_none_are_an_empty_object() {
    let with = |arguments: &str| {
        let piece = json!({ "index": 0, "id": "a", "function": { "name": "look", "arguments": arguments } });
        read(&[&delta(json!({ "tool_calls": [piece] })), &finish("tool_calls")])
    };
    assert_eq!(with("").expect("empty")[0], call("a", "look", json!({})));
    for wrong in ["[1]", "{\"x\": ", "null", "look!"] {
        let fault = with(wrong).expect_err(wrong);
        assert_eq!(fault.kind, ErrorKind::Protocol);
        assert!(!fault.reason.contains(wrong), "shows what the model wrote: {}", fault.reason);
    }
}

#[test]
fn a_call_that_the_limit_cut_is_not_made() {
    let piece =
        json!({ "index": 0, "id": "a", "function": { "name": "look", "arguments": "{\"x\": \"lon" } });
    let got = read(&[&delta(json!({ "tool_calls": [piece] })), &finish("length")]).expect("told");
    assert_eq!(got.last(), Some(&LlmEvent::Finished(Finish::Length)));
    assert_eq!(got.len(), 2);
}

#[test]
fn each_reason_to_finish_has_its_name() {
    for (reason, expected) in [
        ("stop", Finish::Stop),
        ("length", Finish::Length),
        ("content_filter", Finish::Refused),
        ("tool_calls", Finish::Stop), // of no call
        ("eos_token", Finish::Stop),
    ] {
        let got = read(&[&delta(json!({ "content": "Yes" })), &finish(reason)]).expect("well formed");
        assert_eq!(got.last(), Some(&LlmEvent::Finished(expected)), "{reason}");
    }
}

#[test]
fn a_refusal_is_spoken_and_named() {
    let got = read(&[&delta(json!({ "content": null, "refusal": "I cannot." })), &finish("stop")])
        .expect("well formed");
    assert_eq!((&got[0], got.last()), (&text("I cannot."), Some(&LlmEvent::Finished(Finish::Refused))));
}

#[test]
fn an_error_in_mid_stream_ends_it_as_what_it_is() {
    let words = delta(json!({ "content": "Well" }));
    let broken = r#"{"error": {"message": "The server had an error", "type": "server_error", "code": null}}"#;
    assert_eq!(read(&[&words, broken]).expect_err("an error").kind, ErrorKind::Closed);
    let limited = r#"{"error": {"message": "slow down", "type": "tokens", "code": "rate_limit_exceeded"}}"#;
    assert_eq!(read(&[&words, limited]).expect_err("an error").kind, ErrorKind::Limited(None));
}

#[test]
fn a_reply_that_breaks_off_or_is_none_is_an_error() {
    assert_eq!(read(&[&delta(json!({ "content": "We" }))]).expect_err("broken off").kind, ErrorKind::Closed);
    assert_eq!(read(&[]).expect_err("nothing").kind, ErrorKind::Closed);
    for garbage in ["<html>", "{\"hello\": 1}", "42", "{\"choices\": [7]}"] {
        assert_eq!(read(&[garbage]).expect_err(garbage).kind, ErrorKind::Protocol);
    }
}

#[test]
fn what_only_some_servers_say_is_passed_over() {
    let filter =
        r#"{"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "usage": null, "model": ""}"#;
    let thought = delta(json!({ "reasoning_content": "hm", "content": null }));
    let got = read(&[filter, &thought, &delta(json!({ "content": "Yes" })), &finish("stop"), "[DONE]", "{"]);
    assert_eq!(got.expect("tolerated")[0], text("Yes"));
}

#[test]
fn the_count_is_found_where_groq_puts_it() {
    let last = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }],
        "x_groq": { "id": "r", "usage": { "prompt_tokens": 5, "completion_tokens": 2 } } });
    let got = read(&[&last.to_string(), "[DONE]"]).expect("well formed");
    assert_eq!(got[0], LlmEvent::Usage(Usage { input_tokens: 5, output_tokens: 2, ..Usage::default() }));
}

#[test]
fn an_answer_that_came_whole_is_read_too() {
    let body = json!({ "object": "chat.completion", "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "One moment.",
        "tool_calls": [{ "id": "a", "type": "function", "function": { "name": "look", "arguments": "{}" } }] } }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 4 } });
    let mut out = Vec::new();
    Reader::new(0, 0).whole(&body.to_string(), &mut out).expect("well formed");
    let usage = LlmEvent::Usage(Usage { input_tokens: 9, output_tokens: 4, ..Usage::default() });
    let expected =
        [text("One moment."), call("a", "look", json!({})), usage, LlmEvent::Finished(Finish::ToolCalls)];
    assert_eq!(out, expected);
    for (body, kind) in [
        (r#"{"error": {"code": "insufficient_quota"}}"#, ErrorKind::Exhausted),
        (r#"{"error": "loading model"}"#, ErrorKind::Unreachable),
        (r#"{"choices": []}"#, ErrorKind::Protocol),
        ("{", ErrorKind::Protocol),
    ] {
        assert_eq!(Reader::new(0, 0).whole(body, &mut Vec::new()).expect_err(body).kind, kind, "{body}");
    }
}

#[test]
fn a_count_that_cannot_be_read_costs_no_answer() {
    let odd = r#"{"choices": [], "usage": {"prompt_tokens": "many"}}"#;
    for count in [odd, r#"{"choices": [], "usage": "lots"}"#] {
        let events = [&delta(json!({ "content": "Hello." })), &finish("stop"), count, "[DONE]"];
        let read = read(&events.map(|event| event as &str)).expect("an answer");
        let [LlmEvent::Text(words), LlmEvent::Usage(usage), LlmEvent::Finished(Finish::Stop)] = &read[..]
        else {
            panic!("{read:?}")
        };
        assert!(words == "Hello." && usage.estimated, "{read:?}");
    }
}
