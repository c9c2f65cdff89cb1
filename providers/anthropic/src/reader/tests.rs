use serde_json::json;

use super::*;

fn start(usage: Value) -> Value {
    json!({ "type": "message_start", "message": { "id": "msg_1", "role": "assistant", "usage": usage } })
}

fn text(piece: &str) -> Value {
    json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": piece } })
}

fn tool(id: &str) -> Value {
    let block = json!({ "type": "tool_use", "id": id, "name": "look_up", "input": {} });
    json!({ "type": "content_block_start", "index": 1, "content_block": block })
}

fn written(piece: &str) -> Value {
    json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "input_json_delta", "partial_json": piece } })
}

fn block_stop() -> Value {
    json!({ "type": "content_block_stop", "index": 1 })
}

fn stop(reason: &str) -> Value {
    let usage = json!({ "output_tokens": 15 });
    json!({ "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null }, "usage": usage })
}

fn over() -> Value {
    json!({ "type": "message_stop" })
}

fn read(events: &[Value]) -> Result<Vec<LlmEvent>, Fault> {
    let mut reader = Reader::default();
    let mut read = Vec::new();
    for event in events {
        read.extend(reader.read(&event.to_string())?);
    }
    if !reader.is_over() {
        read.extend(reader.end()?);
    }
    Ok(read)
}

fn last(events: &[Value]) -> LlmEvent {
    read(events).expect("a reply").pop().expect("an event")
}

fn started() -> Value {
    start(json!({ "input_tokens": 10, "output_tokens": 1 }))
}

#[test]
fn text_streams_and_thoughts_and_pings_are_passed_over() {
    let thinking = json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "thinking", "thinking": "" } });
    let thought = json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "thinking_delta", "thinking": "Hm" } });
    let signed = json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "signature_delta", "signature": "x" } });
    let opened =
        json!({ "type": "content_block_start", "index": 1, "content_block": { "type": "text", "text": "" } });
    let new = json!({ "type": "something_new", "field": 1 });
    let usage = json!({
        "input_tokens": 10, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 3000, "output_tokens": 1,
    });
    let read = read(&[
        json!({ "type": "ping" }),
        start(usage),
        thinking,
        thought,
        signed,
        block_stop(),
        opened,
        text("Good "),
        json!({ "type": "ping" }),
        new,
        text("day."),
        block_stop(),
        stop("end_turn"),
        over(),
    ]);
    let usage = Usage {
        input_tokens: 3210,
        cached_tokens: 3000,
        cache_written_tokens: 200,
        output_tokens: 15,
        ..Usage::default()
    };
    let expected = [
        LlmEvent::Text("Good ".to_owned()),
        LlmEvent::Text("day.".to_owned()),
        LlmEvent::Usage(usage),
        LlmEvent::Finished(Finish::Stop),
    ];
    assert_eq!(read.expect("a reply"), expected);
}

#[test]
fn arguments_are_put_together_and_none_are_an_empty_object() {
    let read = read(&[
        started(),
        tool("toolu_1"),
        written(""),
        written("{\"te"),
        written("xt\": \"blue\"}"),
        block_stop(),
        tool("toolu_2"),
        written(""),
        block_stop(),
        stop("tool_use"),
        over(),
    ]);
    let call = |id: &str, arguments| {
        LlmEvent::ToolCall(ToolCall { id: id.to_owned(), name: "look_up".to_owned(), arguments })
    };
    let read = read.expect("a reply");
    assert_eq!(read[..2], [call("toolu_1", json!({ "text": "blue" })), call("toolu_2", json!({}))]);
    assert_eq!(read.last(), Some(&LlmEvent::Finished(Finish::ToolCalls)));
}

#[test]
fn each_reason_to_stop_has_its_name() {
    let finished = |reason| last(&[started(), text("Yes"), stop(reason), over()]);
    let table = [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
        ("pause_turn", Finish::Length),
        ("refusal", Finish::Refused),
        ("something_new", Finish::Stop),
    ];
    for (reason, expected) in table {
        assert_eq!(finished(reason), LlmEvent::Finished(expected), "{reason}");
    }
}

#[test]
fn a_call_that_was_cut_off_is_not_made_and_one_that_is_no_object_is_a_breach() {
    let call = [started(), tool("toolu_1"), written("{\"text\": \"bl"), block_stop()];
    let ended = |reason| read(&[call.to_vec(), vec![stop(reason), over()]].concat());
    let cut = ended("max_tokens").expect("a reply");
    assert!(matches!(cut[..], [LlmEvent::Usage(_), LlmEvent::Finished(Finish::Length)]));
    assert_eq!(ended("tool_use").expect_err("malformed").kind, ErrorKind::Protocol);
    let nameless = read(&[started(), stop("tool_use"), over()]);
    assert_eq!(nameless.expect_err("no call").kind, ErrorKind::Protocol);
}

#[test]
fn what_breaks_off_is_closed_and_what_only_forgets_its_last_event_is_complete() {
    assert_eq!(read(&[started(), text("Good ")]).expect_err("in its middle").kind, ErrorKind::Closed);
    assert_eq!(read(&[]).expect_err("nothing").kind, ErrorKind::Closed);
    assert_eq!(last(&[started(), text("Good "), stop("end_turn")]), LlmEvent::Finished(Finish::Stop));
}

#[test]
fn an_error_after_text_is_told_for_what_it_is() {
    let error = json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
    assert_eq!(read(&[started(), text("Good "), error]).expect_err("told").kind, ErrorKind::Limited(None));
}

#[test]
fn what_is_no_event_is_a_breach_and_is_not_quoted() {
    let mut reader = Reader::default();
    for garbage in ["secret words", "{\"secret\": \"words\"}", "[]", "{\"type\":\"content_block_stop\"}"] {
        let fault = reader.read(garbage).expect_err("a breach");
        assert_eq!(fault.kind, ErrorKind::Protocol);
        assert!(!fault.reason.contains("secret"), "{}", fault.reason);
    }
}
