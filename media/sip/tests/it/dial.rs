//! Calls that we make: the other side is sipp with the scenarios of `tests/sipp/called`, baresip, or another server of ours.

use std::io::{Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::Secret;
use media_sip::{Outcome, Transport, Trunk, Unanswered};
use testkit::process;

use crate::desk::{Desk, Rang};

const SOON: Duration = Duration::from_secs(10);
const RING: Duration = Duration::from_secs(20);

/// The other side of one call.
pub(crate) struct Callee {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Callee {
    pub(crate) fn play(scenario: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sipp/called").join(scenario);
        assert!(path.is_file(), "{}", path.display());
        let (port, media) = (free(), free());
        let log = std::fs::File::create(folder.path().join("log")).expect("writable");
        let child = Command::new("sipp")
            .current_dir(folder.path())
            .arg("-sf")
            .arg(path)
            .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-mp", &media.to_string(), "-rtp_echo"])
            .args(["-m", "1", "-nostdin", "-timeout", "40", "-timeout_error", "-trace_err"])
            .args(["-error_file", "errors.log"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("sipp is installed by scripts/setup.sh test");
        Self { child, folder, port }
    }

    /// The scenario went as it is written.
    pub(crate) fn goes_well(mut self) {
        let ended = process::ended(&mut self.child, Duration::from_secs(45));
        let errors = std::fs::read_to_string(self.folder.path().join("errors.log")).unwrap_or_default();
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}\n{errors}");
    }
}

impl Drop for Callee {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// An even port that nobody had just now.
pub(crate) fn free() -> u16 {
    std::iter::repeat_with(|| {
        UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port()
    })
    .find(|port| port % 2 == 0)
    .expect("endless")
}

pub(crate) fn trunk(port: u16) -> Trunk {
    Trunk {
        name: "carrier".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        transport: Transport::Udp,
        user: None,
        password: None,
        caller: Some("+4930555".to_owned()),
        register_s: 0,
        srtp: false,
        joins: false,
        ca: None,
        tones: false,
        cancel_echo: false,
    }
}

pub(crate) fn by(trunk: Trunk) -> Desk {
    Desk::open(move |options| options.trunks.push(trunk))
}

#[test]
fn a_callee_rings_answers_is_heard_and_then_spoken_to() {
    let callee = Callee::play("answers.xml", &[]);
    let desk = by(trunk(callee.port));
    let dialled = desk.dial("+4930123456", RING);
    assert_eq!(dialled, (vec![Rang::Silently], Ok(())));
    // What it says comes back: the callee echoes.
    process::wait_for("an echo of the voice", SOON, || (desk.seen()[0].loud > 20).then_some(()));
    desk.hang_up();
    callee.goes_well();
    desk.is_empty(SOON);
    let seen = &desk.seen()[0];
    assert!(seen.active);
    let ladder = [
        "sent INVITE",
        "received 100 Trying",
        "received 180 Ringing",
        "received 200 OK",
        "sent ACK",
        "sent BYE",
        "received 200 OK",
    ];
    assert_eq!(seen.ladder, ladder);
}

#[test]
fn why_nobody_answered_is_told() {
    for (scenario, why, status) in [
        ("busy.xml", Unanswered::Busy, 486),
        ("declined.xml", Unanswered::Declined, 603),
        ("unknown.xml", Unanswered::UnknownNumber, 404),
        ("moved.xml", Unanswered::Failed, 302),
    ] {
        let callee = Callee::play(scenario, &[]);
        let desk = by(trunk(callee.port));
        assert_eq!(desk.dial("100", RING).1, Err(Outcome { why, status }), "{scenario}");
        callee.goes_well();
        desk.is_empty(SOON);
    }
}

#[test]
fn who_rings_on_is_cancelled() {
    let callee = Callee::play("rings_on.xml", &[]);
    let desk = by(trunk(callee.port));
    let dialled = desk.dial("100", Duration::from_millis(1_500));
    assert_eq!(dialled.1, Err(Outcome { why: Unanswered::NoAnswer, status: 0 }));
    callee.goes_well();
    desk.is_empty(SOON);
}

#[test]
fn a_call_that_is_wanted_no_more_is_cancelled() {
    let callee = Callee::play("rings_on.xml", &[]);
    let desk = by(trunk(callee.port));
    desk.dial_and_forget("100");
    callee.goes_well();
    desk.is_empty(SOON);
}

#[test]
fn early_audio_is_acknowledged_and_is_no_part_of_the_call() {
    let callee = Callee::play("early.xml", &[]);
    let desk = by(trunk(callee.port));
    assert_eq!(desk.dial("100", RING), (vec![Rang::Audibly], Ok(())));
    process::wait_for("an echo of the voice", SOON, || (desk.seen()[0].loud > 20).then_some(()));
    desk.hang_up();
    callee.goes_well();
    desk.is_empty(SOON);
}

#[test]
fn a_password_is_given_where_one_is_asked_for() {
    for scenario in ["asks_401.xml", "asks_407.xml"] {
        let callee = Callee::play(scenario, &[]);
        let trunk = Trunk {
            user: Some("anna".to_owned()),
            password: Some(Secret::new("s3cret".to_owned())),
            ..trunk(callee.port)
        };
        let desk = by(trunk);
        assert_eq!(desk.dial("100", RING).1, Ok(()), "{scenario}");
        desk.hang_up();
        callee.goes_well();
        desk.is_empty(SOON);
        let ladder = desk.seen()[0].ladder.join(", ");
        let challenged =
            if scenario == "asks_401.xml" { "401 Unauthorized" } else { "407 Proxy Authentication Required" };
        let asked = format!("received {challenged}, sent ACK, sent INVITE, received");
        assert!(ladder.contains(&asked) && ladder.contains("received 200 OK, sent ACK"), "{ladder}");
    }
}

#[test]
fn without_the_right_password_nobody_is_called() {
    let far = Desk::open(|options| {
        options.users.insert("anna".to_owned(), Secret::new("s3cret".to_owned()));
    });
    let known = |password: Option<&str>| Trunk {
        user: password.map(|_| "anna".to_owned()),
        password: password.map(|password| Secret::new(password.to_owned())),
        ..trunk(far.address().port())
    };
    for (password, status) in [(None, 401), (Some("guessed"), 403)] {
        let desk = by(known(password));
        let outcome = Outcome { why: Unanswered::Forbidden, status };
        assert_eq!(desk.dial("front-desk", RING).1, Err(outcome));
        desk.is_empty(SOON);
    }
    assert!(far.seen().is_empty());
    let desk = by(known(Some("s3cret")));
    assert_eq!(desk.dial("front-desk", RING).1, Ok(()));
    desk.hang_up();
    far.is_empty(SOON);
}

#[test]
fn two_servers_of_ours_hear_each_other_over_udp_and_tcp() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let far = Desk::open(|options| options.opus = false);
        let desk = by(Trunk { transport, ..trunk(far.address().port()) });
        assert_eq!(desk.dial("front-desk", RING).1, Ok(()), "{transport:?}");
        let heard = |desk: &Desk| desk.seen().first().is_some_and(|seen| seen.loud > 25).then_some(());
        process::wait_for("the far voice", SOON, || heard(&desk));
        process::wait_for("our voice", SOON, || heard(&far));
        assert_eq!(far.seen()[0].called, "front-desk");
        desk.hang_up();
        far.is_empty(SOON);
        desk.is_empty(SOON);
        assert!(far.seen()[0].closed);
    }
}

#[test]
fn two_servers_of_ours_hear_each_other_over_ipv6() {
    let here = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    for transport in [Transport::Udp, Transport::Tcp] {
        let far = Desk::open(|options| (options.listen, options.opus) = (here, false));
        let trunk = Trunk { transport, host: "[::1]".to_owned(), ..trunk(far.address().port()) };
        let desk = Desk::open(|options| (options.listen, options.trunks) = (here, vec![trunk]));
        assert_eq!(desk.dial("front-desk", RING).1, Ok(()), "{transport:?}");
        let heard = |desk: &Desk| desk.seen().first().is_some_and(|seen| seen.loud > 25).then_some(());
        process::wait_for("the far voice", SOON, || heard(&desk));
        process::wait_for("our voice", SOON, || heard(&far));
        desk.hang_up();
        far.is_empty(SOON);
        desk.is_empty(SOON);
    }
}

#[test]
fn keys_that_we_press_are_read_by_the_callee() {
    let far = Desk::open(|options| options.opus = false);
    let desk = by(trunk(far.address().port()));
    assert_eq!(desk.dial("front-desk", RING).1, Ok(()));
    process::wait_for("our voice", SOON, || far.seen().first().filter(|seen| seen.loud > 5).map(drop));
    assert_eq!(desk.press("47w11#"), Ok(()));
    process::wait_for("the keys", SOON, || (far.seen()[0].keys == "4711#").then_some(()));
    desk.hang_up();
    far.is_empty(SOON);
}

#[test]
fn a_callee_who_hangs_up_ends_the_call() {
    let callee = Callee::play("hangs_up.xml", &[]);
    let desk = by(trunk(callee.port));
    assert_eq!(desk.dial("100", RING).1, Ok(()));
    callee.goes_well();
    desk.is_empty(SOON);
    assert!(desk.seen()[0].closed);
}

#[test]
fn a_trunk_over_tcp_takes_calls() {
    let callee = Callee::play("answers.xml", &["-t", "t1"]);
    let listens = || TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], callee.port))).ok();
    process::wait_for("sipp to listen", SOON, listens);
    let desk = by(Trunk { transport: Transport::Tcp, ..trunk(callee.port) });
    assert_eq!(desk.dial("100", RING).1, Ok(()));
    desk.hang_up();
    callee.goes_well();
    desk.is_empty(SOON);
}

