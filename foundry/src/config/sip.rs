//! `[sip]`: where phones reach us, and the trunks that lead to others.

use std::net::{IpAddr, SocketAddr};

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
    /// By which calls go out and, where we register with them, come in.
    pub(crate) trunks: Vec<media_sip::Trunk>,
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
            trunks: Vec::new(),
        }
    }
}

impl Sip {
    pub(crate) fn options(&self) -> Option<media_sip::Options> {
        let listen = self.listen?;
        let (rtp_first, rtp_last) = (self.rtp_first, self.rtp_last);
        let (advertise, srtp_required, trunks) = (self.advertise, self.srtp_required, self.trunks.clone());
        let options = media_sip::Options {
            listen,
            rtp_first,
            rtp_last,
            advertise,
            srtp_required,
            trunks,
            ..Default::default()
        };
        Some(options)
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if self.open && self.listen.is_some_and(|address| !address.ip().is_loopback()) {
            return Err("sip.open is for trials: sip.listen has to be a loopback address".to_owned());
        }
        let options = self.options();
        options.map_or(Ok(()), |options| options.validate()).map_err(|wrong| format!("in [sip]: {wrong}"))
    }
}
