//! Speech to text for servers without streaming: every turn is one request, begun when the caller seems to have paused. No partials.

mod judge;
mod listening;
mod piece;

use std::sync::Arc;
use std::time::Duration;

use domain::Language;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use providers_api::{Ability, Error, ErrorKind, ProviderInfo, Stt, SttRequest, SttStream};
use providers_link::{Client, Fault};
use reqwest::multipart::{Form, Part};

use crate::faults;
use crate::options::{Options, TranscribeOptions};
use crate::wire::heard::{self, Heard};
use piece::Piece;

/// What is asked of frames; servers take any rate and work at this one.
const RATE_HZ: u32 = 16_000;
/// Of an answer, in bytes: hours of speech have less.
const LARGEST_ANSWER: usize = 1 << 20;
/// Of the caller's last words, so many characters help with the next.
const CONTEXT_CHARS: usize = 200;

/// Cheap to share: put it into an `Arc`.
#[derive(Debug)]
pub struct OpenAiStt {
    info: ProviderInfo,
    server: Arc<Server>,
}

/// What every request needs.
#[derive(Debug)]
struct Server {
    options: Options,
    transcribe: TranscribeOptions,
    client: Client,
}

impl OpenAiStt {
    #[must_use]
    pub fn new(options: Options, transcribe: TranscribeOptions, client: Client) -> Self {
        let info = options.info(&transcribe.model, RATE_HZ);
        Self { info, server: Arc::new(Server { options, transcribe, client }) }
    }
}

impl Stt for OpenAiStt {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    /// Connects to nobody: the first turn's request does.
    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        let server = Arc::clone(&self.server);
        let refuse = |reason| Error::new(Ability::Stt, ErrorKind::Rejected, &self.info.name, reason);
        async move {
            if !(8_000..=48_000).contains(&request.rate_hz) {
                return Err(refuse(format!("audio at {} Hz: expected 8000 to 48000", request.rate_hz)));
            }
            Ok(listening::open(server, request))
        }
        .boxed()
    }
}

impl Server {
    /// The transcription of one piece.
    async fn transcribe(&self, piece: Arc<Piece>, asked: Asked) -> Result<Heard, Fault> {
        let within = Duration::from_millis(self.transcribe.within_ms);
        match tokio::time::timeout(within, self.answer(&piece, &asked)).await {
            Ok(heard) => heard,
            Err(_) => Err(Fault::new(
                ErrorKind::TimedOut,
                format!("no transcription within {} ms", within.as_millis()),
            )),
        }
    }

    async fn answer(&self, piece: &Piece, asked: &Asked) -> Result<Heard, Fault> {
        let request = self.client.post(&self.options.url("audio/transcriptions"));
        let request = self.options.authorised(request).multipart(self.form(piece, asked)?);
        let (answer, mut body) = self.client.send(request, faults::refused).await?;
        let mut text = Vec::new();
        while let Some(part) = body.next().await {
            text.extend_from_slice(&part?);
            if text.len() > LARGEST_ANSWER {
                return Err(Fault::protocol(format!("a transcription of more than {LARGEST_ANSWER} bytes")));
            }
        }
        heard::transcription(&answer.content_type, &String::from_utf8_lossy(&text))
    }

    fn form(&self, piece: &Piece, asked: &Asked) -> Result<Form, Fault> {
        let file = Part::bytes(piece.wav())
            .file_name("turn.wav")
            .mime_str("audio/wav")
            .map_err(|_| Fault::new(ErrorKind::Rejected, "audio/wav is no type of content"))?;
        let mut form = Form::new().part("file", file).text("model", self.transcribe.model.clone());
        form = form.text("temperature", "0");
        form = match self.transcribe.detail {
            true => form
                .text("response_format", "verbose_json")
                .text("timestamp_granularities[]", "word")
                .text("timestamp_granularities[]", "segment"),
            false => form.text("response_format", "json"),
        };
        if let Some(language) = &asked.language {
            form = form.text("language", language.clone());
        }
        if !asked.prompt.is_empty() {
            form = form.text("prompt", asked.prompt.clone());
        }
        Ok(form)
    }
}

/// What helps with the next piece.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    /// The primary tag: the protocol knows no regions.
    language: Option<String>,
    prompt: String,
}

impl Asked {
    fn new(request: &SttRequest, prompt: &str, context: &str) -> Self {
        let skip = context.chars().count().saturating_sub(CONTEXT_CHARS);
        let context: String = context.chars().skip(skip).collect();
        let keywords = request.keywords.join(", ");
        let parts = [prompt, &keywords, context.trim()];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Self { language: request.language.as_ref().map(primary), prompt: parts.join("\n") }
    }
}

/// Of `de-CH`, `de`.
pub(crate) fn primary(language: &Language) -> String {
    language.0.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use domain::SessionId;

    use super::*;

    #[test]
    fn the_prompt_holds_what_helps_and_no_more() {
        let request = SttRequest {
            session: SessionId::generate(),
            rate_hz: 16_000,
            language: Some(Language("de-CH".to_owned())),
            keywords: vec!["Zuckerli".to_owned(), "Grüezi".to_owned()],
        };
        let asked = Asked::new(&request, "A bakery.", &"é".repeat(300));
        assert_eq!(asked.language.as_deref(), Some("de"));
        assert_eq!(asked.prompt, format!("A bakery.\nZuckerli, Grüezi\n{}", "é".repeat(CONTEXT_CHARS)));
        let plain = SttRequest { language: None, keywords: Vec::new(), ..request };
        assert_eq!(Asked::new(&plain, "", ""), Asked { language: None, prompt: String::new() });
    }
}
