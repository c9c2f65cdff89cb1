//! Session descriptions (RFC 4566) as offer and answer (RFC 3264), for one stream of audio. Text in, text out.
//!
//! Takes what phones really send, and refuses by name what it cannot use. Media other than one audio stream is declined.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use media_core::Codec;

use crate::srtp::{Crypto, Keys, Master, Suite};

/// A description longer than this is no phone's.
const LONGEST: usize = 16 * 1024;
/// Media lines read; an answer has to name each of them.
const MEDIA_LINES: usize = 16;
/// Lines of keys of a media line that are looked at.
const CRYPTOS: usize = 16;
/// Payload types of a media line that are looked at.
const FORMATS: usize = 64;
/// Numbered here where the table of RFC 3551 has none.
const OPUS: u8 = 111;
const EVENTS: u8 = 101;
const EVENTS_48: u8 = 102;
/// What G.722 is to a session: its samples. Nothing else on a phone line comes to that.
pub const G722: Codec = Codec::Pcm16 { rate_hz: media_codec::g722::RATE_HZ };

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the description is longer than {LONGEST} bytes")]
    TooLong,
    #[error("the description has more than {MEDIA_LINES} media lines")]
    TooManyMedia,
    #[error("this line of the description cannot be read: {0:?}")]
    Line(String),
    #[error("the description has no audio over RTP, or over SRTP with a key that can be used")]
    NoAudio,
    #[error("the audio would not be enciphered, and has to be (RTP/SAVP with a=crypto)")]
    NotSecure,
    #[error("none of the codecs offered is spoken here: PCMU, PCMA, G.722 or Opus is needed")]
    NoCodec,
}

/// Who sends, seen from whoever says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    fn named(name: &str) -> Option<Self> {
        match name {
            "sendrecv" => Some(Self::SendRecv),
            "sendonly" => Some(Self::SendOnly),
            "recvonly" => Some(Self::RecvOnly),
            "inactive" => Some(Self::Inactive),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// As the other side has to say it.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same => same,
        }
    }

    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// A payload type and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub payload_type: u8,
    pub codec: Codec,
}

/// What the other side said, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Where it wants audio; `None` where it named no address to send to (a name, or 0.0.0.0 of an older hold).
    pub audio: Option<SocketAddr>,
    /// In its order of preference.
    pub formats: Vec<Format>,
    /// Payload types of telephone events with their clocks.
    pub events: Vec<(u8, u32)>,
    pub direction: Direction,
    /// Of audio over SRTP: their key.
    pub crypto: Option<Crypto>,
    /// Of every media line: kind, transport and first format, to decline it with. The audio used is `chosen`.
    lines: Vec<(String, String, String)>,
    chosen: usize,
}

/// What we say about ourselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    pub address: SocketAddr,
    /// Number of the session; `version` counts its descriptions.
    pub session: u64,
    pub version: u64,
    /// In our order of preference, for offers. An answer follows the other side's order.
    pub codecs: Vec<Codec>,
    /// Our key, where audio is enciphered.
    pub key: Master,
    /// Nothing else is offered or taken. Otherwise it is theirs to say.
    pub secure: bool,
}

/// What both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Where to send; `None` while there is nowhere.
    pub remote: Option<SocketAddr>,
    /// What we send.
    pub send: Format,
    /// What may come.
    pub receive: Vec<Format>,
    /// Payload type of telephone events.
    pub events: Option<u8>,
    /// Of ours.
    pub direction: Direction,
    /// `None`: in plain.
    pub keys: Option<Keys>,
}

impl Description {
    /// # Errors
    /// What cannot be read, or that there is no audio that could be used.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(Error::TooLong);
        }
        let mut reader = Reader::default();
        for line in text.lines() {
            let line = line.trim_end();
            if line.is_empty() {
                continue;
            }
            let (kind, value) = line.split_once('=').ok_or_else(|| wrong(line))?;
            reader.line(kind, value, line)?;
        }
        reader.finish()
    }
}

