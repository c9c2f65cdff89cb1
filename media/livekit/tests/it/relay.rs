//! Two who can be reached by a TURN server alone, which the LiveKit server names: by datagrams, or by streams where those do not get
//! through. And a server whose own audio comes by TCP.

use std::path::PathBuf;

use media_livekit::{Ended, Options, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use runtime::tasks::Tasks;
use testkit::livekit::LiveKit;
use testkit::turn;

use crate::support::{active, ended, heard_of, number_of, options, ticket, visit, within};

#[tokio::test(flavor = "multi_thread")]
async fn audio_goes_by_a_turn_server_where_nothing_else_is_offered() {
    let turn = turn::Server::start_for("ann", "a password");
    let server = LiveKit::start_with_turn(&turn, "ann", "a password");
    let tasks = Tasks::new();
    let relayed = Options { relay_only: true, ..options() };
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), relayed.clone(), &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), relayed, &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    let (heard, said) = heard_of(&ann, &mut bob, 0, 100).await;
    let numbers: Vec<_> = heard.iter().map(number_of).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "in order: {numbers:?}");
    let (back, _) = heard_of(&bob, &mut ann, said, 50).await;
    assert_eq!(back.len(), 50);
    let log = turn.log();
    // Two connections each.
    let allocated = log.matches("ALLOCATE processed, success").count();
    assert!(allocated >= 4, "{allocated} allocations:\n{log}");
    drop(bob.peer);
    assert!(matches!(ended(&mut ann).await, Ended::Left));
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_server_that_refuses_us_takes_nothing_from_those_who_need_none() {
    let turn = turn::Server::start_for("ann", "a password");
    let server = LiveKit::start_with_turn(&turn, "ann", "another password");
    let tasks = Tasks::new();
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), options(), &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), options(), &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    let (heard, _) = heard_of(&ann, &mut bob, 0, 25).await;
    assert_eq!(heard.len(), 25);
    within("all tasks", tasks.shutdown()).await;
}

/// An authority of one's own, and a certificate of its for `localhost`.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let cert = params.signed_by(&key, &ca).expect("a certificate");
        let authority = Self { folder };
        for (name, text) in [("ca.pem", ca.pem()), ("cert.pem", cert.pem()), ("key.pem", key.serialize_pem())]
        {
            std::fs::write(authority.path(name), text).expect("writable");
        }
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn turn(&self) -> turn::Server {
        turn::Server::start_without_udp("ann", "a password", &self.path("cert.pem"), &self.path("key.pem"))
    }

    fn trusted(&self) -> Trust {
        Trust::with(&self.path("ca.pem")).expect("an authority")
    }
}

/// Two speak, both ways, where nothing but the TURN server's streams may be used.
async fn speak_by_streams(url: &str, trust: Trust) {
    speak_both_ways(url, Options { relay_only: true, trust, ..options() }).await;
}

async fn speak_both_ways(url: &str, options: Options) {
    let tasks = Tasks::new();
    let mut ann = visit(ticket(url, "desk", "ann"), options.clone(), &tasks);
    let mut bob = visit(ticket(url, "desk", "bob"), options, &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    let (heard, said) = heard_of(&ann, &mut bob, 0, 100).await;
    let numbers: Vec<_> = heard.iter().map(number_of).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] > pair[0]), "in order: {numbers:?}");
    let (back, _) = heard_of(&bob, &mut ann, said, 50).await;
    assert_eq!(back.len(), 50);
    drop(bob.peer);
    assert!(matches!(ended(&mut ann).await, Ended::Left));
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_goes_by_turn_over_tls_with_an_authority_of_ones_own() {
    let authority = Authority::new();
    let turn = authority.turn();
    let server = LiveKit::start_with_turns(&[("localhost", turn.tls_port(), "tls")], "ann", "a password");
    speak_by_streams(&server.url(), authority.trusted()).await;
    let log = turn.log();
    assert!(log.matches("ALLOCATE processed, success").count() >= 4, "{log}");
    assert!(log.contains("TLS"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_goes_by_turn_over_tcp() {
    let authority = Authority::new();
    let turn = authority.turn();
    let server = LiveKit::start_with_turns(&[("localhost", turn.port(), "tcp")], "ann", "a password");
    speak_by_streams(&server.url(), Trust::default()).await;
    let log = turn.log();
    assert!(log.matches("ALLOCATE processed, success").count() >= 4, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_server_with_a_certificate_of_a_stranger_is_told_nothing() {
    let authority = Authority::new();
    let turn = authority.turn();
    let server = LiveKit::start_with_turns(&[("localhost", turn.tls_port(), "tls")], "ann", "a password");
    let tasks = Tasks::new();
    let relayed = Options { relay_only: true, ..options() };
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), relayed, &tasks);
    let _bob = visit(ticket(&server.url(), "desk", "bob"), options(), &tasks);
    // Without a way for audio the caller is met, and nothing flows.
    within("a caller", &mut ann.begun).await.expect("bob is there");
    let active = tokio::time::timeout(std::time::Duration::from_secs(3), active(&mut ann)).await;
    assert!(active.is_err(), "there is no way for audio");
    let log = turn.log();
    assert!(!log.contains("ALLOCATE"), "{log}");
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_turn_server_are_left_alone_where_datagrams_get_through() {
    let authority = Authority::new();
    let turn = authority.turn();
    let server = LiveKit::start_with_turns(&[("localhost", turn.port(), "tcp")], "ann", "a password");
    let tasks = Tasks::new();
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), options(), &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), options(), &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    let (heard, _) = heard_of(&ann, &mut bob, 0, 75).await;
    assert_eq!(heard.len(), 75);
    assert!(!turn.log().contains("ALLOCATE"), "{}", turn.log());
    within("all tasks", tasks.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_goes_straight_to_a_server_that_has_it_by_tcp_alone() {
    let server = LiveKit::start_without_udp();
    speak_both_ways(&server.url(), options()).await;
}
