//! Speech to text: streaming recognition of version 2, over gRPC.

mod grpc;
mod protocol;

use std::sync::Arc;
use std::time::Duration;

use domain::Secret;
use futures::FutureExt;
use futures::future::BoxFuture;
use providers_api::{Error, ErrorKind, ProviderInfo, Stt, SttRequest, SttStream};
use providers_link::carrier::{Carried, Carrier};
use providers_link::socket::Manners;
use providers_link::{Client, Endpoint, Fault, Hearing, hearing};
use tokio::time::timeout;

use crate::NAME;
use crate::auth::Auth;
use crate::options::Options;
use crate::wire::speech::STREAMING_RECOGNIZE;
use protocol::Recognition;

/// Google thinks 100 ms the best between delay and effort.
const MESSAGE_MS: u32 = 100;
/// From the end of the audio to the final, 99 of 100 times within 1.6 s. A session waits 2.2 s.
const FINALIZE_WITHIN: Duration = Duration::from_millis(1_900);

type Protocols = Box<dyn Fn(&SttRequest) -> Recognition + Send + Sync>;

pub struct GoogleStt {
    inner: Hearing<Protocols>,
}

impl GoogleStt {
    /// `client` fetches the tokens of service accounts.
    #[must_use]
    pub fn new(options: Options, client: Client) -> Self {
        let info = ProviderInfo {
            name: NAME.to_owned(),
            model: options.stt_model.clone(),
            region: options.location.clone(),
            rate_hz: 16_000,
            ..ProviderInfo::default()
        };
        let streams = Streams { auth: Auth::new(client, &options), recognizer: options.recognizer() };
        let manners = Manners {
            connect_within: options.connect_within,
            keep_alive: Some(protocol::KEEP_ALIVE),
            carrier: Some(Arc::new(streams)),
            ..Manners::new(NAME)
        };
        let hearing = hearing::Options {
            message_ms: MESSAGE_MS,
            finalize_within: FINALIZE_WITHIN,
            ..hearing::Options::new(manners)
        };
        let protocols: Protocols = Box::new(move |request| Recognition::new(&options, request));
        Self { inner: Hearing::new(info, hearing, protocols) }
    }
}

impl Stt for GoogleStt {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        self.inner.open(request)
    }
}

/// Opens connections that carry streams of recognition, with a token that is good.
#[derive(Debug)]
struct Streams {
    auth: Auth,
    recognizer: String,
}

impl Carrier for Streams {
    fn open(
        &self,
        endpoint: &Endpoint,
        manners: &Manners,
    ) -> BoxFuture<'static, Result<Box<dyn Carried>, Fault>> {
        let (auth, url, connect_within) = (self.auth.clone(), endpoint.url.clone(), manners.connect_within);
        // Google finds the place of work by this, before it looks into the messages.
        let routing = format!("recognizer={}", providers_link::socket::encoded(&self.recognizer));
        let opening = async move {
            auth.ready().await?;
            let mut headers = auth.headers();
            headers.push(("x-goog-request-params", Secret::new(routing)));
            let address = grpc::Address { url, method: STREAMING_RECOGNIZE, headers, connect_within };
            let refused = move |fault: &Fault| {
                if fault.kind == ErrorKind::Unauthorized {
                    auth.forget();
                }
            };
            let connection = grpc::Connection::open(address, refused).await?;
            Ok(Box::new(connection) as Box<dyn Carried>)
        };
        async move {
            let late =
                |_| Fault::new(ErrorKind::TimedOut, format!("no connection within {connect_within:?}"));
            timeout(connect_within, opening).await.map_err(late)?
        }
        .boxed()
    }
}
