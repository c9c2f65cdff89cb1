//! What both kinds of realtime sessions do on their socket: events leave when they are due, and what goes wrong goes wrong.

use std::collections::VecDeque;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use providers_api::conformance::Adversity;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::VENDOR;
use crate::{Stage, paced};

/// Events with their times, the next first.
pub(super) type Due = VecDeque<(Instant, Value)>;

pub(super) trait Session {
    fn stage(&self) -> &Stage;

    fn fate(&self) -> Option<Adversity>;

    fn due(&mut self) -> &mut Due;

    /// When the connection breaks off.
    fn breaks_at(&self) -> Option<Instant>;

    /// An event is sent: what it says is so from now on.
    fn leaves(&mut self, _event: &Value) {}

    /// A message of the client.
    fn take(&mut self, text: &str);
}

/// Until one of the two hangs up. What the session had to say at once was put among what is due.
pub(super) async fn serve(session: &mut impl Session, mut socket: WebSocket) {
    let fate = session.fate();
    match fate {
        Some(Adversity::Mute) => session.due().clear(),
        Some(Adversity::Garbage) => *session.due() = [(Instant::now(), json!("<html>"))].into(),
        Some(Adversity::Oversized) => {
            *session.due() = [(Instant::now(), json!({ "type": "x".repeat(paced::OVERSIZED) }))].into();
        }
        _ => {}
    }
    let ends = matches!(fate, Some(Adversity::Exhausted | Adversity::Overloaded | Adversity::Rejected));
    loop {
        let due = session.due().front().map(|(at, _)| *at);
        let breaks_at = session.breaks_at();
        tokio::select! {
            () = sleep_until(breaks_at.unwrap_or_else(Instant::now)), if breaks_at.is_some() => return,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let Some((_, event)) = session.due().pop_front() else { continue };
                session.leaves(&event);
                if socket.send(Message::Text(event.to_string().into())).await.is_err() {
                    return;
                }
                if event["type"] == "error" && ends {
                    let frame = CloseFrame { code: 1011, reason: "".into() };
                    let _gone = socket.send(Message::Close(Some(frame))).await;
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) if fate != Some(Adversity::Mute) => session.take(&text),
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    session.stage().note(VENDOR, "closed", Value::Null);
                    return;
                }
                Some(Ok(_)) => {}
            },
        }
    }
}
