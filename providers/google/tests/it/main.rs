//! The contracts of recogniser and voice against a server that speaks Google Cloud's protocols, and against Google where there are
//! credentials.

mod gemini;
mod speech;
mod synthesis;

use std::time::Duration;

use domain::{Secret, SessionId};
use futures::FutureExt;
use loadtest_vendors::{Delays, Seen, Stage};
use providers_api::SttRequest;
use providers_api::conformance::Trial;
use providers_google::{Credentials, Options};
use providers_link::Client;
use runtime::Tasks;

const KEY: &str = "AIza-key-of-a-test";
const RATE_HZ: u32 = 16_000;

struct Stand {
    stage: Stage,
    options: Options,
    _tasks: Tasks,
}

impl Stand {
    async fn new() -> Self {
        Self::with(Credentials::api_key(Secret::new(KEY.to_owned()))).await
    }

    async fn with(credentials: Credentials) -> Self {
        let delays =
            Delays { stt_final_ms: 20, tts_first_byte_ms: 20, tts_ms_per_char: 30, ..Delays::default() };
        let (stage, tasks) = (Stage::new(delays), Tasks::new());
        let address = "127.0.0.1:0".parse().expect("an address");
        let bound = loadtest_vendors::serve(address, stage.clone(), &tasks).await.expect("a free port");
        let base_url = format!("http://{bound}/google");
        let options = Options {
            project: "acme".to_owned(),
            stt_base_url: Some(base_url.clone()),
            tts_base_url: Some(base_url.clone()),
            token_url: format!("{base_url}/token"),
            ..Options::new(credentials)
        };
        Self { stage, options, _tasks: tasks }
    }

    fn seen(&self, what: &str) -> Vec<Seen> {
        self.stage.seen().into_iter().filter(|seen| seen.what == what).collect()
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

/// Long enough a tone for eight words, of which one is looked for.
fn trial() -> Trial {
    Trial {
        speech: tone(Duration::from_millis(2_400)),
        rate_hz: RATE_HZ,
        word: "appointment".to_owned(),
        key: KEY.to_owned(),
        ..Trial::new(|length| tokio::time::sleep(length).boxed(), Duration::from_secs(10))
    }
}

fn tone(length: Duration) -> Vec<i16> {
    let count = (length.as_secs_f64() * f64::from(RATE_HZ)) as u32;
    (0..count)
        .map(|n| (f64::from(n) * 220.0 * std::f64::consts::TAU / f64::from(RATE_HZ)).sin())
        .map(|sample| (sample * 6_000.0) as i16)
        .collect()
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