/// Answers an offer: the first codec of theirs that we speak, and their telephone events of the same clock.
///
/// # Errors
/// `NoCodec` where there is none in common.
pub fn answer(offer: &Description, local: &Local) -> Result<(String, Agreed), Error> {
    let send = chosen(offer, &local.codecs).ok_or(Error::NoCodec)?;
    let direction = offer.direction.reversed();
    let events = events_of(offer, send.codec);
    if local.secure && offer.crypto.is_none() {
        return Err(Error::NotSecure);
    }
    let ours: Vec<Crypto> =
        offer.crypto.iter().map(|theirs| Crypto { master: local.key, ..*theirs }).collect();
    let mut text = head(local);
    for (index, (kind, transport, format)) in offer.lines.iter().enumerate() {
        if index == offer.chosen {
            media(&mut text, transport, local.address.port(), &[send], &events, direction);
            cryptos(&mut text, &ours);
        } else {
            let _infallible = write!(text, "m={kind} 0 {transport} {format}\r\n");
        }
    }
    let agreed = Agreed {
        remote: offer.audio,
        send,
        receive: vec![send],
        events: events.first().map(|(number, _)| *number),
        direction,
        keys: offer.crypto.map(|theirs| agreed_keys(&theirs, local)),
    };
    Ok((text, agreed))
}

/// The first of their codecs that we speak; where it has the sound of a phone, one with more that costs no more.
#[must_use]
pub fn chosen(offer: &Description, codecs: &[Codec]) -> Option<Format> {
    let mut spoken = offer.formats.iter().copied().filter(|format| codecs.contains(&format.codec));
    let first = spoken.next()?;
    let narrow = matches!(first.codec, Codec::Pcmu | Codec::Pcma);
    Some(spoken.find(|format| narrow && format.codec == G722).unwrap_or(first))
}

/// Of the packets' timestamps.
#[must_use]
pub const fn clock_hz(codec: Codec) -> u32 {
    match codec {
        Codec::Pcm16 { .. } => media_codec::g722::CLOCK_HZ,
        other => other.clock_hz(),
    }
}

/// Our offer, where the other side sent none or we ask again.
#[must_use]
pub fn offer(local: &Local, direction: Direction) -> String {
    let formats: Vec<Format> = local.codecs.iter().filter_map(|codec| numbered(*codec)).collect();
    let mut events = vec![(EVENTS, 8_000)];
    if local.codecs.contains(&Codec::Opus) {
        events.push((EVENTS_48, 48_000));
    }
    let mut text = head(local);
    let transport = if local.secure { "RTP/SAVP" } else { "RTP/AVP" };
    media(&mut text, transport, local.address.port(), &formats, &events, direction);
    if local.secure {
        cryptos(&mut text, &offered(local));
    }
    text
}

/// What their answer to `offer` comes to.
///
/// # Errors
/// `NoCodec` where they chose none of those offered.
pub fn answered(answer: &Description, local: &Local) -> Result<Agreed, Error> {
    let ours = |format: &Format| local.codecs.contains(&format.codec);
    let receive: Vec<Format> = answer.formats.iter().copied().filter(ours).collect();
    let send = *receive.first().ok_or(Error::NoCodec)?;
    let known = |theirs: &Crypto| {
        offered(local).iter().any(|ours| (ours.tag, ours.suite) == (theirs.tag, theirs.suite))
    };
    let fits = answer.crypto.as_ref().map_or(!local.secure, |theirs| local.secure && known(theirs));
    if !fits {
        return Err(Error::NotSecure);
    }
    Ok(Agreed {
        remote: answer.audio,
        send,
        events: events_of(answer, send.codec).first().map(|(number, _)| *number),
        receive,
        direction: answer.direction.reversed(),
        keys: answer.crypto.map(|theirs| agreed_keys(&theirs, local)),
    })
}

#[derive(Default)]
struct Reader {
    /// Of the session, which counts where a media line has none of its own.
    address: Option<IpAddr>,
    direction: Option<Direction>,
    media: Vec<Media>,
}

