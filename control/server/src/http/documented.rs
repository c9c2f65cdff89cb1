//! The errors that each kind of operation can answer with, for the OpenAPI document: by status, with their codes.

use std::collections::BTreeMap;

use control_api::problem::{self, Definition};
use utoipa::IntoResponses;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

/// What anything that needs a credential can answer.
const ALWAYS: [&Definition; 10] = [
    &problem::PARAMETER_INVALID,
    &problem::CREDENTIAL_REQUIRED,
    &problem::CREDENTIAL_INVALID,
    &problem::ORIGIN_FORBIDDEN,
    // Of the organization that the operator names in a header.
    &problem::NOT_FOUND,
    &problem::RATE_LIMITED,
    &problem::TOO_MANY_QUERIES,
    &problem::INTERNAL,
    &problem::STORE_UNAVAILABLE,
    &problem::METHOD_UNKNOWN,
];

const BODY: [&Definition; 3] = [&problem::BODY_INVALID, &problem::BODY_UNFIT, &problem::BODY_TOO_LARGE];

fn document(definitions: impl IntoIterator<Item = &'static Definition>) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<&Definition>> = BTreeMap::new();
    for definition in definitions {
        let known = by_status.entry(definition.status).or_default();
        if !known.contains(&definition) {
            known.push(definition);
        }
    }
    let entry = |(status, codes): (u16, Vec<&Definition>)| (status.to_string(), RefOr::T(response(&codes)));
    by_status.into_iter().map(entry).collect()
}

fn response(codes: &[&Definition]) -> Response {
    let said: Vec<_> = codes.iter().map(|code| format!("`{}`: {}", code.code(), code.title)).collect();
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(said.join("; ")).content(problem::CONTENT_TYPE, content).build()
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = [$($part:expr),*];)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                let mut all: Vec<&'static Definition> = Vec::new();
                $(all.extend($part);)*
                document(all)
            }
        }
    )*};
}

