//! Offers of browsers and offers of fools.

use media_rtc::{Candidate, Client, Options, Server};
use runtime::tasks::Tasks;

use crate::support::{Dice, caller_options, options};

/// Chromium 156: audio and video both ways, a data channel, trickle.
const CHROMIUM: &str = include_str!("../offers/chromium.sdp");

fn code(server: &Server, sdp: &str) -> &'static str {
    match server.offer(sdp) {
        Ok(_) => "answered",
        Err(error) => error.failure().code.0,
    }
}

#[tokio::test]
async fn a_browsers_offer_with_video_is_answered_with_audio_alone() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let (answer, peer) = server.offer(CHROMIUM).expect("an answer");
    let sections: Vec<_> = answer.sdp.split("m=").skip(1).collect();
    assert_eq!(sections.len(), 3, "{}", answer.sdp);
    let of = |kind: &str| *sections.iter().find(|section| section.starts_with(kind)).expect("the section");
    assert!(of("audio").contains("opus/48000") && of("audio").contains("a=sendrecv"), "{}", answer.sdp);
    let video = of("video");
    assert!(video.starts_with("video 0 ") || video.contains("a=inactive"), "{video}");
    assert!(of("application").contains("a=sctp-port"));
    assert!(answer.sdp.contains("a=ice-lite"));
    assert!(answer.sdp.contains(&format!(" {} typ host", server.address().port())), "{}", answer.sdp);
    assert_eq!(answer.pc_id, peer.id);
}

/// Whoever was given some names and credentials must not know those of the next caller: a peer's name lets its bearer
/// change the call.
#[tokio::test]
async fn names_and_credentials_do_not_follow_from_a_generator_that_can_be_foretold() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let [one, two] = [7, 7].map(|seed| {
        fastrand::seed(seed); // what str0m draws its own names from
        let (answer, _peer) = server.offer(CHROMIUM).expect("an answer");
        let of = |name: &str| {
            answer.sdp.lines().find(|line| line.starts_with(name)).expect("it is there").to_owned()
        };
        [of("a=ice-ufrag:"), of("a=ice-pwd:"), answer.pc_id]
    });
    for (one, two) in one.iter().zip(&two) {
        assert_ne!(one, two);
    }
    assert!(one[2].len() >= 3 + 32, "{}", one[2]);
}

#[tokio::test]
async fn candidates_of_every_kind_are_taken_or_ignored() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let (answer, _peer) = server.offer(CHROMIUM).expect("an answer");
    let lines = [
        "candidate:1 1 udp 2113937151 127.0.0.1 50000 typ host generation 0 ufrag a network-id 1",
        "candidate:2 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active",
        "candidate:3 1 udp 2113937151 a0b1c2d3.local 50000 typ host",
        "",
        "nonsense",
    ];
    let candidates = lines
        .iter()
        .cycle()
        .take(500)
        .map(|line| Candidate { candidate: (*line).to_owned(), ..Candidate::default() });
    server.candidates(&answer.pc_id, candidates.collect()).await.expect("ignored, not refused");
    assert_eq!(server.stats().peers, 1);
}

#[tokio::test]
async fn what_cannot_be_answered_has_a_code_and_leaves_nothing() {
    let tasks = Tasks::new();
    let server = Server::bind(options(), &tasks).expect("a port");
    let without = |kind: &str| {
        let mut sections = CHROMIUM.split("m=").map(str::to_owned).collect::<Vec<_>>();
        sections.retain(|section| !section.starts_with(kind));
        sections.join("m=").replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 1 2")
    };
    assert_eq!(code(&server, &without("audio")), "OFFER_WITHOUT_AUDIO");
    assert_eq!(code(&server, &CHROMIUM.replace("opus/48000/2", "speex/8000")), "OFFER_WITHOUT_AUDIO");
    let session = CHROMIUM.split("m=").next().expect("its own lines");
    assert_eq!(code(&server, session), "OFFER_WITHOUT_AUDIO");
    assert_eq!(code(&server, ""), "OFFER_INVALID");
    assert_eq!(code(&server, "v=0"), "OFFER_INVALID");
    assert_eq!(code(&server, &CHROMIUM.replace("a=fingerprint", "a=thumb")), "OFFER_INVALID");
    assert_eq!(code(&server, &format!("{CHROMIUM}{}", "a=x\r\n".repeat(20_000))), "OFFER_INVALID");
    assert_eq!(server.stats(), media_rtc::Stats::default());
}

