use axum::http::Method;
use control_server::{IceSource, Options};
use serde_json::json;

use crate::fake::{Ask, SDP, SHOP, World, ask, embedding};

const KIND: &str = "application/sdp";

fn whip(path: &str, sdp: String) -> Ask {
    ask(Method::POST, path).header("content-type", KIND).body(sdp)
}

fn flowing(way: &str) -> String {
    SDP.replace("sendrecv", way)
}

#[tokio::test]
async fn an_offer_is_answered_as_it_is_with_the_way_to_the_peer() {
    let world = World::new();
    let turn: IceSource =
        serde_json::from_value(json!({"urls": ["turn:turn.example"], "secret": "shared-secret"}))
            .expect("valid");
    let router = world.router(Options { ice_servers: vec![turn], ..Options::default() });
    let reply = whip("/whip/front-desk", SDP.to_owned()).of(&router).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (201, "v=0\r\nanswer"));
    assert_eq!(reply.header("content-type"), Some(KIND));
    assert_eq!(reply.header("location"), Some("/whip/peers/peer-1"));
    assert_eq!(reply.header("accept-patch"), Some("application/trickle-ice-sdpfrag"));
    let link = reply.header("link").expect("a TURN server");
    assert!(link.starts_with("<turn:turn.example>; rel=\"ice-server\"; username=\""), "{link}");
    assert!(!link.contains("shared-secret"), "{link}");
    let seen = world.seen.lock().expect("no panic");
    let call = &seen.offers[0].call;
    assert_eq!((call.agent.as_str(), seen.offers[0].sdp.as_str()), ("front-desk", SDP));
    assert_eq!(reply.header("x-session-id"), Some(call.session.to_string().as_str()));
}

#[tokio::test]
async fn who_only_sends_is_told_where_the_voice_is() {
    let world = World::new();
    let router = world.router(Options::default());
    let sending = whip("/whip/front-desk", flowing("sendonly")).of(&router).await;
    assert_eq!((sending.status.as_u16(), sending.text.as_str()), (201, "v=0\r\nhalf"));
    assert_eq!(sending.header("link"), Some("</whep/peer-1>; rel=\"whep\""));
    assert_eq!(world.seen.lock().expect("no panic").halves.len(), 1);
    let voice = whip("/whep/peer-1", flowing("recvonly")).of(&router).await;
    assert_eq!((voice.status.as_u16(), voice.header("location")), (201, Some("/whip/peers/peer-2")));
    whip("/whep/peer-9", flowing("recvonly")).of(&router).await.is_problem(404, "SESSION_UNKNOWN");
    let both = whip("/whep/peer-1", SDP.to_owned()).of(&router).await;
    both.is_problem(400, "OFFER_WITHOUT_AUDIO");
    let deaf = whip("/whip/front-desk", flowing("recvonly")).of(&router).await;
    deaf.is_problem(400, "OFFER_WITHOUT_AUDIO");
}

#[tokio::test]
async fn candidates_are_trickled_and_the_peer_hangs_up() {
    let world = World::new();
    let router = world.router(Options::default());
    let fragment =
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=candidate:1 1 udp 5 192.0.2.2 9 typ host\r\n";
    let trickled = |kind: &str, path: &str| {
        ask(Method::PATCH, path).header("content-type", kind).body(fragment.to_owned())
    };
    let (kind, path) = ("application/trickle-ice-sdpfrag", "/whip/peers/peer-1");
    let taken = trickled(kind, path).header("if-match", "\"1\"").of(&router).await;
    assert_eq!(taken.status.as_u16(), 204, "{}", taken.text);
    assert_eq!(world.seen.lock().expect("no panic").candidates[0].1[0].sdp_mid.as_deref(), Some("0"));
    trickled(kind, path).header("if-match", "\"7\"").of(&router).await.is_problem(412, "PRECONDITION_FAILED");
    trickled(kind, path).header("if-match", "*").of(&router).await.is_problem(422, "BODY_INVALID");
    trickled("application/json", path).of(&router).await.is_problem(415, "MEDIA_TYPE_UNKNOWN");
    trickled(kind, "/whip/peers/peer-9").of(&router).await.is_problem(404, "SESSION_UNKNOWN");
    let left = ask(Method::DELETE, path).of(&router).await;
    assert_eq!((left.status.as_u16(), left.text.as_str()), (200, ""));
    assert_eq!(world.seen.lock().expect("no panic").left, ["peer-1"]);
    ask(Method::DELETE, "/whip/peers/peer-9").of(&router).await.is_problem(404, "SESSION_UNKNOWN");
}

#[tokio::test]
async fn a_page_elsewhere_needs_a_token_and_may_read_where_its_peer_is() {
    let world = World::new();
    let router = world.router(embedding());
    let refused = whip("/whip/front-desk", SDP.to_owned()).on_page(SHOP).of(&router).await;
    refused.is_problem(401, "TOKEN_REQUIRED");
    let token = crate::fake::post("/v1/widget/token", json!({"agent": "front-desk"})).on_page(SHOP);
    let token = token.of(&router).await.json()["token"].as_str().expect("a token").to_owned();
    let asked = whip("/whip/front-desk", SDP.to_owned()).on_page(SHOP);
    let reply = asked.header("authorization", &format!("Bearer {token}")).of(&router).await;
    assert_eq!(reply.status.as_u16(), 201, "{}", reply.text);
    let exposed = reply.header("access-control-expose-headers").expect("CORS").to_lowercase();
    assert!(exposed.contains("location") && exposed.contains("link"), "{exposed}");
    let preflight = ask(Method::OPTIONS, "/whip/peers/peer-1").on_page(SHOP);
    let preflight = preflight.header("access-control-request-method", "DELETE").of(&router).await;
    assert!(preflight.header("access-control-allow-methods").is_some_and(|all| all.contains("DELETE")));
}

#[tokio::test]
async fn what_is_no_offer_is_refused_by_name() {
    let router = World::new().router(Options::default());
    let json = ask(Method::POST, "/whip/front-desk").header("content-type", "application/json");
    json.body(SDP.to_owned()).of(&router).await.is_problem(415, "MEDIA_TYPE_UNKNOWN");
    whip("/whip/front-desk", "hello".to_owned()).of(&router).await.is_problem(400, "OFFER_INVALID");
    whip("/whip/nobody", SDP.to_owned()).of(&router).await.is_problem(404, "AGENT_UNKNOWN");
    ask(Method::GET, "/whip/front-desk").of(&router).await.is_problem(405, "METHOD_UNKNOWN");
}
