//! Where phones reach us, and how patient we are with them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use domain::Secret;
use media_core::Codec;
use serde::{Deserialize, Serialize};

use crate::sdp::G722;
use crate::trunk::{Transport, Trunk};
use crate::voice::Listens;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Address of SIP, for UDP and TCP.
    pub listen: SocketAddr,
    /// Address of SIP over TLS, where that is taken too.
    pub tls_listen: Option<SocketAddr>,
    /// How callers reach us, where that is not the address they came in by.
    pub advertise: Option<IpAddr>,
    /// Ports of audio: the even ones from the first to the last, one for each call.
    pub rtp_first: u16,
    pub rtp_last: u16,
    /// Who may call, by name and password (digest authentication). Empty: nobody is asked.
    #[serde(skip_serializing)]
    pub users: BTreeMap<String, Secret<String>>,
    pub realm: String,
    /// How long it is at least until a call that somebody takes is answered, in ms. It rings (180) once somebody has taken it.
    pub ring_ms: u64,
    /// A call from which no audio came for so long is over, though nobody said so, in seconds.
    pub silence_s: u32,
    /// Session timer offered to callers who keep one and name no length, in seconds; at least 90.
    pub session_expires_s: u32,
    /// Opus is answered too where a caller prefers it.
    pub opus: bool,
    /// G.722 is offered and answered before PCMU and PCMA: twice the sound in as many bytes.
    pub g722: bool,
    /// Keys are heard as tones in the audio of lines that have no events for them (RFC 4733).
    pub tones: bool,
    /// The agent's own voice is taken out of what every phone sends, for about a hundredth of a core each; `Trunk::cancel_echo` says it of a trunk's.
    pub cancel_echo: bool,
    /// Requests in work and calls that there may be at once; more requests are dropped, to be repeated by whoever sent them.
    pub requests: usize,
    /// Requests a second that one address may send outside of calls, and twice as many at once; more are dropped unanswered. 0: no limit.
    /// Trunks have none.
    pub requests_per_address: u32,
    /// Calls that one address may have at once; 0: no limit. Trunks have none.
    pub calls_per_address: usize,
    /// Calls whose audio is not enciphered are refused. Otherwise it is enciphered where the caller offers that.
    pub srtp_required: bool,
    /// Keys of enciphered audio are offered over UDP and TCP too, where whoever reads the messages can hear the call. Good where the network is
    /// nobody else's.
    pub keys_in_plain: bool,
    /// Calls come in by trunks alone. Not said: where there are trunks, no `users`, and `listen` is no loopback address.
    pub trunks_only: Option<bool>,
    /// Headers of an INVITE that whoever takes the call is told; with `*` at its end, all that begin so.
    pub headers: Vec<String>,
    /// By which calls go out.
    pub trunks: Vec<Trunk>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5060)),
            tls_listen: None,
            advertise: None,
            rtp_first: 20_000,
            rtp_last: 20_999,
            users: BTreeMap::new(),
            realm: "agent-foundry".to_owned(),
            ring_ms: 0,
            silence_s: 30,
            session_expires_s: 1_800,
            opus: true,
            g722: true,
            tones: true,
            cancel_echo: false,
            requests: 2_048,
            requests_per_address: 100,
            calls_per_address: 200,
            srtp_required: false,
            keys_in_plain: false,
            trunks_only: None,
            headers: ["X-*", "Diversion", "P-Asserted-Identity", "Subject"].map(str::to_owned).to_vec(),
            trunks: Vec::new(),
        }
    }
}

impl Options {
    /// What is wrong with the options, in words.
    ///
    /// # Errors
    /// The first thing that is.
    pub fn validate(&self) -> Result<(), String> {
        if self.rtp_first < 1_024 || self.rtp_last < self.rtp_first.saturating_add(self.rtp_first % 2) {
            return Err("rtp_first must be at least 1024 and rtp_last not below it".to_owned());
        }
        if self.ring_ms > 60_000 {
            return Err("ring_ms must be at most 60000".to_owned());
        }
        if !(5..=3_600).contains(&self.silence_s) {
            return Err("silence_s must be 5 to 3600".to_owned());
        }
        if self.session_expires_s < crate::machine::LEAST_INTERVAL_S {
            return Err("session_expires_s must be at least 90".to_owned());
        }
        if self.realm.is_empty() || self.realm.contains(['"', '\\', '\r', '\n']) {
            return Err("realm must be a name without quotes".to_owned());
        }
        if self.requests < 16 {
            return Err("requests must be at least 16".to_owned());
        }
        if let Some(name) = self.headers.iter().find(|name| !crate::headers::may_be_named(name)) {
            return Err(format!("headers: {name:?} is no name of a header, or one of a password"));
        }
        for (n, trunk) in self.trunks.iter().enumerate() {
            trunk.validate()?;
            let enciphers = trunk.srtp || self.srtp_required;
            if enciphers && trunk.transport != Transport::Tls && !self.keys_in_plain {
                return Err(format!(
                    "the trunk {} would be offered keys of audio in plain: its transport has to be tls (or set keys_in_plain, where nobody else reads)",
                    trunk.name
                ));
            }
            if self.trunks[..n].iter().any(|before| before.name == trunk.name) {
                return Err(format!("two trunks are called {}", trunk.name));
            }
        }
        Ok(())
    }

