//! Text to speech over HTTP: a request for each sentence, its audio streamed as it comes.

use std::time::Duration;

use providers_api::{ProviderInfo, TtsRequest};
use providers_link::http::Answer;
use providers_link::pcm::Samples;
use providers_link::reciting::AudioBody;
use providers_link::socket::encoded;
use providers_link::{Client, Fault, Recital, Reciting, Spoken};

use crate::options::Options;
use crate::ssml;
use crate::stt::refusal_of;

const RATE_HZ: u32 = 24_000;
const FORMAT: &str = "raw-24khz-16bit-mono-pcm";
/// The service cuts what is longer.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Synthesis at Azure.
#[must_use]
pub fn tts(options: Options, client: Client) -> Reciting<Reading> {
    let info = ProviderInfo {
        name: "azure".to_owned(),
        model: options.deployment_id.clone().unwrap_or_else(|| "neural".to_owned()),
        region: options.region.clone(),
        rate_hz: RATE_HZ,
        ..ProviderInfo::default()
    };
    Reciting::new(info, client, Reading { options })
}

/// How the service is asked to speak.
pub struct Reading {
    options: Options,
}

impl Recital for Reading {
    fn request(&self, client: &Client, turn: &TtsRequest, text: &str) -> reqwest::RequestBuilder {
        let Options { tts_url, deployment_id, key, .. } = &self.options;
        let mut url = format!("{}/cognitiveservices/v1", tts_url.trim_end_matches('/'));
        if let Some(deployment_id) = deployment_id {
            url.push_str("?deploymentId=");
            url.push_str(&encoded(deployment_id));
        }
        client
            .post(&url)
            .header("Ocp-Apim-Subscription-Key", key.expose())
            .header("Content-Type", "application/ssml+xml")
            .header("X-Microsoft-OutputFormat", FORMAT)
            .body(ssml::document(&self.options, &turn.voice, text))
    }

    fn audio(&self, answer: &Answer) -> Result<Box<dyn AudioBody>, Fault> {
        // Proxies answer with pages of their own; raw audio comes as audio/basic, audio/x-wav or without a name.
        let kind = answer.content_type.as_str();
        if kind.starts_with("audio/") || kind == "application/octet-stream" || kind.is_empty() {
            return Ok(Box::new(Raw::default()));
        }
        Err(Fault::protocol(format!("an answer of type {kind} where audio was expected")))
    }

    fn refused(&self, answer: &Answer, body: &str) -> Fault {
        refused(answer, body)
    }
}

/// What a refusal of the service's HTTP means.
pub(crate) fn refused(answer: &Answer, body: &str) -> Fault {
    let Fault { kind, reason } = refusal_of(answer.status, answer.retry_after, body);
    Fault::new(kind, format!("HTTP {}: {reason}", answer.status))
}

/// Samples without a head.
#[derive(Default)]
struct Raw {
    samples: Samples,
    count: u64,
}

impl AudioBody for Raw {
    fn push(&mut self, piece: &[u8], out: &mut Vec<Spoken>) -> Result<(), Fault> {
        let samples = self.samples.push(piece);
        self.count += samples.len() as u64;
        if self.count > LONGEST.as_secs() * u64::from(RATE_HZ) {
            return Err(Fault::protocol("more audio than the service gives"));
        }
        if !samples.is_empty() {
            out.push(Spoken::Audio(samples));
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<Spoken>) -> Result<(), Fault> {
        if self.count == 0 {
            return Err(Fault::protocol("success without audio"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::{Secret, SessionId, Voice};

    use super::*;

    fn reading() -> Reading {
        let options = Options::new(Secret::new("key".to_owned()), "eastus");
        Reading { options: Options { deployment_id: Some("a b".to_owned()), ..options } }
    }

    fn answer(content_type: &str) -> Answer {
        Answer { status: 200, content_type: content_type.to_owned(), retry_after: None, headers: Vec::new() }
    }

    #[test]
    fn the_request_is_as_documented() {
        let client = Client::new(providers_link::http::Options::default());
        let turn = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
        let request = reading().request(&client, &turn, "Hello").build().expect("well formed");
        assert_eq!(
            request.url().as_str(),
            "https://eastus.tts.speech.microsoft.com/cognitiveservices/v1?deploymentId=a%20b"
        );
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("ocp-apim-subscription-key"), Some("key"));
        assert_eq!(header("content-type"), Some("application/ssml+xml"));
        assert_eq!(header("x-microsoft-outputformat"), Some("raw-24khz-16bit-mono-pcm"));
    }

    #[test]
    fn success_without_audio_is_no_success() {
        let reading = reading();
        assert!(reading.audio(&answer("text/html")).is_err());
        let mut body = reading.audio(&answer("audio/basic")).expect("audio");
        let mut out = Vec::new();
        assert!(body.end(&mut out).is_err());
        body.push(&[1, 0, 2], &mut out).expect("audio");
        body.push(&[0], &mut out).expect("audio");
        body.end(&mut out).expect("there was audio");
        assert_eq!(out, [Spoken::Audio(vec![1]), Spoken::Audio(vec![2])]);
    }

    #[test]
    fn audio_without_end_is_refused() {
        let mut body = reading().audio(&answer("audio/basic")).expect("audio");
        let minute = vec![0; 60 * 48_000];
        let ends = (0..11).find(|_| body.push(&minute, &mut Vec::new()).is_err());
        assert_eq!(ends, Some(10));
    }
}
