//! Synthesis over HTTP.

use std::sync::Arc;

use domain::{SessionId, Voice};
use futures::StreamExt;
use providers_api::{ErrorKind, ProviderInfo, Tts, TtsEvent, TtsInput, TtsRequest, TtsStream};
use providers_link::http::{Answer, Options};
use providers_link::reciting::{AudioBody, WavBody};
use providers_link::{Client, Fault, Recital, Reciting};
use runtime::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::{LONG, SERVE, answer};

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

#[tokio::test]
async fn servers_are_verified_by_the_authorities_that_the_client_is_given() {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (own, other) = (made(), made());
    let identity = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("known versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![own.cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key"),
        )
        .expect("an identity");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback is free");
    let port = listener.local_addr().expect("bound").port();
    let tasks = Tasks::new();
    tasks.spawn(SERVE, async move {
        let acceptor = TlsAcceptor::from(Arc::new(identity));
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let _read = stream.read(&mut request).await;
            let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
        }
    });
    let trusting = |made: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a certificate");
        let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("known versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Client::new(Options { trust: Some(Arc::new(config)), ..Options::default() })
    };
    let ask = async |client: Client| {
        let sent =
            client.send(client.get(&format!("https://localhost:{port}/")), |_, _| Fault::protocol("refused"));
        timeout(LONG, sent).await.expect("an answer").map(|(answer, _)| answer.status)
    };
    assert_eq!(ask(trusting(&own)).await, Ok(200));
    for stranger in [trusting(&other), Client::new(Options::default())] {
        assert_eq!(ask(stranger).await.map_err(|fault| fault.kind), Err(ErrorKind::Unreachable));
    }
}
