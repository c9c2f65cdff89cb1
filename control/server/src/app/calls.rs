//! Calls that we make: who may have whom called by which trunk, once, and what became of it.

use std::time::Duration;

use control_api::outbound::{NewCall, OutboundCall, OutboundState};
use control_api::problem;
use domain::{Pii, SessionId};
use serde_json::json;

use super::ctx::{Change, Ctx, Done, missing};
use super::fields::Fields;
use crate::Server;
use crate::error::Error;
use crate::ports::{NotDialled, WantedCall};

const RING_S: u32 = 45;

pub(crate) async fn place(ctx: &Ctx, server: &Server, new: NewCall) -> Result<Done<OutboundCall>, Error> {
    let ring_s = new.ring_s.unwrap_or(RING_S);
    let mut fields = Fields::default();
    fields.text("/to", &new.to, 1, 64);
    if let Some(from) = &new.from {
        fields.text("/from", from, 1, 64);
    }
    fields.range("/ring_s", ring_s.into(), 5, 180);
    fields.check()?;
    let wanted = WantedCall {
        org: ctx.org,
        id: SessionId::generate(),
        agent: new.agent.clone(),
        trunk: new.trunk.clone(),
        to: Pii(new.to),
        from: new.from.map(Pii),
        ring: Duration::from_secs(ring_s.into()),
    };
    let id = wanted.id;
    let begin = server.ports.dialler.prepare(wanted).map_err(refused)?;
    let body = OutboundCall {
        id,
        agent: new.agent,
        trunk: new.trunk,
        state: OutboundState::Dialling,
        outcome: None,
        sip_status: None,
    };
    let tx = ctx.tx(server).await?;
    // The number is the callee's, and stands in the session's record alone.
    let change = Change::of("call.place", id).to(&json!({ "agent": body.agent, "trunk": body.trunk }));
    let done = ctx.commit(tx, change, Done { body, status: 202, revision: None }).await?;
    // Only now: a request that is sent again because it failed here is to call nobody twice.
    begin();
    Ok(done)
}

pub(crate) fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<OutboundCall, Error> {
    let parsed = id.parse().ok();
    let found = parsed.and_then(|parsed| server.ports.dialler.call(ctx.org, parsed));
    found.ok_or_else(|| missing("call", id))
}

fn refused(why: NotDialled) -> Error {
    let said = why.to_string();
    match why {
        NotDialled::TrunkUnknown(_) | NotDialled::AgentUnknown(_) => {
            Error::new(&problem::REFERENCE_UNKNOWN, said)
        }
        NotDialled::NotDialable => {
            let mut fields = Fields::default();
            fields.wrong("/to", "invalid", said);
            fields.check().err().unwrap_or_else(|| Error::new(&problem::BODY_UNFIT, "/to is invalid"))
        }
        NotDialled::Refused(refusal) => refusal.into(),
    }
}
