//! Recordings over HTTP: listed, whole, in ranges, and for those of the organization alone.

use std::time::Duration;

use axum::http::Method;
use control_api::recording::Name;
use domain::{Encoding, EndReason, Role, SessionEvent, SessionId, Source};

use crate::fake::{ask, get};
use crate::plane::Plane;
use crate::record::begun;

const CONTENT: &str = "0123456789abcdef";

async fn record(plane: &Plane) -> SessionId {
    let call = begun(plane.org, 60);
    plane.record(std::slice::from_ref(&call)).await;
    let id = call.id();
    let file = |leg, part, codec| (Name::new(leg, part, codec), CONTENT.as_bytes().to_vec());
    let files = vec![
        file(Role::Caller, 1, Encoding::Opus),
        file(Role::Caller, 2, Encoding::Pcm16),
        file(Role::Agent, 1, Encoding::Opus),
    ];
    plane.world.recordings.lock().expect("no panic").insert(id, files);
    id
}

fn path(id: SessionId) -> String {
    format!("/v1/sessions/{id}/recordings/caller-1.ogg")
}

#[tokio::test]
async fn the_parts_of_a_call_are_listed_with_where_they_lie() {
    let plane = Plane::new().await;
    let id = record(&plane).await;
    let list = get(&format!("/v1/sessions/{id}/recordings")).key(&plane.key).of(&plane.router).await.json();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        list["data"][1],
        serde_json::json!({
            "leg": "caller", "part": 2, "codec": "pcm16", "content_type": "audio/wav", "offset_ms": 1500.0,
            "length_ms": 250.0, "bytes": 16, "complete": true, "cut_off": false, "url": format!("/v1/sessions/{id}/recordings/caller-2.wav"),
        })
    );
    let whole = get(list["data"][0]["url"].as_str().expect("a path")).key(&plane.key).of(&plane.router).await;
    assert_eq!((whole.status.as_u16(), whole.text.as_str()), (200, CONTENT));
    assert_eq!(whole.header("content-type"), Some("audio/ogg"));
    assert_eq!((whole.header("accept-ranges"), whole.header("content-length")), (Some("bytes"), Some("16")));
    assert!(whole.header("etag").is_some_and(|tag| tag.starts_with('"')), "strong");
    assert_eq!(whole.header("content-disposition"), None, "a page plays it");
}

#[tokio::test]
async fn a_stretch_is_given_with_its_place_and_one_beyond_the_end_is_refused_with_the_length() {
    let plane = Plane::new().await;
    let path = path(record(&plane).await);
    for (range, said, content) in [
        ("bytes=0-3", "bytes 0-3/16", "0123"),
        ("bytes=10-", "bytes 10-15/16", "abcdef"),
        ("bytes=-2", "bytes 14-15/16", "ef"),
        ("bytes=8-400", "bytes 8-15/16", "89abcdef"),
    ] {
        let part = get(&path).key(&plane.key).header("range", range).of(&plane.router).await;
        assert_eq!((part.status.as_u16(), part.text.as_str()), (206, content), "{range}");
        assert_eq!(part.header("content-range"), Some(said));
        assert_eq!(part.header("content-length"), Some(content.len().to_string().as_str()));
    }
    let beyond = get(&path).key(&plane.key).header("range", "bytes=16-").of(&plane.router).await;
    beyond.is_problem(416, "RANGE_UNSATISFIABLE");
    assert_eq!(beyond.header("content-range"), Some("bytes */16"));
    for whole in ["bytes=0-1,4-5", "bytes=x", "seconds=1-2"] {
        let reply = get(&path).key(&plane.key).header("range", whole).of(&plane.router).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, CONTENT), "{whole}");
    }
}

#[tokio::test]
async fn a_range_of_a_file_that_has_grown_since_is_answered_with_the_whole() {
    let plane = Plane::new().await;
    let path = path(record(&plane).await);
    let tag = get(&path).key(&plane.key).of(&plane.router).await.header("etag").expect("a tag").to_owned();
    let ranged = |known: &str| {
        get(&path).key(&plane.key).header("range", "bytes=0-3").header("if-range", known).of(&plane.router)
    };
    assert_eq!(ranged(&tag).await.status, 206);
    for other in ["\"other\"", &format!("W/{tag}"), "Wed, 21 Oct 2026 07:28:00 GMT"] {
        let reply = ranged(other).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, CONTENT), "{other}");
    }
    let same = get(&path).key(&plane.key).header("if-none-match", &tag).of(&plane.router).await;
    assert_eq!((same.status.as_u16(), same.text.as_str()), (304, ""));
}

#[tokio::test]
async fn its_size_can_be_asked_for_and_it_can_be_kept_under_a_name() {
    let plane = Plane::new().await;
    let id = record(&plane).await;
    let head =
        ask(Method::HEAD, &path(id)).key(&plane.key).header("range", "bytes=0-3").of(&plane.router).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!((head.header("content-length"), head.header("accept-ranges")), (Some("16"), Some("bytes")));
    let kept = get(&format!("{}?download=1", path(id))).key(&plane.key).of(&plane.router).await;
    let named = format!("attachment; filename=\"{id}-caller-1.ogg\"");
    assert_eq!(kept.header("content-disposition"), Some(named.as_str()));
}