#[tokio::test]
async fn damaged_offers_never_panic() {
    let tasks = Tasks::new();
    let server = Server::bind(Options { max_half_open: 100_000, max_peers: 100_000, ..options() }, &tasks)
        .expect("a port");
    let mut dice = Dice::seeded(0x5d9);
    for _ in 0..400 {
        let mut bytes = CHROMIUM.as_bytes().to_vec();
        for _ in 0..=dice.below(6) {
            let at = dice.below(bytes.len());
            match dice.below(4) {
                0 => bytes[at] = b' ' + dice.below(95) as u8,
                1 => bytes.insert(at, b"\r\n0:=- "[dice.below(7)]),
                2 => bytes.truncate(at.max(1)),
                _ => {
                    let end = (at + dice.below(80)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        code(&server, &String::from_utf8_lossy(&bytes));
    }
    assert_eq!(code(&server, CHROMIUM), "answered");
}

#[tokio::test]
async fn more_than_the_limits_are_refused_with_when_to_come_again() {
    let tasks = Tasks::new();
    let server = Server::bind(Options { max_half_open: 2, ..options() }, &tasks).expect("a port");
    let _first = server.offer(CHROMIUM).expect("room");
    let (_, second) = server.offer(CHROMIUM).expect("room");
    assert_eq!(code(&server, CHROMIUM), "PEERS_CONNECTING");
    drop(second);
    crate::support::eventually("a slot is free", || server.stats().half_open < 2).await;
    assert_eq!(code(&server, CHROMIUM), "answered");
    let server = Server::bind(Options { max_peers: 1, ..options() }, &tasks).expect("a port");
    let _only = server.offer(CHROMIUM).expect("room");
    let full = server.offer(CHROMIUM).expect_err("full").failure();
    assert_eq!(full.code.0, "PEERS_FULL");
    assert!(matches!(full.retry, domain::Retry::After(_)));
}

#[tokio::test]
async fn one_address_holds_some_of_the_connections_that_are_being_set_up() {
    let tasks = Tasks::new();
    let server = Server::bind(Options { max_half_open_per_address: 2, ..options() }, &tasks).expect("a port");
    let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| Some(ip.parse().expect("an address")));
    let _first = server.offer_from(CHROMIUM, one).expect("room");
    let (_, second) = server.offer_from(CHROMIUM, one).expect("room");
    let refused = server.offer_from(CHROMIUM, one).expect_err("its share is taken").failure();
    assert_eq!(refused.code.0, "TOO_MANY_CONNECTING");
    assert!(matches!(refused.retry, domain::Retry::After(_)));
    let _others = server.offer_from(CHROMIUM, other).expect("room for others");
    let _unknown = server.offer(CHROMIUM).expect("room for who is exempt");
    drop(second);
    crate::support::eventually("its share is free", || server.offer_from(CHROMIUM, one).is_ok()).await;
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_refused() {
    let tasks = Tasks::new();
    let (client, _caller, offer) = Client::offer(&caller_options(), &tasks).expect("a socket");
    let refused = client.accept("v=0").await.expect_err("no answer").failure();
    assert_eq!(refused.code.0, "ANSWER_INVALID");
    let server = Server::bind(options(), &tasks).expect("a port");
    let (answer, _peer) = server.offer(&offer).expect("an answer");
    client.accept(&answer.sdp).await.expect("a bad answer before does not spoil the offer");
    let again = client.accept(&answer.sdp).await.expect_err("no offer waits").failure();
    assert_eq!(again.code.0, "ANSWER_INVALID");
}
