//! Registration with a trunk: the registrar is sipp.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use domain::Secret;
use media_sip::{Registration, Transport, Trunk};
use testkit::phone::Phone;
use testkit::process;

use crate::desk::Desk;
use crate::dial::{Callee, trunk};

const SOON: Duration = Duration::from_secs(15);

fn registering(port: u16) -> Trunk {
    Trunk {
        user: Some("anna".to_owned()),
        password: Some(Secret::new("s3cret".to_owned())),
        register_s: 600,
        ..trunk(port)
    }
}

fn state(desk: &Desk) -> Registration {
    desk.server.registrations()[0].1.borrow().clone()
}

#[test]
fn a_registration_is_asked_for_with_a_password_renewed_and_taken_back() {
    let registrar = Callee::play("registrar.xml", &[]);
    let desk = Desk::open(|options| options.trunks.push(registering(registrar.port)));
    process::wait_for("a registration", SOON, || {
        (state(&desk) == Registration::Registered { expires_s: 4 }).then_some(())
    });
    // Renewed after two seconds, and for longer.
    process::wait_for("its renewal", SOON, || {
        (state(&desk) == Registration::Registered { expires_s: 120 }).then_some(())
    });
    let seen = desk.server.registrations()[0].1.clone();
    drop(desk);
    assert_eq!(*seen.borrow(), Registration::Ended);
    registrar.goes_well();
}

#[test]
fn a_registrar_that_says_no_is_asked_again_later() {
    let registrar = Callee::play("registrar_down.xml", &[]);
    let desk = Desk::open(|options| options.trunks.push(registering(registrar.port)));
    process::wait_for("a refusal", SOON, || {
        matches!(state(&desk), Registration::Failed { status: 503, .. }).then_some(())
    });
    process::wait_for("a registration", SOON, || {
        (state(&desk) == Registration::Registered { expires_s: 900 }).then_some(())
    });
    drop(desk);
    registrar.goes_well();
}

#[test]
fn calls_of_a_trunk_need_no_password_of_ours_and_say_where_they_come_from() {
    let desk = Desk::open(|options| {
        options.users.insert("berta".to_owned(), Secret::new("s3cret".to_owned()));
        options.trunks.push(trunk(9));
    });
    let mut phone = Phone::new(desk.address());
    assert_eq!(phone.call("anna").status(), Some(200));
    phone.hang_up();
    desk.is_empty(SOON);
    assert_eq!(desk.seen()[0].trunk.as_deref(), Some("carrier"));
}

/// Takes a REGISTER over TCP and grants it; the connection, and the request's line of `Contact`.
fn grants(listener: &TcpListener) -> (TcpStream, String) {
    let (mut tcp, _) = listener.accept().expect("a connection");
    tcp.set_read_timeout(Some(SOON)).expect("settable");
    let mut request = String::new();
    while !request.contains("\r\n\r\n") {
        let mut bytes = [0; 4_096];
        let length = tcp.read(&mut bytes).expect("in time");
        assert!(length > 0, "closed after {request}");
        request.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    assert!(request.starts_with("REGISTER "), "{request}");
    let kept = |name: &str| {
        let line = request.lines().find(|line| line.starts_with(name)).expect("a header");
        format!("{line}\r\n")
    };
    let head: String = ["Via:", "From:", "Call-ID:", "CSeq:"].iter().map(|name| kept(name)).collect();
    let to = kept("To:").replace("\r\n", ";tag=registrar\r\n");
    let answer = format!("SIP/2.0 200 OK\r\n{head}{to}Expires: 600\r\nContent-Length: 0\r\n\r\n");
    tcp.write_all(answer.as_bytes()).expect("sent");
    (tcp, kept("Contact:"))
}

#[test]
fn a_registration_whose_connection_ends_is_made_anew_by_another() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let desk = Desk::open(|options| {
        options.trunks.push(Trunk { transport: Transport::Tcp, ..registering(port) });
    });
    let (first, contact) = grants(&listener);
    process::wait_for("a registration", SOON, || {
        (state(&desk) == Registration::Registered { expires_s: 600 }).then_some(())
    });
    drop(first);
    // Not after nine minutes, when it would be renewed.
    let (second, again) = grants(&listener);
    assert_eq!(contact, again);
    assert_eq!(state(&desk), Registration::Registered { expires_s: 600 });
    drop(second);
}
