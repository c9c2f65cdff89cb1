//! Telephones in LiveKit rooms that are sent elsewhere: LiveKit's server asks the far end of the call, by its SIP bridge.

use std::time::{Duration, SystemTime};

use domain::Transfer;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use media_livekit::api::{Command, Refusal};
use media_livekit::{Caller, Keys, sip};
use media_session::{NotTransferred, Refer};
use providers_link::Client;
use tokio::sync::watch;

use super::ask::{Unanswered, ask};
use crate::adapters::transfers::not_answered;

/// LiveKit answers when the far end has, which may let it ring: so much later it answers at the latest.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// The room of one call, and who the caller is now.
pub(super) struct ByLiveKit {
    pub(super) client: Client,
    pub(super) url: String,
    pub(super) keys: Keys,
    pub(super) room: String,
    pub(super) caller: watch::Receiver<Option<Caller>>,
}

impl Refer for ByLiveKit {
    fn refer(&self, transfer: &Transfer) -> BoxFuture<'static, Result<(), NotTransferred>> {
        let caller = self.caller.borrow().clone();
        let (client, command) = (self.client.clone(), self.command(caller, transfer));
        let within = Duration::from_secs(transfer.ring_s.into()) + ANSWERS_WITHIN;
        async move { post(&client, command?, within).await }.boxed()
    }
}

impl ByLiveKit {
    fn command(&self, caller: Option<Caller>, transfer: &Transfer) -> Result<Command, NotTransferred> {
        let Some(caller) = caller.filter(|caller| caller.sip) else {
            let why = "the caller is in the room without a telephone: only telephones can be sent elsewhere";
            return Err(NotTransferred::unsupported(why));
        };
        let to = sip::address(&transfer.to)
            .ok_or_else(|| NotTransferred::failed("that can be neither dialled nor addressed"))?;
        let ring = Duration::from_secs(transfer.ring_s.into());
        let wanted = sip::Transfer { room: &self.room, identity: &caller.identity, to: &to, ring };
        let command = wanted.command(&self.url, &self.keys, SystemTime::now());
        command.map_err(|error| NotTransferred::failed(&error.to_string()))
    }
}

/// Asks LiveKit, and understands its answer.
async fn post(client: &Client, command: Command, within: Duration) -> Result<(), NotTransferred> {
    match ask(client, command, within).await {
        Ok(body) => {
            body.finish();
            Ok(())
        }
        Err(Unanswered::Refused(refusal)) => Err(not_transferred(&refusal)),
        Err(other) => Err(NotTransferred::failed(&other.to_string())),
    }
}

/// What the graph is told of a refusal.
fn not_transferred(refusal: &Refusal) -> NotTransferred {
    let Refusal { code, message, sip_status } = refusal;
    let message = format!("LiveKit did not send the telephone elsewhere: {code}: {message}");
    match (sip_status, code.as_str()) {
        (Some(status), _) => {
            not_answered(media_sip::Unanswered::of(*status), &format!("{message} (SIP {status})"))
        }
        (None, "deadline_exceeded" | "canceled") => NotTransferred::unanswered(&message),
        _ => NotTransferred::failed(&message),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use domain::Secret;
    use providers_link::http;

    use super::*;

    fn command(url: String) -> Command {
        let (authorization, content_type) = (Secret::new("Bearer x".to_owned()), "application/json");
        Command { url, authorization, content_type, body: "{}".to_owned() }
    }

    #[tokio::test]
    async fn a_server_that_never_answers_and_one_that_is_not_there_are_no_transfer() {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/twirp", silent.local_addr().expect("bound"));
        let client = Client::new(http::Options::default());
        let late = post(&client, command(url.clone()), Duration::from_millis(50)).await;
        let late = late.expect_err("nobody answers");
        assert_eq!(late.code(), "TRANSFER_FAILED");
        assert!(late.message().contains("did not answer in time"), "{late:?}");
        drop(silent);
        let absent = post(&client, command(url), Duration::from_secs(60)).await;
        let absent = absent.expect_err("nobody is there");
        assert!(absent.message().contains("was not reached"), "{absent:?}");
    }

    fn code(refusal: (&str, Option<u16>)) -> &'static str {
        let (code, sip_status) = refusal;
        let refusal = Refusal { code: code.to_owned(), message: String::new(), sip_status };
        not_transferred(&refusal).code()
    }

    #[test]
    fn a_refusal_of_the_callee_is_another_thing_than_one_of_the_server() {
        assert_eq!(code(("permission_denied", Some(603))), "TRANSFER_REFUSED");
        assert_eq!(code(("unavailable", Some(486))), "TRANSFER_UNANSWERED");
        assert_eq!(code(("deadline_exceeded", None)), "TRANSFER_UNANSWERED");
        assert_eq!(code(("permission_denied", None)), "TRANSFER_FAILED");
        assert_eq!(code(("not_found", None)), "TRANSFER_FAILED");
    }
}
