//! Synthesis over HTTP (`tts/bytes`), a request for each sentence: audio alone, where sockets do not get through.

use providers_api::TtsRequest;
use providers_link::http::{Answer, Client};
use providers_link::reciting::{AudioBody, RawBody};
use providers_link::{Fault, Recital, Reciting, Spoken};

use crate::options::{self, Options, VERSION};
use crate::refusal;
use crate::wire::{self, Manner, Speech};

/// Of one sentence: so many seconds of audio at most. What is longer is no speech.
const LONGEST_AUDIO: u64 = 300;

/// A voice over HTTP. It has no times of words.
#[must_use]
pub fn reciting(options: Options, client: Client) -> Reciting<CartesiaRecital> {
    Reciting::new(options.info(), client, CartesiaRecital { options })
}

pub struct CartesiaRecital {
    options: Options,
}

impl Recital for CartesiaRecital {
    fn request(&self, client: &Client, turn: &TtsRequest, text: &str) -> reqwest::RequestBuilder {
        let Options { model, rate_hz, .. } = &self.options;
        let (voice, language) = (self.options.voice(turn), options::language(turn));
        let manner = Manner::new(model, voice, language, *rate_hz, turn.voice.speed);
        client
            .post(&format!("{}/tts/bytes", self.options.http_base()))
            .header("authorization", self.options.authorization())
            .header("cartesia-version", VERSION)
            .header("content-type", "application/json")
            .body(wire::json(&Speech { manner: &manner, transcript: text }))
    }

    fn audio(&self, answer: &Answer) -> Result<Box<dyn AudioBody>, Fault> {
        let kind = answer.content_type.as_str();
        if !kind.starts_with("audio/") && kind != "application/octet-stream" {
            return Err(Fault::protocol(format!("{kind:?} where audio was asked for")));
        }
        let left = LONGEST_AUDIO * u64::from(self.options.rate_hz) * 2;
        let length = answer.header("content-length").and_then(|length| length.parse::<u64>().ok());
        match length {
            Some(length) if length > left => Err(too_long()),
            _ => Ok(Box::new(Audio { raw: RawBody::default(), left, sounded: false })),
        }
    }

    fn refused(&self, answer: &Answer, body: &str) -> Fault {
        refusal::answer(answer, body)
    }
}

struct Audio {
    raw: RawBody,
    /// Bytes that may still come.
    left: u64,
    sounded: bool,
}

impl AudioBody for Audio {
    fn push(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(too_long)?;
        self.sounded |= !piece.is_empty();
        self.raw.push(piece, out)
    }

    fn end(&mut self, _out: &mut Vec<Spoken>) -> Result<(), Fault> {
        if self.sounded {
            return Ok(());
        }
        Err(Fault::protocol("an answer without any sound, though there was text"))
    }
}

fn too_long() -> Fault {
    Fault::protocol(format!("more than {LONGEST_AUDIO} s of audio for one sentence"))
}

#[cfg(test)]
mod tests {
    use domain::{Language, Secret, SessionId, Voice};
    use providers_api::ErrorKind;
    use serde_json::{Value, json};

    use super::*;

    fn recital() -> CartesiaRecital {
        CartesiaRecital { options: Options::new(Secret::new("key".to_owned())) }
    }

    fn head(content_type: &str, length: Option<&str>) -> Answer {
        let headers = length.map(|length| ("content-length".to_owned(), length.to_owned()));
        let headers = headers.into_iter().collect();
        Answer { status: 200, content_type: content_type.to_owned(), retry_after: None, headers }
    }

    #[test]
    fn a_request_has_the_documented_shape() {
        let client = Client::new(providers_link::http::Options::default());
        let voice = Voice { name: "v1".to_owned(), language: Language("de-AT".to_owned()), speed: 1.0 };
        let turn = TtsRequest { session: SessionId::generate(), turn: None, voice };
        let request = recital().request(&client, &turn, "Guten Tag.").build().expect("a request");
        assert_eq!(request.url().as_str(), "https://api.cartesia.ai/tts/bytes");
        assert_eq!(request.headers()["authorization"], "Bearer key");
        assert_eq!(request.headers()["cartesia-version"], VERSION);
        let body = request.body().and_then(reqwest::Body::as_bytes).expect("a body in one piece");
        assert_eq!(
            serde_json::from_slice::<Value>(body).expect("JSON"),
            json!({
                "model_id": "sonic-3.5", "transcript": "Guten Tag.", "language": "de",
                "voice": { "mode": "id", "id": "v1" },
                "output_format": { "container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000 },
            })
        );
    }

    #[test]
    fn samples_are_put_together_and_what_is_no_speech_is_refused() {
        let mut body = recital().audio(&head("audio/pcm", None)).expect("audio");
        let mut out = Vec::new();
        body.push(&[1, 0, 2], &mut out).expect("samples");
        body.push(&[0], &mut out).expect("samples");
        body.end(&mut out).expect("it sounded");
        assert_eq!(out, [Spoken::Audio(vec![1]), Spoken::Audio(vec![2])]);
        let mut silent = recital().audio(&head("audio/pcm", None)).expect("audio");
        assert_eq!(silent.end(&mut out).expect_err("nothing came").kind, ErrorKind::Protocol);
        for wrong in [head("text/html", None), head("audio/pcm", Some("20000000"))] {
            assert_eq!(recital().audio(&wrong).err().expect("no speech").kind, ErrorKind::Protocol);
        }
        let mut endless = recital().audio(&head("audio/pcm", None)).expect("audio");
        let refused = (0..20).find_map(|_| endless.push(&vec![1; 1 << 20], &mut out).err());
        assert_eq!(refused.expect("too long").kind, ErrorKind::Protocol);
    }
}
