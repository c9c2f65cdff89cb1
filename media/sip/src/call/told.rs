//! What a call is told by its transactions, by other calls and by the requests of its other side, and what it answers at once.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use domain::Digit;
use rsipstack::sip::{Method, Request as SipRequest, Response};
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use rsipstack::transport::SipConnection;
use tokio::sync::oneshot;

use super::Call;
use crate::control;
use crate::dialog;
use crate::invitation::CallKey;
use crate::machine::{Input, RequestId};

/// What the dispatcher and the transactions tell a call.
#[derive(Debug)]
pub(crate) enum Told {
    Request {
        request: SipRequest,
        answer: Answer,
        id: RequestId,
    },
    Cancelled,
    Acknowledged {
        id: RequestId,
        sdp: Option<String>,
    },
    Unacknowledged(RequestId),
    /// The answer to this REFER is with the socket, or nothing will be said to it.
    Done(RequestId),
    Refreshed {
        status: u16,
        sdp: Option<String>,
    },
    /// Our INVITE went out again, with an answer to a challenge or by another connection.
    Asked(SipRequest),
    /// The other side is reached by this connection now, which leads there.
    Moved(SipConnection, SocketAddr),
    /// To our INVITE.
    Answered(Box<Response>),
    /// To our INVITE that went out again by another connection: the one that was lost with the connection before, this one, is there too.
    Merged(Box<SipRequest>),
    /// Nothing came to it.
    Unanswered,
    /// The other side was asked to go elsewhere.
    Referred(u16),
    /// They heard how their wish to be put through comes along, or never will.
    Notified,
    /// An answer to a request of ours, for whoever looks into the call.
    Seen(String),
    /// What a transaction said by itself, for them too: the ACK to an answer.
    Said(String),
    /// Another call wants to take this one's place: its key, or the status to refuse that with.
    Replaced {
        from_tag: String,
        early_only: bool,
        by: Party,
        answer: oneshot::Sender<Result<CallKey, u16>>,
    },
}

/// Who is at the other end, as far as it can be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) trunk: Option<String>,
    pub(crate) ip: IpAddr,
}

impl Party {
    /// Of trunks the name counts, which may have many addresses; of others the address.
    fn is(&self, other: &Self) -> bool {
        self.trunk == other.trunk && (self.trunk.is_some() || self.ip == other.ip)
    }
}

/// What an answer to a request of ours is to its call; `None` where none came.
pub(crate) type Meaning = fn(Option<&Response>) -> Told;

impl Told {
    pub(super) fn of_refresh(answer: Option<&Response>) -> Self {
        Self::Refreshed {
            status: answer.map_or(408, |response| response.status_code.code()),
            sdp: answer.and_then(|response| dialog::description(response, &response.body)),
        }
    }

    pub(crate) fn of_notify(_answer: Option<&Response>) -> Self {
        Self::Notified
    }

    pub(crate) fn of_refer(answer: Option<&Response>) -> Self {
        Self::Referred(answer.map_or(408, |response| response.status_code.code()))
    }
}

/// The way back into a transaction.
pub(crate) struct Answer(pub(crate) TransactionEventSender);

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}

impl Call {
    pub(super) async fn told(&mut self, told: Told) {
        match told {
            Told::Request { request, answer, id } => self.request(request, answer, id).await,
            Told::Seen(answer) => self.saw(false, &answer),
            Told::Said(ack) => self.saw(true, &ack),
            Told::Cancelled => {
                self.saw(false, "CANCEL");
                self.feed(Input::Cancelled).await;
            }
            Told::Acknowledged { id, sdp } => {
                self.saw(false, "ACK");
                self.feed(Input::Acknowledged { id, sdp }).await;
            }
            Told::Unacknowledged(id) => self.feed(Input::Unacknowledged(id)).await,
            Told::Done(id) => self.wish_answered(id),
            Told::Refreshed { status, sdp } => self.feed(Input::Refreshed { status, sdp }).await,
            Told::Asked(invite) => self.asked(invite).await,
            Told::Moved(connection, source) => self.dialog.moved(connection, source),
            Told::Answered(response) => self.answered(&response).await,
            Told::Merged(lost) => self.merged(&lost).await,
            Told::Referred(status) => self.referred(status, status < 300).await,
            Told::Notified => self.notified(),
            Told::Unanswered => self.feed(Input::Declined(408)).await,
            Told::Replaced { from_tag, early_only, by, answer } => {
                let _gone = answer.send(self.replaceable(&from_tag, early_only, &by));
            }
        }
    }

    /// Whether that caller may take this call's place (RFC 3891 section 3).
    fn replaceable(&self, from_tag: &str, early_only: bool, by: &Party) -> Result<CallKey, u16> {
        if self.dialog.remote_tag() != Some(from_tag) || !self.machine.is_confirmed() {
            return Err(481);
        }
        if !self.party.is(by) {
            return Err(403);
        }
        if early_only { Err(486) } else { Ok(self.key.clone()) }
    }

    async fn request(&mut self, request: SipRequest, answer: Answer, id: RequestId) {
        self.saw(false, &request.to_string());
        if !self.dialog.take(&request) {
            return self.respond(&request, &answer, 500);
        }
        match request.method {
            Method::Bye => {
                self.respond(&request, &answer, 200);
                self.feed(Input::Bye).await;
            }
            Method::Invite | Method::Update => {
                let sdp = dialog::description(&request, &request.body);
                let timer = dialog::timer(&request);
                let invite = request.method == Method::Invite;
                self.open.insert(id, (request, answer));
                self.feed(Input::Offered { id, invite, sdp, timer }).await;
            }
            Method::Info => {
                self.respond(&request, &answer, 200);
                if let Some(digit) = relayed(&request.body) {
                    self.key(digit).await;
                }
            }
            Method::Notify if self.transfer.is_some() => {
                self.respond(&request, &answer, 200);
                if let Some(status) = control::progress_of(&request.body).filter(|status| *status >= 200) {
                    self.referred(status, false).await;
                }
            }
            Method::Options => self.respond(&request, &answer, 200),
            Method::Refer if self.shared.refers.load(Ordering::Relaxed) => self.wished(request, answer, id),
            Method::Refer => self.respond(&request, &answer, 603),
            _ => self.respond(&request, &answer, 405),
        }
    }

    pub(crate) fn respond(&self, request: &SipRequest, answer: &Answer, status: u16) {
        let response = self.dialog.response(request, status, None, None);
        self.saw(true, &response.to_string());
        let _gone = answer.0.send(TransactionEvent::Respond(response));
    }
}

/// A key in an INFO: `Signal=5` of application/dtmf-relay, or the bare key of application/dtmf.
fn relayed(body: &[u8]) -> Option<Digit> {
    let text = std::str::from_utf8(body).ok()?;
    let signal = text.lines().find_map(|line| line.trim().strip_prefix("Signal=")).unwrap_or(text);
    let mut keys = signal.trim().chars();
    let key = keys.next().filter(|_| keys.next().is_none())?;
    Digit::try_from(key).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_infos_are_read_and_nothing_else_is_one() {
        let digit = |key| Digit::try_from(key).ok();
        assert_eq!(relayed(b"Signal=5\r\nDuration=160\r\n"), digit('5'));
        assert_eq!(relayed(b" # "), digit('#'));
        assert_eq!(relayed(b"Signal=55"), None);
        assert_eq!(relayed(b""), None);
        assert_eq!(relayed(&[0xff]), None);
    }
}
