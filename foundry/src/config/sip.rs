//! `[sip]`: where phones reach us, and the trunks that lead to others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use domain::{OrgId, Secret};
use serde::{Deserialize, Serialize};

/// Phone calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sip {
    /// None are taken unless given.
    pub(crate) listen: Option<SocketAddr>,
    /// Whoever calls reaches the agent that the address names. For trials: `listen` has to be a loopback address.
    pub(crate) open: bool,
    pub(crate) rtp_first: u16,
    pub(crate) rtp_last: u16,
    /// How phones and trunks reach us, where a router is between and `listen` is not what they see.
    pub(crate) advertise: Option<IpAddr>,
    /// Calls whose audio is not enciphered are refused.
    pub(crate) srtp_required: bool,
    /// Who may call, by name and password; empty: nobody is asked.
    #[serde(skip_serializing)]
    pub(crate) users: BTreeMap<String, Secret<String>>,
    /// Calls come in by trunks alone. Not said: where there are trunks, no `users`, and `listen` is no loopback address.
    pub(crate) trunks_only: Option<bool>,
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
            open: false,
            rtp_first: options.rtp_first,
            rtp_last: options.rtp_last,
            advertise: None,
            srtp_required: false,
            users: BTreeMap::new(),
            trunks_only: None,
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
        let Self { rtp_first, rtp_last, advertise, srtp_required, .. } = *self;
        let Self { trunks_only, requests_per_address, calls_per_address, .. } = *self;
        let options = media_sip::Options {
            listen: self.listen?,
            rtp_first,
            rtp_last,
            advertise,
            srtp_required,
            users: self.users.clone(),
            trunks_only,
            requests_per_address,
            calls_per_address,
            headers: self.headers.clone(),
            trunks: self.trunks.clone(),
            ..Default::default()
        };
        Some(options)
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if self.open && self.listen.is_some_and(|address| !address.ip().is_loopback()) {
            return Err("sip.open is for trials: sip.listen has to be a loopback address".to_owned());
        }
        if let Some(name) = self.lent.keys().find(|name| self.trunks.iter().all(|trunk| trunk.name != **name))
        {
            return Err(format!("in [sip.lent]: there is no trunk {name:?} among [[sip.trunks]]"));
        }
        let options = self.options();
        options.map_or(Ok(()), |options| options.validate()).map_err(|wrong| format!("in [sip]: {wrong}"))
    }
}
