//! Carriers: who sends a webhook, where its call's audio is to go, and who may bring it.

use control_api::provider_account::Vendor;
use control_api::{paths, problem};
use control_store::{Reason, provider_account};
use domain::{OrgId, ProviderAccountId, SessionId};
use greetings::Caller;
use jiff::SignedDuration;

use super::ctx::missing;
use crate::Server;
use crate::error::Error;
use crate::ports::{Account, CallRequest, Framing};

/// Seconds from the answer to a webhook to the start of the stream that it asks for.
const STREAM_WITHIN_S: i64 = 60;

/// Where the carrier says what becomes of calls, by the origin at which it reaches us. Twilio signs this address letter by letter: whoever gives it to
/// a carrier has it from here.
#[must_use]
pub fn webhook(origin: &str, account: ProviderAccountId) -> String {
    format!("{origin}{}", paths::CARRIER_VOICE.replace("{account}", &account.to_string()))
}

/// An account at a carrier, with its key; of whichever organization, since a carrier knows its id alone.
pub(crate) async fn account(server: &Server, id: &str) -> Result<(Account, Framing), Error> {
    let unknown = || missing("account at a carrier", id);
    let wanted: ProviderAccountId = id.parse().map_err(|_| unknown())?;
    let mut tx = server.store.opened()?.db.system_tx(Reason::FindTenant).await?;
    let found = provider_account::of_anyone(&mut tx, wanted).await?.ok_or_else(unknown)?;
    tx.commit().await?;
    let account = server.vault.account(found);
    let account = account.map_err(|detail| Error::new(&problem::SECRET_UNREADABLE, detail))?;
    let framing = match account.vendor {
        Vendor::Twilio => Framing::Twilio,
        Vendor::Telnyx => Framing::Telnyx,
        _ => return Err(unknown()),
    };
    Ok((account, framing))
}

/// Permission for one stream: of this call, with this agent, in a minute.
pub(crate) fn permit(server: &Server, account: ProviderAccountId, agent: &str, call: &str) -> String {
    let expires = server.ports.clock.now() + SignedDuration::from_secs(STREAM_WITHIN_S);
    server.tokens.stream(SessionId::generate(), agent, &bound(account, call), expires)
}

/// The call that a stream's token stands for.
pub(crate) fn admitted(
    server: &Server,
    (account, org): (ProviderAccountId, OrgId),
    call: &str,
    token: &str,
) -> Option<CallRequest> {
    let now = server.ports.clock.now();
    let (session, agent) = server.tokens.check_stream(token, &bound(account, call), now)?;
    // The second lock: an account brings calls to its own organization alone.
    if server.ports.calls.owner(&agent) != Some(org) {
        return None;
    }
    Some(CallRequest {
        at_machine: None,
        called: None,
        from: None,
        session,
        resume_token: server.tokens.resume(session, &agent),
        agent,
        resumes: false,
        resume_within: server.options.resume_within(),
        caller: Caller::default(),
    })
}

fn bound(account: ProviderAccountId, call: &str) -> String {
    format!("{account} {call}")
}
