//! Telephones that are to be sent elsewhere: whom the real server refuses, and how that is understood.

use std::time::{Duration, SystemTime};

use domain::Secret;
use media_livekit::Keys;
use media_livekit::api::{Refusal, refusal};
use media_livekit::sip::Transfer;
use runtime::tasks::Tasks;
use testkit::livekit::LiveKit;

use crate::support::{active, keys, options, ticket, visit, within};

/// What the server answers, where that is no success.
fn refused(server: &LiveKit, identity: &str, to: &str, keys: &Keys) -> Refusal {
    let transfer = Transfer { room: "desk", identity, to, ring: Duration::from_secs(5) };
    let command = transfer.command(&server.url(), keys, SystemTime::now()).expect("a request");
    let (base, path) = command.url.split_at(command.url.find("/twirp").expect("its path"));
    let headers =
        [("authorization", command.authorization.expose().as_str()), ("content-type", command.content_type)];
    let reply = testkit::http::request(base, "POST", path, &headers, command.body.as_bytes());
    let reply = reply.expect("the server answers");
    assert!(reply.status >= 400, "{}", reply.text());
    refusal(reply.status, &reply.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_there_and_who_is_no_telephone_stays() {
    let server = LiveKit::start();
    let tasks = Tasks::new();
    let mut ann = visit(ticket(&server.url(), "desk", "ann"), options(), &tasks);
    let mut bob = visit(ticket(&server.url(), "desk", "bob"), options(), &tasks);
    active(&mut ann).await;
    active(&mut bob).await;
    assert_eq!(
        bob.peer.caller.borrow().as_ref().map(|caller| (caller.identity.as_str(), caller.sip)),
        Some(("ann", false))
    );
    tokio::task::block_in_place(|| {
        assert_eq!(refused(&server, "eve", "tel:+49301", &keys()).code, "not_found");
        let no_telephone = refused(&server, "ann", "tel:+49301", &keys());
        assert_eq!(no_telephone.code, "invalid_argument");
        assert!(no_telephone.message.contains("no SIP session"), "{no_telephone:?}");
        assert_eq!(refused(&server, "ann", "reception", &keys()).code, "invalid_argument");
        let strangers =
            Keys { secret: Secret::new("another secret of the tests, as long".to_owned()), ..keys() };
        // Its door answers, which does not speak Twirp.
        assert_eq!(refused(&server, "ann", "tel:+49301", &strangers).code, "http_401");
    });
    within("all tasks", tasks.shutdown()).await;
}
