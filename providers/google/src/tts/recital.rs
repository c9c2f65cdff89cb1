//! One sentence as a request, and its answer as samples.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use providers_api::TtsRequest;
use providers_link::http::Answer;
use providers_link::reciting::{AudioBody, WavBody};
use providers_link::{Client, Fault, Recital, Spoken};

use crate::auth::Auth;
use crate::options::Options;
use crate::wire::{AudioConfig, Input, Synthesize, Synthesized, Voice};

/// Six minutes at 24,000 Hz in base64, more than 5,000 bytes of text give.
const LARGEST: usize = 24 << 20;

pub(crate) struct Synthesis {
    url: String,
    auth: Auth,
    voice: String,
    rate_hz: u32,
}

impl Synthesis {
    pub(crate) fn new(options: &Options, auth: Auth) -> Self {
        Self {
            url: format!("{}/v1/text:synthesize", options.tts_url().trim_end_matches('/')),
            auth,
            voice: options.voice.clone(),
            rate_hz: options.tts_rate_hz,
        }
    }

    fn body(&self, turn: &TtsRequest, text: &str) -> String {
        let name = if turn.voice.name.is_empty() { &self.voice } else { &turn.voice.name };
        let speed = turn.voice.speed;
        let body = Synthesize {
            input: Input { text },
            voice: Voice { language_code: language(name), name },
            audio_config: AudioConfig {
                audio_encoding: "LINEAR16",
                sample_rate_hertz: self.rate_hz,
                // The voice's own pace is not named: some voices refuse the field.
                speaking_rate: ((speed - 1.0).abs() > 0.001).then(|| speed.clamp(0.25, 4.0)),
            },
        };
        serde_json::to_string(&body).expect("strings and numbers are JSON")
    }
}

impl Recital for Synthesis {
    fn request(&self, client: &Client, turn: &TtsRequest, text: &str) -> reqwest::RequestBuilder {
        let mut request = client.post(&self.url).header("content-type", "application/json; charset=utf-8");
        for (name, value) in self.auth.headers() {
            request = request.header(name, value.expose());
        }
        request.body(self.body(turn, text))
    }

    fn audio(&self, answer: &Answer) -> Result<Box<dyn AudioBody>, Fault> {
        if answer.content_type != "application/json" {
            return Err(Fault::protocol(format!("{:?} instead of JSON", answer.content_type)));
        }
        Ok(Box::new(Content { json: Vec::new(), rate_hz: self.rate_hz }))
    }

    fn refused(&self, answer: &Answer, body: &str) -> Fault {
        self.auth.judged(answer, body)
    }
}

/// `en-US` of `en-US-Chirp3-HD-Achernar`.
fn language(voice: &str) -> &str {
    let end = voice.match_indices('-').nth(1).map_or(voice.len(), |(at, _)| at);
    &voice[..end]
}

/// `Chirp3-HD` of `en-US-Chirp3-HD-Achernar`: what prices go by.
pub(crate) fn model(voice: &str) -> &str {
    let rest = voice[language(voice).len()..].trim_start_matches('-');
    rest.rsplit_once('-').map_or(rest, |(model, _)| model)
}

/// The whole answer is one string of JSON: there is nothing to give before its end.
struct Content {
    json: Vec<u8>,
    rate_hz: u32,
}

impl AudioBody for Content {
    fn push(&mut self, piece: &[u8], _out: &mut Vec<Spoken>) -> Result<(), Fault> {
        if self.json.len() + piece.len() > LARGEST {
            return Err(Fault::protocol(format!("a sentence of more than {LARGEST} bytes")));
        }
        self.json.extend_from_slice(piece);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let read: Synthesized = serde_json::from_slice(&self.json)
            .map_err(|error| Fault::protocol(format!("unreadable answer at line {}", error.line())))?;
        let wav = STANDARD
            .decode(read.audio_content)
            .map_err(|_| Fault::protocol("`audioContent` is not base64"))?;
        if wav.is_empty() {
            return Ok(()); // nothing was spoken; whether that is a failure is not for us to say
        }
        let mut file = WavBody::new(self.rate_hz);
        file.push(&wav, out)?;
        file.end(out)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Language, Secret, SessionId};
    use serde_json::{Value, json};

