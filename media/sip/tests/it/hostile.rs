//! Thousands of messages and datagrams that nobody should send: the server answers the next call as if nothing had been.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use testkit::phone::Phone;

use crate::desk::{Desk, loud, tone};

const SOON: Duration = Duration::from_secs(10);

/// Of the kinds of RFC 4475: cut off, contradictory, folded, enormous, in wrong order, and not SIP at all.
fn torture() -> Vec<Vec<u8>> {
    let head = "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: <sip:a@b>\r\n";
    let texts = [
        format!("INVITE sip:c@d SIP/2.0\r\n{head}Content-Length: 999999\r\n\r\nv=0"),
        format!("INVITE sip:c@d SIP/2.0\r\n{head}Content-Length: -1\r\n\r\n"),
        format!("INVITE sip:c@d SIP/7.0\r\n{head}\r\n"),
        format!("INVITE <sip:c@d> SIP/2.0\r\n{head}\r\n"),
        format!(
            "INVITE sip:c@d;p=%00%ff SIP/2.0\r\n{head}Content-Type: application/sdp\r\nContent-Length: 4\r\n\r\nm=au"
        ),
        format!("OPTIONS sip: SIP/2.0\r\n{head}\r\n"),
        format!("BYE sip:c@d SIP/2.0\r\n{}\r\n", head.replace("<sip:c@d>", "<sip:c@d>;tag=nope")),
        format!("ACK sip:c@d SIP/2.0\r\n{head}\r\n"),
        format!("CANCEL sip:c@d SIP/2.0\r\n{head}\r\n"),
        format!("REGISTER sip:d SIP/2.0\r\n{head}\r\n"),
        format!("NEWMETHOD sip:d SIP/2.0\r\n{head}\r\n"),
        format!(
            "INVITE sip:c@d SIP/2.0\r\n{}\r\n",
            head.replace("CSeq: 1 INVITE", "CSeq: 99999999999 INVITE")
        ),
        format!("INVITE sip:c@d SIP/2.0\r\n{}\r\n", head.replace(";tag=1", "")),
        format!("INVITE sip:c@d SIP/2.0\r\n{}\r\n", head.replace("Call-ID: x\r\n", "")),
        format!("INVITE sip:c@d SIP/2.0\r\n{}\r\n", head.replace("Contact: <sip:a@b>\r\n", "Contact: *\r\n")),
        format!(
            "INVITE sip:c@d SIP/2.0\r\n{}\r\n",
            "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK\r\n".repeat(200)
        ),
        format!("INVITE sip:c@d SIP/2.0\r\n{}Subject: {}\r\n\r\n", head, "x".repeat(30_000)),
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKnope\r\n\r\n".to_owned(),
        "SIP/2.0 4294967301 OK\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "\r\n\r\n".to_owned(),
        String::new(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

#[test]
fn ten_thousand_hostile_messages_change_nothing() {
    let desk = Desk::open(|_| {});
    let mut seed = fastrand::Rng::with_seed(testkit::seed::seed());
    let phone = Phone::new(desk.address());
    let kinds = torture();
    let valid = {
        let mut text = String::from_utf8(kinds[4].clone()).expect("text");
        text.truncate(text.len() - 4);
        text + "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n"
    };
    for n in 0..10_000_usize {
        let mut bytes = if n % 3 == 0 { valid.clone().into_bytes() } else { kinds[n % kinds.len()].clone() };
        if n >= kinds.len() {
            // Some bytes of it other than they were.
            for _ in 0..1 + seed.u8(..) % 4 {
                if !bytes.is_empty() {
                    let at = seed.usize(..bytes.len());
                    bytes[at] = seed.u8(..);
                }
            }
        }
        phone.send(&bytes);
        if n % 50 == 0 {
            // So that the socket's buffer takes them all.
            let _answer = phone.receive(Duration::from_millis(2));
        }
    }
    let mut caller = Phone::new(desk.address());
    assert_eq!(caller.call("front-desk").status(), Some(200));
    assert!(loud(&caller.play(&tone(30))) > 15);
    assert_eq!(caller.hang_up(), Some(200));
}

#[test]
fn a_flood_of_audio_from_strangers_is_not_heard_and_keeps_nobody_from_being_heard() {
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    let answer = phone.call("front-desk");
    let port = answer.audio().expect("a port");
    phone.play(&tone(5));
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 0, 9, 9, 9, 9];
    packet.extend([0x80; 160]);
    for n in 0..20 {
        for _ in 0..250 {
            let _full = stranger.send_to(&packet, port);
            let _full = stranger.send_to(&packet[..n], port);
        }
        phone.play(&tone(2));
    }
    stranger.set_nonblocking(true).expect("settable");
    assert!(stranger.recv(&mut [0; 2_000]).is_err(), "strangers are sent nothing");
    phone.hang_up();
    desk.is_empty(SOON);
    let seen = &desk.seen()[0];
    assert!(seen.packets <= 45 && seen.packets > 20, "{seen:?}");
}

#[test]
fn a_hundred_thousand_packets_of_strangers_neither_delay_a_call_nor_stay_in_memory() {
    let desk = Desk::open(|_| {});
    let mut phone = Phone::new(desk.address());
    let port = phone.call("front-desk").audio().expect("a port");
    phone.play(&tone(5));
    let strangers: Vec<_> =
        (0..10).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket")).collect();
    // Of a payload type in use, with sources and counts of their own.
    let mut packet = vec![0x80, 0, 0, 1, 0, 0, 0, 0, 9, 9, 9, 9];
    packet.extend([0x80; 160]);
    let flood = |packet: &mut [u8], packets: u32| {
        for n in 0..packets {
            packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
            packet[8..12].copy_from_slice(&n.wrapping_mul(2_654_435_761).to_be_bytes());
            let _full = strangers[n as usize % strangers.len()].send_to(packet, port);
        }
    };
    // Whatever is made once is made.
    flood(&mut packet, 5_000);
    phone.play(&tone(5));
    let (before, mut heard) = (resident(), 0);
    for _ in 0..20 {
        flood(&mut packet, 5_000);
        heard += loud(&phone.play(&tone(5)));
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes more");
    // 100 frames of the phone, and the voice all the while.
    assert!(heard > 80, "{heard} frames of the voice");
    assert_eq!(phone.hang_up(), Some(200));
    desk.is_empty(SOON);
    let seen = &desk.seen()[0];
    assert!((80..=110).contains(&seen.packets), "{seen:?}");
}

/// Memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("pages") * 4_096
}

#[test]
fn one_address_has_no_more_calls_and_requests_than_it_may() {
    let desk = Desk::open(|options| {
        options.calls_per_address = 2;
        options.requests_per_address = 20;
    });
    let mut phones: Vec<Phone> = (0..3).map(|_| Phone::new(desk.address())).collect();
    let answers: Vec<_> = phones.iter_mut().map(|phone| phone.call("front-desk").status()).collect();
    assert_eq!(answers, [Some(200), Some(200), Some(503)]);
    assert_eq!(phones[0].hang_up(), Some(200));
    testkit::process::wait_for("a call that ends", SOON, || (desk.server.calls() == 1).then_some(()));
    let mut next = Phone::new(desk.address());
    assert_eq!(next.call("front-desk").status(), Some(200), "one has gone");
    // A scanner from the same address: what is too much is not answered, and calls that are there go on.
    let scanner = Phone::new(desk.address());
    for n in 0..400 {
        scanner.send(
            format!(
                "OPTIONS sip:c@d SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK{n}\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:c@d>\r\nCall-ID: {n}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            )
            .as_bytes(),
        );
    }
    let answered = std::iter::from_fn(|| scanner.receive(Duration::from_millis(300))).count();
    assert!((1..200).contains(&answered), "{answered} of 400");
    assert_eq!(next.hang_up(), Some(200), "a request of a call");
    assert_eq!(phones[1].hang_up(), Some(200));
    desk.is_empty(SOON);
}

#[test]
fn whoever_opens_connections_and_says_nothing_has_no_more_than_a_share_and_others_call() {
    let desk = Desk::open(|_| {});
    let idle: Vec<std::net::TcpStream> = std::iter::repeat_with(|| {
        let connection = std::net::TcpStream::connect(desk.address()).expect("taken by the system");
        connection.set_read_timeout(Some(SOON)).expect("settable");
        connection
    })
    .take(300)
    .collect();
    let ended = idle[256..].iter().filter(|one| {
        let mut one = *one;
        match one.read(&mut [0]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    });
    assert_eq!(ended.count(), 44, "those beyond the share are ended at once");
    let mut first = &idle[0];
    first.set_nonblocking(true).expect("settable");
    let alive = first.read(&mut [0]).expect_err("nothing is said to it");
    assert_eq!(alive.kind(), std::io::ErrorKind::WouldBlock);
    let mut phone = Phone::new(desk.address());
    assert_eq!(phone.call("front-desk").status(), Some(200), "calls by UDP go on");
    assert_eq!(phone.hang_up(), Some(200));
}

fn by_tcp(call: &str, padding: usize) -> Vec<u8> {
    format!(
        "OPTIONS sip:c@d SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK{call}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
         Call-ID: {call}{}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        "x".repeat(padding)
    )
    .into_bytes()
}

#[test]
fn whoever_takes_no_answers_keeps_nobody_waiting_and_is_let_go() {
    let desk = Desk::open(|_| {});
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("settable");
    socket.connect(&desk.address().into()).expect("listens");
    let mut deaf = std::net::TcpStream::from(socket);
    deaf.set_write_timeout(Some(SOON)).expect("settable");
    let (sent, again) = (std::sync::atomic::AtomicUsize::new(0), by_tcp("deaf", 8_000));
    std::thread::scope(|scope| {
        // Copies of one request, whose answer is as long as they are.
        let ended = scope.spawn(|| {
            for _ in 0..10_000 {
                if let Err(error) = deaf.write_all(&again) {
                    return error.kind();
                }
                sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            std::io::ErrorKind::Other
        });
        testkit::process::wait_for("copies", SOON, || {
            (sent.load(std::sync::atomic::Ordering::Relaxed) > 100 || ended.is_finished()).then_some(())
        });
        for _ in 0..5 {
            let mut phone = Phone::new(desk.address());
            assert_eq!(phone.call("front-desk").status(), Some(200));
            assert_eq!(phone.hang_up(), Some(200));
        }
        let mut other = std::net::TcpStream::connect(desk.address()).expect("taken by the system");
        other.set_read_timeout(Some(SOON)).expect("settable");
        other.write_all(&by_tcp("other", 0)).expect("sent");
        let mut answer = [0; 11];
        other.read_exact(&mut answer).expect("in time");
        assert_eq!(&answer, b"SIP/2.0 200");
        let ended = ended.join().expect("no panic");
        assert!(
            matches!(ended, std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe),
            "{ended:?} after {sent:?}"
        );
    });
}

#[test]
fn blanks_between_messages_end_no_connection() {
    let desk = Desk::open(|_| {});
    let mut tcp = std::net::TcpStream::connect(desk.address()).expect("taken by the system");
    tcp.set_read_timeout(Some(SOON)).expect("settable");
    tcp.write_all(b" \r\n\r\n\t\r\n\r\n").expect("sent");
    tcp.write_all(&by_tcp("blanks", 0)).expect("sent");
    let mut answer = [0; 11];
    tcp.read_exact(&mut answer).expect("in time");
    assert_eq!(&answer, b"SIP/2.0 200");
}
