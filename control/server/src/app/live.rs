//! Calls under way: who may see, hear and end them, and what is written down of that.

use control_api::live::{Ending, Listening, LiveCall, LiveCalls, Whisper, WhisperMode, Whispered};
use control_api::{paths, problem};
use control_store::session as store;
use domain::SessionId;
use jiff::SignedDuration;
use serde_json::json;

use super::ctx::{Change, Ctx, Done};
use super::fields::Fields;
use super::sessions;
use crate::Server;
use crate::error::Error;
use crate::ports::Accept;

/// From the permission to hear a call to the opening of the socket.
const OPENS_WITHIN: SignedDuration = SignedDuration::from_secs(30);
const WHISPER_CHARS: usize = 500;

/// A call of another server that said nothing for so long is not shown: its server may have died.
const SILENT: SignedDuration = SignedDuration::from_mins(10);
/// Of other servers at most so many are shown.
const ELSEWHERE: i64 = 200;

/// Those that run here as they are, and those of other servers as they are on record.
pub(crate) async fn list(ctx: &Ctx, server: &Server) -> Result<LiveCalls, Error> {
    let mut data = server.ports.live.calls(ctx.org);
    let mut tx = ctx.tx(server).await?;
    let since = server.ports.clock.now() - SILENT;
    let others = store::elsewhere(&mut tx, server.ports.live.server(), since, ELSEWHERE).await?;
    tx.commit().await?;
    // One that was just taken over is on record a moment later.
    let others = others.into_iter().filter(|other| data.iter().all(|call| call.id != other.id));
    let others: Vec<LiveCall> = others.map(shown).collect();
    data.extend(others);
    Ok(LiveCalls { data })
}

fn shown(call: store::Elsewhere) -> LiveCall {
    LiveCall {
        id: call.id,
        agent: call.agent_name,
        transport: call.transport,
        started_at: call.started_at.to_string(),
        server_id: call.server,
        here: false,
        state: "elsewhere".to_owned(),
        connected: true,
        turns: call.turns.unsigned_abs(),
        listeners: 0,
    }
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
        WhisperMode::Say => server.ports.live.prompt(session, text).await.map(|()| true),
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
