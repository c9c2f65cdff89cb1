//! Calls that are recorded, over a real socket: what the operator fetches is what the caller sent, and a crash loses no more
//! than its last moments.

use std::time::{Duration, Instant};

use media_rtvi::pipecat::{Audio, Frame};
use serde_json::Value;
use testkit::socket::{Heard, Socket};
use testkit::{Server, http, process};

use crate::repeats::READY;
use crate::{calling, house};

const RATE_HZ: u32 = 16_000;
const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 320;
/// Both legs are flushed twice a second, and the caller's packets are held for half a second.
const LOST_AT_MOST: Duration = Duration::from_secs(2);

/// Noise, so that no two stretches of it are alike; loud enough never to be taken for silence.
fn noise(samples: usize) -> Vec<i16> {
    let mut state = 0x2545_f491_u32;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let value = (state >> 18) as i16 % 6_000;
        if state & 1 == 0 { 1_000 + value } else { -1_000 - value }
    };
    (0..samples).map(|_| next()).collect()
}

/// Speaks on a socket as a microphone does, a frame every 20 ms.
#[expect(clippy::disallowed_methods, reason = "a microphone keeps real time, on a thread of its own")]
fn speak(socket: &mut Socket, samples: &[i16]) {
    let start = Instant::now();
    for (n, frame) in samples.chunks(FRAME_SAMPLES).enumerate() {
        let due = start + FRAME * u32::try_from(n).expect("a short call");
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let pcm: Vec<u8> = frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let audio = Audio { pcm: pcm.into(), rate_hz: RATE_HZ, channels: 1 };
        socket.send(&Frame::Audio(audio).encode()).expect("the call goes on");
    }
}

/// A caller who is let in, and reads what comes so that the server can go on sending.
fn call(server: &Server) -> Socket {
    let mut socket = Socket::open(server.url(), "/ws?agent=front-desk").expect("answers").expect("upgraded");
    socket.send(&Frame::Message(READY.to_owned()).encode()).expect("writable");
    let first = std::iter::repeat_with(|| socket.receive()).find(|heard| !matches!(heard, Heard::Control(_)));
    assert!(matches!(first, Some(Heard::Message(_))), "{first:?}");
    socket
}

fn session(server: &Server) -> String {
    let folder = server.data_dir().join("recordings");
    process::wait_for("a recording", Duration::from_secs(10), || {
        let entry = std::fs::read_dir(&folder).ok()?.next()?.ok()?;
        entry.file_name().into_string().ok()
    })
}

fn listed(server: &Server, session: &str) -> Vec<Value> {
    let reply = server.read(&format!("/v1/sessions/{session}/recordings"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"].as_array().expect("a list").clone()
}

fn leg<'a>(list: &'a [Value], leg: &str) -> &'a Value {
    list.iter().find(|part| part["leg"] == leg).expect("it was recorded")
}

