//! What a carrier is asked for of one call: to put its caller through, to fetch them back, to end it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::carriers::leg::{Audio, Input, Request};
use ::carriers::{Dial, telnyx, twilio};
use control_api::provider_account::Vendor;
use control_server::ports::Account;
use domain::{Keys, Transfer};
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use media_session::{Keypad, NotPressed};

use super::left::{Entry, Record};
use super::leg::Carrier;
use super::legs::Claim;
use super::{Gone, Line, NotTold, api, key, twilio_credentials};

/// What stands before the call that a person is called for, in the state that Telnyx gives back.
const FOR: &str = "for ";
/// As long as carriers let any call be. A call of ours is bound closer, for as long as its agent has it.
const LONGEST_S: u32 = 14_400;
/// A caller who is not fetched is lost.
const FETCH_ATTEMPTS: u32 = 3;
const FETCH_PAUSE: Duration = Duration::from_secs(1);

/// What a carrier's call is ended by, and put through.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) line: Line,
    /// Where calls are noted that are ours.
    pub(crate) record: Record,
    pub(crate) account: Account,
    /// Where the carrier says what becomes of it. Empty: its stream was not announced by the carrier, who is told nothing but its end.
    pub(crate) webhook: String,
    /// What people see whom the caller is put through to; empty: what the carrier shows them.
    pub(crate) from: String,
}

impl Way {
    pub(super) fn audio(&self) -> Audio {
        match self.account.vendor {
            Vendor::Telnyx => Audio::Stays,
            _ => Audio::Leaves,
        }
    }

    pub(super) fn call(self, claim: &Claim) -> Box<dyn Carrier> {
        let entry = self.record.ours(self.account.org, &claim.name);
        Box::new(Call { way: self, call: claim.name.1.clone(), entry: Arc::new(Mutex::new(Some(entry))) })
    }

    async fn transfer(&self, call: &str, number: u32, to: &Transfer) -> Result<(), NotTold> {
        // A call of ours has its `from`.
        let limit_s = (!self.from.is_empty()).then_some(LONGEST_S);
        let dial = Dial { to: &to.to, from: &self.from, webhook: &self.webhook, ring_s: to.ring_s, limit_s };
        let account = &self.account;
        let (command, gone) = match account.vendor {
            Vendor::Telnyx => {
                let state = format!("{FOR}{number} {call}");
                let (api, key) = (api(account, telnyx::API), key(account)?);
                // Of each try its own: the carrier does nothing for one that it knows.
                let id = format!("{:032x}", rand::random::<u128>());
                (telnyx::transfer(api, key, call, dial, &state, &id), telnyx::is_gone as Gone)
            }
            _ => {
                let (api, credentials) = (api(account, twilio::API), twilio_credentials(account)?);
                (twilio::transfer(api, credentials, call, dial, number), twilio::is_gone as Gone)
            }
        };
        let told = self.line.tell(&command, gone).await;
        told.inspect_err(|error| {
            tracing::warn!(account = account.name, reason = error.reason, "a carrier took no transfer");
        })
    }

    async fn fetch(&self, call: &str, number: u32) -> Result<(), NotTold> {
        let credentials = twilio_credentials(&self.account)?;
        let api = api(&self.account, twilio::API);
        let command = twilio::fetch(api, credentials, call, &self.webhook, number);
        let mut attempt = 1;
        loop {
            let Err(error) = self.line.tell(&command, twilio::is_gone).await else { return Ok(()) };
            tracing::warn!(
                account = self.account.name,
                attempt,
                reason = error.reason,
                "a caller could not be fetched from their transfer"
            );
            if attempt == FETCH_ATTEMPTS || error.gone || !error.may_pass {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(FETCH_PAUSE).await;
        }
    }
}

/// One call at its carrier.
struct Call {
    way: Way,
    call: String,
    /// Taken where the carrier does not end it.
    entry: Arc<Mutex<Option<Entry>>>,
}

impl Call {
    fn on_record(&self, change: fn(&Entry)) {
        if let Some(entry) = &*self.entry.lock().unwrap_or_else(PoisonError::into_inner) {
            change(entry);
        }
    }
}

impl Carrier for Call {
    fn ask(&self, request: Request, to: Option<&Transfer>) -> BoxFuture<'static, Option<Input>> {
        let (way, call, to) = (self.way.clone(), self.call.clone(), to.cloned());
        let entry = Arc::clone(&self.entry);
        match request {
            // Until they are back, or are to be: nobody hangs up on whoever talks to somebody by then.
            Request::Transfer { .. } => self.on_record(Entry::let_go),
            Request::HangUp => self.on_record(Entry::hold),
            Request::Fetch { .. } => {}
        }
        async move {
            let told = match (request, to) {
                (Request::Transfer { number }, Some(to)) => way.transfer(&call, number, &to).await,
                (Request::Fetch { number }, _) => way.fetch(&call, number).await,
                (Request::HangUp, _) => {
                    if !way.line.hang_up(&way.account, &call).await
                        && let Some(entry) = entry.lock().unwrap_or_else(PoisonError::into_inner).take()
                    {
                        entry.not_ended();
                    }
                    Ok(())
                }
                // Nobody is put through to nobody.
                (Request::Transfer { .. }, None) => Ok(()),
            };
            told.err().map(|error| refused(request, &error))
        }
        .boxed()
    }

    fn is_ours(&self) {
        self.on_record(Entry::hold);
    }

    fn keypad(&self) -> Option<Arc<dyn Keypad>> {
        Some(Arc::new(Keyed { way: self.way.clone(), call: self.call.clone() }))
    }
}

/// Presses keys in one call.
struct Keyed {
    way: Way,
    call: String,
}

impl Keypad for Keyed {
    fn press(&self, keys: &Keys) -> BoxFuture<'static, Result<(), NotPressed>> {
        if self.way.account.vendor != Vendor::Telnyx {
            let no_way = "streams of Twilio take no keys: there is no command for a call that has one";
            return ready(Err(NotPressed::unsupported(no_way))).boxed();
        }
        let (Way { line, account, .. }, call, keys) = (self.way.clone(), self.call.clone(), keys.clone());
        async move {
            let failed = |reason: String| NotPressed::failed(&format!("the carrier took no keys: {reason}"));
            let (api, key) = (api(&account, telnyx::API), key(&account).map_err(failed)?);
            // Of each its own: the carrier does nothing for a command that it knows.
            let id = format!("{:032x}", rand::random::<u128>());
            line.tell(&telnyx::press(api, key, &call, &keys, &id), telnyx::is_gone)
                .await
                .map_err(|error| failed(error.reason))?;
            // It says that it will, not when it has.
            tokio::time::sleep(keys.length()).await;
            Ok(())
        }
        .boxed()
    }
}

fn refused(what: Request, error: &NotTold) -> Input {
    Input::Refused { what, gone: error.gone, unsure: error.unsure }
}

/// Where a person is called by Telnyx: whose call it is for, and at which try.
pub(super) fn called_for(state: &str) -> Option<(u32, &str)> {
    let (number, call) = state.strip_prefix(FOR)?.split_once(' ')?;
    Some((number.parse().ok()?, call))
}
