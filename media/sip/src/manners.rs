//! What a request has to be before it is looked at as a call (RFC 3261 sections 8.2 and 16.3, RFC 4475). Pure: bytes or a request in, a verdict out.
//!
//! The stack is silent about what it cannot read, and takes some of what it should not. Here whoever sent a request is told what is wrong with it, once for
//! each copy and in no more bytes than a head has; answers, acknowledgements and what is no SIP are dropped.

use std::hash::{BuildHasher, RandomState};

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, Scheme, SipMessage, StatusCode, Transport};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::SipConnection;

use crate::dialog::SUPPORTED;

/// Headers that there may be one of.
const SINGLE: [&str; 5] = ["from", "to", "call-id", "cseq", "max-forwards"];
/// Of those, and of Via, that there has to be one.
const NEEDED: [&str; 5] = ["via", "from", "to", "call-id", "cseq"];
/// RFC 3261 section 8.1.1.5.
const LARGEST_SEQUENCE: u64 = (1 << 31) - 1;
const LARGEST_HOPS: u64 = 255;

/// What is done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passes,
    /// It is answered with these bytes, and goes no further.
    Refused(Vec<u8>),
    Dropped,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault(u16, &'static str);

const fn bad(what: &'static str) -> Fault {
    Fault(400, what)
}

/// Looks at one message as it came: a datagram, or what a stream was cut into.
#[derive(Debug, Default)]
pub(crate) struct Inspector(RandomState);

/// The head of a request: its first line, and headers by their long names in lower case, unfolded.
struct Head {
    line: String,
    headers: Vec<(String, String)>,
    /// Bytes that follow it.
    body: usize,
}

impl Inspector {
    pub(crate) fn looks_at(&self, message: &[u8]) -> Verdict {
        // An empty line before a message is nothing, and one alone keeps a router's memory.
        if message.iter().all(u8::is_ascii_whitespace) {
            return Verdict::Passes;
        }
        // Nobody is told of an answer that cannot be read.
        if message.starts_with(b"SIP/") {
            return if SipMessage::try_from(message).is_ok() { Verdict::Passes } else { Verdict::Dropped };
        }
        let Some(head) = Head::read(message) else { return Verdict::Dropped };
        match head.fault().or_else(|| unread(message)) {
            None => Verdict::Passes,
            Some(_) if head.line.starts_with("ACK ") => Verdict::Dropped,
            Some(fault) => self.refusal(&head, fault).map_or(Verdict::Dropped, Verdict::Refused),
        }
    }

    /// Without a state: the same for every copy of a request. `None` for what nobody could understand an answer to.
    fn refusal(&self, head: &Head, Fault(status, reason): Fault) -> Option<Vec<u8>> {
        let mut text = format!("SIP/2.0 {status} {reason}\r\n");
        head.one("via")?;
        for (name, value) in &head.headers {
            let long = match name.as_str() {
                "via" => "Via",
                "from" => "From",
                "to" => "To",
                "call-id" => "Call-ID",
                "cseq" => "CSeq",
                _ => continue,
            };
            let tag = if name == "to" && !value.contains("tag") {
                format!(";tag={:016x}", self.0.hash_one((head.one("call-id"), head.one("from"))))
            } else {
                String::new()
            };
            text.push_str(&format!("{long}: {value}{tag}\r\n"));
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        Some(text.into_bytes())
    }
}

impl Head {
    /// `None` for what is no request of SIP.
    fn read(message: &[u8]) -> Option<Self> {
        // One without an end is read as far as it goes, and refused.
        let end = message.windows(4).position(|at| at == b"\r\n\r\n").unwrap_or(message.len());
        let text = readable(message.get(..end)?);
        let mut lines = text.split("\r\n");
        let line = lines.next().filter(|line| line.contains(" SIP/") || line.ends_with("SIP/2.0"))?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = headers.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                headers.push((long(name.trim()), value.trim().to_owned()));
            }
        }
        Some(Self { line: line.to_owned(), headers, body: message.len().saturating_sub(end + 4) })
    }

    fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.headers.iter().filter(move |(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    fn one<'b>(&'b self, name: &'b str) -> Option<&'b str> {
        self.all(name).next()
    }

    fn fault(&self) -> Option<Fault> {
        let mut words = self.line.split(' ');
        let (method, uri, version) = (words.next()?, words.next(), words.next());
        let (Some(uri), Some(version), None) = (uri, version, words.next()) else {
            return Some(bad("Bad Request-Line"));
        };
        if version != "SIP/2.0" {
            return Some(Fault(505, "Version Not Supported"));
        }
        self.miscounted()
            .or_else(|| target(uri))
            .or_else(|| self.sequence(method))
            .or_else(|| self.misspelt())
    }

    /// Too many or too few of what there is one of.
    fn miscounted(&self) -> Option<Fault> {
        if NEEDED.iter().any(|name| self.one(name).is_none()) {
            return Some(bad("Missing Header Field"));
        }
        if SINGLE.iter().any(|name| self.all(name).count() > 1) {
            return Some(bad("Repeated Header Field"));
        }
        let mut lengths = self.all("content-length");
        let length = lengths.next();
        if lengths.any(|other| Some(other) != length) {
            return Some(bad("Repeated Content-Length"));
        }
        match length.map(number) {
            Some(None) => Some(bad("Bad Content-Length")),
            Some(Some(length)) if length > self.body as u64 => Some(bad("Body Cut Off")),
            _ => None,
        }
    }

    fn sequence(&self, method: &str) -> Option<Fault> {
        let mut words = self.one("cseq").unwrap_or_default().split_ascii_whitespace();
        let count = words.next().and_then(number);
        if count.is_none_or(|count| count > LARGEST_SEQUENCE) || words.next() != Some(method) {
            return Some(bad("Bad CSeq"));
        }
        let hops = self.one("max-forwards").map(number);
        if hops.is_some_and(|hops| hops.is_none_or(|hops| hops > LARGEST_HOPS)) {
            return Some(bad("Bad Max-Forwards"));
        }
        // Methods are told apart as they are written (section 7.1).
        method.parse::<Method>().is_err().then_some(Fault(501, "Not Implemented"))
    }

    /// Quotes and brackets without an end, separators with nothing between.
    fn misspelt(&self) -> Option<Fault> {
        for name in ["from", "to"] {
            if self.one(name).is_some_and(|value| !is_address(value)) {
                return Some(match name {
                    "from" => bad("Bad From"),
                    _ => bad("Bad To"),
                });
            }
        }
        self.all("via").chain(self.all("contact")).any(is_idle).then_some(bad("Empty Parameter"))
    }
}

/// Bytes of other alphabets as one character each, so that nothing that is repeated grows.
fn readable(bytes: &[u8]) -> String {
    let chunks = bytes.utf8_chunks();
    chunks.flat_map(|chunk| chunk.valid().chars().chain(chunk.invalid().iter().map(|_| '?'))).collect()
}

/// A name as headers have it, of its short form too (section 7.3.3).
fn long(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let long = match name.as_str() {
        "v" => "via",
        "f" => "from",
        "t" => "to",
        "i" => "call-id",
        "l" => "content-length",
        "m" => "contact",
        "c" => "content-type",
        _ => return name,
    };
    long.to_owned()
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What is called: a SIP address, without the brackets and headers of other places.
fn target(uri: &str) -> Option<Fault> {
    if uri.starts_with('<') {
        return Some(bad("Bad Request-URI"));
    }
    let Some((scheme, rest)) = uri.split_once(':') else { return Some(bad("Bad Request-URI")) };
    if !["sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Some(Fault(416, "Unsupported URI Scheme"));
    }
    let host = rest.rsplit('@').next().unwrap_or(rest);
    (host.is_empty() || host.contains('?')).then_some(bad("Bad Request-URI"))
}

/// Of From and To: quotes and brackets that close, and no list. Other names that want quotes are taken without, as many phones send them.
fn is_address(value: &str) -> bool {
    let Some(outside) = unquoted(value) else { return false };
    match outside.split_once('<') {
        Some((name, rest)) => !name.contains(',') && rest.contains('>'),
        None => !outside.contains('>'),
    }
}

/// Without what is in quotes; `None` where they do not close.
fn unquoted(value: &str) -> Option<String> {
    let (mut outside, mut quoted, mut escaped) = (String::new(), false, false);
    for at in value.chars() {
        match at {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            at if !quoted => outside.push(at),
            _ => {}
        }
    }
    (!quoted).then_some(outside)
}

/// Whether parameters or values are missing between separators.
fn is_idle(value: &str) -> bool {
    let Some(outside) = unquoted(value) else { return true };
    let parts = outside.split([';', ',']).skip(1);
    // A name in quotes leaves nothing before its brackets, and that is the first.
    parts.into_iter().any(|part| part.trim().is_empty())
}

/// What the stack does not take, though nothing else was wrong with it.
fn unread(message: &[u8]) -> Option<Fault> {
    let Ok(SipMessage::Request(request)) = SipMessage::try_from(message) else {
        return Some(bad("Not Understood"));
    };
    let nameless = TransactionKey::from_request(&request, TransactionRole::Server).is_err();
    // Whoever hands it to the stack writes into its Via where it came from.
    let seen = SipConnection::update_msg_received(request.into(), ([192, 0, 2, 1], 9).into(), Transport::Tcp);
    (nameless || seen.is_err()).then_some(bad("Not Understood"))
}

/// What a request that was read asks for and we do not have: the status, and what says so.
pub(crate) fn unmet(request: &Request, by_tls: bool) -> Option<(StatusCode, Vec<Header>)> {
    let other = |name: &str, value: String| Header::Other(name.to_owned(), value);
    match &request.uri.scheme {
        Some(Scheme::Other(_)) => return Some((StatusCode::UnsupportedUriScheme, Vec::new())),
        // A SIPS URI came by a way that anybody can read (RFC 5630 section 5.3).
        Some(Scheme::Sips) if !by_tls => return Some((StatusCode::UnsupportedUriScheme, Vec::new())),
        _ => {}
    }
    let required = listed(request, "Require");
    let unknown: Vec<&str> = required
        .iter()
        .map(String::as_str)
        .filter(|tag| !SUPPORTED.iter().any(|known| known.eq_ignore_ascii_case(tag)))
        .collect();
    if !unknown.is_empty() && !matches!(request.method, Method::Ack | Method::Cancel) {
        return Some((StatusCode::BadExtension, vec![other("Unsupported", unknown.join(", "))]));
    }
    if !matches!(request.method, Method::Invite | Method::Update) {
        return None;
    }
    let sdp = || vec![other("Accept", "application/sdp".to_owned())];
    let kind = request.header_value("Content-Type").or_else(|| request.header_value("c")).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !request.body.is_empty() && !kind.is_empty() && !kind.eq_ignore_ascii_case("application/sdp") {
        return Some((StatusCode::UnsupportedMediaType, sdp()));
    }
    let accepted = listed(request, "Accept");
    let takes = |range: &String| {
        let range = range.split(';').next().unwrap_or_default().trim();
        ["application/sdp", "application/*", "*/*"].iter().any(|known| range.eq_ignore_ascii_case(known))
    };
    (!accepted.is_empty() && !accepted.iter().any(takes)).then(|| (StatusCode::NotAcceptable, Vec::new()))
}

/// The values of a header that is a list.
fn listed(request: &Request, name: &str) -> Vec<String> {
    let headers = request.headers.iter().filter(|header| header.name().eq_ignore_ascii_case(name));
    let values = headers
        .flat_map(|header| header.value().split(',').map(|at| at.trim().to_owned()).collect::<Vec<_>>());
    values.filter(|value| !value.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: \"A, <b>\" <sip:a@b>;tag=1\r\n\
        To: A b <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";

    fn answer(message: &str) -> String {
        match Inspector::default().looks_at(message.as_bytes()) {
            Verdict::Refused(answer) => String::from_utf8(answer).expect("text"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_request_in_order_passes_and_what_is_none_is_dropped() {
        assert_eq!(answer(OPTIONS), "Passes");
        assert_eq!(answer("SIP/2.0 200 OK\r\n\r\n"), "Passes");
        assert_eq!(answer("\r\n\r\n"), "Passes");
        assert_eq!(answer("SIP/2.0 4294967301 better not break the receiver\r\n\r\n"), "Dropped");
        assert_eq!(answer("GET / HTTP/1.1\r\n\r\n"), "Dropped");
        assert_eq!(answer("OPTIONS sip:a@b SIP/2.0\r\nFrom: x"), "Dropped", "nobody to answer");
        assert!(answer(OPTIONS.trim_end()).starts_with("SIP/2.0 400 "), "cut off");
        let unanswerable = OPTIONS.replace("OPTIONS", "ACK").replace("CSeq: 1", "CSeq: x");
        assert_eq!(answer(&unanswerable), "Dropped", "nobody answers an ACK");
    }

    #[test]
    fn what_is_wrong_is_told_with_what_the_request_is_known_by() {
        let wrong = |from: &str, to: &str| {
            let answer = answer(&OPTIONS.replace(from, to));
            assert!(answer.contains("Call-ID: x\r\n") && answer.contains("tag="), "{answer}");
            answer["SIP/2.0 ".len()..].split(' ').next().unwrap_or_default().to_owned()
        };
        assert_eq!(wrong("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), "505");
        assert_eq!(wrong("sip:a@b SIP", "soap.beep://a@b SIP"), "416");
        assert_eq!(wrong("OPTIONS ", "OPTIONS  "), "400");
        assert_eq!(wrong("sip:a@b SIP", "<sip:a@b> SIP"), "400");
        assert_eq!(wrong("1 OPTIONS", "1 INVITE"), "400");
        assert_eq!(wrong("CSeq: 1 ", "CSeq: 4294967296 "), "400");
        assert_eq!(wrong("Max-Forwards: 70", "Max-Forwards: 300"), "400");
        assert_eq!(wrong("Content-Length: 0", "Content-Length: -1"), "400");
        assert_eq!(wrong("Content-Length: 0", "Content-Length: 9"), "400");
        assert_eq!(wrong("Content-Length: 0", "l: 0\r\nContent-Length: 1"), "400");
        assert_eq!(wrong("To: A b <", "To: \"A <"), "400");
        assert_eq!(wrong("To: A b <", "To: A, b <"), "400");
        assert_eq!(wrong("UDP c;", "UDP c;;"), "400");
        let again = Inspector::default();
        let bad = OPTIONS.replace("1 OPTIONS", "x OPTIONS");
        assert_eq!(
            again.looks_at(bad.as_bytes()),
            again.looks_at(bad.as_bytes()),
            "a copy gets the same answer"
        );
        let unknown = OPTIONS.replace("OPTIONS", "SPRACH%45");
        assert!(answer(&unknown).starts_with("SIP/2.0 501 "), "{}", answer(&unknown));
    }

    proptest::proptest! {
        #![proptest_config(testkit::seed::cases(256))]

        #[test]
        fn no_bytes_panic_and_no_answer_is_longer_than_a_little_more(
            cut in 0..OPTIONS.len(), at in 0..OPTIONS.len(), bytes in proptest::collection::vec(0_u8.., 0..40),
        ) {
            let mut message = OPTIONS.as_bytes().to_vec();
            message.splice(at.min(cut)..cut.max(at), bytes);
            if let Verdict::Refused(answer) = Inspector::default().looks_at(&message) {
                proptest::prop_assert!(answer.len() < message.len() + 120);
            }
        }
    }
}
