//! Who may start a call, who may embed the widget, who may read calls.
//!
//! A browser names the page's origin and cannot lie about it; any other program can name what it likes. On an open server
//! our own pages and programs call freely. On a closed one they need the operator's permission or a token made with it:
//! an origin proves nothing there. Pages elsewhere must be listed and bring a token.

use control_api::problem;
use domain::SessionId;
use jiff::Timestamp;

use crate::Server;
use crate::app::origin;
use crate::app::token::same_secret;
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

    fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or_default()
    }
}

/// May this client start a call with `agent`? The operator may.
pub(crate) fn may_call(
    server: &Server,
    client: &Client,
    agent: &str,
    token: Option<&str>,
) -> Result<(), Error> {
    let relation = client.relation(server)?;
    if relation != Relation::Embedding
        && (server.options.open && token.is_none() || client.is_operator(server))
    {
        return Ok(());
    }
    match token {
        Some(token) => server.tokens.check_call(token, client.origin(), agent, server.ports.clock.now()),
        None => {
            Err(Error::new(&problem::TOKEN_REQUIRED, "ask POST /v1/widget/token and send its token along"))
        }
    }
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
    let operator = client.is_operator(server);
    if relation != Relation::Embedding && !server.options.open && !operator {
        return Err(operator_only("this server is closed: its operator gives permission to call"));
    }
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

/// The cookie's value for a client that knows the operator's token.
pub(crate) fn sign_in(server: &Server, client: &Client, token: &str) -> Result<String, Error> {
    on_own_page(server, client)?;
    if !is_operators(server, token) {
        return Err(operator_only("this is not the operator's token"));
    }
    Ok(server.tokens.operator(later(server.ports.clock.now(), OPERATOR_SESSION_SECONDS)))
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
