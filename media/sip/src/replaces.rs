//! Calls that take the place of others (RFC 3891): which dialog is meant, as headers and addresses name it.

use std::fmt;

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Request, Uri};

use crate::outgoing::dialable;

/// A dialog, as whoever receives the header knows it: `to_tag` is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaces {
    pub(crate) call_id: String,
    pub(crate) to_tag: String,
    pub(crate) from_tag: String,
    pub(crate) early_only: bool,
}

/// Whom a REFER names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReferTo {
    /// A number or a name. Where they are is for our trunks to say, and not for whoever asks.
    pub(crate) user: String,
    pub(crate) replaces: Option<Replaces>,
}

impl Replaces {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let call_id = parts.next().filter(|id| is_token(id))?.to_owned();
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let once = |tag: &mut Option<String>| {
                let fits = is_token(value) && tag.is_none();
                fits.then(|| *tag = Some(value.to_owned()))
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "to-tag" => once(&mut to_tag)?,
                "from-tag" => once(&mut from_tag)?,
                "early-only" => early_only = true,
                _ => {}
            }
        }
        Some(Self { call_id, to_tag: to_tag?, from_tag: from_tag?, early_only })
    }

    /// What an INVITE is to replace.
    ///
    /// # Errors
    /// The status to refuse it with: one that names several calls, or none that can be read (RFC 3891 section 3).
    pub(crate) fn of(invite: &Request) -> Result<Option<Self>, u16> {
        let named = |name: &str| {
            invite.headers.iter().filter(|header| header.name().eq_ignore_ascii_case(name)).count()
        };
        match (named("Replaces"), named("Join")) {
            (0, _) => Ok(None),
            (1, 0) => {
                let said = invite.header_value("Replaces").unwrap_or_default();
                Self::parse(&said).map(Some).ok_or(400)
            }
            _ => Err(400),
        }
    }

    /// A Refer-To that has the other side call there in place of this dialog.
    pub(crate) fn referred_to(&self, target: &Uri) -> String {
        let plain = Uri { headers: Vec::new(), ..target.clone() };
        format!("<{plain}?Replaces={}>", encoded(&self.to_string()))
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag)?;
        if self.early_only { f.write_str(";early-only") } else { Ok(()) }
    }
}

impl ReferTo {
    /// `None` where it names nobody who can be dialled, or asks for anything but a call.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let uri = match value.split_once('<') {
            Some((_, rest)) => rest.split_once('>')?.0,
            None => value.trim(),
        };
        let (address, headers) = uri.split_once('?').unwrap_or((uri, ""));
        let (scheme, rest) = address.split_once(':')?;
        let mut params = rest.split(';').skip(1);
        if params.any(|param| {
            param.trim().to_ascii_lowercase().strip_prefix("method=").is_some_and(|method| method != "invite")
        }) {
            return None;
        }
        let user = match scheme.trim().to_ascii_lowercase().as_str() {
            "sip" | "sips" => rest.split_once('@')?.0,
            "tel" => rest,
            _ => return None,
        };
        let user = decoded(user.split([';', ':']).next()?)?;
        let mut headers = headers.split('&').filter_map(|header| header.split_once('='));
        // One that cannot be read is not left out.
        let replaces = match headers.find(|(name, _)| name.eq_ignore_ascii_case("Replaces")) {
            Some((_, value)) => Some(Replaces::parse(&decoded(value)?)?),
            None => None,
        };
        dialable(&user).then_some(Self { user, replaces })
    }
}

/// Call-IDs and tags, and nothing that could end the header that they stand in.
fn is_token(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~@()<>:\\\"/[]?{}".contains(&byte);
    (1..=256).contains(&text.len()) && text.bytes().all(fine)
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog() -> Replaces {
        let text = |text: &str| text.to_owned();
        Replaces { call_id: text("12@x"), to_tag: text("a"), from_tag: text("b"), early_only: false }
    }

    #[test]
    fn a_dialog_is_read_in_any_order_and_only_whole() {
        assert_eq!(Replaces::parse("12@x;to-tag=a;from-tag=b"), Some(dialog()));
        assert_eq!(Replaces::parse(" 12@x ; From-Tag=b;to-tag=a;x=y"), Some(dialog()));
        let early = Replaces { early_only: true, ..dialog() };
        assert_eq!(Replaces::parse("12@x;to-tag=a;from-tag=b;early-only"), Some(early.clone()));
        assert_eq!(Replaces::parse(&early.to_string()), Some(early));
        for wrong in [
            "",
            "12@x",
            "12@x;to-tag=a",
            ";to-tag=a;from-tag=b",
            "12@x;to-tag=;from-tag=b",
            "1 2;to-tag=a;from-tag=b",
            "12@x;to-tag=a;to-tag=c;from-tag=b",
        ] {
            assert_eq!(Replaces::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn whom_a_refer_names_is_a_number_or_a_name_wherever_it_is_said_to_be() {
        let user = |value: &str| ReferTo::parse(value).map(|to| to.user);
        for value in [
            "<sip:+4930@evil.example;user=phone>",
            "sip:+4930@x",
            "\"Desk\" <sips:%2B4930:secret@x>;y=z",
            "<tel:+4930;phone-context=x>",
        ] {
            assert_eq!(user(value).as_deref(), Some("+4930"), "{value}");
        }
        for wrong in [
            "",
            "<sip:host>",
            "<http://x@y>",
            "<sip:a b@x>",
            "<sip:@x>",
            "<sip:a%0d%0aX@x>",
            "<sip:a@x;method=BYE>",
            "<sip:%zz@x>",
        ] {
            assert_eq!(ReferTo::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_dialog_in_an_address_is_the_dialog_that_was_put_there() {
        let target = Uri::try_from("sip:anna@10.0.0.1:5070;transport=tcp").expect("a URI");
        let value = dialog().referred_to(&target);
        // The stack writes the transport as it likes, which counts for nothing.
        let wanted = "<sip:anna@10.0.0.1:5070;transport=tcp?Replaces=12%40x%3Bto-tag%3Da%3Bfrom-tag%3Db>";
        assert!(value.eq_ignore_ascii_case(wanted), "{value}");
        let read = ReferTo::parse(&value).expect("it can be read");
        assert_eq!((read.user.as_str(), read.replaces), ("anna", Some(dialog())));
        assert_eq!(
            ReferTo::parse("<sip:anna@x?Replaces=nothing>"),
            None,
            "what cannot be read is not left out"
        );
    }
}