/// The next request that comes to a trunk over TCP, by a connection of its own.
fn asked(listener: &TcpListener) -> (TcpStream, String) {
    let (mut tcp, _) = listener.accept().expect("a connection");
    tcp.set_read_timeout(Some(SOON)).expect("settable");
    let request = whole(&mut tcp);
    (tcp, request)
}

/// The next message of a connection.
fn whole(tcp: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len().to_string() == header(head, "Content-Length")
        {
            return text;
        }
        let mut bytes = [0; 4_096];
        let length = tcp.read(&mut bytes).expect("in time");
        assert!(length > 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&bytes[..length]).expect("text"));
    }
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let value = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| unreachable!("{name} in {message}")).trim()
}

fn says(tcp: &mut TcpStream, request: &str, status: &str, body: &str) {
    let kept = |name: &str| format!("{name}: {}\r\n", header(request, name));
    let head: String = ["Via", "From", "Call-ID", "CSeq"].iter().map(|name| kept(name)).collect();
    let (to, port) = (header(request, "To"), tcp.local_addr().expect("bound").port());
    let to = if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=callee") };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let text = format!(
        "SIP/2.0 {status}\r\n{head}To: {to}\r\nContact: <sip:callee@127.0.0.1:{port};transport=tcp>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    tcp.write_all(text.as_bytes()).expect("sent");
}

