//! A SIP phone by hand, over UDP, so that a test can do with it what no phone does: send nonsense, vanish, move.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);
/// A request that nobody answered is repeated so much later, as datagrams get lost (RFC 3261 section 17.1, T1).
const AGAIN: Duration = Duration::from_millis(500);
const FRAME: Duration = Duration::from_millis(20);
const LONGEST: usize = 8_192;

/// A message of the far end.
#[derive(Debug, Clone)]
pub struct Message {
    pub text: String,
}

impl Message {
    /// Of a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let line =
            self.text.lines().take_while(|line| !line.is_empty()).find(|line| {
                line.split_once(':').is_some_and(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            });
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
    }

    #[must_use]
    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    /// Where audio goes, by the description in it.
    #[must_use]
    pub fn audio(&self) -> Option<SocketAddr> {
        let line = |prefix| self.body().lines().find_map(|line| line.strip_prefix(prefix));
        let port = line("m=audio ")?.split(' ').next()?;
        format!("{}:{port}", line("c=IN IP4 ")?).parse().ok()
    }
}

/// A phone with one call.
pub struct Phone {
    sip: UdpSocket,
    server: SocketAddr,
    rtp: UdpSocket,
    call: String,
    tag: String,
    user: String,
    /// The To header of the answer, with its tag.
    to: String,
    target: String,
    /// The request of just now, as it was sent.
    asked: String,
    /// Provisional answers to it, each once.
    progress: Vec<u16>,
    sequence: u32,
    branch: u32,
    far: Option<SocketAddr>,
    count: u16,
    timestamp: u32,
    network: Network,
}

/// What the way of its audio does to it, by a seed.
#[derive(Debug, Clone, Copy, Default)]
struct Network {
    lost_per_mille: u32,
    jitter: Duration,
    state: u64,
}

impl Network {
    fn roll(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 11
    }
}

impl Phone {
    /// # Panics
    /// Without sockets.
    #[must_use]
    pub fn new(server: SocketAddr) -> Self {
        let sip = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        sip.set_read_timeout(Some(PATIENCE)).expect("settable");
        let name = rand::random::<u64>();
        Self {
            sip,
            server,
            rtp: audio_socket(),
            call: format!("{name:016x}@testkit"),
            tag: format!("{name:x}"),
            user: String::new(),
            to: String::new(),
            target: String::new(),
            asked: String::new(),
            progress: Vec::new(),
            sequence: 0,
            branch: 0,
            far: None,
            count: 0,
            timestamp: 0,
            network: Network::default(),
        }
    }

