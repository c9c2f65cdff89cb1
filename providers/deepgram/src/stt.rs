//! Live recognition: which version of the protocol a model speaks.

use std::time::Duration;

use futures::future::BoxFuture;
use providers_api::{Error, ProviderInfo, Stt, SttRequest, SttStream};
use providers_link::Hearing;
use providers_link::hearing;

use crate::flux::Turns;
use crate::manners::{NAME, manners};
use crate::nova::Live;
use crate::options::Options;

const RATE_HZ: u32 = 16_000;
/// Deepgram closes a socket that hears nothing for 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// Deepgram wants 20 to 100 ms a message; two frames halve the messages and cost 20 ms of partial latency, none at the final.
const MESSAGE_MS: u32 = 40;
/// What is recommended for Flux.
const FLUX_MESSAGE_MS: u32 = 80;
/// Flux ends no turn while it hears nothing, not even silence.
pub(crate) const FLUX_SILENCE: Duration = Duration::from_millis(500);

pub struct DeepgramStt {
    inner: Box<dyn Stt>,
}

impl DeepgramStt {
    #[must_use]
    pub fn new(options: Options) -> Self {
        let info = ProviderInfo {
            name: NAME.to_owned(),
            model: options.stt_model.clone(),
            rate_hz: RATE_HZ,
            ..ProviderInfo::default()
        };
        let mut manners = manners(&options);
        let settled_within = Some(options.finalize_timeout);
        let finalize_within = options.finalize_timeout.max(hearing::FINALIZE_WITHIN);
        let inner: Box<dyn Stt> = if options.stt_model.starts_with("flux") {
            manners.keep_alive = Some(FLUX_SILENCE);
            let hearing = hearing::Options {
                finalize_within,
                settled_within,
                message_ms: FLUX_MESSAGE_MS,
                waits_for_ready: true,
                charges_open_time: true,
                ..hearing::Options::new(manners)
            };
            Box::new(Hearing::new(info, hearing, move |request: &SttRequest| Turns::new(&options, request)))
        } else {
            manners.keep_alive = Some(KEEP_ALIVE);
            let hearing = hearing::Options {
                finalize_within,
                settled_within,
                message_ms: MESSAGE_MS,
                charges_open_time: true,
                ..hearing::Options::new(manners)
            };
            Box::new(Hearing::new(info, hearing, move |request: &SttRequest| Live::new(&options, request)))
        };
        Self { inner }
    }
}

impl Stt for DeepgramStt {
    fn info(&self) -> &ProviderInfo {
        self.inner.info()
    }

    fn open(&self, request: SttRequest) -> BoxFuture<'_, Result<SttStream, Error>> {
        self.inner.open(request)
    }
}
