//! Pumps a WebSocket into the two channels of a link. What a message means is the framing's business.

use std::time::Instant;

use domain::Secret;
use futures::{SinkExt, StreamExt};
use media_core::{Codec, LegCommand, LegEvent};
use runtime::{Kind, Tasks};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Message, http};
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

use super::{DialError, Link, QUEUE};

const PUMP: Kind = Kind::new("loadtest.socket");

/// One wire format on a socket, from the caller's side.
pub(super) trait Framing: Send + 'static {
    fn codec(&self) -> Codec;
    /// Sent right after the socket opened.
    fn hello(&mut self) -> Vec<Message>;
    fn encode(&mut self, command: LegCommand) -> Option<Message>;
    fn decode(&mut self, message: Message, now: Instant) -> Vec<LegEvent>;
    /// What the message of just now is to be answered with.
    fn answer(&mut self) -> Option<Message> {
        None
    }
}

/// The token goes into a header: addresses are written down on their way.
pub(super) async fn dial(
    url: &str,
    token: Option<&Secret<String>>,
    insecure: bool,
    framing: impl Framing,
) -> Result<Link, DialError> {
    let request = request(url, token).map_err(|reason| DialError::Local { reason })?;
    let connector = insecure.then(|| Connector::Rustls(trusting()));
    let (socket, _response) = connect_async_tls_with_config(request, None, true, connector)
        .await
        .map_err(|error| refusal(url, error))?;
    let tasks = Tasks::new();
    let (event_sender, events) = mpsc::channel(QUEUE * 4);
    let (commands, command_receiver) = mpsc::channel(QUEUE);
    let codec = framing.codec();
    tasks.spawn(PUMP, pump(socket, framing, event_sender, command_receiver));
    Ok(Link { codec, events, commands, _tasks: tasks })
}

fn request(url: &str, token: Option<&Secret<String>>) -> Result<http::Request<()>, String> {
    let mut request = url.into_client_request().map_err(|error| error.to_string())?;
    if let Some(token) = token {
        let bearer = http::HeaderValue::from_str(&format!("Bearer {}", token.expose()));
        let mut bearer = bearer.map_err(|_| "the token holds characters that no token has".to_owned())?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(http::header::AUTHORIZATION, bearer);
    }
    Ok(request)
}

fn refusal(url: &str, error: tokio_tungstenite::tungstenite::Error) -> DialError {
    use tokio_tungstenite::tungstenite::Error;
    let url = url.split('?').next().unwrap_or(url).to_owned(); // what follows may be a token
    match error {
        Error::Http(response) => {
            let body = String::from_utf8_lossy(response.body().as_deref().unwrap_or_default());
            DialError::refused(url, response.status().as_u16(), None, &body)
        }
        other => DialError::unreachable(url, &other),
    }
}

async fn pump(
    socket: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
    mut framing: impl Framing,
    events: mpsc::Sender<LegEvent>,
    mut commands: mpsc::Receiver<LegCommand>,
) {
    let (mut sink, mut stream) = socket.split();
    for message in framing.hello() {
        if sink.send(message).await.is_err() {
            return;
        }
    }
    if events.send(LegEvent::Active).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            message = stream.next() => {
                let Some(Ok(message)) = message else { break };
                if message.is_close() { break }
                let now = tokio::time::Instant::now().into_std();
                for event in framing.decode(message, now) {
                    if events.send(event).await.is_err() { return }
                }
                if let Some(answer) = framing.answer()
                    && sink.send(answer).await.is_err() { break }
            }
            command = commands.recv() => {
                let close = matches!(command, None | Some(LegCommand::Close));
                if let Some(message) = command.and_then(|command| framing.encode(command))
                    && sink.send(message).await.is_err() { break }
                if close {
                    let _gone = sink.close().await;
                    return;
                }
            }
        }
    }
    let _gone = events.send(LegEvent::Closed).await;
}

/// For a server that made its own certificate: the user asked to trust whatever it shows.
fn trusting() -> std::sync::Arc<rustls::ClientConfig> {
    let config = rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(any_certificate::Any::new()))
        .with_no_client_auth();
    std::sync::Arc::new(config)
}

mod any_certificate {
    use rustls::DigitallySignedStruct;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::WebPkiSupportedAlgorithms;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

    #[derive(Debug)]
    pub(super) struct Any(WebPkiSupportedAlgorithms);

    impl Any {
        pub(super) fn new() -> Self {
            Self(rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms)
        }
    }

    impl ServerCertVerifier for Any {
        fn verify_server_cert(
            &self,
            _end_entity: &CertificateDer<'_>,
            _intermediates: &[CertificateDer<'_>],
            _server_name: &ServerName<'_>,
            _ocsp: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            self.0.supported_schemes()
        }
    }
}