    /// A description of this phone's audio; `direction` is `sendrecv`, or what a hold says.
    #[must_use]
    pub fn description(&self, direction: &str) -> String {
        let port = self.rtp.local_addr().map_or(0, |address| address.port());
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
        )
    }

    /// Its next request, within the call once that was answered. `more` are whole header lines.
    pub fn request(&mut self, method: &str, more: &str, body: &str) {
        if method != "ACK" && method != "CANCEL" {
            self.sequence += 1;
            self.branch += 1;
        } else if method == "ACK" {
            self.branch += 1;
        }
        let own = self.sip.local_addr().expect("bound");
        let (uri, to) = if self.target.is_empty() {
            let uri = format!("sip:{}@{}", self.user, self.server);
            (uri.clone(), format!("<{uri}>"))
        } else {
            (self.target.clone(), self.to.clone())
        };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK{}{}\r\nMax-Forwards: 70\r\n\
             From: <sip:caller@testkit>;tag={}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n\
             Contact: <sip:caller@{own}>\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            self.tag,
            self.branch,
            self.tag,
            self.call,
            self.sequence,
            body.len()
        );
        self.send(text.as_bytes());
        if method != "ACK" {
            self.asked = text;
            self.progress.clear();
        }
    }

    /// Answers a request of the far end.
    pub fn reply(&self, request: &Message, status: &str) {
        let kept = ["Via", "From", "To", "Call-ID", "CSeq"];
        let head: String = request
            .text
            .lines()
            .take_while(|line| !line.is_empty())
            .filter(|line| line.split_once(':').is_some_and(|(name, _)| kept.contains(&name)))
            .map(|line| format!("{line}\r\n"))
            .collect();
        self.send(format!("SIP/2.0 {status}\r\n{head}Content-Length: 0\r\n\r\n").as_bytes());
    }

    /// Any bytes at all.
    pub fn send(&self, bytes: &[u8]) {
        self.sip.send_to(bytes, self.server).expect("sent");
    }

    /// The next message, if one comes in time.
    #[must_use]
    pub fn receive(&self, within: Duration) -> Option<Message> {
        let mut bytes = [0; LONGEST];
        self.sip.set_read_timeout(Some(within.max(Duration::from_millis(1)))).expect("settable");
        let length = self.sip.recv(&mut bytes).ok()?;
        Some(Message { text: String::from_utf8_lossy(&bytes[..length]).into_owned() })
    }

    /// The final response to the request before.
    ///
    /// # Panics
    /// When none comes.
    pub fn answer(&mut self) -> Message {
        let (mut patience, mut rings) = (PATIENCE, false);
        loop {
            let Some(message) = self.receive(AGAIN) else {
                patience = patience.checked_sub(AGAIN).expect("an answer");
                if !rings {
                    self.send(self.asked.as_bytes());
                }
                continue;
            };
            rings |= message.status().is_some();
            let Some(status) = message.status() else { continue };
            if status < 200 {
                // A copy of the request is answered with what was said last.
                if self.progress.last() != Some(&status) {
                    self.progress.push(status);
                }
                continue;
            }
            let mine = message.header("CSeq").and_then(|value| value.split(' ').next()?.parse().ok());
            if mine != Some(self.sequence) {
                continue;
            }
            if let Some(to) = message.header("To").filter(|_| status < 300) {
                self.to = to.to_owned();
                if let Some(contact) = message.header("Contact") {
                    self.target =
                        contact.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
                }
                self.far = message.audio().or(self.far);
            }
            return message;
        }
    }

    /// What came before the answer to its last request: 100, 180.
    #[must_use]
    pub fn progress(&self) -> &[u16] {
        &self.progress
    }

    /// The call's name, and the tags that it has on this side and on the other.
    #[must_use]
    pub fn dialog(&self) -> (String, String, String) {
        let theirs = self.to.split("tag=").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or_default();
        (self.call.clone(), self.tag.clone(), theirs.to_owned())
    }

    /// Whom the next INVITE is for.
    pub fn ask_for(&mut self, user: &str) {
        user.clone_into(&mut self.user);
    }

    /// Calls and, where the call is answered, acknowledges it.
    pub fn call(&mut self, user: &str) -> Message {
        self.ask_for(user);
        let offer = self.description("sendrecv");
        self.request("INVITE", "", &offer);
        let answer = self.answer();
        self.request("ACK", "", "");
        answer
    }

    /// Says goodbye; the status of the answer.
    pub fn hang_up(&mut self) -> Option<u16> {
        self.request("BYE", "", "");
        self.answer().status()
    }

    /// From now on audio comes from, and is wanted at, another port.
    pub fn move_audio(&mut self) {
        self.rtp = audio_socket();
    }

    /// From now on so many of a thousand packets are lost on their way, and the others come later by up to `jitter`, which is less than a frame.
    pub fn through(&mut self, lost_per_mille: u32, jitter: Duration, seed: u64) {
        self.network = Network { lost_per_mille, jitter, state: seed | 1 };
    }

    /// Plays mu-law at its pace and gives what came meanwhile.
    pub fn play(&mut self, mulaw: &[u8]) -> Vec<u8> {
        let mut heard = Vec::new();
        let began = now();
        for (n, frame) in mulaw.chunks(160).enumerate() {
            let due = began + FRAME * u32::try_from(n + 1).expect("a short call");
            let late = self.network.jitter.mul_f64((self.network.roll() % 1_000) as f64 / 1_000.0);
            self.hear_until(due - FRAME + late, &mut heard);
            self.rtp_packet(0, frame);
            self.hear_until(due, &mut heard);
        }
        heard
    }

    /// Plays, frame by frame at its pace, what `next` makes of what came since the last one.
    pub fn converse(&mut self, frames: u32, mut next: impl FnMut(Vec<u8>) -> Vec<u8>) {
        let (began, mut heard) = (now(), Vec::new());
        for n in 1..=frames {
            let frame = next(std::mem::take(&mut heard));
            self.rtp_packet(0, &frame);
            self.hear_until(began + FRAME * n, &mut heard);
        }
    }

    /// Listens, sending silence as phones do.
    pub fn listen(&mut self, length: Duration) -> Vec<u8> {
        let frames = usize::try_from(length.as_millis() / 20).expect("a short call");
        self.play(&vec![0xff; 160 * frames])
    }

    /// What comes while this phone sends nothing.
    #[must_use]
    pub fn hear(&self, length: Duration) -> Vec<u8> {
        let mut heard = Vec::new();
        self.hear_until(now() + length, &mut heard);
        heard
    }

    /// Presses a key for 100 ms (RFC 4733): 0 to 9, 10 for the star, 11 for the hash.
    pub fn press(&mut self, key: u8) {
        let begun = self.timestamp;
        for n in 1..=7_u16 {
            let duration = (n.min(5) * 160).to_be_bytes();
            let end = if n >= 5 { 0x80 } else { 0 };
            self.timestamp = begun;
            self.rtp_packet(101, &[key, end | 10, duration[0], duration[1]]);
            let mut heard = Vec::new();
            self.hear_until(now() + FRAME, &mut heard);
        }
        self.timestamp = begun.wrapping_add(800);
    }

    /// One packet of any kind to where the far end wants audio.
    pub fn rtp_packet(&mut self, payload_type: u8, payload: &[u8]) {
        let Some(far) = self.far else { return };
        let mut datagram = vec![0x80, payload_type];
        datagram.extend(self.count.to_be_bytes());
        datagram.extend(self.timestamp.to_be_bytes());
        datagram.extend(77_u32.to_be_bytes());
        datagram.extend(payload);
        self.count = self.count.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(160);
        if self.network.roll() % 1_000 >= u64::from(self.network.lost_per_mille) {
            self.rtp.send_to(&datagram, far).expect("sent");
        }
    }

    fn hear_until(&self, due: Instant, heard: &mut Vec<u8>) {
        loop {
            let left = due.saturating_duration_since(now());
            if left.is_zero() {
                return;
            }
            self.rtp.set_read_timeout(Some(left)).expect("settable");
            let mut bytes = [0; LONGEST];
            let Ok(length) = self.rtp.recv(&mut bytes) else { continue };
            if length > 12 && bytes[1] & 0x7f == 0 {
                heard.extend_from_slice(&bytes[12..length]);
            }
        }
    }
}

/// Where SIP is listened for, in what a server prints.
///
/// # Errors
/// When the text names no address.
pub fn address_in(text: &str) -> io::Result<SocketAddr> {
    let at = text.split_once("sip:").and_then(|(_, rest)| rest.split_once('@'));
    let address = at.and_then(|(_, rest)| rest.split([' ', '\n', ')', ';']).next()?.parse().ok());
    address.ok_or_else(|| io::Error::other("no SIP address"))
}

fn audio_socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a socket")
}

#[expect(clippy::disallowed_methods, reason = "a phone keeps real time, on a thread of its own")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_to_a_copy_of_a_request_is_no_progress() {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let mut phone = Phone::new(server.local_addr().expect("bound"));
        phone.request("OPTIONS", "", "");
        let mut bytes = [0; LONGEST];
        let (_, from) = server.recv_from(&mut bytes).expect("a request");
        for status in [100, 100, 180, 180, 200] {
            let answer = format!("SIP/2.0 {status} X\r\nCSeq: 1 OPTIONS\r\n\r\n");
            server.send_to(answer.as_bytes(), from).expect("sent");
        }
        assert_eq!((phone.answer().status(), phone.progress()), (Some(200), &[100, 180][..]));
    }
}
