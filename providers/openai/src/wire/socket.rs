//! The realtime socket: what all its sessions share, and the one that transcribes alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers_api::Usage;
use providers_link::Fault;
use serde_json::{Value, json};

use super::Complaint;
use crate::options::RealtimeOptions;

/// What the socket wants.
pub(crate) const RATE_HZ: u32 = 24_000;

pub(crate) fn session(options: &RealtimeOptions, language: Option<&str>, prompt: &str) -> String {
    let mut transcription = json!({ "model": options.model });
    if let Some(language) = language {
        transcription["language"] = json!(language);
    }
    if !prompt.is_empty() {
        transcription["prompt"] = json!(prompt);
    }
    let mut input = json!({
        "format": { "type": "audio/pcm", "rate": RATE_HZ },
        "transcription": transcription,
        "turn_detection": null, // the session decides when a turn ends
    });
    if let Some(kind) = &options.noise_reduction {
        input["noise_reduction"] = json!({ "type": kind });
    }
    json!({ "type": "session.update", "session": { "type": "transcription", "audio": { "input": input } } })
        .to_string()
}

pub(crate) fn append(samples: &[i16]) -> String {
    let audio = STANDARD.encode(providers_link::pcm::bytes(samples));
    json!({ "type": "input_audio_buffer.append", "audio": audio }).to_string()
}

pub(crate) fn commit() -> String {
    json!({ "type": "input_audio_buffer.commit" }).to_string()
}

pub(crate) fn clear() -> String {
    json!({ "type": "input_audio_buffer.clear" }).to_string()
}

#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// The session is as we asked.
    Ready,
    /// The audio since the last commit is this item.
    Committed {
        item: String,
    },
    Cleared,
    Delta {
        item: String,
        text: String,
    },
    Completed {
        item: String,
        text: String,
        usage: Option<Usage>,
    },
    Failed {
        item: String,
        complaint: Complaint,
    },
    /// There was nothing to commit.
    NothingToCommit,
    Error(Complaint),
    Other,
}

pub(crate) fn told(text: &str) -> Result<Told, Fault> {
    let json: Value = serde_json::from_str(text).map_err(|_| Fault::protocol("a message that is no JSON"))?;
    let Some(kind) = json["type"].as_str() else {
        return Err(match Complaint::of(&json) {
            Some(complaint) => crate::faults::midway(&complaint),
            None => Fault::protocol("a message without a type"),
        });
    };
    let field = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let item = || field("item_id");
    Ok(match kind {
        "session.updated" | "transcription_session.updated" => Told::Ready,
        "input_audio_buffer.committed" => Told::Committed { item: item() },
        "input_audio_buffer.cleared" => Told::Cleared,
        "conversation.item.input_audio_transcription.delta" => {
            Told::Delta { item: item(), text: field("delta") }
        }
        "conversation.item.input_audio_transcription.completed" => Told::Completed {
            item: item(),
            text: field("transcript"),
            usage: super::heard::usage(&json["usage"]),
        },
        "conversation.item.input_audio_transcription.failed" => {
            Told::Failed { item: item(), complaint: Complaint::of(&json).unwrap_or_default() }
        }
        "error" => {
            let complaint = Complaint::of(&json).unwrap_or_default();
            // The code came after the message in the service's history.
            let empty = complaint.code == "input_audio_buffer_commit_empty"
                || complaint.message.starts_with("Error committing input audio buffer");
            if empty { Told::NothingToCommit } else { Told::Error(complaint) }
        }
        _ => Told::Other,
    })
}
