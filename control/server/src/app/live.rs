//! Calls under way: who may see, hear and end them, and what is written down of that.

use control_api::live::{Ending, Listening, LiveCalls, Whisper, WhisperMode, Whispered};
use control_api::{paths, problem};
use domain::SessionId;
use jiff::SignedDuration;
use serde_json::json;

use super::ctx::{Change, Ctx, Done};
use super::fields::Fields;
use super::sessions;
use crate::Server;
use crate::error::Error;
use crate::ports::Accept;

mod elsewhere;

pub(crate) use elsewhere::Elsewhere;

/// From the permission to hear a call to the opening of the socket.
const OPENS_WITHIN: SignedDuration = SignedDuration::from_secs(30);
const WHISPER_CHARS: usize = 500;

/// Those that run here as they are, and those of other servers as they are on record.
pub(crate) async fn list(ctx: &Ctx, server: &Server) -> LiveCalls {
    let others = server.elsewhere.calls(ctx, server).await;
    let mut data = server.ports.live.calls(ctx.org);
    let others_known = others.is_some();
    // One that was just taken over is on record a moment later.
    let mut others = others.unwrap_or_default();
    others.retain(|other| data.iter().all(|call| call.id != other.id));
    data.extend(others);
    LiveCalls { data, others_known }
}

/// The organization's call, which runs here.
async fn running(ctx: &Ctx, server: &Server, id: &str) -> Result<SessionId, Error> {
    let live = server.ports.live.calls(ctx.org);
    if let Some(call) = live.iter().find(|call| call.id.to_string() == id) {
        return Ok(call.id);
    }
    sessions::own(ctx, server, id).await?;
    Err(over())
}

fn over() -> Error {
    Error::new(
        &problem::CONFLICT,
        "the call is over, or runs on another server: ask that server, which GET /v1/live names",
    )
}

/// The key or cookie of whoever asks stays where it is: a browser's socket can send neither with the organization it acts in.
pub(crate) async fn listen(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Listening>, Error> {
    let session = running(ctx, server, id).await?;
    let expires = server.ports.clock.now() + OPENS_WITHIN;
    let token = server.tokens.listen(session, expires);
    let body = Listening { url: format!("{}?token={token}", paths::LISTEN_SOCKET) };
    let tx = ctx.tx(server).await?;
    // The answer opens a call to whoever has it: it is not kept for a repetition.
    ctx.commit(tx, Change::of("call.listen", session), Done { body, status: 201, revision: None }).await
}

pub(crate) fn hear(server: &Server, token: &str) -> Result<Accept, Error> {
    let invalid = || {
        let detail = "the token is not good (any more): ask POST /v1/sessions/{id}/listen for a new address";
        Error::new(&problem::TOKEN_INVALID, detail)
    };
    let session = server.tokens.check_listen(token, server.ports.clock.now()).ok_or_else(invalid)?;
    server.ports.live.listen(session).ok_or_else(over)
}

pub(crate) async fn whisper(
    ctx: &Ctx,
    server: &Server,
    id: &str,
    whisper: Whisper,
) -> Result<Done<Whispered>, Error> {
    let session = running(ctx, server, id).await?;
    let text = whisper.text.trim().to_owned();
    let mut fields = Fields::default();
    fields.text("/text", &text, 1, WHISPER_CHARS);
    fields.check()?;
    let length = text.chars().count();
    let heeded = match whisper.mode {
        WhisperMode::Instruct => server.ports.live.whisper(session, text).await,
        WhisperMode::Say => server.ports.live.prompt(session, text).await,
    };
    let body = Whispered { heeded: heeded.ok_or_else(over)? };
    let tx = ctx.tx(server).await?;
    // The words stand in the call's own record.
    let change =
        Change::of("call.whisper", session).to(&json!({ "mode": whisper.mode, "characters": length }));
    ctx.commit(tx, change, Done { body, status: 200, revision: None }).await
}

pub(crate) async fn end(ctx: &Ctx, server: &Server, id: &str) -> Result<Done<Ending>, Error> {
    let session = running(ctx, server, id).await?;
    let tx = ctx.tx(server).await?;
    let done = Done { body: Ending { id: session }, status: 202, revision: None };
    let done = ctx.commit(tx, Change::of("call.end", session), done).await?;
    server.ports.live.end(session).await.ok_or_else(over)?;
    Ok(done)
}
