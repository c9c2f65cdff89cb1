//! A trunk: somebody else's SIP server by which our calls go out, and whose calls come to us.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use domain::Secret;
use serde::{Deserialize, Serialize};

use crate::outgoing::dialable;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// What calls and routes call it by.
    pub name: String,
    /// Name or address of its server.
    pub host: String,
    /// 5060 unless given, or 5061 over TLS.
    #[serde(default)]
    pub port: Option<u16>,
    #[serde(default)]
    pub transport: Transport,
    /// Who we are there, in addresses and where it asks for a password.
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default, skip_serializing)]
    pub password: Option<Secret<String>>,
    /// Number or name that callees see; `user` unless given.
    #[serde(default)]
    pub caller: Option<String>,
    /// For how long we register there at a time, in seconds, so that calls to `user` come here; 0: we do not.
    #[serde(default)]
    pub register_s: u32,
    /// Callers and people who are to be connected are joined there (REFER with Replaces), and not here.
    #[serde(default)]
    pub joins: bool,
    /// Audio of calls by it is enciphered, or there is no call.
    #[serde(default)]
    pub srtp: bool,
    /// Over TLS: a file with the certificates (PEM) that its own is signed by. Not given: those of this machine.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Keys are heard as tones in its audio too, though it has events for them: for lines that promise those and send none.
    #[serde(default)]
    pub tones: bool,
    /// The agent's own voice is taken out of what its phones send: for lines with loudspeakers or reflections.
    #[serde(default)]
    pub cancel_echo: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    #[default]
    Udp,
    Tcp,
    /// Its certificate has to be one of `host`.
    Tls,
}

impl Trunk {
    /// # Errors
    /// What is wrong with it, in words.
    pub fn validate(&self) -> Result<(), String> {
        let name = &self.name;
        if name.is_empty()
            || name.len() > 64
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            return Err(format!("the trunk {name:?} needs a name of up to 64 letters, digits, - and _"));
        }
        let host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if self.host.is_empty() || !self.host.bytes().all(host) || self.uri().is_err() {
            return Err(format!("host of the trunk {name} must be a name or an address"));
        }
        if self.user.iter().chain(&self.caller).any(|user| !dialable(user)) {
            return Err(format!("user and caller of the trunk {name} must be numbers or names"));
        }
        if self.password.is_some() && self.user.is_none() {
            return Err(format!("the trunk {name} has a password and no user"));
        }
        if self.ca.is_some() && self.transport != Transport::Tls {
            return Err(format!("the trunk {name} has a ca, and its transport is not tls"));
        }
        if self.register_s != 0 && (self.user.is_none() || !(30..=86_400).contains(&self.register_s)) {
            return Err(format!("register_s of the trunk {name} must be 30 to 86400, and user be given"));
        }
        Ok(())
    }

    /// Its server.
    pub(crate) fn uri(&self) -> Result<rsipstack::sip::Uri, rsipstack::sip::Error> {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let transport = match self.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        rsipstack::sip::Uri::try_from(format!("sip:{}{port}{transport}", self.host))
    }
}

impl Transport {
    pub(crate) const fn of_stack(self) -> rsipstack::sip::Transport {
        match self {
            Self::Udp => rsipstack::sip::Transport::Udp,
            Self::Tcp => rsipstack::sip::Transport::Tcp,
            Self::Tls => rsipstack::sip::Transport::Tls,
        }
    }
}

/// Where trunks are, as their names led there last: whoever calls from there is the trunk, by TLS alone where that is how it is called.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<String, Place>>);

#[derive(Debug, Clone, Copy)]
struct Place {
    at: IpAddr,
    tls: bool,
}

impl Places {
    /// Of those that are named by an address. The others become known once they were looked up.
    pub(crate) fn of(trunks: &[Trunk]) -> Self {
        let address = |trunk: &Trunk| trunk.host.trim_matches(['[', ']']).parse().ok();
        let known =
            trunks.iter().filter_map(|trunk| Some((trunk.name.clone(), Place::of(trunk, address(trunk)?))));
        Self(Mutex::new(known.collect()))
    }

