//! SRTP (RFC 3711) with the keys of a description (SDES, RFC 4568): AES-128 in counter mode, HMAC-SHA1 of 80 or 32 bits.
//!
//! Pure: datagrams in, datagrams out. The two transforms that phones speak and no other; no RTCP, no MKI, no rekeying by lifetime.

use std::fmt;

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const KEY: usize = 16;
const SALT: usize = 14;
/// Of RTP without contributing sources and extension.
const HEADER: usize = 12;
/// Packets that may come late (RFC 3711 section 3.3.2 wants 64 at least).
const WINDOW: u64 = 64;
/// Sources of one call that are kept apart: a caller's phone, and what a transfer or a hold puts in its place.
const SOURCES: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    Sha1Of80,
    Sha1Of32,
}

/// Key and salt of one direction. Never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Master([u8; KEY + SALT]);

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    pub suite: Suite,
    pub send: Master,
    pub receive: Master,
}

/// One line `a=crypto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crypto {
    pub tag: u32,
    pub suite: Suite,
    pub master: Master,
}

impl Suite {
    /// In our order.
    pub const ALL: [Self; 2] = [Self::Sha1Of80, Self::Sha1Of32];

    /// What stands between the tag of a line and its key.
    const fn method(self) -> &'static str {
        match self {
            Self::Sha1Of80 => "AES_CM_128_HMAC_SHA1_80 inline:",
            Self::Sha1Of32 => "AES_CM_128_HMAC_SHA1_32 inline:",
        }
    }

    const fn tag(self) -> usize {
        match self {
            Self::Sha1Of80 => 10,
            Self::Sha1Of32 => 4,
        }
    }
}

impl Master {
    #[must_use]
    pub const fn new(bytes: [u8; KEY + SALT]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master(hidden)")
    }
}

impl Crypto {
    /// The value of a line. `None` for what is not spoken here: other suites, key identifiers, parameters of the session.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let (name, key) = (words.next()?, words.next()?.strip_prefix("inline:")?);
        let named = |suite: &Suite| suite.method().split(' ').next() == Some(name);
        let suite = Suite::ALL.into_iter().find(named)?;
        let mut parts = key.split('|');
        let bytes = STANDARD.decode(parts.next()?).ok()?;
        // A lifetime is longer than any call; a key identifier would stand in every packet.
        if parts.any(|part| part.contains(':')) || words.next().is_some() {
            return None;
        }
        Some(Self { tag, suite, master: Master(bytes.try_into().ok()?) })
    }

    /// As a line has it.
    #[must_use]
    pub fn value(&self) -> String {
        format!("{} {}{}", self.tag, self.suite.method(), STANDARD.encode(self.master.0))
    }
}

/// One direction of a call.
pub struct Context {
    cipher: EncryptingKey,
    auth: hmac::Key,
    salt: [u8; SALT],
    tag: usize,
    /// By their SSRC, the one that spoke last at the end.
    sources: Vec<(u32, Source)>,
}

/// How far a source has come: its highest index (RFC 3711 section 3.3.1), and which of the packets before it were there.
#[derive(Debug, Clone, Copy)]
struct Source {
    highest: u64,
    seen: u64,
}