#[derive(Default)]
struct Media {
    kind: String,
    transport: String,
    port: u16,
    numbers: Vec<String>,
    /// `Some(None)`: an address that nothing can be sent to.
    address: Option<Option<IpAddr>>,
    direction: Option<Direction>,
    /// Number, name, clock.
    maps: Vec<(u8, String, u32)>,
    /// Lines of keys, those that are not spoken here left out.
    cryptos: Vec<Crypto>,
}

impl Reader {
    fn line(&mut self, kind: &str, value: &str, line: &str) -> Result<(), Error> {
        match kind {
            "m" => {
                if self.media.len() == MEDIA_LINES {
                    return Err(Error::TooManyMedia);
                }
                self.media.push(Media::read(value).ok_or_else(|| wrong(line))?);
            }
            "c" => match self.media.last_mut() {
                Some(media) => media.address = Some(connection(value)),
                None => self.address = connection(value),
            },
            "a" => match self.media.last_mut() {
                Some(media) => media.attribute(value),
                None => self.direction = Direction::named(value).or(self.direction),
            },
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Description, Error> {
        let audio = |media: &Media| media.kind == "audio" && media.port != 0;
        let plain = |media: &Media| audio(media) && matches!(&*media.transport, "RTP/AVP" | "RTP/AVPF");
        // Where both are there, nobody listens in.
        let secret = self.media.iter().position(|media| audio(media) && media.is_secret());
        let chosen = secret.or_else(|| self.media.iter().position(plain)).ok_or(Error::NoAudio)?;
        let audio = &self.media[chosen];
        let address = audio.address.unwrap_or(self.address);
        let (formats, events) = audio.formats();
        let lines = self.media.iter().map(|media| {
            let first = media.numbers.first().cloned().unwrap_or_else(|| "0".to_owned());
            (media.kind.clone(), media.transport.clone(), first)
        });
        Ok(Description {
            audio: address.map(|ip| SocketAddr::new(ip, audio.port)),
            formats,
            events,
            direction: audio.direction.or(self.direction).unwrap_or_default(),
            crypto: audio.cryptos.first().copied().filter(|_| audio.is_secret()),
            lines: lines.collect(),
            chosen,
        })
    }
}

impl Media {
    fn read(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let kind = token(words.next()?)?;
        // "49170/2" asks for several ports, of which the first is the stream's.
        let port = words.next()?.split('/').next()?.parse().ok()?;
        let transport = token(words.next()?)?;
        let numbers = words.take(FORMATS).map(token).collect::<Option<Vec<_>>>()?;
        Some(Self { kind, transport, port, numbers, ..Self::default() })
    }

    fn attribute(&mut self, value: &str) {
        if let Some(direction) = Direction::named(value) {
            self.direction = Some(direction);
        } else if let Some(map) = value.strip_prefix("rtpmap:").and_then(rtpmap)
            && self.maps.len() < FORMATS
        {
            self.maps.push(map);
        } else if let Some(crypto) = value.strip_prefix("crypto:").and_then(Crypto::parse)
            && self.cryptos.len() < CRYPTOS
        {
            self.cryptos.push(crypto);
        }
    }

    fn is_secret(&self) -> bool {
        matches!(&*self.transport, "RTP/SAVP" | "RTP/SAVPF") && !self.cryptos.is_empty()
    }

    fn formats(&self) -> (Vec<Format>, Vec<(u8, u32)>) {
        let (mut formats, mut events) = (Vec::new(), Vec::new());
        for number in self.numbers.iter().filter_map(|number| number.parse::<u8>().ok()) {
            let mapped = self.maps.iter().find(|(of, _, _)| *of == number);
            match mapped.map(|(_, name, clock)| (name.as_str(), *clock)) {
                Some(("telephone-event", clock)) => events.push((number, clock)),
                Some(("opus", 48_000)) => formats.push(Format { payload_type: number, codec: Codec::Opus }),
                Some(("pcmu", 8_000)) => formats.push(Format { payload_type: number, codec: Codec::Pcmu }),
                Some(("pcma", 8_000)) => formats.push(Format { payload_type: number, codec: Codec::Pcma }),
                Some(("g722", 8_000)) => formats.push(Format { payload_type: number, codec: G722 }),
                None if number == 0 => formats.push(Format { payload_type: 0, codec: Codec::Pcmu }),
                None if number == 8 => formats.push(Format { payload_type: 8, codec: Codec::Pcma }),
                None if number == 9 => formats.push(Format { payload_type: 9, codec: G722 }),
                _ => {}
            }
        }
        (formats, events)
    }
}

/// What a line of an answer may repeat without becoming another line.
fn token(word: &str) -> Option<String> {
    let fine = word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_graphic());
    fine.then(|| word.to_owned())
}

/// `None` for what is no address, or the 0.0.0.0 by which older phones hold.
fn connection(value: &str) -> Option<IpAddr> {
    let address = value.split_ascii_whitespace().nth(2)?.split('/').next()?.parse::<IpAddr>().ok()?;
    (!address.is_unspecified() && !address.is_multicast()).then_some(address)
}

fn rtpmap(value: &str) -> Option<(u8, String, u32)> {
    let (number, encoding) = value.split_once(' ')?;
    let mut parts = encoding.trim().split('/');
    let name = parts.next()?.to_ascii_lowercase();
    Some((number.trim().parse().ok()?, name, parts.next()?.trim().parse().ok()?))
}

/// Telephone events count on the audio's clock, or on none that we could use.
fn events_of(description: &Description, codec: Codec) -> Vec<(u8, u32)> {
    let same = |(_, clock): &&(u8, u32)| *clock == clock_hz(codec);
    description.events.iter().find(same).or(description.events.first()).copied().into_iter().collect()
}

fn offered(local: &Local) -> Vec<Crypto> {
    let crypto = |(suite, tag)| Crypto { tag, suite, master: local.key };
    Suite::ALL.into_iter().zip(1..).map(crypto).collect()
}

fn agreed_keys(theirs: &Crypto, local: &Local) -> Keys {
    Keys { suite: theirs.suite, send: local.key, receive: theirs.master }
}

fn cryptos(text: &mut String, lines: &[Crypto]) {
    for line in lines {
        let _infallible = write!(text, "a=crypto:{}\r\n", line.value());
    }
}

fn numbered(codec: Codec) -> Option<Format> {
    let payload_type = match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
        Codec::Opus => OPUS,
        G722 => 9,
        Codec::Pcm16 { .. } => return None,
    };
    Some(Format { payload_type, codec })
}

