//! Synthesis: over pooled sockets, or a request for each sentence.

use std::time::Duration;

use futures::future::BoxFuture;
use providers_api::{Error, ErrorKind, ProviderInfo, Tts, TtsRequest, TtsStream, Usage};
use providers_link::http::Answer;
use providers_link::reciting::{AudioBody, RawBody};
use providers_link::{Client, Fault, Pool, Recital, Reciting, Speaking, Spoken, codes, speaking};

use crate::aura::{Flushes, Reply};
use crate::manners::{NAME, manners};
use crate::options::Options;
use crate::wire::{SpeakOnce, refusal};

const RATE_HZ: u32 = 24_000;
/// Sockets end after an hour.
const ROTATE_AFTER: Duration = Duration::from_secs(50 * 60);
/// Longer than any free socket was seen to be kept without a word.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Over sockets, which are kept in the pool between turns.
pub struct DeepgramTts {
    inner: Box<dyn Tts>,
}

impl DeepgramTts {
    #[must_use]
    pub fn new(options: Options, pool: Pool) -> Self {
        let info = info(&options);
        let mut manners = manners(&options);
        manners.rotate_after = Some(ROTATE_AFTER);
        manners.keep_alive = Some(KEEP_ALIVE);
        let flushes = Flushes::default();
        let reply = move |request: &TtsRequest| {
            Reply::new(options.socket(&query(&options, request)), flushes.clone())
        };
        let speaking = speaking::Options { manners, keep_alive: None };
        Self { inner: Box::new(Speaking::new(info, speaking, pool, reply)) }
    }
}

impl Tts for DeepgramTts {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn warm(&self, request: &TtsRequest, turns: usize) {
        self.inner.warm(request, turns);
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        self.inner.open(request)
    }
}

/// Over HTTP.
pub struct DeepgramHttpTts {
    inner: Reciting<Once>,
}

impl DeepgramHttpTts {
    #[must_use]
    pub fn new(options: Options, client: Client) -> Self {
        Self { inner: Reciting::new(info(&options), client, Once { options }) }
    }
}

impl Tts for DeepgramHttpTts {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn open(&self, request: TtsRequest) -> BoxFuture<'_, Result<TtsStream, Error>> {
        self.inner.open(request)
    }
}

fn info(options: &Options) -> ProviderInfo {
    ProviderInfo {
        name: NAME.to_owned(),
        model: options.tts_model.clone(),
        rate_hz: RATE_HZ,
        ..ProviderInfo::default()
    }
}

fn query(options: &Options, request: &TtsRequest) -> String {
    format!("/v1/speak?model={}&encoding=linear16&sample_rate={RATE_HZ}", options.voice(&request.voice))
}

struct Once {
    options: Options,
}

impl Recital for Once {
    fn request(&self, client: &Client, turn: &TtsRequest, text: &str) -> reqwest::RequestBuilder {
        let url = self.options.http(&format!("{}&container=none", query(&self.options, turn)));
        client
            .post(&url)
            .header(reqwest::header::AUTHORIZATION, sensitive(&self.options.authorization()))
            .json(&SpeakOnce { text })
    }

    fn audio(&self, answer: &Answer) -> Result<Box<dyn AudioBody>, Fault> {
        if answer.content_type == "application/json" || answer.content_type.starts_with("text/") {
            return Err(Fault::protocol(format!("{} instead of audio", answer.content_type)));
        }
        let characters = answer.header("dg-char-count").and_then(|count| count.trim().parse().ok());
        Ok(Box::new(Counted { characters, body: RawBody::default() }))
    }

    fn refused(&self, answer: &Answer, body: &str) -> Fault {
        let refused = refusal(body);
        let kind = match codes::status(answer.status, answer.retry_after) {
            // Where a plan is used up the status is that of a limit.
            ErrorKind::Limited(_) if refused.code.contains("PAYMENT") => ErrorKind::Exhausted,
            kind => kind,
        };
        Fault::new(kind, format!("HTTP {}: {}", answer.status, refused.reason))
    }
}

/// A key that no header can hold is sent as none: the vendor refuses it, and nothing of it is shown.
fn sensitive(value: &str) -> reqwest::header::HeaderValue {
    reqwest::header::HeaderValue::from_str(value).map_or_else(
        |_| reqwest::header::HeaderValue::from_static(""),
        |mut value| {
            value.set_sensitive(true);
            value
        },
    )
}

/// The head of the answer says what it costs.
struct Counted {
    characters: Option<u64>,
    body: RawBody,
}

impl AudioBody for Counted {
    fn push(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let counted = self.characters.take();
        out.extend(counted.map(|characters| Spoken::Usage(Usage { characters, ..Usage::default() })));
        self.body.push(piece, out)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Secret, SessionId, Voice};

    use super::*;

    fn asking(name: &str) -> TtsRequest {
        TtsRequest {
            turn: None,
            session: SessionId::generate(),
            voice: Voice { name: name.to_owned(), ..Voice::default() },
        }
    }

    #[test]
    fn a_voice_stays_one_value_of_the_query() {
        let options = Options::new(Secret::new("key".to_owned()));
        let asked = |name: &str| query(&options, &asking(name));
        let rest = "encoding=linear16&sample_rate=24000";
        assert_eq!(asked(""), format!("/v1/speak?model=aura-2-thalia-en&{rest}"));
        assert_eq!(asked("a&encoding=mp3 #"), format!("/v1/speak?model=a%26encoding%3Dmp3%20%23&{rest}"));
    }

    #[test]
    fn a_request_over_http_has_the_documented_shape() {
        let once = Once { options: Options::new(Secret::new("key".to_owned())) };
        let client = Client::new(providers_link::http::Options::default());
        let request = once.request(&client, &asking(""), "Hello.").build().expect("complete");
        let url = "https://api.deepgram.com/v1/speak?model=aura-2-thalia-en&encoding=linear16&sample_rate=24000&container=none";
        assert_eq!(request.url().as_str(), url);
        assert_eq!(request.headers()["authorization"], "Token key");
        assert!(!format!("{:?}", request.headers()).contains("key"));
        let body: serde_json::Value =
            serde_json::from_slice(request.body().and_then(|body| body.as_bytes()).expect("a body"))
                .expect("JSON");
        assert_eq!(body, serde_json::json!({ "text": "Hello." }));
    }

    #[test]
    fn every_documented_refusal_has_its_kind() {
        let once = Once { options: Options::new(Secret::new("key".to_owned())) };
        for (status, code, kind) in [
            (400, "INVALID_QUERY_PARAMETER", ErrorKind::Rejected),
            (401, "INVALID_AUTH", ErrorKind::Unauthorized),
            (402, "PAYMENT_REQUIRED", ErrorKind::Exhausted),
            (413, "PAYLOAD_TOO_LARGE", ErrorKind::Rejected),
            (422, "UNPROCESSABLE", ErrorKind::Rejected),
            (429, "TOO_MANY_REQUESTS", ErrorKind::Limited(None)),
            (503, "SERVICE_UNAVAILABLE", ErrorKind::Limited(None)),
            (500, "INTERNAL", ErrorKind::Unreachable),
        ] {
            let answer =
                Answer { status, content_type: String::new(), retry_after: None, headers: Vec::new() };
            let body = format!(r#"{{"err_code":"{code}","err_msg":"why","request_id":"r"}}"#);
            let fault = once.refused(&answer, &body);
            assert_eq!((fault.kind, fault.reason), (kind, format!("HTTP {status}: {code}: why")));
        }
    }
}
