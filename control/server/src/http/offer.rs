//! `POST|PATCH /api/offer`, and the same for a session that `/start` named.

use std::time::Duration;

use axum::Json as Body;
use control_api::offer::{CandidatesAnswer, CandidatesRequest, OfferAnswer, OfferRequest, OfferedCall};
use control_api::problem;
use domain::SessionId;

use super::extract::{Json, Path, Query, Visitor, agent};
use super::{Answer, Shared};
use crate::Server;
use crate::app::{access, caller, offer};
use crate::error::Error;
use crate::ports::{self, CallRequest, Offer, Renegotiation};

#[derive(Default, serde::Deserialize)]
pub(crate) struct Named {
    pub(crate) agent: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) resume: Option<String>,
    /// As `/start` named it.
    pub(crate) session: Option<String>,
    /// What the page says of its caller; not in a URL.
    #[serde(skip)]
    pub(crate) said: caller::Said,
}

pub(crate) async fn offer(
    server: Shared,
    mut visitor: Visitor,
    Query(query): Query<Named>,
    Json(mut request): Json<OfferRequest>,
) -> Answer<Body<OfferAnswer>> {
    offer::check(&request)?;
    if let Some(peer) = request.pc_id.take() {
        return renegotiate(&server, peer, request).await;
    }
    access::recognise(&server, &mut visitor.client).await;
    let data = request.request_data.take().unwrap_or_default();
    let call = admit(
        &server,
        &visitor,
        Named {
            agent: data.agent.or(query.agent),
            token: data.token.or(query.token),
            resume: data.resume.or(query.resume),
            session: query.session,
            said: caller::Said { language: data.language, variables: data.variables },
        },
    )?;
    answer(&server, call, request).await
}

pub(crate) async fn session_offer(
    server: Shared,
    mut visitor: Visitor,
    Path(session): Path<String>,
    Json(mut request): Json<OfferRequest>,
) -> Answer<Body<OfferAnswer>> {
    offer::check(&request)?;
    if let Some(peer) = request.pc_id.take() {
        return renegotiate(&server, peer, request).await;
    }
    access::recognise(&server, &mut visitor.client).await;
    let data = request.request_data.take().unwrap_or_default();
    let said = caller::Said { language: data.language, variables: data.variables };
    let named = Named { session: Some(session), resume: data.resume, said, ..Named::default() };
    let call = admit(&server, &visitor, named)?;
    answer(&server, call, request).await
}

pub(crate) async fn candidates(
    server: Shared,
    Json(request): Json<CandidatesRequest>,
) -> Answer<Body<CandidatesAnswer>> {
    within(&server, server.ports.calls.candidates(&request.pc_id, request.candidates)).await?;
    Ok(Body(CandidatesAnswer { status: "success".to_owned() }))
}

/// The peer's id, known to its own client only, says which call it is; the path adds nothing.
pub(crate) async fn session_candidates(
    server: Shared,
    Path(_): Path<String>,
    request: Json<CandidatesRequest>,
) -> Answer<Body<CandidatesAnswer>> {
    candidates(server, request).await
}

/// Lets a call in: as the one to resume, as the one that `/start` named, or as a new one.
pub(crate) fn admit(server: &Shared, visitor: &Visitor, named: Named) -> Answer<CallRequest> {
    let caller = caller::of(visitor.accepts.as_deref(), named.said);
    if let Some(token) = &named.resume {
        let (session, agent) = access::may_resume(server, &visitor.client, token)?;
        return Ok(request(server, visitor, session, agent, true, caller));
    }
    if let Some(session) = &named.session {
        let (session, agent) = started(server, session)?;
        return Ok(request(server, visitor, session, agent, false, caller));
    }
    let token = named.token.or_else(|| visitor.bearer.clone());
    let agent = agent(server, visitor, [named.agent, None], token.as_deref());
    access::may_call(server, &visitor.client, &agent, token.as_deref())?;
    Ok(request(server, visitor, SessionId::generate(), agent, false, caller))
}

fn started(server: &Server, named: &str) -> Answer<(SessionId, String)> {
    server.tokens.check_start(named, server.ports.clock.now()).ok_or_else(|| {
        Error::new(
            &problem::SESSION_UNKNOWN,
            "the session was not started here or waited too long; POST /start again",
        )
    })
}

fn request(
    server: &Server,
    visitor: &Visitor,
    session: SessionId,
    agent: String,
    resumes: bool,
    caller: greetings::Caller,
) -> CallRequest {
    CallRequest {
        at_machine: None,
        called: None,
        from: visitor.peer,
        session,
        resume_token: server.tokens.resume(session, &agent),
        agent,
        resumes,
        resume_within: server.options.resume_within(),
        caller,
    }
}

async fn answer(server: &Server, call: CallRequest, request: OfferRequest) -> Answer<Body<OfferAnswer>> {
    if !call.resumes {
        server.ports.calls.prepare(&call.agent).await?;
    }
    let (session_id, resume_token) = (call.session.to_string(), call.resume_token.clone());
    let answer = within(server, server.ports.calls.offer(Offer { call, sdp: request.sdp })).await?;
    let resume_within_ms = server.options.resume_within_seconds * 1000;
    Ok(Body(answered(answer, Some(OfferedCall { session_id, resume_token, resume_within_ms }))))
}

/// The peer's id, known to its own client only, lets it in at any time of the call: tokens and starts are for its beginning.
async fn renegotiate(server: &Server, peer: String, request: OfferRequest) -> Answer<Body<OfferAnswer>> {
    let restart = request.restart_pc.unwrap_or(false);
    let change = Renegotiation { peer, sdp: request.sdp, restart };
    let answer = within(server, server.ports.calls.renegotiate(change)).await?;
    Ok(Body(answered(answer, None)))
}

fn answered(answer: ports::Answer, call: Option<OfferedCall>) -> OfferAnswer {
    OfferAnswer { sdp: answer.sdp, kind: "answer".to_owned(), pc_id: answer.peer, call }
}

/// Nothing that a client waits for lacks a deadline.
pub(crate) async fn within<T>(
    server: &Server,
    work: impl Future<Output = Result<T, crate::ports::Refusal>>,
) -> Answer<T> {
    match tokio::time::timeout(Duration::from_millis(server.options.offer_deadline_ms), work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Error {
            retry_after: Some(Duration::from_secs(1)),
            ..Error::new(
                &problem::SERVER_SLOW,
                "the media side did not answer in time; try again in a moment",
            )
        }),
    }
}