fn by_tcp() -> (TcpListener, Desk) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    (listener, by(Trunk { transport: Transport::Tcp, ..trunk(port) }))
}

/// Whoever is asked by a connection that ends at once is asked again by another: what came by the first, the other, and what came by that.
fn asked_anew(listener: &TcpListener) -> (String, TcpStream, String) {
    let (first, before) = asked(listener);
    drop(first);
    let (tcp, invite) = asked(listener);
    (before, tcp, invite)
}

#[test]
fn an_invite_whose_connection_ends_before_anything_was_said_to_it_goes_out_once_more_by_another() {
    let (listener, desk) = by_tcp();
    std::thread::scope(|scope| {
        let dialled = scope.spawn(|| desk.dial("100", RING));
        let (before, mut tcp, invite) = asked_anew(&listener);
        assert!(invite.starts_with("INVITE sip:100@"), "{invite}");
        for same in ["Call-ID", "CSeq", "From", "To", "Contact"] {
            assert_eq!(header(&before, same), header(&invite, same), "{same}");
        }
        let branch = |request: &str| header(request, "Via").split("branch=").nth(1).map(ToOwned::to_owned);
        assert_ne!(branch(&before), branch(&invite), "it is another transaction");
        says(&mut tcp, &invite, "180 Ringing", "");
        let media = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";
        says(&mut tcp, &invite, "200 OK", media);
        assert!(whole(&mut tcp).starts_with("ACK "));
        assert_eq!(dialled.join().expect("no panic"), (vec![Rang::Silently], Ok(())));
        desk.hang_up();
        let bye = whole(&mut tcp);
        assert!(bye.starts_with("BYE "), "by the connection that is there: {bye}");
        says(&mut tcp, &bye, "200 OK", "");
    });
    desk.is_empty(SOON);
    let ladder = desk.seen()[0].ladder.join(", ");
    assert!(
        ladder.starts_with("sent INVITE, sent INVITE, received 180 Ringing, received 200 OK, sent ACK"),
        "{ladder}"
    );
}

