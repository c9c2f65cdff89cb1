//! Calls that this server has a carrier make: how they are asked for, and why they are not made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::carriers::pace::Pace;
use ::carriers::{Dial, End, Unanswered, telnyx, twilio};
use control_api::provider_account::Vendor;
use control_server::ports::Account;
use domain::{ProviderAccountId, ServerId};
use providers_api::ErrorKind;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::legs::{Asking, Legs};
use super::{Line, api, key, twilio_credentials};

/// What stands before the server's name in the state that Telnyx gives back.
const BY: &str = "by ";

/// A carrier that has too many requests is asked again so often, when it says, and not much later.
const ATTEMPTS: u32 = 3;
const AGAIN: Duration = Duration::from_secs(2);
const AGAIN_MOST: Duration = Duration::from_secs(30);

/// How a carrier's refusal is understood, and the answer in which it names a call.
type Refused = fn(u16, &str) -> Unanswered;
type Named = fn(&str) -> Option<String>;

/// When calls of each account may be asked for, by this server. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Paces(Arc<Mutex<HashMap<ProviderAccountId, Pace>>>);

impl Paces {
    fn of<T>(&self, account: ProviderAccountId, ask: impl FnOnce(&mut Pace) -> T) -> T {
        ask(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(account).or_default())
    }

    /// Whether a call that begins now is asked for within so long.
    pub(crate) fn is_free(&self, account: &Account, within: Duration) -> bool {
        let by = (Instant::now() + within).into_std();
        self.of(account.id, |pace| pace.is_free(by))
    }

    /// When the next call is asked for, which nobody else is to have then.
    pub(crate) fn place(&self, account: &Account) -> Instant {
        let gap =
            account.options.calls_per_second.map(|many| Duration::from_secs(1) / u32::from(many.max(1)));
        let now = Instant::now().into_std();
        Instant::from_std(self.of(account.id, |pace| pace.place(gap.unwrap_or_default(), now)))
    }

    fn hold(&self, account: &Account, length: Duration) {
        let until = (Instant::now() + length).into_std();
        self.of(account.id, |pace| pace.hold(until));
    }
}

/// Why a carrier made no call.
struct NotMade {
    why: Unanswered,
    /// It has too many requests, and says when it takes some again.
    limited: Option<Option<Duration>>,
}

impl From<Unanswered> for NotMade {
    fn from(why: Unanswered) -> Self {
        Self { why, limited: None }
    }
}

/// The server that made a call, by the state that Telnyx gives back.
pub(super) fn made_by(state: &str) -> Option<&str> {
    state.strip_prefix(BY)
}

/// What an account lacks to make calls, for people. `None`: nothing.
pub(crate) fn lacks(account: &Account) -> Option<&'static str> {
    match account.vendor {
        _ if account.key.is_none() => Some("its key"),
        Vendor::Telnyx if account.options.connection_id.is_none() => {
            Some("its `connection_id`, the Voice API application of its numbers")
        }
        Vendor::Twilio if account.options.account_sid.is_none() => Some("its `account_sid`"),
        _ => None,
    }
}

impl Line {
    /// Has the carrier make a call at its place, `at`; the carrier's name of it, of which nobody is told that it is not ours until the other is
    /// dropped.
    ///
    /// # Errors
    /// Why it makes none.
    pub(crate) async fn dial(
        &self,
        account: &Account,
        dial: Dial<'_>,
        mut at: Instant,
        server: ServerId,
        (legs, paces): (&Legs, &Paces),
        stopping: &CancellationToken,
    ) -> Result<(String, Asking), End> {
        for attempt in 1.. {
            tokio::select! {
                () = tokio::time::sleep_until(at) => {}
                () = stopping.cancelled() => return Err(Unanswered::Cancelled.into()),
            }
            let asking = legs.ask(account.id);
            match self.dial_once(account, dial, server).await {
                Ok(call) => return Ok((call, asking)),
                Err(NotMade { why, limited: Some(after) }) => {
                    // Those that come behind it wait, too.
                    paces.hold(account, after.unwrap_or(AGAIN * attempt).min(AGAIN_MOST));
                    if attempt == ATTEMPTS {
                        return Err(why.into());
                    }
                    at = paces.place(account);
                }
                Err(NotMade { why, .. }) => return Err(why.into()),
            }
        }
        Err(Unanswered::Failed.into())
    }

    async fn dial_once(
        &self,
        account: &Account,
        dial: Dial<'_>,
        server: ServerId,
    ) -> Result<String, NotMade> {
        let Ok(key) = key(account) else { return Err(Unanswered::Forbidden.into()) };
        let (command, refused, dialled): (_, Refused, Named) = match account.vendor {
            Vendor::Telnyx => {
                let connection = account.options.connection_id.as_deref().unwrap_or_default();
                let (api, id) = (api(account, telnyx::API), format!("{:032x}", rand::random::<u128>()));
                let state = format!("{BY}{server}");
                let command = telnyx::dial(api, key, connection, dial, &state, &id);
                (command, telnyx::refused, telnyx::dialled)
            }
            _ => {
                let Ok(credentials) = twilio_credentials(account) else {
                    return Err(Unanswered::Forbidden.into());
                };
                let command = twilio::dial(api(account, twilio::API), credentials, dial);
                (command, twilio::refused, twilio::dialled)
            }
        };
        let mut why = Unanswered::Unreachable;
        let answer = match self.ask(&command, |status, body| why = refused(status, body)).await {
            Ok(answer) => answer,
            Err(fault) => {
                tracing::warn!(account = account.name, reason = fault.reason, "a carrier makes no call");
                let limited = match fault.kind {
                    ErrorKind::Limited(after) => Some(after),
                    _ => None,
                };
                return Err(NotMade { why, limited });
            }
        };
        dialled(&answer).ok_or_else(|| {
            tracing::warn!(account = account.name, "a carrier did not say how it names a call");
            Unanswered::Failed.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use control_api::provider_account::AccountOptions;
    use domain::OrgId;

    use super::*;

    /// Each look at the queue asks what is free, and takes its place with the call.
    #[tokio::test(start_paused = true)]
    async fn no_more_calls_are_taken_out_of_the_queue_than_the_account_may_have() {
        let options = AccountOptions { calls_per_second: Some(1), ..AccountOptions::default() };
        let account = Account {
            org: OrgId::generate(),
            id: ProviderAccountId::generate(),
            name: "main".to_owned(),
            vendor: Vendor::Twilio,
            options,
            key: None,
        };
        let (paces, look) = (Paces::default(), Duration::from_millis(400));
        let begun = Instant::now();
        let mut placed = Vec::new();
        for _ in 0..24 {
            while paces.is_free(&account, look) {
                placed.push(paces.place(&account).duration_since(begun));
            }
            tokio::time::sleep(look).await;
        }
        assert_eq!(placed, (0..10).map(Duration::from_secs).collect::<Vec<_>>());
        let account = Account { id: ProviderAccountId::generate(), ..account };
        assert!(paces.is_free(&account, Duration::ZERO), "another's is its own");
    }
}