#[tokio::test]
async fn nobody_hears_the_calls_of_another_organization() {
    let plane = Plane::new().await;
    let (_, theirs) = plane.other("other").await;
    let id = record(&plane).await;
    for path in [format!("/v1/sessions/{id}/recordings"), path(id)] {
        get(&path).of(&plane.router).await.is_problem(401, "CREDENTIAL_REQUIRED");
        let guess = get(&path).header("authorization", "Bearer guess");
        guess.of(&plane.router).await.is_problem(401, "CREDENTIAL_INVALID");
        get(&path).key(&theirs).of(&plane.router).await.is_problem(404, "NOT_FOUND");
        assert_eq!(get(&path).operator().of(&plane.router).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_recording_is_told_from_what_is_no_call() {
    let plane = Plane::new().await;
    let running = begun(plane.org, 5);
    plane.record(std::slice::from_ref(&running)).await;
    let list = plane.get(&format!("/v1/sessions/{}/recordings", running.id())).await;
    assert_eq!(list, serde_json::json!({ "data": [] }), "it runs and is not recorded");
    let recorded = record(&plane).await;
    for unknown in [SessionId::generate().to_string(), "ses_1".to_owned()] {
        for path in [
            format!("/v1/sessions/{unknown}/recordings"),
            format!("/v1/sessions/{unknown}/recordings/caller-1.ogg"),
        ] {
            plane.send(get(&path)).await.is_problem(404, "NOT_FOUND");
        }
    }
    for unknown in ["..", "%2e%2e"] {
        for path in [
            format!("/v1/sessions/{unknown}/recordings"),
            format!("/v1/sessions/{unknown}/recordings/caller-1.ogg"),
        ] {
            assert_eq!(plane.send(get(&path)).await.status, 404, "{path}");
        }
    }
    for name in [
        "caller-3.ogg",
        "caller-1.wav",
        "caller-1.json",
        "caller-01.ogg",
        "..%2f..%2foperator-token",
        "%2e%2e%2fcaller-1.ogg",
        "caller-1.ogg%00",
        "%2fetc%2fpasswd",
    ] {
        let reply = plane.send(get(&format!("/v1/sessions/{recorded}/recordings/{name}"))).await;
        reply.is_problem(404, "RECORDING_UNKNOWN");
    }
    *plane.world.broken.lock().expect("no panic") = Some(recorded);
    plane.send(get(&path(recorded))).await.is_problem(500, "RECORDING_UNREADABLE");
}

/// As the session reports it when the disk of a recording is full (`media/session` tests that it does, and that the call goes on).
#[tokio::test]
async fn a_full_disk_is_told_on_the_page_of_the_call_that_went_on() {
    let plane = Plane::new().await;
    let message = "the caller's leg is recorded no further: no space left on device".to_owned();
    let full = SessionEvent::Failed {
        turn: None,
        source: Source::Platform,
        code: "RECORDING_FAILED".to_owned(),
        message: message.clone(),
    };
    let cut = SessionEvent::Recorded {
        leg: Role::Caller,
        part: 1,
        codec: Encoding::Opus,
        offset: Duration::ZERO,
        length: Duration::from_secs(2),
        bytes: 16,
        complete: false,
    };
    let call = begun(plane.org, 60)
        .caller(1_000, 1, "When are you open?")
        .event(2_000, full)
        .caller(5_000, 2, "And on Sunday?")
        .event(9_000, cut)
        .ended(9_000, EndReason::AgentEnded);
    plane.record(std::slice::from_ref(&call)).await;
    plane.world.incomplete.lock().expect("no panic").insert(call.id());
    let file = (Name::new(Role::Caller, 1, Encoding::Opus), CONTENT.as_bytes().to_vec());
    plane.world.recordings.lock().expect("no panic").insert(call.id(), vec![file]);
    let page = plane.get(&format!("/v1/sessions/{}", call.id())).await;
    let told = serde_json::json!([{
        "at_ms": 2000.0, "turn": null, "source": "platform", "code": "RECORDING_FAILED", "message": message,
    }]);
    assert_eq!((&page["problems"], &page["failures"]), (&told, &serde_json::json!(1)));
    assert_eq!(
        (&page["turns"], &page["end_reason"]),
        (&serde_json::json!(2), &serde_json::json!("agent_ended"))
    );
    assert_eq!(page["recorded"], true, "what was written can be heard");
    assert_eq!(plane.get("/v1/sessions?problems=true").await["data"][0]["id"], page["id"]);
    let parts = plane.get(&format!("/v1/sessions/{}/recordings", call.id())).await;
    assert_eq!(parts["data"][0]["complete"], false);
    let events = plane.get(&format!("/v1/sessions/{}/events", call.id())).await;
    let kinds: Vec<_> =
        events["data"].as_array().expect("a list").iter().map(|event| &event["kind"]).collect();
    assert!(kinds.contains(&&serde_json::json!("failed")), "{kinds:?}");
}
