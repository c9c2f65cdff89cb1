//! `audio/speech`: the request, and the events of its streamed form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers_api::Usage;
use providers_link::Fault;
use serde_json::{Value, json};

use super::Complaint;
use crate::options::TtsOptions;

/// What the protocol allows.
const SPEEDS: std::ops::RangeInclusive<f32> = 0.25..=4.0;

pub(crate) fn body(options: &TtsOptions, voice: &domain::Voice, text: &str) -> Value {
    let name = if voice.name.is_empty() { &options.voice } else { &voice.name };
    let mut body = json!({ "model": options.model, "input": text, "voice": name, "response_format": "pcm" });
    if let Some(instructions) = &options.instructions {
        body["instructions"] = json!(instructions);
    }
    if (voice.speed - 1.0).abs() > f32::EPSILON {
        let speed = voice.speed.clamp(*SPEEDS.start(), *SPEEDS.end());
        body["speed"] = json!((f64::from(speed) * 100.0).round() / 100.0);
    }
    if options.events {
        body["stream_format"] = json!("sse");
    }
    body
}

#[derive(Debug, PartialEq)]
pub(crate) enum SpeechEvent {
    Audio(Vec<u8>),
    Done(Option<Usage>),
    Other,
}

pub(crate) fn event(data: &str) -> Result<SpeechEvent, Fault> {
    let json: Value =
        serde_json::from_str(data).map_err(|_| Fault::protocol("an event of speech that is no JSON"))?;
    match json["type"].as_str() {
        Some("speech.audio.delta") => {
            let audio = json["audio"].as_str().or_else(|| json["delta"].as_str()).unwrap_or_default();
            let audio = STANDARD.decode(audio).map_err(|_| Fault::protocol("audio that is no base64"))?;
            Ok(SpeechEvent::Audio(audio))
        }
        Some("speech.audio.done") => Ok(SpeechEvent::Done(usage(&json["usage"]))),
        _ => match Complaint::of(&json) {
            Some(complaint) => Err(crate::faults::midway(&complaint)),
            None => Ok(SpeechEvent::Other),
        },
    }
}

fn usage(json: &Value) -> Option<Usage> {
    let output_tokens = json["output_tokens"].as_u64()?;
    Some(Usage {
        input_tokens: json["input_tokens"].as_u64().unwrap_or(0),
        output_tokens,
        audio_output_tokens: output_tokens,
        ..Usage::default()
    })
}
