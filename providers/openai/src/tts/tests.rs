use providers_api::{ErrorKind, Usage};
use providers_link::http;
use serde_json::{Value, json};

use super::*;

fn answer(content_type: &str) -> Answer {
    Answer { status: 200, content_type: content_type.to_owned(), retry_after: None, headers: Vec::new() }
}

fn speaking() -> Speech {
    let options = Options::compatible("test", None, "http://localhost/v1");
    Speech { options, tts: TtsOptions::default() }
}

/// Reads a body in pieces of `size` bytes.
fn read(content_type: &str, body: &[u8], size: usize) -> Result<Vec<Spoken>, Fault> {
    let mut parser = speaking().audio(&answer(content_type))?;
    let mut out = Vec::new();
    for piece in body.chunks(size) {
        parser.push(piece, &mut out)?;
    }
    parser.end(&mut out)?;
    Ok(out)
}

fn samples(spoken: Vec<Spoken>) -> Vec<i16> {
    spoken
        .into_iter()
        .flat_map(|spoken| if let Spoken::Audio(samples) = spoken { samples } else { Vec::new() })
        .collect()
}

fn wav(rate_hz: u32, channels: u16, bits: u16, size: u32, samples: &[i16]) -> Vec<u8> {
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVE".to_vec();
    bytes.extend(b"LIST\x03\x00\x00\x00abc\x00"); // of odd length, padded
    bytes.extend(b"fmt \x10\x00\x00\x00\x01\x00");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend((rate_hz * 2).to_le_bytes());
    bytes.extend((channels * bits / 8).to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    bytes.extend(providers_link::pcm::bytes(samples));
    bytes
}

fn body_of(speech: &Speech, voice: Voice) -> Value {
    let turn = TtsRequest { session: domain::SessionId::generate(), turn: None, voice };
    let request = speech.request(&Client::new(http::Options::default()), &turn, "Hello.").build();
    let request = request.expect("well formed");
    assert_eq!(request.url().path(), "/v1/audio/speech");
    serde_json::from_slice(request.body().and_then(reqwest::Body::as_bytes).expect("a body")).expect("JSON")
}

#[test]
fn a_sentence_is_asked_for_in_the_turns_voice() {
    let plain = body_of(&speaking(), Voice::default());
    let expected =
        json!({ "model": "gpt-4o-mini-tts", "input": "Hello.", "voice": "alloy", "response_format": "pcm" });
    assert_eq!(plain, expected);
    let tts = TtsOptions { instructions: Some("Calmly.".to_owned()), events: true, ..TtsOptions::default() };
    let voice = Voice { name: "nova".to_owned(), speed: 1.25, ..Voice::default() };
    let full = body_of(&Speech { tts, ..speaking() }, voice);
    let expected = json!({
        "model": "gpt-4o-mini-tts", "input": "Hello.", "voice": "nova", "response_format": "pcm",
        "instructions": "Calmly.", "speed": 1.25, "stream_format": "sse",
    });
    assert_eq!(full, expected);
    let fast = body_of(&speaking(), Voice { speed: 9.0, ..Voice::default() });
    assert_eq!(fast["speed"], 4.0);
}

#[test]
fn pcm_is_read_in_pieces_of_any_length() {
    let bytes = providers_link::pcm::bytes(&[1, -2, 300, 4]);
    for size in [1, 3, 8] {
        let got = samples(read("audio/pcm", &bytes, size).expect("well formed"));
        assert_eq!(got, [1, -2, 300, 4], "pieces of {size}");
    }
}

#[test]
fn wav_is_found_behind_any_name_and_read_by_its_header() {
    for (size, pieces) in [(8, 1), (0, 7), (u32::MAX, 50)] {
        let bytes = wav(24_000, 1, 16, size, &[1, -2, 300, 4]);
        let got = samples(read("audio/pcm", &bytes, pieces).expect("well formed"));
        assert_eq!(got, [1, -2, 300, 4]);
    }
    let stereo = wav(24_000, 2, 16, 8, &[100, 300, -4, -8]);
    assert_eq!(samples(read("audio/wav", &stereo, 5).expect("well formed")), [200, -6]);
    let mut tagged = wav(24_000, 1, 16, 4, &[1, 2]);
    tagged.extend(b"LIST\x04\x00\x00\x00abcd");
    assert_eq!(samples(read("audio/wav", &tagged, 9).expect("well formed")), [1, 2]);
    let half = wav(12_000, 1, 16, 0, &[1_000; 1_200]);
    let got = samples(read("audio/wav", &half, 100).expect("well formed"));
    assert!((2_350..=2_400).contains(&got.len()) && got[1_200].abs_diff(1_000) < 5, "{} samples", got.len());
}

#[test]
fn events_bring_audio_and_the_count() {
    let bytes = providers_link::pcm::bytes(&[1, -2, 300]);
    let event = |audio: &[u8]| {
        use base64::Engine as _;
        let audio = base64::engine::general_purpose::STANDARD.encode(audio);
        format!("data: {}\n\n", json!({ "type": "speech.audio.delta", "audio": audio }))
    };
    let done = json!({ "type": "speech.audio.done", "usage": { "input_tokens": 5, "output_tokens": 50, "total_tokens": 55 } });
    let body = format!("{}{}data: {done}", event(&bytes[..3]), event(&bytes[3..]));
    for size in [1, 40, 4_000] {
        let mut got = read("text/event-stream", body.as_bytes(), size).expect("well formed");
        let usage = Usage { input_tokens: 5, output_tokens: 50, audio_output_tokens: 50, ..Usage::default() };
        assert_eq!(got.pop(), Some(Spoken::Usage(usage)));
        assert_eq!(samples(got), [1, -2, 300]);
    }
}

#[test]
fn what_is_no_audio_is_a_fault() {
    let long = vec![b'x'; LARGEST_EVENT + 1];
    for (content_type, body, kind) in [
        (
            "application/json",
            br#"{"error": {"code": "insufficient_quota"}}"#.as_slice(),
            ErrorKind::Exhausted,
        ),
        ("text/html", b"<html></html>", ErrorKind::Protocol),
        ("audio/mpeg", b"ID3", ErrorKind::Protocol),
        ("audio/pcm", b"", ErrorKind::Protocol),
        ("audio/wav", &wav(24_000, 1, 8, 0, &[1]), ErrorKind::Protocol),
        ("audio/wav", b"RIFFxxxxAVI something that never ends", ErrorKind::Protocol),
        (
            "text/event-stream",
            b"data: {\"type\": \"error\", \"error\": {\"type\": \"server_error\"}}\n\n",
            ErrorKind::Closed,
        ),
        ("text/event-stream", b"data: <html>\n\n", ErrorKind::Protocol),
        ("text/event-stream", b"data: {\"type\": \"speech.audio.done\"}\n\n", ErrorKind::Protocol),
        ("text/event-stream", &long, ErrorKind::Protocol),
    ] {
        let fault = read(content_type, body, 4_096).expect_err(content_type);
        assert_eq!(fault.kind, kind, "{content_type}: {}", fault.reason);
    }
}

#[test]
fn a_body_without_end_ends() {
    let mut parser = speaking().audio(&answer("audio/pcm")).expect("audio");
    let piece = vec![0; 1 << 20];
    let mut out = Vec::new();
    assert!((0..64).any(|_| {
        out.clear();
        parser.push(&piece, &mut out).is_err()
    }));
}