    use super::*;
    use crate::Credentials;

    fn synthesis() -> (Synthesis, Client) {
        let client = Client::new(providers_link::http::Options::default());
        let options = Options::new(Credentials::api_key(Secret::new("key-1".to_owned())));
        let auth = Auth::new(client.clone(), &options);
        (Synthesis::new(&options, auth), client)
    }

    fn turn(voice: domain::Voice) -> TtsRequest {
        TtsRequest { session: SessionId::generate(), turn: None, voice }
    }

    fn file(rate_hz: u32, samples: &[i16]) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).expect("in memory");
        for sample in samples {
            writer.write_sample(*sample).expect("in memory");
        }
        writer.finalize().expect("in memory");
        file.into_inner()
    }

    #[test]
    fn a_sentence_is_asked_for_as_documented_and_the_key_is_no_part_of_the_address() {
        let (synthesis, client) = synthesis();
        let request = synthesis.request(&client, &turn(domain::Voice::default()), "Say \"hi\".");
        let request = request.build().expect("well formed");
        assert_eq!(request.url().as_str(), "https://texttospeech.googleapis.com/v1/text:synthesize");
        assert_eq!(request.headers()["x-goog-api-key"], "key-1");
        let body = request.body().and_then(|body| body.as_bytes()).expect("in memory");
        assert_eq!(
            serde_json::from_slice::<Value>(body).expect("JSON"),
            json!({
                "input": { "text": "Say \"hi\"." },
                "voice": { "languageCode": "en-US", "name": "en-US-Chirp3-HD-Achernar" },
                "audioConfig": { "audioEncoding": "LINEAR16", "sampleRateHertz": 24000 },
            })
        );
    }

    #[test]
    fn a_voice_brings_its_language_and_its_pace() {
        let (synthesis, _) = synthesis();
        let voice = domain::Voice {
            name: "cmn-CN-Wavenet-A".to_owned(),
            language: Language("zh".to_owned()),
            speed: 1.25,
        };
        let body: Value = serde_json::from_str(&synthesis.body(&turn(voice), "x")).expect("JSON");
        assert_eq!(body["voice"], json!({ "languageCode": "cmn-CN", "name": "cmn-CN-Wavenet-A" }));
        assert_eq!(body["audioConfig"]["speakingRate"], 1.25);
        assert_eq!(model("cmn-CN-Wavenet-A"), "Wavenet");
        assert_eq!(model("en-US-Chirp3-HD-Achernar"), "Chirp3-HD");
    }

    #[test]
    fn an_answer_is_read_over_the_edges_of_its_pieces() {
        let answer = json!({ "audioContent": STANDARD.encode(file(24_000, &[1, -2, 3])) });
        let mut content = Content { json: Vec::new(), rate_hz: 24_000 };
        let mut out = Vec::new();
        for piece in answer.to_string().as_bytes().chunks(7) {
            content.push(piece, &mut out).expect("small");
        }
        assert!(out.is_empty());
        content.end(&mut out).expect("well formed");
        assert_eq!(out, [Spoken::Audio(vec![1, -2, 3])]);
    }

    #[test]
    fn what_is_no_answer_is_a_breach_of_the_protocol_and_an_empty_one_gives_no_audio() {
        let read = |json: &str| {
            let mut out = Vec::new();
            let mut content = Content { json: json.as_bytes().to_vec(), rate_hz: 24_000 };
            content.end(&mut out).map(|()| out)
        };
        assert_eq!(read("{}"), Ok(Vec::new()));
        for garbage in ["", "{", "[1]", r#"{"audioContent":"***"}"#] {
            let fault = read(garbage).expect_err(garbage);
            assert_eq!(fault.kind, providers_api::ErrorKind::Protocol, "{garbage}");
        }
        let mut content = Content { json: Vec::new(), rate_hz: 24_000 };
        let piece = vec![b' '; 1 << 20];
        assert!((0..64).any(|_| content.push(&piece, &mut Vec::new()).is_err()));
    }
}
