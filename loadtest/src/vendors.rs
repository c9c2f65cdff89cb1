//! Servers that speak vendors' real wire formats with exact delays, as a process of their own: what a benchmark puts in a vendor's place.
//!
//! They recognise and speak nothing: time is what they are made of. Loopback only.

mod listen;
mod speak;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use runtime::{Kind, Tasks};
use serde::Deserialize;

/// What each answer takes. The defaults are those that the comparison with other frameworks was made with.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Delays {
    /// From a demanded final to the final, ms.
    #[arg(long, default_value_t = 50)]
    pub stt_final_ms: u64,
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
        Self { stt_final_ms: 50, tts_first_byte_ms: 50, tts_ms_per_char: 60, tts_speed: 10 }
    }
}

impl Delays {
    pub(crate) const fn stt_final(self) -> Duration {
        Duration::from_millis(self.stt_final_ms)
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

/// Serves until `tasks` ends; returns the address that was bound.
///
/// # Errors
/// When the address is not on loopback or is taken.
pub async fn serve(address: SocketAddr, delays: Delays, tasks: &Tasks) -> anyhow::Result<SocketAddr> {
    anyhow::ensure!(address.ip().is_loopback(), "the timed vendors serve loopback alone, not {address}");
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/v1/listen", get(deepgram_listen))
        .route("/v1/speak", get(deepgram_speak))
        .with_state(Arc::new(delays));
    tasks.spawn(SERVE, async move { axum::serve(listener.tap_io(at_once), router).await });
    Ok(bound)
}

#[derive(Deserialize)]
struct Audio {
    sample_rate: u32,
}

async fn deepgram_listen(
    upgrade: WebSocketUpgrade,
    State(delays): State<Arc<Delays>>,
    Query(audio): Query<Audio>,
) -> Response {
    upgrade.on_upgrade(move |socket| listen::run(socket, audio.sample_rate, *delays))
}

async fn deepgram_speak(
    upgrade: WebSocketUpgrade,
    State(delays): State<Arc<Delays>>,
    Query(audio): Query<Audio>,
) -> Response {
    upgrade.on_upgrade(move |socket| speak::run(socket, audio.sample_rate, *delays))
}
