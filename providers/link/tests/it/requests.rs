//! Synthesis over HTTP.

use domain::{SessionId, Voice};
use futures::StreamExt;
use providers_api::{ErrorKind, ProviderInfo, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream};
use providers_link::http::{Answer, Options};
use providers_link::reciting::{AudioBody, WavBody};
use providers_link::{Client, Fault, Recital, Reciting};
use runtime::Tasks;
use tokio::time::timeout;

use crate::{LONG, answer};

struct Plain {
    url: String,
}

impl Recital for Plain {
    fn request(&self, client: &Client, _turn: &TtsRequest, text: &str) -> reqwest::RequestBuilder {
        client.post(&self.url).body(text.to_owned())
    }

    fn audio(&self, _answer: &Answer) -> Result<Box<dyn AudioBody>, Fault> {
        Ok(Box::new(WavBody::new(8_000)))
    }
}

async fn speak(body: &[u8], sentences: &[&str]) -> Vec<Result<TtsEvent, providers_api::Error>> {
    let tasks = Tasks::new();
    let mut head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len())
        .into_bytes();
    head.extend(body);
    let url = format!("http://{}/", answer(&tasks, Some(head)).await);
    let info = ProviderInfo { name: "acme".to_owned(), rate_hz: 8_000, ..ProviderInfo::default() };
    let tts = Reciting::new(info, Client::new(Options::default()), Plain { url });
    let request = TtsRequest { session: SessionId::generate(), turn: None, voice: Voice::default() };
    let TtsStream { mut input, events } = tts.open(request).await.expect("asks nobody");
    for sentence in sentences {
        input.send(TtsInput::Sentence((*sentence).to_owned())).await.expect("open");
    }
    drop(input);
    timeout(LONG, events.collect()).await.expect("the events end")
}

#[tokio::test]
async fn sentences_are_asked_for_one_by_one_and_told_in_order() {
    let events = speak(&[1; 160], &["One.", "-", "Two.", "Three."]).await;
    let told: Vec<String> = events
        .into_iter()
        .map(|event| match event.expect("no failure") {
            TtsEvent::Audio(frame) => format!("{} ms", frame.end().as_millis()),
            TtsEvent::SentenceDone { sentence } => format!("done {sentence}"),
            TtsEvent::Usage(used) => format!("{}", used.characters),
            other => panic!("{other:?}"),
        })
        .filter(|told| told.contains(' '))
        .collect();
    assert_eq!(told, ["10 ms", "done 0", "done 1", "20 ms", "done 2", "30 ms", "done 3"]);
}

#[tokio::test]
async fn a_good_answer_without_audio_is_none() {
    let events = speak(b"", &["One."]).await;
    let failed = events.into_iter().find_map(Result::err).expect("a failure");
    assert_eq!(failed.kind, ErrorKind::Protocol);
}