fn head(local: &Local) -> String {
    let ip = local.address.ip();
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- {} {} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n",
        local.session, local.version
    )
}

fn media(
    text: &mut String,
    transport: &str,
    port: u16,
    formats: &[Format],
    events: &[(u8, u32)],
    direction: Direction,
) {
    let _infallible = write!(text, "m=audio {port} {transport}");
    for number in formats.iter().map(|format| format.payload_type).chain(events.iter().map(|(of, _)| *of)) {
        let _infallible = write!(text, " {number}");
    }
    text.push_str("\r\n");
    for format in formats {
        let (name, more) = match format.codec {
            Codec::Pcmu => ("PCMU/8000", ""),
            Codec::Pcma => ("PCMA/8000", ""),
            // RFC 7587: always two channels, whatever is sent.
            Codec::Opus => ("opus/48000/2", "useinbandfec=1"),
            G722 => ("G722/8000", ""),
            Codec::Pcm16 { .. } => continue,
        };
        let _infallible = write!(text, "a=rtpmap:{} {name}\r\n", format.payload_type);
        if !more.is_empty() {
            let _infallible = write!(text, "a=fmtp:{} {more}\r\n", format.payload_type);
        }
    }
    for (number, clock) in events {
        let _infallible =
            write!(text, "a=rtpmap:{number} telephone-event/{clock}\r\na=fmtp:{number} 0-15\r\n");
    }
    let _infallible = write!(text, "a=ptime:20\r\na={}\r\n", direction.name());
}

fn wrong(line: &str) -> Error {
    Error::Line(line.chars().take(64).collect())
}

#[cfg(test)]
mod tests;