#[test]
fn an_invite_that_got_through_before_its_connection_ended_is_cancelled_by_the_next() {
    let (listener, desk) = by_tcp();
    std::thread::scope(|scope| {
        let dialled = scope.spawn(|| desk.dial("100", RING));
        let (before, mut tcp, invite) = asked_anew(&listener);
        says(&mut tcp, &invite, "100 Trying", "");
        says(&mut tcp, &invite, "482 Loop Detected", "");
        let mut text = String::new();
        while !(text.contains("ACK sip:") && text.contains("CANCEL sip:") && text.ends_with("\r\n\r\n")) {
            let mut bytes = [0; 4_096];
            let length = tcp.read(&mut bytes).expect("in time");
            assert!(length > 0, "closed after {text}");
            text.push_str(std::str::from_utf8(&bytes[..length]).expect("text"));
        }
        let cancel = &text[text.find("CANCEL sip:").expect("there")..];
        for same in ["Via", "Call-ID", "From", "To"] {
            assert_eq!(header(cancel, same), header(&before, same), "{same}");
        }
        assert_eq!(header(cancel, "CSeq"), header(&before, "CSeq").replace("INVITE", "CANCEL"));
        says(&mut tcp, cancel, "200 OK", "");
        let outcome = Outcome { why: Unanswered::Unreachable, status: 0 };
        assert_eq!(dialled.join().expect("no panic").1, Err(outcome));
    });
    desk.is_empty(SOON);
}

#[test]
fn an_invite_that_is_lost_twice_reaches_nobody() {
    let (listener, desk) = by_tcp();
    std::thread::scope(|scope| {
        let dialled = scope.spawn(|| desk.dial("100", RING));
        drop(asked(&listener));
        drop(asked(&listener));
        let outcome = Outcome { why: Unanswered::Unreachable, status: 0 };
        assert_eq!(dialled.join().expect("no panic").1, Err(outcome));
    });
    listener.set_nonblocking(true).expect("settable");
    assert!(listener.accept().is_err(), "and is not sent a third time");
}

#[test]
fn an_invite_that_was_heard_is_not_sent_anew_when_its_connection_ends() {
    let (listener, desk) = by_tcp();
    std::thread::scope(|scope| {
        let dialled = scope.spawn(|| desk.dial("100", Duration::from_secs(2)));
        let (mut tcp, invite) = asked(&listener);
        says(&mut tcp, &invite, "180 Ringing", "");
        drop(tcp);
        assert_eq!(
            dialled.join().expect("no panic").1,
            Err(Outcome { why: Unanswered::NoAnswer, status: 0 })
        );
        // Whoever rings is told by another connection that nobody waits any more.
        let (mut tcp, cancel) = asked(&listener);
        assert!(cancel.starts_with("CANCEL "), "{cancel}");
        says(&mut tcp, &cancel, "200 OK", "");
        says(&mut tcp, &invite, "487 Request Terminated", "");
    });
    desk.is_empty(SOON);
}

#[test]
fn nothing_at_the_other_end_is_said_to_be_so() {
    let desk = by(trunk(free()));
    let outcome = Outcome { why: Unanswered::Unreachable, status: 0 };
    assert_eq!(desk.dial("100", Duration::from_secs(1)).1, Err(outcome));
    let refusing = by(Trunk { transport: Transport::Tcp, ..trunk(free()) });
    assert_eq!(refusing.dial("100", RING).1, Err(outcome));
}
