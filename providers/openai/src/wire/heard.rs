//! What a transcription says, whole: text alone, JSON, or JSON with every detail.

use std::time::Duration;

use domain::Language;
use providers_api::Usage;
use providers_link::Fault;
use serde::Deserialize;
use serde_json::Value;

use super::Complaint;

/// One answer, before it is judged.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) text: String,
    pub(crate) language: Option<Language>,
    /// Empty where the server does not cut.
    pub(crate) stretches: Vec<Stretch>,
    pub(crate) words: Vec<SpokenWord>,
    /// The vendor's own count.
    pub(crate) usage: Option<Usage>,
}

/// A segment, with what tells speech from what was made up.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Stretch {
    pub(crate) text: String,
    /// Seconds from the start of the audio.
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) no_speech_prob: Option<f64>,
    pub(crate) avg_logprob: Option<f64>,
    pub(crate) compression_ratio: Option<f64>,
    pub(crate) words: Vec<SpokenWord>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct SpokenWord {
    #[serde(alias = "text")]
    pub(crate) word: String,
    pub(crate) start: f64,
    pub(crate) end: f64,
}

/// Reads a body, whatever its content type says: servers name JSON text and text JSON.
pub(crate) fn transcription(content_type: &str, body: &str) -> Result<Heard, Fault> {
    let body = body.trim();
    if content_type.contains("html") || body.starts_with("<!") || body.starts_with("<html") {
        return Err(Fault::protocol("a page in the place of a transcription"));
    }
    let is_json = content_type.contains("json");
    match serde_json::from_str::<Value>(body) {
        Ok(Value::String(text)) if is_json => Ok(Heard { text: text.trim().to_owned(), ..Heard::default() }),
        Ok(json @ Value::Object(_)) => object(&json),
        _ if is_json || body.starts_with('{') => {
            Err(Fault::protocol("a transcription that is no JSON object"))
        }
        _ => Ok(Heard { text: body.to_owned(), ..Heard::default() }),
    }
}

fn object(json: &Value) -> Result<Heard, Fault> {
    let Some(text) = json["text"].as_str() else {
        return Err(match Complaint::of(json) {
            Some(complaint) => crate::faults::instead(&complaint),
            None => Fault::protocol("a transcription without text"),
        });
    };
    let list = |name: &str| json.get(name).filter(|value| value.is_array()).cloned();
    let stretches: Vec<Stretch> =
        list("segments").and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
    let words: Vec<SpokenWord> =
        list("words").and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
    let words = match words.is_empty() {
        true => stretches.iter().flat_map(|stretch| stretch.words.clone()).collect(),
        false => words,
    };
    let language = json["language"].as_str().and_then(language);
    Ok(Heard { text: text.trim().to_owned(), language, stretches, words, usage: usage(&json["usage"]) })
}

/// Of a transcription, over HTTP or the socket.
pub(crate) fn usage(json: &Value) -> Option<Usage> {
    if let Some(seconds) = json["seconds"].as_f64().and_then(|s| Duration::try_from_secs_f64(s).ok()) {
        return Some(Usage { audio_in: seconds, ..Usage::default() });
    }
    Some(Usage {
        input_tokens: json["input_tokens"].as_u64()?,
        output_tokens: json["output_tokens"].as_u64().unwrap_or(0),
        audio_input_tokens: json["input_token_details"]["audio_tokens"].as_u64().unwrap_or(0),
        ..Usage::default()
    })
}

