//! Calls that we make: who may have whom called by which trunk, once, and what became of it.

use std::collections::BTreeMap;

use control_api::outbound::{
    AnsweredBy, AtMachine, CallsAsked, Detection, MachineDetection, NewCall, OutboundCall, OutboundState,
};
use control_api::{List, Paging, problem};
use control_store::outbound as store;
use domain::{CampaignId, Pii, SessionId};
use greetings::{Template, Values};
use serde_json::json;

use super::ctx::{Change, Ctx, Done, missing};
use super::fields::{Fields, of_field};
use super::greetings::read;
use super::paging;
use crate::Server;
use crate::error::Error;
use crate::ports::{NotDialled, WantedCall};

pub(crate) const RING_S: u32 = 45;
/// Of one callee.
pub(crate) const VARIABLES_MOST: usize = 20;
const VARIABLE_NAME_MOST: usize = 50;
pub(crate) const VARIABLE_MOST: usize = 100;
const SPEAK: &str = "speak";

pub(crate) async fn place(ctx: &Ctx, server: &Server, new: NewCall) -> Result<Done<OutboundCall>, Error> {
    let ring_s = new.ring_s.unwrap_or(RING_S);
    let mut fields = Fields::default();
    fields.text("/to", &new.to, 1, 64);
    if let Some(from) = &new.from {
        fields.text("/from", from, 1, 64);
    }
    fields.range("/ring_s", ring_s.into(), 5, 180);
    let (at_machine, message) = detection(&mut fields, &new.machine_detection);
    told(&mut fields, &new.variables);
    fields.check()?;
    let wanted = WantedCall {
        agent: new.agent.clone(),
        trunk: new.trunk.clone(),
        to: Some(Pii(new.to.clone())),
        from: new.from.clone().map(Pii),
    };
    server.ports.dialler.may_dial(ctx.org, &wanted).map_err(refused)?;
    let variables = new.variables.into_iter().map(|(name, text)| (name, Pii(text))).collect();
    let message = message.and_then(|text| rendered(&text, &new.agent, &new.to, &variables));
    let set = store::Wanted {
        agent: new.agent,
        trunk: new.trunk,
        number: Pii(new.to),
        caller: new.from.map(Pii),
        ring_s: i32::try_from(ring_s).unwrap_or(i32::MAX),
        at_machine,
        message: message.map(Pii),
        variables,
    };
    let id = SessionId::generate();
    let mut tx = ctx.tx(server).await?;
    store::queue(&mut tx, store::New { id, contact: None, wanted: &set }).await?;
    let made = store::find(&mut tx, id).await?.ok_or_else(|| missing("call", &id.to_string()))?;
    let body = shown(made)?;
    // The number is the callee's, and stands in the call's record alone.
    let change = Change::of("call.place", id).to(&json!({ "agent": body.agent, "trunk": body.trunk }));
    let done = ctx.commit(tx, change, Done { body, status: 202, revision: None }).await?;
    server.ports.dialler.queued();
    Ok(done)
}

pub(crate) async fn list(
    ctx: &Ctx,
    server: &Server,
    asked: &CallsAsked,
) -> Result<List<OutboundCall>, Error> {
    let campaign = asked.campaign_id.as_deref().map(|id| {
        let detail = "`campaign_id` must be the id of a campaign";
        id.parse::<CampaignId>().map_err(|_| Error::new(&problem::PARAMETER_INVALID, detail))
    });
    let campaign = campaign.transpose()?;
    let scope = campaign.map_or_else(|| "calls".to_owned(), |id| format!("calls-{}", id.as_uuid().simple()));
    let paging = Paging { limit: asked.limit, cursor: asked.cursor.clone() };
    let page = paging::page(server, &scope, &paging)?;
    let mut tx = ctx.tx(server).await?;
    let rows = store::list(&mut tx, campaign, page).await?;
    tx.commit().await?;
    let placed = |row: store::Call| Ok(((row.created_at, row.id.as_uuid()), shown(row)?));
    let rows = rows.into_iter().map(placed).collect::<Result<Vec<_>, Error>>()?;
    Ok(paging::list(server, &scope, page, rows, |(place, _)| *place, |(_, call)| call))
}

pub(crate) async fn one(ctx: &Ctx, server: &Server, id: &str) -> Result<OutboundCall, Error> {
    let key = id.parse().map_err(|_| missing("call", id))?;
    let mut tx = ctx.tx(server).await?;
    let found = store::find(&mut tx, key).await?.ok_or_else(|| missing("call", id))?;
    tx.commit().await?;
    shown(found)
}

