//! The messages of a call for whoever looks into it: each once, with nothing in them by which anybody could call or decipher.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use media_core::{LegEvent, Signal};
use tokio::sync::mpsc;

/// Of one call. A phone that says more, such as one whose timer is short, is not followed further.
const MOST: u32 = 200;
/// Characters of one message.
const LONGEST: usize = 3_000;
/// Headers that hold passwords' answers, or what they are made of.
const SECRET: [&str; 4] = ["authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate"];
const HIDDEN: &str = "[redacted]";

#[derive(Debug, Default)]
struct Trace(AtomicU32);

/// Tells of one call's messages. The leg's events go on as long as one of them is there.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    trace: Arc<Trace>,
    events: mpsc::Sender<LegEvent>,
}

impl Witness {
    pub(crate) fn new(events: mpsc::Sender<LegEvent>) -> Self {
        Self { trace: Arc::default(), events }
    }

    /// One that finds no room is left out.
    pub(crate) fn saw(&self, sent: bool, message: &str) {
        if let Some(signal) = self.trace.signal(sent, message) {
            let _full = self.events.try_send(LegEvent::Signal(signal));
        }
    }
}

impl Trace {
    /// `None` where enough was told.
    fn signal(&self, sent: bool, message: &str) -> Option<Signal> {
        (self.0.fetch_add(1, Ordering::Relaxed) < MOST).then(|| Signal {
            sent,
            what: what(message),
            text: redacted(message),
        })
    }
}

/// A method, or a status with its phrase.
fn what(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    match first.strip_prefix("SIP/2.0 ") {
        Some(status) => status.to_owned(),
        None => first.split(' ').next().unwrap_or_default().to_owned(),
    }
}

fn redacted(message: &str) -> String {
    let lines = message.lines().map(|line| {
        let name = line.split(':').next().unwrap_or_default().trim();
        if SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            return format!("{name}: {HIDDEN}");
        }
        // RFC 4568: tag, suite, and the key in the clear.
        match line.strip_prefix("a=crypto:") {
            Some(crypto) => {
                let said: Vec<&str> = crypto.split(' ').take(2).collect();
                format!("a=crypto:{} {HIDDEN}", said.join(" "))
            }
            None => line.to_owned(),
        }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_told() {
        let invite = "INVITE sip:desk@10.0.0.1 SIP/2.0\r\nauthorization: Digest username=\"a\", response=\"f00d\"\r\n\
            Proxy-Authorization:Digest response=\"beef\"\r\nCSeq: 1 INVITE\r\n\r\n\
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^31\r\nm=audio 1 RTP/SAVP 0\r\n";
        let signal = Trace::default().signal(false, invite).expect("the first");
        assert_eq!((signal.what.as_str(), signal.sent), ("INVITE", false));
        for secret in ["f00d", "beef", "c2VjcmV0"] {
            assert!(!signal.text.contains(secret), "{}", signal.text);
        }
        assert!(signal.text.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 [redacted]"), "{}", signal.text);
        assert!(
            signal.text.contains("CSeq: 1 INVITE") && signal.text.contains("m=audio 1"),
            "{}",
            signal.text
        );
    }

    #[test]
    fn a_phone_that_says_too_much_is_not_followed() {
        let trace = Trace::default();
        let told = (0..500).filter_map(|_| trace.signal(true, "SIP/2.0 200 OK\r\n")).collect::<Vec<_>>();
        assert_eq!((told.len(), told[0].what.as_str()), (200, "200 OK"));
        assert!(
            Trace::default()
                .signal(true, &"x".repeat(9_000))
                .is_some_and(|signal| signal.text.len() == LONGEST)
        );
    }
}