    pub(crate) fn learn(&self, trunk: &Trunk, address: IpAddr) {
        let place = Place::of(trunk, address);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(trunk.name.clone(), place);
    }

    /// The trunk that is there, and says so by TLS or not.
    pub(crate) fn at(&self, address: IpAddr, by_tls: bool) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |place: &Place| place.at == address && (by_tls || !place.tls);
        // The first by name, where several are.
        known.iter().filter(|(_, place)| fits(place)).map(|(name, _)| name).min().cloned()
    }
}

impl Place {
    fn of(trunk: &Trunk, at: IpAddr) -> Self {
        Self { at, tls: trunk.transport == Transport::Tls }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn trunk() -> Trunk {
        Trunk {
            name: "carrier".to_owned(),
            host: "sip.example.com".to_owned(),
            port: None,
            transport: Transport::Udp,
            user: None,
            password: None,
            caller: None,
            register_s: 0,
            srtp: false,
            joins: false,
            ca: None,
            tones: false,
            cancel_echo: false,
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let wrong = |change: fn(&mut Trunk)| {
            let mut trunk = trunk();
            change(&mut trunk);
            trunk.validate().err()
        };
        assert_eq!(wrong(|_| {}), None);
        assert_eq!(wrong(|trunk| trunk.host = "192.0.2.1".to_owned()), None);
        assert_eq!(wrong(|trunk| trunk.host = "[2001:db8::1]".to_owned()), None);
        assert!(wrong(|trunk| trunk.name = "a b".to_owned()).is_some());
        assert!(wrong(|trunk| trunk.host = "a>b".to_owned()).is_some());
        assert!(wrong(|trunk| trunk.user = Some("a@b".to_owned())).is_some());
        assert!(wrong(|trunk| trunk.register_s = 600).is_some(), "for whom?");
        assert!(wrong(|trunk| trunk.password = Some(Secret::new("x".to_owned()))).is_some());
        assert!(wrong(|trunk| trunk.ca = Some("ca.pem".into())).is_some(), "for what?");
        assert_eq!(
            wrong(|trunk| (trunk.ca, trunk.transport) = (Some("ca.pem".into()), Transport::Tls)),
            None
        );
    }

    #[test]
    fn a_trunk_is_known_by_its_address_and_where_its_name_led_to_last() {
        let at = |text: &str| text.parse::<IpAddr>().expect("an address");
        let fixed = Trunk { name: "fixed".to_owned(), host: "[2001:db8::1]".to_owned(), ..trunk() };
        let places = Places::of(&[fixed, trunk()]);
        assert_eq!(places.at(at("2001:db8::1"), false).as_deref(), Some("fixed"));
        assert_eq!(places.at(at("192.0.2.1"), false), None);
        places.learn(&trunk(), at("192.0.2.1"));
        assert_eq!(places.at(at("192.0.2.1"), false).as_deref(), Some("carrier"));
        places.learn(&trunk(), at("192.0.2.2"));
        assert_eq!(places.at(at("192.0.2.1"), false), None, "it moved");
        let tls = Trunk { name: "secure".to_owned(), transport: Transport::Tls, ..trunk() };
        places.learn(&tls, at("192.0.2.3"));
        assert_eq!(places.at(at("192.0.2.3"), true).as_deref(), Some("secure"));
        assert_eq!(places.at(at("192.0.2.3"), false), None, "anybody may write an address on a datagram");
    }

    #[test]
    fn a_password_is_not_written_out() {
        let mut trunk = trunk();
        trunk.password = Some(Secret::new("s3cret".to_owned()));
        let text = serde_json::to_string(&trunk).expect("writable") + &format!("{trunk:?}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}
