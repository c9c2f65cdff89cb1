//! Who may start a call, who may embed the widget, who may read calls.
//!
//! A browser names the page's origin and cannot lie about it; a client without an origin is no browser. On an open
//! server our own pages and clients that are no browser call freely. Pages elsewhere must be listed and bring a token.
//! What callers said is for the operator's token, and for who sits at the machine itself.

use control_api::problem;
use domain::SessionId;
use jiff::Timestamp;

use crate::Server;
use crate::app::token::same_secret;
use crate::error::Error;

/// Who asks, as the request says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// Of the page, lower case; `None`: no browser.
    pub(crate) origin: Option<String>,
    /// What the client believes to be our address, with the port.
    pub(crate) host: String,
    /// The connection comes from this machine, and nothing says that it is a proxy's.
    pub(crate) local: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    NoBrowser,
    OwnPage,
    Embedding,
}

impl Client {
    /// The port and scheme may be hidden by a proxy: the authority decides.
    fn relation(&self, server: &Server) -> Result<Relation, Error> {
        let Some(origin) = &self.origin else { return Ok(Relation::NoBrowser) };
        let public = server.options.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        if authority.is_some_and(|authority| authority == self.host) || origin == public {
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

    fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or_default()
    }
}

/// May this client start a call with `agent`?
pub(crate) fn may_call(
    server: &Server,
    client: &Client,
    agent: &str,
    token: Option<&str>,
) -> Result<(), Error> {
    let relation = client.relation(server)?;
    match token {
        Some(token) => server.tokens.check_call(token, client.origin(), agent, server.ports.clock.now()),
        None if server.options.open && relation != Relation::Embedding => Ok(()),
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

/// A token for the asking page, and when it expires.
pub(crate) fn widget_token(
    server: &Server,
    client: &Client,
    agent: &str,
) -> Result<(String, Timestamp), Error> {
    if client.relation(server)? == Relation::NoBrowser && !server.options.open {
        return Err(Error::new(
            &problem::ORIGIN_FORBIDDEN,
            "tokens are for pages: the request named no origin",
        ));
    }
    let expires = later(server.ports.clock.now(), server.options.token_ttl_seconds);
    Ok((server.tokens.call(client.origin(), agent, expires), expires))
}

/// May this client read what callers said? `credential` is the operator's token or the cookie made from it.
pub(crate) fn may_read(server: &Server, client: &Client, credential: Option<&str>) -> Result<(), Error> {
    on_own_page(server, client)?;
    let known = credential.is_some_and(|given| {
        is_operators(server, given) || server.tokens.is_operator(given, server.ports.clock.now())
    });
    // A page elsewhere can point its own name at this machine, and the browser here would then count as its own: a
    // local client must also call us by a name that nobody else can give out.
    let at_the_machine = server.options.local_reads && client.local && is_loopback(&client.host);
    if known || (at_the_machine && server.options.open) {
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

/// Names and addresses that mean the machine itself wherever they are said.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_itself_is_told_from_names_and_other_addresses() {
        for host in [
            "localhost",
            "localhost:8080",
            "127.0.0.1:8080",
            "127.8.8.8",
            "[::1]:8080",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
            "a.localhost:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.1.9",
            "[2001:db8::1]:80",
            "0.0.0.0:80",
            "",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