fn shown(row: store::Call) -> Result<OutboundCall, Error> {
    let unreadable = || Error::fault(&control_store::Error::Content(format!("call {}", row.id)));
    let state: OutboundState = read(json!(row.state)).ok_or_else(unreadable)?;
    let answered_by: Option<AnsweredBy> = row.answered_by.map(|by| json!(by)).and_then(read);
    Ok(OutboundCall {
        id: row.id,
        session_id: row.answered_at.map(|_| row.id),
        campaign_id: row.campaign,
        contact_id: row.contact,
        attempt: row.attempt,
        agent: row.set.agent,
        trunk: row.set.trunk,
        to: row.set.number.0,
        state,
        outcome: row.outcome,
        sip_status: row.sip_status.and_then(|status| u16::try_from(status).ok()),
        answered_by,
        beep: row.beep,
        end_reason: row.end_reason,
        created_at: row.created_at.to_string(),
        dialled_at: row.dialled_at.map(|at| at.to_string()),
        answered_at: row.answered_at.map(|at| at.to_string()),
        ended_at: row.ended_at.map(|at| at.to_string()),
    })
}

/// What is done at a machine, as it is stored, and the message's template.
pub(crate) fn detection(fields: &mut Fields, wanted: &MachineDetection) -> (String, Option<String>) {
    let MachineDetection { mode, at_machine, message } = wanted;
    if let Some(text) = message
        && let Err(error) = Template::parse(text)
    {
        fields.wrong("/machine_detection/message", "invalid", error.to_string());
    }
    let kept = match (mode, at_machine) {
        (Detection::Off, _) => SPEAK,
        (Detection::On, AtMachine::HangUp) => "hang_up",
        (Detection::On, AtMachine::LeaveMessage) => {
            if message.is_none() {
                fields.wrong("/machine_detection/message", "missing", "say what is left as a message");
            }
            "leave_message"
        }
    };
    (kept.to_owned(), message.clone())
}

/// The reverse of `detection`.
pub(crate) fn shown_detection(at_machine: &str, message: Option<String>) -> MachineDetection {
    let (mode, at_machine) = match at_machine {
        "hang_up" => (Detection::On, AtMachine::HangUp),
        "leave_message" => (Detection::On, AtMachine::LeaveMessage),
        _ => (Detection::Off, AtMachine::HangUp),
    };
    MachineDetection { mode, at_machine, message }
}

pub(crate) fn told(fields: &mut Fields, variables: &BTreeMap<String, String>) {
    if variables.len() > VARIABLES_MOST {
        fields.wrong("/variables", "out_of_range", format!("at most {VARIABLES_MOST} variables"));
    }
    for (name, text) in variables {
        if !is_variable(name) {
            let detail = format!(
                "{name:?} is no name: letters, digits and underscores, after caller. or session. or nothing"
            );
            fields.wrong("/variables", "invalid", detail);
        }
        fields.text("/variables", text, 0, VARIABLE_MOST);
    }
}

pub(crate) fn is_variable(name: &str) -> bool {
    let own = name.strip_prefix("caller.").or_else(|| name.strip_prefix("session.")).unwrap_or(name);
    (1..=VARIABLE_NAME_MOST).contains(&own.len())
        && own.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What is said to a machine that took a call to this number. `None`: it cannot be said.
pub(crate) fn rendered(
    template: &str,
    agent: &str,
    number: &str,
    variables: &BTreeMap<String, Pii<String>>,
) -> Option<String> {
    let mut values = Values::default();
    values.set("agent", agent);
    for (name, text) in variables {
        let own = name.starts_with("caller.") || name.starts_with("session.");
        values.set(if own { name.clone() } else { format!("session.{name}") }, &text.0);
    }
    values.set("caller.number", number);
    let said = Template::parse(template).ok()?.render(&values);
    (!said.trim().is_empty()).then_some(said)
}

fn wrong(pointer: &str, code: &'static str, said: String) -> Error {
    of_field(&problem::BODY_UNFIT, pointer, code, said)
}

pub(crate) fn refused(why: NotDialled) -> Error {
    let said = why.to_string();
    match why {
        NotDialled::TrunkUnknown(_) => of_field(&problem::REFERENCE_UNKNOWN, "/trunk", "unknown", said),
        NotDialled::AgentUnknown(_) => of_field(&problem::REFERENCE_UNKNOWN, "/agent", "unknown", said),
        NotDialled::AccountUnfit { .. } => wrong("/trunk", "unfit", said),
        NotDialled::NoCaller => wrong("/from", "missing", said),
        NotDialled::NotInternational { field } => wrong(field, "invalid", said),
        NotDialled::NotDialable { field } => wrong(field, "invalid", said),
        NotDialled::Refused(refusal) => refusal.into(),
    }
}