    /// Whether a caller who comes by no trunk is refused.
    #[must_use]
    pub fn takes_trunks_alone(&self) -> bool {
        let reached =
            !self.listen.ip().is_loopback() || self.tls_listen.is_some_and(|tls| !tls.ip().is_loopback());
        let likely = !self.trunks.is_empty() && self.users.is_empty() && reached;
        self.trunks_only.unwrap_or(likely)
    }

    /// When keys are looked for in the sound of a call by that trunk, or by none.
    pub(crate) fn listens_for_tones(&self, trunk: Option<&str>) -> Listens {
        let always = |name: &str| self.trunks.iter().any(|trunk| trunk.name == name && trunk.tones);
        match trunk {
            Some(name) if always(name) => Listens::Always,
            _ if self.tones => Listens::WithoutEvents,
            _ => Listens::Never,
        }
    }

    /// Whether the agent's own voice is taken out of what comes by that trunk, or by none.
    pub(crate) fn cancels_echo(&self, trunk: Option<&str>) -> bool {
        let of_trunk = |name: &str| self.trunks.iter().any(|trunk| trunk.name == name && trunk.cancel_echo);
        self.cancel_echo || trunk.is_some_and(of_trunk)
    }

    /// In our order.
    #[must_use]
    pub fn codecs(&self) -> Vec<Codec> {
        let wide = self.opus.then_some(Codec::Opus).into_iter().chain(self.g722.then_some(G722));
        wide.chain([Codec::Pcmu, Codec::Pcma]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let wrong = |change: fn(&mut Options)| {
            let mut options = Options::default();
            change(&mut options);
            options.validate().err()
        };
        assert_eq!(wrong(|_| {}), None);
        assert!(wrong(|options| options.rtp_last = 19_999).is_some());
        assert!(wrong(|options| options.rtp_first = 80).is_some());
        assert!(wrong(|options| options.silence_s = 0).is_some());
        assert!(wrong(|options| options.session_expires_s = 60).is_some());
        assert!(wrong(|options| options.headers = vec!["Authorization".to_owned()]).is_some());
        assert!(wrong(|options| options.realm = "a\"b".to_owned()).is_some());
    }

    #[test]
    fn keys_are_offered_where_nobody_reads_them() {
        let with = |transport, change: fn(&mut Options)| {
            let trunk = Trunk { transport, srtp: true, ..crate::trunk::tests::trunk() };
            let mut options = Options { trunks: vec![trunk], ..Options::default() };
            change(&mut options);
            options.validate().is_ok()
        };
        assert!(!with(Transport::Udp, |_| {}) && !with(Transport::Tcp, |_| {}));
        assert!(with(Transport::Tls, |_| {}) && with(Transport::Udp, |options| options.keys_in_plain = true));
        let plain = |options: &mut Options| options.trunks[0].srtp = false;
        assert!(with(Transport::Udp, plain));
        assert!(
            !with(Transport::Udp, |options| (options.trunks[0].srtp, options.srtp_required) = (false, true))
        );
    }

    #[test]
    fn strangers_are_let_in_where_nobody_else_could_come() {
        let public = Options { listen: SocketAddr::from(([192, 0, 2, 1], 5060)), ..Options::default() };
        let trunks = vec![crate::trunk::tests::trunk()];
        assert!(!public.takes_trunks_alone());
        assert!(Options { trunks: trunks.clone(), ..public.clone() }.takes_trunks_alone());
        assert!(!Options { trunks: trunks.clone(), ..Options::default() }.takes_trunks_alone(), "a trial");
        let by_tls =
            Options { tls_listen: Some(public.listen), trunks: trunks.clone(), ..Options::default() };
        assert!(by_tls.takes_trunks_alone());
        let open = Options { trunks, trunks_only: Some(false), ..public };
        assert!(!open.takes_trunks_alone());
    }
}