/// Samples of a WAV file, as far as its header says that there are any.
fn samples(wav: &[u8]) -> Vec<i16> {
    assert_eq!((&wav[..4], &wav[36..40]), (&b"RIFF"[..], &b"data"[..]));
    let length = u32::from_le_bytes(wav[40..44].try_into().expect("four bytes")) as usize;
    let data = wav.get(44..44 + length).expect("a header that tells no more than there is");
    data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[test]
fn the_operator_fetches_the_call_that_runs_and_afterwards_all_that_was_sent() {
    let _quiet = house::among_others();
    let mut server = house::timed("[session]\nreattach_s = 1\n", &[]);
    let mut socket = call(&server);
    let sent = noise(RATE_HZ as usize * 4);
    speak(&mut socket, &sent);
    let session = session(&server);
    let so_far = listed(&server, &session);
    assert_eq!(leg(&so_far, "caller")["complete"], false, "{so_far:?}");
    let running = server.read(leg(&so_far, "caller")["url"].as_str().expect("a path"));
    assert_eq!(running.status, 200);
    assert!(samples(&running.body).len() > RATE_HZ as usize, "nothing can be heard while the call runs");
    drop(socket);
    server.terminate();
    assert!(server.ended(Duration::from_secs(30)).is_some_and(|status| status.success()));
    server.restart(house::PROGRAM, &["--providers", "fake"]).expect("started again");

    let list = listed(&server, &session);
    let caller = leg(&list, "caller");
    assert_eq!(
        (&caller["complete"], &caller["codec"], &caller["offset_ms"]),
        (&true.into(), &"pcm16".into(), &0.0.into())
    );
    let url = caller["url"].as_str().expect("a path");
    let whole = server.read(url);
    assert_eq!(whole.header("content-type"), Some("audio/wav"));
    assert_eq!(Some(whole.body.len() as u64), caller["bytes"].as_u64());
    let heard = samples(&whole.body);
    let at = heard.iter().position(|sample| *sample != 0).expect("noise");
    assert!(heard[at..] == sent, "{} samples kept of {}, from {at} on", heard.len() - at, sent.len());

    let bearer = format!("Bearer {}", server.token());
    let headers = [("authorization", bearer.as_str()), ("range", "bytes=44-1043")];
    let part = http::request(server.url(), "GET", url, &headers, b"").expect("answers");
    assert_eq!((part.status, part.body.as_slice()), (206, &whole.body[44..1_044]));
    assert_eq!(server.get(url).status, 401, "anyone hears it");

    // The agent greeted.
    let agent = leg(&list, "agent");
    let said = samples(&server.read(agent["url"].as_str().expect("a path")).body);
    assert!(said.iter().any(|sample| sample.unsigned_abs() > 500), "the agent is not heard");
    let log = server.read(&format!("/v1/sessions/{session}/log")).text();
    assert_eq!(log.matches("\"type\":\"recorded\"").count(), 2, "{log}");
}

#[test]
fn a_server_that_is_killed_in_mid_call_leaves_what_was_said_playable() {
    let _quiet = house::among_others();
    let mut server = house::timed("", &[]);
    let mut socket = call(&server);
    let sent = noise(RATE_HZ as usize * 5);
    speak(&mut socket, &sent);
    let session = session(&server);
    process::signal(server.pid(), "KILL");
    assert!(server.ended(Duration::from_secs(10)).is_some());
    // As it lies there, before anything mends it.
    let folder = server.data_dir().join("recordings").join(&session);
    let enough = sent.len() - (RATE_HZ * u32::try_from(LOST_AT_MOST.as_secs()).expect("short")) as usize;
    let begins_as_sent = |heard: &[i16]| {
        let at = heard.iter().position(|sample| *sample != 0).expect("noise");
        assert!(heard.len() - at >= enough, "{} samples left of {}", heard.len() - at, sent.len());
        assert!(sent.starts_with(&heard[at..]));
    };
    begins_as_sent(&samples(&std::fs::read(folder.join("caller-1.wav")).expect("it was begun")));
    let agent = samples(&std::fs::read(folder.join("agent-1.wav")).expect("it was begun"));
    assert!(agent.iter().any(|sample| sample.unsigned_abs() > 500));

    server.restart(house::PROGRAM, &["--providers", "fake"]).expect("started again");
    let list = listed(&server, &session);
    let caller = leg(&list, "caller");
    assert_eq!(caller["complete"], false);
    let mended = samples(&server.read(caller["url"].as_str().expect("a path")).body);
    begins_as_sent(&mended);
    let length_ms = mended.len() as f64 * 1_000.0 / f64::from(RATE_HZ);
    assert!(caller["length_ms"].as_f64().is_some_and(|said| (said - length_ms).abs() < 1.0), "{caller}");
}

#[test]
fn a_call_over_webrtc_is_kept_as_opus_on_one_clock() {
    let _quiet = house::among_others();
    let server = house::timed("", &[]);
    calling::place(&server, "webrtc", &[calling::line("desk_hours.wav")]).assert_answered(1);
    let session = session(&server);
    let list = process::wait_for("the end of the recording", Duration::from_secs(20), || {
        let list = listed(&server, &session);
        (list.len() == 2 && list.iter().all(|part| part["complete"] == true)).then_some(list)
    });
    let call = process::wait_for("the record of the call", Duration::from_secs(10), || {
        let reply = server.read(&format!("/v1/sessions/{session}"));
        (reply.status == 200).then(|| reply.json())
    });
    let lasted_ms = call["duration_ms"].as_f64().expect("it ended");
    for part in &list {
        let length_ms = part["length_ms"].as_f64().expect("a length");
        assert_eq!((&part["codec"], &part["content_type"]), (&"opus".into(), &"audio/ogg".into()));
        // Nothing is recorded before it was said; the caller sends until the end, the agent until its last word.
        assert!(length_ms > 1_000.0 && length_ms < lasted_ms + 100.0, "of {lasted_ms} ms: {part}");
        let file = server.read(part["url"].as_str().expect("a path")).body;
        assert!(file.starts_with(b"OggS") && file.len() as u64 == part["bytes"].as_u64().expect("a size"));
    }
    let caller_ms = leg(&list, "caller")["length_ms"].as_f64().expect("a length");
    assert!(lasted_ms - caller_ms < 1_500.0, "{caller_ms} of {lasted_ms} ms");
}
