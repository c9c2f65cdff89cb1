//! Who may start a call, who may embed the widget, who may read calls.
//!
//! A browser names the page's origin and cannot lie about it; any other program can name what it likes. On an open server
//! our own pages and programs call freely. On a closed one they need the operator's permission or a token made with it:
//! an origin proves nothing there. Pages elsewhere must be listed and bring a token.

use std::net::IpAddr;
use std::time::Duration;

use control_api::problem;
use control_store::{Db, api_key};
use domain::{OrgId, SessionId};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::Server;
use crate::app::limit::WINDOW;
use crate::app::token::same_secret;
use crate::app::{code, keys, limit, origin};
use crate::error::Error;

/// Who asks, as the request says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// Of the page, lower case; `None`: no browser.
    pub(crate) origin: Option<String>,
    /// What the client believes to be our address, with the port.
    pub(crate) host: String,
    /// The operator's token, or the cookie made from it; or something else that was sent in their place.
    pub(crate) credential: Option<String>,
    /// Where the connection comes from.
    pub(crate) peer: Option<IpAddr>,
    /// The organization that the operator says it acts in.
    pub(crate) named: Option<OrgId>,
    /// The credential is a key of this organization; `recognise` finds out.
    pub(crate) member: Option<OrgId>,
    /// Why it could not be found out whose key it is.
    pub(crate) unknown: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    NoBrowser,
    OwnPage,
    Embedding,
}

impl Client {
    /// The scheme may be hidden by a proxy: the authority decides.
    fn relation(&self, server: &Server) -> Result<Relation, Error> {
        let Some(origin) = &self.origin else { return Ok(Relation::NoBrowser) };
        let scheme = origin.split_once("://").map_or("", |(scheme, _)| scheme);
        if *origin == origin::normal(&format!("{scheme}://{}", self.host))
            || Some(origin) == server.options.public_url.as_ref()
        {
            return Ok(Relation::OwnPage);
        }
        if server.options.allows(origin) {
            return Ok(Relation::Embedding);
        }
        let detail = format!(
            "pages of {origin} may not use this server; its operator can add the origin to `allowed_origins`"
        );
        Err(Error::new(&problem::ORIGIN_FORBIDDEN, detail))
    }

    fn is_operator(&self, server: &Server) -> bool {
        self.credential.as_ref().is_some_and(|given| {
            is_operators(server, given) || server.tokens.is_operator(given, server.ports.clock.now())
        })
    }

    /// Drafts, versions by number, and on a closed server everything: for the operator and for those whose agent it is.
    fn may_call_anything(&self, server: &Server, agent: &str) -> bool {
        self.member.is_some_and(|org| server.ports.calls.owner(agent) == Some(org))
            || self.is_operator(server)
    }

    /// The organization whose agents are meant where an agent is named without one.
    pub(crate) fn acts_in(&self, server: &Server) -> Option<OrgId> {
        self.member.or_else(|| self.named.filter(|_| self.is_operator(server)))
    }

    fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or_default()
    }
}

/// Finds out whose key the client has. A bad one is as good as none here: a call may need none.
pub(crate) async fn recognise(server: &Server, client: &mut Client) {
    let Some(key) = client.credential.as_ref().filter(|given| given.starts_with(keys::PREFIX)) else {
        return;
    };
    let found = match server.store.opened() {
        Ok(opened) => owner(server, &opened.db, client.peer, key).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(owner) => client.member = Some(owner.org),
        Err(error) => {
            client.unknown = Some(error).filter(|why| why.definition != &problem::CREDENTIAL_INVALID)
        }
    }
}

/// Whose key it is. Who has sent too many that are nobody's is not looked for any more, unless the key was somebody's before.
pub(crate) async fn owner(
    server: &Server,
    db: &Db,
    peer: Option<IpAddr>,
    key: &str,
) -> Result<api_key::Owner, Error> {
    if !server.keys.was_good(key) {
        welcome(server, peer)?;
    }
    let found = server.keys.owner(db, key, server.ports.clock.now()).await;
    found.inspect_err(|error| {
        if error.definition == &problem::CREDENTIAL_INVALID {
            unwelcome(server, peer);
        }
    })
}

