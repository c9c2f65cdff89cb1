//! The contracts of recogniser and voice against a server that speaks Google Cloud's protocols, and against Google where there are
//! credentials.

mod gemini;
mod speech;
mod synthesis;

use domain::{Secret, SessionId};
use loadtest_vendors::{Delays, Seen, Standin};
use providers_api::SttRequest;
use providers_api::conformance::Trial;
use providers_google::{Credentials, Options};
use providers_link::Client;

const KEY: &str = "AIza-key-of-a-test";
const RATE_HZ: u32 = 16_000;

struct Stand {
    standin: Standin,
    options: Options,
}

impl Stand {
    async fn new() -> Self {
        Self::with(Credentials::api_key(Secret::new(KEY.to_owned()))).await
    }

    async fn with(credentials: Credentials) -> Self {
        let delays =
            Delays { stt_final_ms: 20, tts_first_byte_ms: 20, tts_ms_per_char: 30, ..Delays::default() };
        let standin = Standin::start(delays).await;
        let base_url = format!("http://{}/google", standin.address);
        let options = Options {
            project: "acme".to_owned(),
            stt_base_url: Some(base_url.clone()),
            tts_base_url: Some(base_url.clone()),
            token_url: format!("{base_url}/token"),
            ..Options::new(credentials)
        };
        Self { standin, options }
    }

    fn seen(&self, what: &str) -> Vec<Seen> {
        self.standin.seen(what)
    }
}

/// Of a service account, with a key that was made for it.
fn account() -> Credentials {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("an RSA key");
    let file = serde_json::json!({
        "type": "service_account", "project_id": "acme", "private_key_id": "key-7",
        "private_key": pair.serialize_pem(), "client_email": "voice@acme.iam.gserviceaccount.com",
    });
    Credentials::service_account(&Secret::new(file.to_string())).expect("a key file")
}

fn client() -> Client {
    Client::new(providers_link::http::Options::default())
}

fn trial() -> Trial {
    loadtest_vendors::trial::trial(KEY)
}

fn request() -> SttRequest {
    SttRequest {
        session: SessionId::generate(),
        rate_hz: RATE_HZ,
        language: None,
        keywords: vec!["Foundry".to_owned()],
    }
}

/// With `FOUNDRY_LIVE=1` and the key file that `GOOGLE_APPLICATION_CREDENTIALS` names; costs money. None: not asked for.
fn live() -> Option<Options> {
    let path = std::env::var("GOOGLE_APPLICATION_CREDENTIALS").unwrap_or_default();
    if path.is_empty() || std::env::var("FOUNDRY_LIVE").as_deref() != Ok("1") {
        eprintln!("not run: needs GOOGLE_APPLICATION_CREDENTIALS and FOUNDRY_LIVE=1");
        return None;
    }
    let json = std::fs::read_to_string(path).expect("the key file can be read");
    Some(Options::new(Credentials::service_account(&Secret::new(json)).expect("a key file")))
}
