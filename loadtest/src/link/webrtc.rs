//! A caller over WebRTC: our client peer, bootstrapped as a browser would be.

use media_rtc::Client;
use media_rtc::client::Options;
use runtime::Tasks;

use super::{DialError, Link, Target, bootstrap};

pub(super) async fn dial(target: &Target) -> Result<Link, DialError> {
    let tasks = Tasks::new();
    let http = bootstrap::client(target)?;
    let started = bootstrap::start(&http, target, "webrtc").await?;
    let local = |error: media_rtc::Error| DialError::Local { reason: error.to_string() };
    let (client, peer, offer) = Client::offer(&Options::default(), &tasks).map_err(local)?;
    let answer = bootstrap::offer(&http, target, &started, &offer).await?;
    client.accept(&answer.sdp).await.map_err(local)?;
    Ok(Link { codec: peer.codec, events: peer.events, commands: peer.commands, _tasks: tasks })
}