kinds! {
    /// Nothing is named.
    Read = [ALWAYS];
    /// One resource is named.
    Find = [ALWAYS];
    FindLog = [ALWAYS, [&problem::LOG_MISSING, &problem::LOG_UNREADABLE]];
    FindRecording = [ALWAYS, [&problem::RECORDING_UNKNOWN, &problem::RECORDING_UNREADABLE, &problem::RANGE_UNSATISFIABLE]];
    /// A new one.
    Make = [ALWAYS, BODY, [&problem::CONFLICT, &problem::REFERENCE_UNKNOWN, &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED]];
    /// Somebody is called.
    PlaceCall = [ALWAYS, BODY, [
        &problem::REFERENCE_UNKNOWN, &problem::SERVER_FULL, &problem::SERVER_DRAINING, &problem::BUDGET_SPENT,
        &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED
    ]];
    MakeCampaign = [ALWAYS, BODY, [&problem::REFERENCE_UNKNOWN, &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED]];
    ChangeCampaign = [ALWAYS, BODY, [&problem::REFERENCE_UNKNOWN, &problem::CAMPAIGN_STATE, &problem::PRECONDITION_FAILED]];
    MoveCampaign = [ALWAYS, BODY, [
        &problem::REFERENCE_UNKNOWN, &problem::BUDGET_SPENT, &problem::CAMPAIGN_STATE,
        &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED
    ]];
    ImportContacts = [ALWAYS, BODY, [
        &problem::CSV_INVALID, &problem::CAMPAIGN_STATE, &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED
    ]];
    ChangeContact = [ALWAYS, BODY, [&problem::CONTACT_BUSY, &problem::CAMPAIGN_STATE]];
    RemoveContact = [ALWAYS, [&problem::CONTACT_BUSY]];
    /// A call under way.
    InCall = [ALWAYS, [&problem::CONFLICT]];
    SayInCall = [ALWAYS, BODY, [&problem::CONFLICT]];
    /// Hostnames and most names of rooms are the operator's to give.
    MakeChannel = [ALWAYS, BODY, [
        &problem::OPERATOR_ONLY, &problem::CONFLICT, &problem::ROUTE_TAKEN, &problem::REFERENCE_UNKNOWN,
        &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED
    ]];
    /// Hostnames, numbers that begin with few digits, and most names of rooms are the operator's to give.
    MakeRoute = [ALWAYS, BODY, [
        &problem::OPERATOR_ONLY, &problem::CONFLICT, &problem::ROUTE_TAKEN, &problem::ROUTE_NODE_UNKNOWN, &problem::REFERENCE_UNKNOWN,
        &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED
    ]];
    ChangeRoute = [ALWAYS, BODY, [
        &problem::OPERATOR_ONLY, &problem::CONFLICT, &problem::ROUTE_TAKEN, &problem::ROUTE_NODE_UNKNOWN, &problem::REFERENCE_UNKNOWN,
        &problem::PRECONDITION_FAILED
    ]];
    AskRoute = [ALWAYS, BODY, [&problem::REFERENCE_UNKNOWN]];
    MakeOrganization = [ALWAYS, BODY, [&problem::OPERATOR_ONLY, &problem::CONFLICT, &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED]];
    Change = [ALWAYS, BODY, [&problem::CONFLICT, &problem::IN_USE, &problem::REFERENCE_UNKNOWN, &problem::PRECONDITION_FAILED]];
    /// Of what two may edit at once.
    ChangeDraft = [ALWAYS, BODY, [&problem::CONFLICT, &problem::PRECONDITION_FAILED, &problem::PRECONDITION_REQUIRED]];
    PublishDraft = [ALWAYS, BODY, [
        &problem::CONFLICT, &problem::AGENT_INVALID, &problem::REFERENCE_UNKNOWN, &problem::PRECONDITION_FAILED,
        &problem::PRECONDITION_REQUIRED, &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED
    ]];
    RollBack = [ALWAYS, BODY, [
        &problem::CONFLICT, &problem::NOTHING_TO_ROLL_BACK, &problem::REFERENCE_UNKNOWN,
        &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED
    ]];
    /// The operator alone chooses addresses.
    MakeAccount = [ALWAYS, BODY, [&problem::OPERATOR_ONLY, &problem::CONFLICT, &problem::REFERENCE_UNKNOWN, &problem::IDEMPOTENCY_KEY_IN_USE, &problem::IDEMPOTENCY_KEY_REUSED]];
    ChangeAccount = [ALWAYS, BODY, [&problem::OPERATOR_ONLY, &problem::PRECONDITION_FAILED]];
    /// Nothing else refers to it.
    ChangePrice = [ALWAYS, BODY, [&problem::PRECONDITION_FAILED]];
    /// The vendor is asked.
    AskVendor = [ALWAYS, [&problem::SECRET_UNREADABLE, &problem::VENDOR_FAILED]];
    SpeakGreeting = [ALWAYS, BODY, [&problem::VENDOR_FAILED]];
    /// Asks what would be.
    Ask = [ALWAYS, BODY];
    EnterRoom = [ALWAYS, BODY, [&problem::AGENT_UNKNOWN, &problem::LIVEKIT_ABSENT, &problem::LIVEKIT_NOT_DISPATCHED, &problem::ROUTE_TAKEN]];
    TryVendor = [ALWAYS, BODY, [&problem::SECRET_UNREADABLE]];
    Remove = [ALWAYS, [&problem::IN_USE, &problem::PRECONDITION_FAILED]];
    /// Whom tokens can be had for.
    ListCallable = [[&problem::ORIGIN_FORBIDDEN, &problem::OPERATOR_ONLY, &problem::METHOD_UNKNOWN, &problem::INTERNAL]];
    /// Tokens to call with.
    Permit = [BODY, [
        &problem::PARAMETER_INVALID, &problem::AGENT_UNKNOWN, &problem::ORIGIN_FORBIDDEN, &problem::OPERATOR_ONLY,
        &problem::METHOD_UNKNOWN, &problem::INTERNAL
    ]];
    SignIn = [BODY, [&problem::OPERATOR_ONLY, &problem::ADMIN_LINK_SPENT, &problem::STORE_UNAVAILABLE, &problem::RATE_LIMITED, &problem::METHOD_UNKNOWN, &problem::INTERNAL]];
    Public = [[&problem::METHOD_UNKNOWN, &problem::INTERNAL]];
}
