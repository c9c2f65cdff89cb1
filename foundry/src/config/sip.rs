//! `[sip]`: where phones reach us, and the trunks that lead to others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use domain::{OrgId, Secret};
use serde::{Deserialize, Serialize};

use super::Tls;

/// Phone calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sip {
    /// None are taken unless given.
    pub(crate) listen: Option<SocketAddr>,
    /// Of SIP over TLS, beside `listen`.
    pub(crate) tls_listen: Option<SocketAddr>,
    /// What we show there (PEM); not given: a certificate that the server makes at its start, which phones and trunks have to be told to take.
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    /// Whoever calls reaches the agent that the address names. For trials: `listen` has to be a loopback address.
    pub(crate) open: bool,
    pub(crate) rtp_first: u16,
    pub(crate) rtp_last: u16,
    /// How phones and trunks reach us, where a router is between and `listen` is not what they see.
    pub(crate) advertise: Option<IpAddr>,
    /// Calls whose audio is not enciphered are refused.
    pub(crate) srtp_required: bool,
    /// Keys of enciphered audio are offered over UDP and TCP too.
    pub(crate) keys_in_plain: bool,
    /// G.722 is offered and answered before PCMU and PCMA.
    pub(crate) g722: bool,
    /// Keys are heard as tones in the audio of lines that have no events for them.
    pub(crate) tones: bool,
    /// The agent's own voice is taken out of what every phone sends; `cancel_echo` of a trunk says it of its phones alone.
    pub(crate) cancel_echo: bool,
    /// Opus is answered too where a caller prefers it.
    pub(crate) opus: bool,
    /// How long a call rings before it is answered, in ms.
    pub(crate) ring_ms: u64,
    /// A call from which no audio came for so long is over, though nobody said so, in s.
    pub(crate) silence_s: u32,
    /// Session timer offered to callers who keep one and name no length, in s; at least 90.
    pub(crate) session_expires_s: u32,
    /// Who may call, by name and password; empty: nobody is asked.
    #[serde(skip_serializing)]
    pub(crate) users: BTreeMap<String, Secret<String>>,
    /// As which they are asked.
    pub(crate) realm: String,
    /// Calls come in by trunks alone. Not said: where there are trunks, no `users`, and `listen` is no loopback address.
    pub(crate) trunks_only: Option<bool>,
    /// Requests in work and calls that there may be at once.
    pub(crate) requests: usize,
    /// Of requests a second outside of calls, and of calls at once; 0: no limit. Trunks have none.
    pub(crate) requests_per_address: u32,
    pub(crate) calls_per_address: usize,
    /// Headers of SIP messages that routes and greetings may look at; with `*` at its end, all that begin so.
    pub(crate) headers: Vec<String>,
    /// By which calls go out and, where we register with them, come in.
    pub(crate) trunks: Vec<media_sip::Trunk>,
    /// Organizations besides `default` that may call by a trunk, by its name.
    pub(crate) lent: BTreeMap<String, BTreeSet<OrgId>>,
}

impl Default for Sip {
    fn default() -> Self {
        let options = media_sip::Options::default();
        Self {
            listen: None,
            tls_listen: None,
            tls_cert: None,
            tls_key: None,
            open: false,
            rtp_first: options.rtp_first,
            rtp_last: options.rtp_last,
            advertise: None,
            srtp_required: false,
            keys_in_plain: false,
            g722: options.g722,
            tones: options.tones,
            cancel_echo: options.cancel_echo,
            opus: options.opus,
            ring_ms: options.ring_ms,
            silence_s: options.silence_s,
            session_expires_s: options.session_expires_s,
            users: BTreeMap::new(),
            realm: options.realm,
            trunks_only: None,
            requests: options.requests,
            requests_per_address: options.requests_per_address,
            calls_per_address: options.calls_per_address,
            headers: options.headers,
            trunks: Vec::new(),
            lent: BTreeMap::new(),
        }
    }
}

impl Sip {
    pub(crate) fn options(&self) -> Option<media_sip::Options> {
        let Self { rtp_first, rtp_last, advertise, srtp_required, keys_in_plain, g722, tones, .. } = *self;
        let Self { cancel_echo, trunks_only, requests, requests_per_address, calls_per_address, .. } = *self;
        let Self { opus, ring_ms, silence_s, session_expires_s, .. } = *self;
        let options = media_sip::Options {
            listen: self.listen?,
            tls_listen: self.tls_listen,
            rtp_first,
            rtp_last,
            advertise,
            srtp_required,
            keys_in_plain,
            g722,
            tones,
            cancel_echo,
            opus,
            ring_ms,
            silence_s,
            session_expires_s,
            users: self.users.clone(),
            realm: self.realm.clone(),
            trunks_only,
            requests,
            requests_per_address,
            calls_per_address,
            headers: self.headers.clone(),
            trunks: self.trunks.clone(),
        };
        Some(options)
    }

    /// What is shown to whoever connects over TLS.
    pub(crate) fn tls(&self) -> Tls {
        Tls { cert: self.tls_cert.clone(), key: self.tls_key.clone(), self_signed: self.tls_cert.is_none() }
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let mut addresses = self.listen.iter().chain(&self.tls_listen);
        if self.open && addresses.any(|address| !address.ip().is_loopback()) {
            return Err(
                "sip.open is for trials: sip.listen and sip.tls_listen have to be loopback addresses"
                    .to_owned(),
            );
        }
        if self.tls_listen.is_some() && self.listen.is_none() {
            return Err("sip.tls_listen is beside sip.listen: give both".to_owned());
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err("sip.tls_cert and sip.tls_key are one thing: give both, or neither".to_owned());
        }
        if self.tls_cert.is_some() && self.tls_listen.is_none() {
            return Err("sip.tls_cert is shown on sip.tls_listen: give that too".to_owned());
        }
        if let Some(name) = self.lent.keys().find(|name| self.trunks.iter().all(|trunk| trunk.name != **name))
        {
            return Err(format!("in [sip.lent]: there is no trunk {name:?} among [[sip.trunks]]"));
        }
        let options = self.options();
        options.map_or(Ok(()), |options| options.validate()).map_err(|wrong| format!("in [sip]: {wrong}"))
    }
}
