//! Servers that speak vendors' real wire formats with exact delays, failing on demand: what benchmarks and tests put in a vendor's place.
//!
//! Written from the vendors' documentation, apart from our adapters. They understand nothing: a recogniser gives a word for every stretch
//! of voice, a voice is a tone, a model repeats what it was told. Loopback only.

mod anthropic;
mod assemblyai;
mod azure;
mod cartesia;
mod deepgram;
mod elevenlabs;
mod google;
mod openai;
mod paced;
mod script;
mod sound;
mod stage;
mod telnyx;
pub mod trial;
mod twilio;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::serve::ListenerExt as _;
use runtime::{Kind, Tasks};

pub use stage::{Seen, Stage};
pub use trial::Standin;

/// What each answer takes. The defaults are those that the comparison with other frameworks was made with.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Delays {
    /// From a demanded final to the final, ms.
    #[arg(long, default_value_t = 50)]
    pub stt_final_ms: u64,
    /// From a request to a language model to its first token, ms.
    #[arg(long, default_value_t = 50)]
    pub llm_first_token_ms: u64,
    /// Tokens that a language model gives in a second.
    #[arg(long, default_value_t = 100)]
    pub llm_tokens_per_second: u64,
    /// From a sentence to its first byte of audio, ms.
    #[arg(long, default_value_t = 50)]
    pub tts_first_byte_ms: u64,
    /// Audio for each character, ms.
    #[arg(long, default_value_t = 60)]
    pub tts_ms_per_char: u64,
    /// How many times faster than it sounds audio is sent.
    #[arg(long, default_value_t = 10)]
    pub tts_speed: u64,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            stt_final_ms: 50,
            llm_first_token_ms: 50,
            llm_tokens_per_second: 100,
            tts_first_byte_ms: 50,
            tts_ms_per_char: 60,
            tts_speed: 10,
        }
    }
}

impl Delays {
    pub(crate) const fn stt_final(self) -> Duration {
        Duration::from_millis(self.stt_final_ms)
    }

    pub(crate) const fn llm_first_token(self) -> Duration {
        Duration::from_millis(self.llm_first_token_ms)
    }

    pub(crate) fn llm_token(self) -> Duration {
        Duration::from_secs(1) / u32::try_from(self.llm_tokens_per_second.max(1)).unwrap_or(1)
    }

    pub(crate) const fn tts_first_byte(self) -> Duration {
        Duration::from_millis(self.tts_first_byte_ms)
    }
}

const SERVE: Kind = Kind::vital("vendors.serve");

/// Small messages leave when they are written, as a vendor's do; a socket that cannot be told so still works.
fn at_once(stream: &mut tokio::net::TcpStream) {
    let _slower = stream.set_nodelay(true);
}

/// Serves every vendor on one address until `tasks` ends; returns the address that was bound. Their paths do not meet, except where
/// a prefix tells them apart (`/openai`, `/azure`, `/google`: part of the base URL that an adapter is given).
///
/// # Errors
/// When the address is not on loopback or is taken.
pub async fn serve(address: SocketAddr, stage: Stage, tasks: &Tasks) -> anyhow::Result<SocketAddr> {
    anyhow::ensure!(address.ip().is_loopback(), "the timed vendors serve loopback alone, not {address}");
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let bound = listener.local_addr()?;
    let counted = stage.clone();
    let listener = listener.tap_io(move |stream| {
        counted.connected();
        at_once(stream);
    });
    let router = Router::new()
        .merge(deepgram::router(stage.clone()))
        .nest("/elevenlabs", elevenlabs::router(stage.clone()))
        .nest("/cartesia", cartesia::router(stage.clone()))
        .nest("/assemblyai", assemblyai::router(stage.clone()))
        .nest("/openai", openai::router(stage.clone()))
        .nest("/anthropic", anthropic::router(stage.clone()))
        .nest("/azure", azure::router(stage.clone()))
        .nest("/telnyx", telnyx::router(stage.clone()))
        .nest("/twilio", twilio::router(stage.clone()))
        .nest("/google", google::router(stage));
    tasks.spawn(SERVE, async move { axum::serve(listener, router).await });
    Ok(bound)
}