/// `whisper-1` names a language in English; most other servers give its tag.
fn language(name: &str) -> Option<Language> {
    const NAMES: [(&str, &str); 32] = [
        ("arabic", "ar"),
        ("bulgarian", "bg"),
        ("catalan", "ca"),
        ("chinese", "zh"),
        ("croatian", "hr"),
        ("czech", "cs"),
        ("danish", "da"),
        ("dutch", "nl"),
        ("english", "en"),
        ("finnish", "fi"),
        ("french", "fr"),
        ("german", "de"),
        ("greek", "el"),
        ("hebrew", "he"),
        ("hindi", "hi"),
        ("hungarian", "hu"),
        ("indonesian", "id"),
        ("italian", "it"),
        ("japanese", "ja"),
        ("korean", "ko"),
        ("norwegian", "no"),
        ("polish", "pl"),
        ("portuguese", "pt"),
        ("romanian", "ro"),
        ("russian", "ru"),
        ("slovak", "sk"),
        ("spanish", "es"),
        ("swedish", "sv"),
        ("thai", "th"),
        ("turkish", "tr"),
        ("ukrainian", "uk"),
        ("vietnamese", "vi"),
    ];
    let name = name.to_ascii_lowercase();
    let tag = name.len() <= 3 && name.len() >= 2 && name.bytes().all(|byte| byte.is_ascii_lowercase());
    let known = || NAMES.iter().find(|(known, _)| *known == name).map(|(_, tag)| (*tag).to_owned());
    if tag { Some(Language(name)) } else { known().map(Language) }
}

#[cfg(test)]
mod tests {
    use providers_api::ErrorKind;
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_found_in_every_shape_that_servers_give_it() {
        for (content_type, body) in [
            ("application/json", r#"{"text": " Hello there. "}"#),
            ("text/plain", "Hello there.\n"),
            ("text/plain", r#"{"text": "Hello there."}"#),
            ("application/json", r#""Hello there.""#),
            ("", r#"{"text": "Hello there.", "language": null, "segments": null, "more": 1}"#),
        ] {
            let heard = transcription(content_type, body).expect(body);
            assert_eq!(heard.text, "Hello there.", "{content_type} {body}");
        }
    }

    #[test]
    fn details_are_read_where_they_are_given() {
        let body = json!({
            "task": "transcribe", "language": "english", "duration": 1.2, "text": "Hello there.",
            "segments": [{ "id": 0, "seek": 0, "start": 0.0, "end": 1.2, "text": " Hello there.", "tokens": [1],
                "temperature": 0.0, "avg_logprob": -0.2, "compression_ratio": 1.1, "no_speech_prob": 0.01 }],
            "words": [{ "word": "Hello", "start": 0.1, "end": 0.5 }, { "word": "there", "start": 0.6, "end": 1.0 }],
            "usage": { "type": "duration", "seconds": 2 },
        });
        let heard = transcription("application/json", &body.to_string()).expect("well formed");
        assert_eq!(heard.language, Some(Language("en".to_owned())));
        assert_eq!((heard.words[1].word.as_str(), heard.words[1].end), ("there", 1.0));
        assert_eq!(heard.stretches[0].avg_logprob, Some(-0.2));
        assert_eq!(heard.usage.expect("counted").audio_in, Duration::from_secs(2));
    }

    #[test]
    fn tokens_are_counted_as_the_vendor_counts_them() {
        let json = json!({ "type": "tokens", "input_tokens": 14, "output_tokens": 9, "total_tokens": 23,
            "input_token_details": { "text_tokens": 2, "audio_tokens": 12 } });
        let usage = usage(&json).expect("counted");
        assert_eq!((usage.input_tokens, usage.audio_input_tokens, usage.output_tokens), (14, 12, 9));
    }

    #[test]
    fn what_is_no_transcription_is_a_fault() {
        for (content_type, body, kind) in [
            ("application/json", r#"{"error": {"code": "insufficient_quota"}}"#, ErrorKind::Exhausted),
            ("application/json", r#"{"error": "model is loading"}"#, ErrorKind::Unreachable),
            ("application/json", r#"{"result": 1}"#, ErrorKind::Protocol),
            ("application/json", "{", ErrorKind::Protocol),
            ("text/html", "<html></html>", ErrorKind::Protocol),
        ] {
            assert_eq!(transcription(content_type, body).expect_err(body).kind, kind, "{body}");
        }
    }
}
