//! The messages of RFC 4475, byte for byte as its appendix has them (`tests/rfc4475`), each sent to a running server by UDP and by TCP.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use testkit::phone::Phone;

use crate::desk::{Desk, loud, tone};

/// More than any answer takes; what is not answered costs a test so long.
const PATIENCE: Duration = Duration::from_millis(250);

/// What comes back to each, in the RFC's order; 0: nothing.
const ANSWERS: [(&str, u16); 49] = [
    // 3.1.1: in order. Requests that we know are understood, methods that nobody knows are refused as such; the stack does not read a Via
    // that is written on three lines, and whoever sent it is told.
    ("wsinv", 400),
    ("intmeth", 501),
    ("esc01", 200),
    ("escnull", 405),
    ("esc02", 501),
    ("lwsdisp", 200),
    ("longreq", 200),
    ("dblreq", 405),
    ("semiuri", 200),
    ("transports", 200),
    ("mpart01", 405),
    ("unreason", 0),
    ("noreason", 0),
    // 3.1.2: not in order.
    ("badinv01", 400),
    ("clerr", 400),
    ("ncl", 400),
    ("scalar02", 400),
    ("scalarlg", 0),
    ("quotbal", 400),
    ("ltgtruri", 400),
    ("lwsruri", 400),
    ("lwsstart", 400),
    ("trws", 400),
    ("escruri", 400),
    // A date that nobody needs, and an address with spaces: 3.1.2.12 and 3.1.2.14 leave that to us.
    ("baddate", 200),
    ("regbadct", 405),
    ("badaspec", 200),
    ("baddn", 400),
    ("badvers", 505),
    ("mismatch01", 400),
    ("mismatch02", 400),
    ("bigcode", 0),
    // 3.2 and 3.3: what they ask for.
    ("badbranch", 200),
    ("insuf", 400),
    ("unkscm", 416),
    ("novelsc", 416),
    ("unksm2", 405),
    ("bext01", 420),
    ("invut", 415),
    ("regaut01", 405),
    ("multi01", 400),
    ("mcl01", 400),
    ("bcast", 0),
    ("zeromf", 200),
    ("cparam01", 405),
    ("cparam02", 405),
    ("regescrt", 405),
    ("sdp01", 406),
    // 3.4: as phones were before RFC 3261. It has no tag by which a call could be told from another.
    ("inv2543", 400),
];

fn message(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rfc4475").join(format!("{name}.dat"));
    std::fs::read(&path).expect("a message of the appendix")
}

/// The final answer, and all that came.
fn sent(desk: &Desk, message: &[u8]) -> (u16, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("settable");
    socket.send_to(message, desk.address()).expect("sent");
    let (mut last, mut all, mut bytes) = (0, String::new(), [0; 8_192]);
    while last < 200 {
        let Ok((length, _)) = socket.recv_from(&mut bytes) else { break };
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let status =
            text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        last = status.expect("an answer of SIP");
        all.push_str(&text);
    }
    (last, all)
}

#[test]
fn each_message_of_rfc_4475_has_the_answer_that_it_should_and_the_next_call_is_heard() {
    let desk = Desk::open(|_| {});
    let mut wrong = Vec::new();
    for (name, expected) in ANSWERS {
        let (status, answers) = sent(&desk, &message(name));
        if status != expected {
            wrong.push(format!("{name}: {status}, and not {expected}\n{answers}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let files =
        std::fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rfc4475")).expect("there");
    let named = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    let all: BTreeSet<String> = named.filter(|name| name.ends_with(".dat")).collect();
    assert_eq!(all, ANSWERS.iter().map(|(name, _)| format!("{name}.dat")).collect(), "each of them");
    let mut caller = Phone::new(desk.address());
    assert_eq!(caller.call("front-desk").status(), Some(200));
    assert!(loud(&caller.play(&tone(30))) > 15);
    assert_eq!(caller.hang_up(), Some(200));
}

/// What came of a message by TCP, and of a request in order that follows it by the same connection; 0: nothing.
#[derive(Debug, PartialEq, Eq)]
struct Streamed {
    answer: u16,
    next: u16,
    ended: bool,
}

/// What is another thing in a stream than in a datagram: where it ends.
fn expected_by_tcp(name: &str, by_udp: u16) -> Streamed {
    let (answer, next, ended) = match name {
        // Nobody can say.
        "ncl" | "mcl01" => (0, 0, true),
        // It is said to be longer: what follows is taken for the rest of it.
        "clerr" => (0, 0, false),
        // Its head has no end: what follows is more of it.
        "baddn" => (0, 400, false),
        // It says nothing of its body, which is taken for the beginning of what follows.
        "inv2543" => (400, 0, false),
        _ => (by_udp, 200, false),
    };
    Streamed { answer, next, ended }
}

/// The final answers until there is one, nothing comes for a while, or the connection ends.
fn read(tcp: &mut TcpStream, of: impl Fn(&str) -> bool) -> (u16, bool) {
    let (mut text, mut bytes) = (String::new(), [0; 8_192]);
    loop {
        let is_final = |text: &&str| text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1");
        let answer = text.split("\r\n\r\n").filter(is_final).find(|text| of(text));
        if let Some(status) = answer.and_then(|answer| answer.get(8..11)) {
            return (status.parse().expect("a status"), false);
        }
        match tcp.read(&mut bytes) {
            Ok(0) => return (0, true),
            Ok(length) => text.push_str(&String::from_utf8_lossy(&bytes[..length])),
            Err(error) => return (0, error.kind() == ErrorKind::ConnectionReset),
        }
    }
}

fn streamed(desk: &Desk, message: &[u8]) -> Streamed {
    const NEXT: &str = "OPTIONS sip:desk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKnext\r\nFrom: <sip:a@b>;tag=n\r\n\
        To: <sip:desk@127.0.0.1>\r\nCall-ID: the-next\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let mut tcp = TcpStream::connect(desk.address()).expect("listens");
    tcp.set_read_timeout(Some(PATIENCE)).expect("settable");
    tcp.write_all(message).expect("sent");
    let (answer, ended) = read(&mut tcp, |_| true);
    if ended {
        return Streamed { answer, next: 0, ended };
    }
    tcp.write_all(NEXT.as_bytes()).expect("sent");
    let (next, ended) = read(&mut tcp, |text| text.contains("the-next"));
    Streamed { answer, next, ended }
}

#[test]
fn by_tcp_each_message_has_the_same_answer_and_its_connection_goes_on_where_its_end_is_known() {
    let desk = Desk::open(|_| {});
    let mut wrong = Vec::new();
    for (name, by_udp) in ANSWERS {
        let (found, expected) = (streamed(&desk, &message(name)), expected_by_tcp(name, by_udp));
        if found != expected {
            wrong.push(format!("{name}: {found:?}, and not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_met_is_named() {
    let desk = Desk::open(|_| {});
    for (name, named) in [
        ("bext01", "Unsupported: nothingSupportsThis, nothingSupportsThisEither"),
        ("invut", "Accept: application/sdp"),
        ("insuf", "CSeq: 193942"),
        ("escnull", "Allow: INVITE"),
    ] {
        let (_, answer) = sent(&desk, &message(name));
        assert!(answer.contains(named), "{name}: {answer}");
    }
}
