//! One connection: how it comes about, or not, and what it keeps to itself.

use std::time::Duration;

use providers_api::ErrorKind;
use providers_link::socket::{Manners, connect};
use providers_link::{Endpoint, Fault};
use runtime::Tasks;
use tokio::time::Instant;

use crate::{answer, manners, serve};

fn keeps_the_key(fault: &Fault) {
    let shown = format!("{fault:?}");
    assert!(!shown.contains("sk-"), "{shown}");
}

#[tokio::test]
async fn a_handshake_that_is_never_answered_is_given_up() {
    let tasks = Tasks::new();
    let url = format!("ws://{}/?key=sk-secret", answer(&tasks, None).await);
    let hurry = Manners { connect_within: Duration::from_millis(100), ..manners() };
    let begun = Instant::now();
    let fault = connect(&Endpoint::new(url), &hurry).await.expect_err("nobody answers");
    assert_eq!(fault.kind, ErrorKind::Unreachable);
    assert!(begun.elapsed() < Duration::from_secs(2));
    keeps_the_key(&fault);
}

#[tokio::test]
async fn a_refused_handshake_says_why_and_when_to_come_back() {
    let tasks = Tasks::new();
    let refusal =
        b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\ncontent-length: 4\r\n\r\nbusy".to_vec();
    let url = format!("ws://{}/?key=sk-secret", answer(&tasks, Some(refusal)).await);
    let endpoint = Endpoint::new(url).header("authorization", "sk-too".to_owned());
    let fault = connect(&endpoint, &manners()).await.expect_err("refused");
    assert_eq!(fault.kind, ErrorKind::Limited(Some(Duration::from_secs(3))));
    assert_eq!(fault.reason, "HTTP 429: busy");
}

#[tokio::test]
async fn what_cannot_be_right_is_told_without_the_key() {
    let nobody = Endpoint::new("ws://127.0.0.1:1/?key=sk-secret".to_owned());
    let fault = connect(&nobody, &manners()).await.expect_err("nobody is there");
    assert_eq!(fault.kind, ErrorKind::Unreachable);
    keeps_the_key(&fault);
    let wrong = Endpoint::new("no address ?key=sk-secret".to_owned());
    let fault = connect(&wrong, &manners()).await.expect_err("no URL");
    assert_eq!(fault.kind, ErrorKind::Rejected);
    keeps_the_key(&fault);
    let odd = Endpoint::new("ws://127.0.0.1:1/".to_owned()).header("authorization", "sk-\n".to_owned());
    let fault = connect(&odd, &manners()).await.expect_err("no key");
    assert_eq!(fault.kind, ErrorKind::Unauthorized);
    keeps_the_key(&fault);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_a_breach_and_a_close_code_has_its_kind() {
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;
    let tasks = Tasks::new();
    let url = serve(&tasks, |number, mut peer| async move {
        if number == 0 {
            peer.say(&"x".repeat(100 << 10)).await;
        } else {
            let frame = CloseFrame { code: 1013.into(), reason: "later".into() };
            let _gone = peer.0.close(Some(frame)).await;
        }
        peer.next().await;
    })
    .await;
    let endpoint = Endpoint::new(url);
    let mut socket = connect(&endpoint, &manners()).await.expect("opens");
    assert_eq!(socket.next().await.expect_err("too large").kind, ErrorKind::Protocol);
    drop(socket);
    let mut socket = connect(&endpoint, &manners()).await.expect("opens");
    let fault = socket.next().await.expect_err("closed");
    assert_eq!((fault.kind, fault.reason.as_str()), (ErrorKind::Limited(None), "close code 1013: later"));
}