/// Whether the address may send another credential.
fn welcome(server: &Server, peer: Option<IpAddr>) -> Result<(), Error> {
    let (Some(strangers), Some(address)) = (&server.strangers, peer.and_then(limit::counted)) else {
        return Ok(());
    };
    let allowance = strangers.look_at(address, Instant::now());
    if allowance.allowed {
        return Ok(());
    }
    let detail = format!(
        "this address has sent {} keys or tokens in {WINDOW} s that are none; the next is looked at in {} s",
        allowance.limit, allowance.wait
    );
    Err(Error {
        retry_after: Some(Duration::from_secs(u64::from(allowance.wait))),
        ..Error::new(&problem::RATE_LIMITED, detail)
    })
}

fn unwelcome(server: &Server, peer: Option<IpAddr>) {
    if let (Some(strangers), Some(address)) = (&server.strangers, peer.and_then(limit::counted)) {
        strangers.take(address, 1, Instant::now());
    }
}

/// Agents of other organizations than the server's own are nobody's to call by name: a channel or a host leads to them.
fn is_foreign(server: &Server, agent: &str) -> bool {
    agent.contains('/')
        && server.ports.calls.owner(agent) != server.store.opened().ok().map(|opened| opened.organization)
}

/// `front-desk@draft` and `front-desk@3` are for those who make agents; `front-desk@staging` is for callers.
fn is_unreleased(agent: &str) -> bool {
    agent.split_once('@').is_some_and(|(_, which)| {
        which == "draft" || (!which.is_empty() && which.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// May this client start a call with `agent`? The operator may, and who has a key of the organization.
pub(crate) fn may_call(
    server: &Server,
    client: &Client,
    agent: &str,
    token: Option<&str>,
) -> Result<(), Error> {
    let relation = client.relation(server)?;
    if relation != Relation::Embedding
        && (server.options.open && token.is_none() && !is_unreleased(agent) && !is_foreign(server, agent)
            || client.may_call_anything(server, agent))
    {
        return Ok(());
    }
    match token {
        Some(key) if key.starts_with(keys::PREFIX) => Err(key_is_not_enough(client, relation, agent)),
        Some(token) => server.tokens.check_call(token, client.origin(), agent, server.ports.clock.now()),
        None if is_foreign(server, agent) => Err(Error::new(
            &problem::TOKEN_REQUIRED,
            "agents of this organization are called by name with its API key, or by a channel",
        )),
        None if is_unreleased(agent) => Err(Error::new(
            &problem::TOKEN_REQUIRED,
            "drafts and versions by number are called with an API key or as the operator",
        )),
        None => {
            Err(Error::new(&problem::TOKEN_REQUIRED, "ask POST /v1/widget/token and send its token along"))
        }
    }
}

/// Why a key that was sent does not open the call.
fn key_is_not_enough(client: &Client, relation: Relation, agent: &str) -> Error {
    if relation == Relation::Embedding {
        let detail = "a page elsewhere calls with a token: ask POST /v1/widget/token with the key, and send its token along";
        return Error::new(&problem::TOKEN_REQUIRED, detail);
    }
    if let Some(why) = &client.unknown {
        return why.clone();
    }
    if client.member.is_none() {
        let detail = "the API key that was sent is none of this server's, has expired or was revoked: send another one, or none where the server is open";
        return Error::new(&problem::CREDENTIAL_INVALID, detail);
    }
    let whose = format!("{agent:?} is not of the organization of the API key that was sent");
    Error::new(
        &problem::AGENT_UNKNOWN,
        format!(
            "{whose}: call it with a key of its own organization, or without one where the server is open; GET /v1/agents and GET /v1/channels list what the key reaches"
        ),
    )
}

/// What is not released is not even looked for on behalf of strangers.
pub(crate) fn may_name(server: &Server, client: &Client, agent: &str) -> Result<(), Error> {
    if (is_unreleased(agent) || is_foreign(server, agent)) && !client.may_call_anything(server, agent) {
        return Err(operator_only(
            "what is not released, or is another organization's, is called by the operator or with its API key",
        ));
    }
    Ok(())
}

/// Which session does this resume token take up again? The page must still be one that may call.
pub(crate) fn may_resume(
    server: &Server,
    client: &Client,
    token: &str,
) -> Result<(SessionId, String), Error> {
    client.relation(server)?;
    server.tokens.check_resume(token)
}

/// Whoever comes, with permission or without.
fn lets_in(server: &Server, relation: Relation) -> bool {
    relation == Relation::Embedding || server.options.open
}

fn closed() -> Error {
    operator_only("this server is closed: its operator gives permission to call")
}

/// Those of the agents for whom this client can have a token.
pub(crate) fn callable(
    server: &Server,
    client: &Client,
    mut agents: Vec<control_api::Agent>,
) -> Result<Vec<control_api::Agent>, Error> {
    if lets_in(server, client.relation(server)?) {
        return Ok(agents);
    }
    if client.member.is_none() && !client.is_operator(server) {
        return Err(closed());
    }
    agents.retain(|agent| client.may_call_anything(server, &agent.name));
    Ok(agents)
}

/// The longest life that the operator may give a token: a carrier keeps one in its settings.
const LONGEST_TOKEN_SECONDS: u64 = 30 * 24 * 3600;

/// A token for the asking page or program, and when it expires. The operator may choose its life.
pub(crate) fn call_token(
    server: &Server,
    client: &Client,
    agent: &str,
    ttl_s: Option<u64>,
) -> Result<(String, Timestamp), Error> {
    let relation = client.relation(server)?;
    let operator = client.may_call_anything(server, agent);
    if !lets_in(server, relation) && !operator {
        return Err(closed());
    }
    may_name(server, client, agent)?;
    let life = match ttl_s {
        None => server.options.token_ttl_seconds,
        Some(_) if !operator => return Err(operator_only("only the operator chooses a token's life")),
        Some(life) if (1..=LONGEST_TOKEN_SECONDS).contains(&life) => life,
        Some(life) => {
            let detail = format!("`ttl_s` must be between 1 and {LONGEST_TOKEN_SECONDS}, not {life}");
            return Err(Error::new(&problem::PARAMETER_INVALID, detail));
        }
    };
    let expires = later(server.ports.clock.now(), life);
    Ok((server.tokens.call(client.origin(), agent, expires), expires))
}

/// May this client read what callers said?
pub(crate) fn may_read(server: &Server, client: &Client) -> Result<(), Error> {
    on_own_page(server, client)?;
    if client.is_operator(server) {
        return Ok(());
    }
    Err(operator_only("sign in with the operator's token; /docs/errors/OPERATOR_ONLY says where it is found"))
}

/// How somebody shows that they are the operator.
pub(crate) enum Proof<'a> {
    Token(&'a str),
    /// Of a link that the server or `foundry admin-link` printed: good once.
    Code(&'a str),
}

/// The cookie's value for a client that proves to be the operator.
pub(crate) async fn sign_in(
    server: &Server,
    client: &Client,
    proof: &Proof<'_>,
    request_id: &str,
) -> Result<String, Error> {
    on_own_page(server, client)?;
    welcome(server, client.peer)?;
    match proof {
        Proof::Token(token) if !is_operators(server, token) => {
            unwelcome(server, client.peer);
            return Err(operator_only("this is not the operator's token"));
        }
        Proof::Token(_) => {}
        Proof::Code(code) => code::redeem(server, code, request_id).await.inspect_err(|error| {
            if error.definition == &problem::ADMIN_LINK_SPENT {
                unwelcome(server, client.peer);
            }
        })?,
    }
    Ok(server.tokens.operator(later(server.ports.clock.now(), OPERATOR_SESSION_SECONDS)))
}

/// With either of the operator's credentials?
pub(crate) fn is_operator(server: &Server, client: &Client) -> bool {
    client.is_operator(server)
}

/// What comes with the cookie must come from our own pages; what changes anything must say so.
pub(crate) fn own_page_only(server: &Server, client: &Client, must_say: bool) -> Result<(), Error> {
    let own = client.relation(server) == Ok(Relation::OwnPage);
    if own || (client.origin.is_none() && !must_say) {
        return Ok(());
    }
    let detail = "with the operator's cookie only this server's own pages may do this: send its `Origin`, or the token as bearer";
    Err(Error::new(&problem::ORIGIN_FORBIDDEN, detail))
}

fn on_own_page(server: &Server, client: &Client) -> Result<(), Error> {
    if client.origin.is_some() && client.relation(server) != Ok(Relation::OwnPage) {
        return Err(operator_only("calls are shown on this server's own pages only"));
    }
    Ok(())
}

fn is_operators(server: &Server, token: &str) -> bool {
    server.options.operator_token.as_ref().is_some_and(|operator| same_secret(token, operator.expose()))
}

fn operator_only(detail: &str) -> Error {
    Error::new(&problem::OPERATOR_ONLY, detail)
}

pub(crate) const OPERATOR_SESSION_SECONDS: u64 = 12 * 3600;

pub(crate) fn later(now: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