impl Context {
    /// `None` where the crypto library will not have the keys, which are of the right length.
    #[must_use]
    pub fn new(suite: Suite, master: &Master) -> Option<Self> {
        let (key, salt) = master.0.split_first_chunk::<KEY>()?;
        let salt: &[u8; SALT] = salt.try_into().ok()?;
        let derive = |label: u8, out: &mut [u8]| {
            // Section 4.3.1, with a derivation rate of 0.
            let mut iv = [0; 16];
            iv[..SALT].copy_from_slice(salt);
            iv[7] ^= label;
            keystream(&cipher(key)?, iv, out)
        };
        let (mut session, mut auth, mut session_salt) = ([0; KEY], [0; 20], [0; SALT]);
        derive(0, &mut session)?;
        derive(1, &mut auth)?;
        derive(2, &mut session_salt)?;
        Some(Self {
            cipher: cipher(&session)?,
            auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth),
            salt: session_salt,
            tag: suite.tag(),
            sources: Vec::new(),
        })
    }

    /// A packet of ours as it goes out. `None` where it is no RTP.
    pub fn protect(&mut self, mut datagram: Vec<u8>) -> Option<Vec<u8>> {
        let (ssrc, sequence, payload) = parts(&datagram)?;
        let index = match self.source(ssrc) {
            Some(source) => source.index(sequence),
            None => sequence.into(),
        };
        self.note(ssrc, index);
        self.crypt(&mut datagram[payload..], ssrc, index)?;
        let tag = self.sign(&datagram, index);
        datagram.extend_from_slice(&tag.as_ref()[..self.tag]);
        Some(datagram)
    }

    /// A packet of theirs in plain, once. `None` where it is not theirs, or was here before.
    pub fn unprotect(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let length = datagram.len().checked_sub(self.tag)?;
        let (signed, tag) = datagram.split_at(length);
        let (ssrc, sequence, payload) = parts(signed)?;
        let source = self.source(ssrc);
        let index = source.map_or(sequence.into(), |source| source.index(sequence));
        if source.is_some_and(|source| source.was_here(index)) {
            return None;
        }
        let ours = self.sign(signed, index);
        aws_lc_rs::constant_time::verify_slices_are_equal(&ours.as_ref()[..self.tag], tag).ok()?;
        let mut plain = signed.to_vec();
        self.crypt(&mut plain[payload..], ssrc, index)?;
        self.note(ssrc, index);
        Some(plain)
    }

    fn source(&self, ssrc: u32) -> Option<Source> {
        self.sources.iter().find(|(of, _)| *of == ssrc).map(|(_, source)| *source)
    }

    fn note(&mut self, ssrc: u32, index: u64) {
        let place = self.sources.iter().position(|(of, _)| *of == ssrc);
        let mut entry = match place {
            Some(place) => self.sources.remove(place),
            None => (ssrc, Source { highest: index, seen: 0 }),
        };
        entry.1.note(index);
        if self.sources.len() == SOURCES {
            self.sources.remove(0);
        }
        self.sources.push(entry);
    }

    fn crypt(&self, payload: &mut [u8], ssrc: u32, index: u64) -> Option<()> {
        // Section 4.1.1.
        let mut iv = [0; 16];
        iv[..SALT].copy_from_slice(&self.salt);
        for (at, byte) in ssrc.to_be_bytes().into_iter().enumerate() {
            iv[4 + at] ^= byte;
        }
        for (at, byte) in index.to_be_bytes()[2..].iter().enumerate() {
            iv[8 + at] ^= byte;
        }
        if payload.is_empty() {
            return Some(());
        }
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        self.cipher.less_safe_encrypt(payload, context).ok().map(drop)
    }

    fn sign(&self, packet: &[u8], index: u64) -> hmac::Tag {
        let mut signer = hmac::Context::with_key(&self.auth);
        signer.update(packet);
        // The roll-over counter, which is not in the packet.
        signer.update(&((index >> 16) as u32).to_be_bytes());
        signer.sign()
    }
}

impl Source {
    /// The index that a sequence number has most likely.
    fn index(self, sequence: u16) -> u64 {
        let (counter, last) = (self.highest >> 16, (self.highest & 0xffff) as u16);
        let counter = if last < 0x8000 && sequence > last && sequence - last > 0x8000 {
            // Late, from before the count began anew; before the first round there is nothing.
            counter.saturating_sub(1)
        } else if last >= 0x8000 && sequence < last && last - sequence > 0x8000 {
            counter + 1
        } else {
            counter
        };
        counter << 16 | u64::from(sequence)
    }

    fn was_here(self, index: u64) -> bool {
        if index > self.highest {
            return false;
        }
        let back = self.highest - index;
        back >= WINDOW || self.seen >> back & 1 == 1
    }

    fn note(&mut self, index: u64) {
        if index > self.highest {
            let ahead = index - self.highest;
            self.seen = if ahead >= WINDOW { 0 } else { self.seen << ahead };
            self.highest = index;
        }
        let back = self.highest - index;
        if back < WINDOW {
            self.seen |= 1 << back;
        }
    }
}

/// SSRC, sequence number, and where the payload begins.
fn parts(datagram: &[u8]) -> Option<(u32, u16, usize)> {
    let fixed: &[u8; HEADER] = datagram.first_chunk()?;
    if fixed[0] >> 6 != 2 {
        return None;
    }
    let mut payload = HEADER + 4 * usize::from(fixed[0] & 0x0f);
    if fixed[0] & 0x10 != 0 {
        let [_, _, high, low] = *datagram.get(payload..)?.first_chunk::<4>()?;
        payload += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    }
    if payload > datagram.len() {
        return None;
    }
    let ssrc = u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]);
    Some((ssrc, u16::from_be_bytes([fixed[2], fixed[3]]), payload))
}

fn cipher(key: &[u8; KEY]) -> Option<EncryptingKey> {
    EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).ok()?).ok()
}

