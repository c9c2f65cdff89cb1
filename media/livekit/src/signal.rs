//! The way into a room: the address that is dialled, the first answer, and the pulse that tells whether the line still carries.

use std::time::{Duration, Instant};

use domain::Secret;
use media_rtc::Trust;
use runtime::tasks::{Kind, Tasks};

use crate::error::Error;
use crate::rpc::CLIENT_PROTOCOL;
use crate::socket::{self, Line};
use crate::wire::{DisconnectReason, Join, Leave, Request, Response, SignalRequest, SignalResponse};

const LINE: Kind = Kind::new("livekit.signal");

/// The protocol that we speak: two peer connections, data channels negotiated in band.
const PROTOCOL: u32 = 15;

pub(crate) type Signal = Line<SignalRequest, SignalResponse>;

/// What the server first answers.
pub(crate) enum Opened {
    Joined(Box<Join>),
    /// The participant that was there before goes on.
    Resumed,
    /// Not this way.
    Told(Leave),
}

/// Enters the room; with `resumes`, goes on as the participant of that id.
///
/// # Errors
/// Where the server is not reached, refuses, or says something else first.
pub(crate) async fn open(
    base: &str,
    token: &Secret<String>,
    resumes: Option<&str>,
    trust: &Trust,
    within: Duration,
    tasks: &Tasks,
) -> Result<(Signal, Opened), Error> {
    let url = address(base, resumes);
    let socket = socket::dial(&url, token, trust, within).await?;
    let mut line: Signal = socket::carry(socket, LINE, tasks);
    let first = tokio::time::timeout(within, line.receiver.recv()).await;
    let silent = || Error::Protocol(format!("nothing came within {within:?} of joining"));
    let first = first.map_err(|_elapsed| silent())?;
    let opened = match first.and_then(|response| response.message) {
        Some(Response::Join(join)) => Opened::Joined(Box::new(join)),
        Some(Response::Reconnect(_)) => Opened::Resumed,
        Some(Response::Leave(leave)) => Opened::Told(leave),
        _ => return Err(Error::Protocol("the first message was no answer to joining".to_owned())),
    };
    Ok((line, opened))
}

fn address(base: &str, resumes: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut url = format!(
        "{base}/rtc?protocol={PROTOCOL}&sdk=agent-foundry&version={version}&auto_subscribe=0&adaptive_stream=0\
         &client_protocol={CLIENT_PROTOCOL}"
    );
    if let Some(sid) = resumes {
        url.push_str("&reconnect=1&sid=");
        url.extend(sid.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_'));
    }
    url
}

impl Signal {
    /// Never waits. False where the line is broken or does not move.
    pub(crate) fn say(&self, request: Request) -> bool {
        self.sender.try_send(SignalRequest { message: Some(request) }).is_ok()
    }
}

/// As the server wants it: pings at an interval, and something back within a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    every: Duration,
    patience: Duration,
    pinged: Instant,
    heard: Instant,
}

impl Pulse {
    /// Seconds as the server gives them when we join.
    pub(crate) fn new(interval_s: i32, timeout_s: i32, now: Instant) -> Self {
        let seconds = |given: i32, usual: u64| match u64::try_from(given) {
            Ok(given @ 1..=300) => Duration::from_secs(given),
            _ => Duration::from_secs(usual),
        };
        Self { every: seconds(interval_s, 5), patience: seconds(timeout_s, 15), pinged: now, heard: now }
    }

    /// Another line of the same server.
    pub(crate) const fn again(self, now: Instant) -> Self {
        Self { pinged: now, heard: now, ..self }
    }

    pub(crate) const fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    pub(crate) fn due(&self) -> Instant {
        (self.pinged + self.every).min(self.heard + self.patience)
    }

    /// Whether a ping is due; `None` where the line is dead.
    pub(crate) fn beat(&mut self, now: Instant) -> Option<bool> {
        if now >= self.heard + self.patience {
            return None;
        }
        let due = now >= self.pinged + self.every;
        if due {
            self.pinged = now;
        }
        Some(due)
    }
}

/// Whether a participant who is told to leave for this reason may find the room again.
pub(crate) const fn may_return(reason: DisconnectReason) -> bool {
    !matches!(
        reason,
        DisconnectReason::ClientInitiated
            | DisconnectReason::DuplicateIdentity
            | DisconnectReason::ParticipantRemoved
            | DisconnectReason::RoomDeleted
            | DisconnectReason::RoomClosed
            | DisconnectReason::UserRejected
            | DisconnectReason::UserUnavailable
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_participant_is_named_and_the_name_adds_nothing_else() {
        assert!(!address("ws://x", None).contains("reconnect"));
        let url = address("ws://x", Some("PA_1&auto_subscribe=1"));
        assert!(url.ends_with("&reconnect=1&sid=PA_1auto_subscribe1"), "{url}");
    }

    #[test]
    fn pings_go_out_in_time_and_a_silent_line_is_dead() {
        let begun = tokio::time::Instant::now().into_std();
        let at = |s: u64| begun + Duration::from_secs(s);
        let mut pulse = Pulse::new(5, 15, at(0));
        assert_eq!((pulse.due(), pulse.beat(at(4)), pulse.beat(at(5))), (at(5), Some(false), Some(true)));
        pulse.heard(at(5));
        assert_eq!((pulse.beat(at(19)), pulse.beat(at(20))), (Some(true), None));
        let nonsense = Pulse::new(-1, 0, at(0));
        assert_eq!(nonsense.due(), at(5));
    }
}
