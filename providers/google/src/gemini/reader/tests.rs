use super::*;

fn text(piece: &str) -> Value {
    json!({ "candidates": [{ "content": { "role": "model", "parts": [{ "text": piece }] }, "index": 0 }] })
}

fn parts(parts: Value, reason: &str) -> Value {
    let content = json!({ "role": "model", "parts": parts });
    json!({
        "candidates": [{ "content": content, "finishReason": reason, "index": 0 }],
        "usageMetadata": {
            "promptTokenCount": 100, "cachedContentTokenCount": 60, "toolUsePromptTokenCount": 5,
            "candidatesTokenCount": 20, "thoughtsTokenCount": 7, "totalTokenCount": 132,
        },
    })
}

fn ended(reason: &str) -> Value {
    parts(json!([{ "text": "" }]), reason)
}

fn read_with(calls: &Arc<Calls>, events: &[Value]) -> Result<Vec<LlmEvent>, Fault> {
    let mut reader = Reader::new(calls.clone());
    let mut read = Vec::new();
    for event in events {
        read.extend(reader.read(&event.to_string())?);
    }
    if !reader.is_over() {
        read.extend(reader.end()?);
    }
    Ok(read)
}

fn read(events: &[Value]) -> Result<Vec<LlmEvent>, Fault> {
    read_with(&Arc::default(), events)
}

#[test]
fn text_streams_and_thoughts_are_counted_and_passed_over() {
    let thought = json!({ "candidates": [{ "content": { "parts": [{ "text": "Hm", "thought": true }] } }] });
    let read = read(&[thought, text("Good "), text("day."), ended("STOP")]).expect("a reply");
    let usage = Usage { input_tokens: 105, cached_tokens: 60, output_tokens: 27, ..Usage::default() };
    let expected = [
        LlmEvent::Text("Good ".to_owned()),
        LlmEvent::Text("day.".to_owned()),
        LlmEvent::Usage(usage),
        LlmEvent::Finished(Finish::Stop),
    ];
    assert_eq!(read, expected);
}

#[test]
fn calls_are_kept_with_their_signatures_and_get_a_name_where_they_have_none() {
    let calls = Arc::new(Calls::default());
    let both = json!([
        { "functionCall": { "id": "fc-1", "name": "look_up", "args": { "text": "blue" } }, "thoughtSignature": "signed" },
        { "functionCall": { "name": "hang_up" } },
    ]);
    let read = read_with(&calls, &[parts(both, "STOP")]).expect("a reply");
    let [LlmEvent::ToolCall(first), LlmEvent::ToolCall(second), _, LlmEvent::Finished(finish)] = &read[..]
    else {
        panic!("read otherwise: {read:?}")
    };
    assert_eq!(*finish, Finish::ToolCalls);
    assert_eq!((&*first.id, &first.arguments), ("fc-1", &json!({ "text": "blue" })));
    assert_eq!((&*second.name, &second.arguments), ("hang_up", &json!({})));
    assert!(second.id.starts_with("call_") && second.id.len() > 20);
    assert_eq!(calls.find("fc-1"), Some(Kept { is_named: true, signature: Some("signed".to_owned()) }));
    assert_eq!(calls.find(&second.id), Some(Kept { is_named: false, signature: None }));
}

#[test]
fn each_reason_to_end_has_its_name() {
    let table = [
        ("STOP", Ok(Finish::Stop)),
        ("MAX_TOKENS", Ok(Finish::Length)),
        ("SAFETY", Ok(Finish::Refused)),
        ("RECITATION", Ok(Finish::Refused)),
        ("LANGUAGE", Ok(Finish::Refused)),
        ("BLOCKLIST", Ok(Finish::Refused)),
        ("PROHIBITED_CONTENT", Ok(Finish::Refused)),
        ("SPII", Ok(Finish::Refused)),
        ("MALFORMED_FUNCTION_CALL", Err(ErrorKind::Protocol)),
        ("UNEXPECTED_TOOL_CALL", Err(ErrorKind::Protocol)),
        ("OTHER", Err(ErrorKind::Closed)),
        ("SOMETHING_NEW", Ok(Finish::Stop)),
    ];
    for (reason, expected) in table {
        let read = read(&[text("Yes"), ended(reason)]).map_err(|fault| fault.kind);
        let finish = read.map(|events| events.last().cloned());
        assert_eq!(finish, expected.map(|finish| Some(LlmEvent::Finished(finish))), "{reason}");
    }
}

#[test]
fn a_blocked_prompt_is_refused() {
    let blocked = json!({
        "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" },
        "usageMetadata": { "promptTokenCount": 100, "totalTokenCount": 100 },
    });
    let read = read(&[blocked]).expect("an answer");
    let [LlmEvent::Usage(usage), LlmEvent::Finished(Finish::Refused)] = &read[..] else { panic!("{read:?}") };
    assert_eq!((usage.input_tokens, usage.output_tokens), (100, 0));
}

#[test]
fn a_count_may_come_after_the_end_or_not_at_all() {
    let end =
        json!({ "candidates": [{ "content": { "parts": [{ "text": "Yes" }] }, "finishReason": "STOP" }] });
    let count = json!({ "usageMetadata": { "promptTokenCount": 3, "candidatesTokenCount": 1 } });
    let late = read(&[end.clone(), count]).expect("a reply");
    assert!(matches!(late[..], [LlmEvent::Text(_), LlmEvent::Usage(_), LlmEvent::Finished(Finish::Stop)]));
    let mut odd = end.clone();
    odd["usageMetadata"] = json!({ "promptTokenCount": "many" });
    let unread = read(&[odd]).expect("a reply");
    assert!(matches!(unread[..], [LlmEvent::Text(_), LlmEvent::Finished(Finish::Stop)]), "{unread:?}");
    let never = read(&[end]).expect("a reply");
    assert!(matches!(never[..], [LlmEvent::Text(_), LlmEvent::Finished(Finish::Stop)]));
}

#[test]
fn what_breaks_off_is_closed_and_an_error_is_told_for_what_it_is() {
    assert_eq!(read(&[text("Good ")]).expect_err("in its middle").kind, ErrorKind::Closed);
    let error = json!({ "error": { "code": 503, "message": "overloaded", "status": "UNAVAILABLE" } });
    assert_eq!(read(&[text("Good "), error]).expect_err("told").kind, ErrorKind::Limited(None));
}

#[test]
fn what_is_no_event_is_a_breach_and_is_not_quoted() {
    let mut reader = Reader::new(Arc::default());
    for garbage in ["secret words", "{\"secret\": \"words\"}", "7"] {
        let fault = reader.read(garbage).expect_err("a breach");
        assert_eq!(fault.kind, ErrorKind::Protocol);
        assert!(!fault.reason.contains("secret"), "{}", fault.reason);
    }
    let call = json!([{ "functionCall": { "name": "look_up", "args": "secret" } }]);
    assert_eq!(read(&[parts(call, "STOP")]).expect_err("no object").kind, ErrorKind::Protocol);
}
