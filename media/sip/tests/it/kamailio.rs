//! Kamailio between us and others: registrar with a password, and a proxy that stays in the way of every call.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::Secret;
use media_sip::{Registration, Transport, Trunk, Unanswered};
use testkit::phone::Phone;
use testkit::process;

use crate::desk::{Desk, loud, tone};
use crate::dial::{free, trunk};

const SOON: Duration = Duration::from_secs(15);
const RING: Duration = Duration::from_secs(20);

struct Kamailio {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Kamailio {
    fn start() -> Self {
        // A port that was free may be somebody else's by the time the proxy wants it, by UDP or TCP.
        let mut ended = String::new();
        for _ in 0..3 {
            match Self::on(free()) {
                Ok(proxy) => return proxy,
                Err(log) => ended = log,
            }
        }
        unreachable!("kamailio ended:\n{ended}")
    }

    /// The log of one that ended at once.
    fn on(port: u16) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let modules = modules().expect("kamailio is installed by scripts/setup.sh test");
        let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/kamailio/proxy.cfg");
        let config = std::fs::read_to_string(config).expect("readable");
        let config = config.replace("PORT", &port.to_string()).replace("MODULES", &modules.to_string_lossy());
        std::fs::write(folder.path().join("kamailio.cfg"), config).expect("writable");
        let log = std::fs::File::create(folder.path().join("log")).expect("writable");
        let child = Command::new("kamailio")
            .arg("-f")
            .arg(folder.path().join("kamailio.cfg"))
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-Y"])
            .arg(folder.path())
            .arg("-w")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("kamailio is installed by scripts/setup.sh test");
        let mut proxy = Self { child, folder, port };
        let listens = process::wait_for("kamailio that listens or ends", SOON, || {
            if matches!(proxy.child.try_wait(), Ok(Some(_))) {
                return Some(false);
            }
            std::net::TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true)
        });
        if listens { Ok(proxy) } else { Err(proxy.log()) }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn says(&self, line: &str) {
        process::wait_for(line, SOON, || self.log().contains(line).then_some(()));
    }

    /// We, as a user who is registered there.
    fn user(&self, name: &str, transport: Transport) -> Trunk {
        Trunk {
            user: Some(name.to_owned()),
            password: Some(Secret::new("s3cret".to_owned())),
            caller: None,
            register_s: 300,
            transport,
            ..trunk(self.port)
        }
    }

    fn registered(&self, name: &str, transport: Transport) -> Desk {
        let trunk = self.user(name, transport);
        let desk = Desk::open(move |options| (options.opus, options.trunks) = (false, vec![trunk]));
        process::wait_for("a registration", SOON, || {
            matches!(*desk.server.registrations()[0].1.borrow(), Registration::Registered { .. })
                .then_some(())
        });
        self.says(&format!("registers: {name}"));
        desk
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its children end with it when it is asked, and not when it is killed.
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        process::signal(self.child.id(), "TERM");
        let _ended = process::ended(&mut self.child, SOON);
        let _gone = self.child.kill();
    }
}

fn modules() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("kamailio/modules")).find(|folder: &PathBuf| Path::is_dir(folder))
}

/// A phone whose call goes by the proxy, and the header that its requests need.
fn calls(proxy: &Kamailio, user: &str) -> (Phone, String) {
    let mut phone = Phone::new(([127, 0, 0, 1], proxy.port).into());
    phone.ask_for(user);
    let offer = phone.description("sendrecv");
    phone.request("INVITE", "", &offer);
    let answer = phone.answer();
    assert_eq!(answer.status(), Some(200), "{}\n{}", answer.text, proxy.log());
    let route = answer.header("Record-Route").expect("the proxy stays in the way").to_owned();
    assert!(route.contains(&format!("127.0.0.1:{}", proxy.port)) && route.contains(";lr"), "{route}");
    let route = format!("Route: {route}\r\n");
    phone.request("ACK", &route, "");
    (phone, route)
}

#[test]
fn a_trunk_registers_and_is_called_by_the_proxy_which_stays_in_the_way() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let proxy = Kamailio::start();
        let desk = proxy.registered("anna", transport);
        let (mut phone, route) = calls(&proxy, "anna");
        let heard = phone.play(&tone(50));
        assert!(loud(&heard) > 20, "{} frames of the voice", loud(&heard));
        let again = phone.description("sendrecv");
        phone.request("UPDATE", &route, &again);
        assert_eq!(phone.answer().status(), Some(200));
        phone.request("BYE", &route, "");
        assert_eq!(phone.answer().status(), Some(200));
        desk.is_empty(SOON);
        let seen = &desk.seen()[0];
        assert!(seen.active && seen.closed && seen.loud > 25, "{seen:?}");
        assert_eq!(seen.trunk.as_deref(), Some("carrier"));
        let log = proxy.log();
        for method in ["ACK", "UPDATE", "BYE"] {
            assert!(log.contains(&format!("by its route: {method}")), "{method}: {log}");
        }
    }
}

#[test]
fn what_we_ask_within_a_call_goes_by_the_route_that_the_proxy_recorded() {
    let proxy = Kamailio::start();
    // Whoever is called so hangs up after half a second.
    let desk = proxy.registered("brief", Transport::Udp);
    let (phone, _route) = calls(&proxy, "brief");
    let bye = std::iter::repeat_with(|| phone.receive(SOON).expect("a BYE"))
        .find(|message| message.text.starts_with("BYE "))
        .expect("found");
    phone.reply(&bye, "200 OK");
    desk.is_empty(SOON);
    let vias = bye.text.lines().filter(|line| line.starts_with("Via:")).count();
    assert_eq!(vias, 2, "by the proxy: {}", bye.text);
    proxy.says("by its route: BYE");
    assert!(!proxy.log().contains("without a route"), "{}", proxy.log());
}

#[test]
fn a_trunk_calls_another_user_through_the_proxy_with_its_password() {
    let proxy = Kamailio::start();
    let callee = proxy.registered("berta", Transport::Udp);
    let caller = proxy.registered("anna", Transport::Udp);
    assert_eq!(caller.dial("berta", RING).1, Ok(()), "{}", proxy.log());
    proxy.says("calls with a password: anna");
    process::wait_for("both voices", SOON, || {
        (caller.seen()[0].loud > 20 && callee.seen()[0].loud > 20).then_some(())
    });
    caller.hang_up();
    caller.is_empty(SOON);
    callee.is_empty(SOON);
    assert_eq!(callee.seen()[0].trunk.as_deref(), Some("carrier"));
    let log = proxy.log();
    assert!(log.contains("by its route: ACK") && log.contains("by its route: BYE"), "{log}");
    let nobody = caller.dial("nobody", RING).1.expect_err("nobody is there");
    assert_eq!((nobody.why, nobody.status), (Unanswered::UnknownNumber, 404));
    caller.is_empty(SOON);
}
