//! Who may start calls, and how long permissions last.

use std::time::Duration;

use control_api::start::IceServer;
use domain::Secret;
use jiff::Timestamp;
use serde::Deserialize;

use crate::app::ice::IceSource;
use crate::app::origin;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Our own pages and clients that are no browser need no token to start a call. Otherwise the operator alone gives
    /// permission.
    pub open: bool,
    /// Pages elsewhere that may embed the widget, such as `https://www.example.com`. They need a token. Binds browsers
    /// alone: another program can name any origin.
    pub allowed_origins: Vec<String>,
    /// The agent of a client who names none.
    pub default_agent: String,
    /// Within this a token must begin a call.
    pub token_ttl_seconds: u64,
    /// For this long a call waits for its lost caller.
    pub resume_within_seconds: u64,
    /// Signs tokens. Absent: a random one, so that tokens end with the process.
    pub token_key: Option<Secret<String>>,
    /// Lets its bearer read calls and metrics, call, and give others tokens to call with. Absent: nobody may.
    pub operator_token: Option<Secret<String>>,
    /// How clients reach us, such as `https://voice.example.com`, where a proxy hides it.
    pub public_url: Option<String>,
    /// How carriers reach this very server, where several are behind `public_url`: what they say later of its calls, and their audio, comes here.
    pub own_url: Option<String>,
    /// STUN and TURN servers that clients are told of.
    pub ice_servers: Vec<IceSource>,
    /// Bodies past this are refused.
    pub body_limit_bytes: usize,
    /// An offer must be answered within this.
    pub offer_deadline_ms: u64,
    /// Requests that an API key, or the operator, may make in a minute; heavy ones count more.
    pub requests_per_minute: u32,
    /// Keys and tokens that are none which an address may send in a minute. This machine's own are not counted; 0 counts none.
    pub wrong_keys_per_address: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            open: true,
            allowed_origins: Vec::new(),
            default_agent: "front-desk".to_owned(),
            token_ttl_seconds: 120,
            resume_within_seconds: 30,
            token_key: None,
            operator_token: None,
            public_url: None,
            own_url: None,
            ice_servers: Vec::new(),
            body_limit_bytes: 256 * 1024,
            offer_deadline_ms: 10_000,
            requests_per_minute: 600,
            wrong_keys_per_address: 60,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(
        "`{field}`: {value:?} is no origin; expected scheme://host or scheme://host:port, without a path"
    )]
    Origin { field: &'static str, value: String },
    #[error("`{field}` must be between {least} and {most}, not {value}")]
    Range { field: &'static str, value: u64, least: u64, most: u64 },
    #[error("`{field}` must have at least {least} characters")]
    Short { field: &'static str, least: usize },
    #[error("`ice_servers`: {0}")]
    Ice(String),
    #[error("`default_agent` is empty")]
    NoAgent,
}

impl Options {
    /// # Errors
    /// The first field that cannot be.
    pub fn validate(&self) -> Result<(), Error> {
        for origin in &self.allowed_origins {
            check_origin("allowed_origins", origin)?;
        }
        if let Some(url) = &self.public_url {
            check_origin("public_url", url)?;
        }
        if let Some(url) = &self.own_url {
            check_origin("own_url", url)?;
        }
        let ranges = [
            ("token_ttl_seconds", self.token_ttl_seconds, 1, 3600),
            ("resume_within_seconds", self.resume_within_seconds, 1, 600),
            ("body_limit_bytes", self.body_limit_bytes as u64, 16 * 1024, 16 * 1024 * 1024),
            ("offer_deadline_ms", self.offer_deadline_ms, 100, 60_000),
            ("requests_per_minute", u64::from(self.requests_per_minute), 1, 1_000_000),
            ("wrong_keys_per_address", u64::from(self.wrong_keys_per_address), 0, 1_000_000),
        ];
        for (field, value, least, most) in ranges {
            if value < least || value > most {
                return Err(Error::Range { field, value, least, most });
            }
        }
        for (field, secret) in [("token_key", &self.token_key), ("operator_token", &self.operator_token)] {
            if secret.as_ref().is_some_and(|secret| secret.expose().len() < 16) {
                return Err(Error::Short { field, least: 16 });
            }
        }
        self.ice_servers.iter().try_for_each(IceSource::validate).map_err(Error::Ice)?;
        if self.default_agent.is_empty() { Err(Error::NoAgent) } else { Ok(()) }
    }

    /// STUN and TURN servers as one caller is told of them.
    pub(crate) fn ice_for_caller(&self, now: Timestamp) -> Vec<IceServer> {
        self.ice_servers.iter().map(|source| source.for_caller(now)).collect()
    }

    /// With origins as browsers write them.
    pub(crate) fn normal(mut self) -> Self {
        for origin in self.allowed_origins.iter_mut().chain(&mut self.public_url).chain(&mut self.own_url) {
            *origin = origin::normal(origin);
        }
        self
    }

    /// How clients reach us, as browsers write it: every address that others are told begins so.
    #[must_use]
    pub fn public_origin(&self) -> Option<String> {
        self.public_url.as_deref().map(origin::normal)
    }

    /// How carriers reach this very server, likewise.
    #[must_use]
    pub fn own_origin(&self) -> Option<String> {
        self.own_url.as_deref().map(origin::normal).or_else(|| self.public_origin())
    }

    /// By an origin as browsers write it.
    pub(crate) fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    pub(crate) const fn resume_within(&self) -> Duration {
        Duration::from_secs(self.resume_within_seconds)
    }
}

fn check_origin(field: &'static str, value: &str) -> Result<(), Error> {
    let authority = value.split_once("://").map(|(_, rest)| rest.trim_end_matches('/'));
    match authority {
        Some(authority) if !authority.is_empty() && !authority.contains(['/', '?', '#', '@', '*', ' ']) => {
            Ok(())
        }
        _ => Err(Error::Origin { field, value: value.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_be_are_named() {
        assert_eq!(Options::default().validate(), Ok(()));
        let wildcard =
            Options { allowed_origins: vec!["https://*.example.com".into()], ..Options::default() };
        assert!(matches!(wildcard.validate(), Err(Error::Origin { field: "allowed_origins", .. })));
        let long = Options { token_ttl_seconds: 90_000, ..Options::default() };
        assert!(matches!(long.validate(), Err(Error::Range { field: "token_ttl_seconds", .. })));
        let weak = Options { operator_token: Some(Secret::new("hunter2".into())), ..Options::default() };
        assert!(matches!(weak.validate(), Err(Error::Short { field: "operator_token", .. })));
    }
}
