//! Who may start a call, who may embed the widget, who may read calls.
//!
//! A browser names the page's origin and cannot lie about it; a client without an origin is no browser. On an open
//! server our own pages and clients that are no browser call freely. Pages elsewhere must be listed and bring a token.

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
    let forbidden = |detail: &str| Err(Error::new(&problem::OPERATOR_ONLY, detail));
    if client.origin.is_some() && client.relation(server) != Ok(Relation::OwnPage) {
        return forbidden("calls are shown on this server's own pages only");
    }
    if let Some(operator) = &server.options.operator_token {
        let known = credential.is_some_and(|given| {
            same_secret(given, operator.expose())
                || server.tokens.is_operator(given, server.ports.clock.now())
        });
        return if known { Ok(()) } else { forbidden("sign in with the operator's token") };
    }
    if !server.options.open {
        return forbidden("set `operator_token` to read calls on a server that is not open");
    }
    // A page elsewhere can point its own name at this machine and would then count as our own page. An address cannot be
    // pointed anywhere else.
    if is_address(&client.host)
        || server.options.public_url.as_deref().is_some_and(|url| is_host_of(&client.host, url))
    {
        return Ok(());
    }
    forbidden("reach the server by localhost or its address, or set `public_url` or `operator_token`")
}

/// The cookie's value for a client that knows the operator's token.
pub(crate) fn sign_in(server: &Server, client: &Client, token: &str) -> Result<String, Error> {
    if server.options.operator_token.is_none() {
        return Err(Error::new(&problem::OPERATOR_ONLY, "this server has no `operator_token`"));
    }
    may_read(server, client, Some(token))?;
    Ok(server.tokens.operator(later(server.ports.clock.now(), OPERATOR_SESSION_SECONDS)))
}

pub(crate) const OPERATOR_SESSION_SECONDS: u64 = 12 * 3600;

pub(crate) fn later(now: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.ends_with(".localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

fn is_host_of(host: &str, url: &str) -> bool {
    url.split_once("://")
        .is_some_and(|(_, authority)| authority.trim_end_matches('/').eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_names() {
        for host in [
            "localhost",
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "192.168.1.9",
            "a.localhost:1",
        ] {
            assert!(is_address(host), "{host}");
        }
        for host in ["evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert!(!is_address(host), "{host}");
        }
    }
}