fn keystream(cipher: &EncryptingKey, iv: [u8; 16], out: &mut [u8]) -> Option<()> {
    out.fill(0);
    cipher.less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(iv))).ok().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of RFC 3711 appendix B.3.
    fn master() -> Master {
        let bytes = hex::decode("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6").expect("hex");
        Master(bytes.try_into().expect("30 bytes"))
    }

    fn context(suite: Suite) -> Context {
        Context::new(suite, &master()).expect("keys")
    }

    fn packet(sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 1, 0xca, 0xfe, 0xba, 0xbe];
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet.extend([0x55; 20]);
        packet
    }

    #[test]
    fn session_keys_are_those_of_the_rfc() {
        let context = context(Suite::Sha1Of80);
        assert_eq!(hex::encode(context.salt), "30cbbc08863d8c85d49db34a9ae1");
        let mut stream = [0; 16];
        // Appendix B.2 has its own key; here the first block is that of the derived one, c61e7a93744f39ee10734afe3ff7a087.
        keystream(&context.cipher, [0; 16], &mut stream).expect("enciphered");
        let mut same = [0; 16];
        let key: [u8; 16] =
            hex::decode("c61e7a93744f39ee10734afe3ff7a087").expect("hex").try_into().expect("16");
        keystream(&cipher(&key).expect("a key"), [0; 16], &mut same).expect("enciphered");
        assert_eq!(stream, same);
    }

    #[test]
    fn a_packet_is_enciphered_and_signed_as_others_do_it() {
        // The reference vector of libsrtp.
        let plain = hex::decode("800f1234decafbadcafebabeabababababababababababababababab").expect("hex");
        let sealed = context(Suite::Sha1Of80).protect(plain.clone()).expect("sealed");
        assert_eq!(
            hex::encode(&sealed),
            "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb"
        );
        assert_eq!(context(Suite::Sha1Of80).unprotect(&sealed), Some(plain));
    }

    #[test]
    fn what_was_changed_or_comes_again_is_not_theirs_and_what_comes_late_is() {
        for suite in Suite::ALL {
            let (mut ours, mut theirs) = (context(suite), context(suite));
            let sealed: Vec<Vec<u8>> = (0..80).map(|n| ours.protect(packet(n)).expect("sealed")).collect();
            for (n, packet) in sealed.iter().enumerate().filter(|(n, _)| *n != 70 && *n != 3) {
                assert!(theirs.unprotect(packet).is_some(), "{n}");
            }
            assert!(theirs.unprotect(&sealed[79]).is_none(), "again");
            assert!(theirs.unprotect(&sealed[70]).is_some(), "late");
            assert!(theirs.unprotect(&sealed[3]).is_none(), "too late");
            let mut changed = ours.protect(packet(80)).expect("sealed");
            changed[15] ^= 1;
            assert!(theirs.unprotect(&changed).is_none());
            changed[15] ^= 1;
            assert!(theirs.unprotect(&changed).is_some());
        }
    }

    #[test]
    fn the_count_may_begin_anew_in_mid_call_with_packets_out_of_order() {
        let (mut ours, mut theirs) = (context(Suite::Sha1Of80), context(Suite::Sha1Of80));
        let mut sealed: Vec<Vec<u8>> = [65_533, 65_534, 65_535, 0, 1, 2]
            .into_iter()
            .map(|n| ours.protect(packet(n)).expect("sealed"))
            .collect();
        sealed.swap(2, 3);
        for (n, packet) in sealed.iter().enumerate() {
            assert!(theirs.unprotect(packet).is_some(), "{n}");
        }
    }

    #[test]
    fn lines_are_read_as_they_are_written_and_others_are_left_out() {
        let crypto = Crypto { tag: 2, suite: Suite::Sha1Of32, master: master() };
        assert_eq!(Crypto::parse(&crypto.value()), Some(crypto));
        let inline = crypto.value().split("inline:").nth(1).expect("a key").to_owned();
        let line = |suite: &str, more: &str| Crypto::parse(&format!("1 {suite} inline:{inline}{more}"));
        assert!(line("AES_CM_128_HMAC_SHA1_80", "|2^20").is_some(), "a lifetime");
        assert!(line("AES_CM_128_HMAC_SHA1_80", "|2^20|1:4").is_none(), "a key identifier");
        assert!(line("AES_CM_128_HMAC_SHA1_80", " UNENCRYPTED_SRTP").is_none());
        assert!(line("AES_256_CM_HMAC_SHA1_80", "").is_none());
        assert!(Crypto::parse("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA").is_none(), "too short");
        assert!(!format!("{crypto:?}").contains("225"), "keys are not shown: {crypto:?}");
    }

    proptest::proptest! {
        #![proptest_config(testkit::seed::cases(256))]

        #[test]
        fn no_datagram_panics(datagram in proptest::collection::vec(0_u8.., 0..80)) {
            let mut context = context(Suite::Sha1Of80);
            let _ = context.unprotect(&datagram);
            let _ = context.protect(datagram);
        }
    }
}
