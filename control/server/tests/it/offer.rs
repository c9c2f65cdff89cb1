use axum::http::Method;
use control_server::Options;
use control_server::ports::Refusal;
use serde_json::json;

use crate::fake::{RETRY, SDP, SHOP, World, ask, embedding, offer_body, post};

#[tokio::test]
async fn an_offer_is_answered_with_the_peer_and_the_way_back() {
    let world = World::new();
    let router = world.router(Options::default());
    let body = json!({"sdp": SDP, "type": "offer", "pc_id": null, "requestData": {"agent": "front-desk", "theme": 1}});
    let answer = post("/api/offer", body).of(&router).await.json();
    assert_eq!((&answer["type"], &answer["pc_id"]), (&json!("answer"), &json!("peer-1")));
    assert_eq!(answer["resume_within_ms"], 30_000);
    let seen = world.seen.lock().expect("no panic");
    let offer = &seen.offers[0];
    assert_eq!(answer["resume_token"], offer.call.resume_token);
    assert_eq!(answer["session_id"], offer.call.session.to_string());
}

/// An ICE restart in the tenth minute of a call: the start and the token that began it have long expired.
#[tokio::test]
async fn a_peer_is_negotiated_again_at_any_time_by_its_own_id() {
    let world = World::new();
    let router = world.router(embedding());
    let started = post("/start", json!({})).of(&router).await.json();
    let path = format!("/sessions/{}/api/offer", started["sessionId"].as_str().expect("an id"));
    post(&path, offer_body()).of(&router).await.json();
    world.pass(600);
    world.refuse(Refusal::Full { retry_after: RETRY }); // nothing new is taken, and nothing new is asked for
    let body = json!({"sdp": SDP, "type": "offer", "pc_id": "peer-1", "restart_pc": true});
    for (path, page) in [(path.as_str(), None), ("/api/offer", Some(SHOP))] {
        let ask = post(path, body.clone());
        let ask = if let Some(page) = page { ask.on_page(page) } else { ask };
        let answer = ask.of(&router).await.json();
        assert_eq!((&answer["sdp"], &answer["pc_id"]), (&json!("v=0\r\nanother"), &json!("peer-1")));
        assert!(answer.get("session_id").is_none() && answer.get("resume_token").is_none(), "{answer}");
    }
    let seen = world.seen.lock().expect("no panic");
    assert_eq!((seen.offers.len(), seen.renegotiations.len()), (1, 2));
    assert!(seen.renegotiations[1].restart);
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_unknown() {
    let router = World::new().router(Options::default());
    let body = json!({"sdp": SDP, "type": "offer", "pc_id": "peer-9"});
    post("/api/offer", body).of(&router).await.is_problem(404, "SESSION_UNKNOWN");
    let no_offer = json!({"sdp": "hello", "type": "offer", "pc_id": "peer-1"});
    post("/api/offer", no_offer).of(&router).await.is_problem(400, "OFFER_INVALID");
}

#[tokio::test]
async fn a_lost_caller_comes_back_to_the_same_session() {
    let world = World::new();
    let router = world.router(Options::default());
    let first = post("/api/offer", offer_body()).of(&router).await.json();
    let body = json!({"sdp": SDP, "type": "offer", "requestData": {"resume": first["resume_token"]}});
    let second = post("/api/offer", body).of(&router).await.json();
    assert_eq!(first["session_id"], second["session_id"]);
    assert!(world.seen.lock().expect("no panic").offers[1].call.resumes);

    world.refuse(Refusal::SessionUnknown);
    let late = json!({"sdp": SDP, "type": "offer", "requestData": {"resume": first["resume_token"]}});
    post("/api/offer", late).of(&router).await.is_problem(404, "SESSION_UNKNOWN");
    let forged = json!({"sdp": SDP, "type": "offer", "requestData": {"resume": "r1.ses_1.x.y"}});
    post("/api/offer", forged).of(&router).await.is_problem(401, "TOKEN_INVALID");
}

#[tokio::test]
async fn an_offer_that_cannot_be_answered_says_why() {
    let world = World::new();
    let router = world.router(Options::default());
    let refuse = |body, code| {
        let router = router.clone();
        async move { post("/api/offer", body).of(&router).await.is_problem(400, code) }
    };
    refuse(json!({"sdp": "hello", "type": "offer"}), "OFFER_INVALID").await;
    refuse(json!({"sdp": SDP, "type": "answer"}), "OFFER_INVALID").await;
    refuse(json!({"sdp": "v=0\r\nm=video 9 X 96\r\n", "type": "offer"}), "OFFER_INVALID").await;
    let video = SDP.replace("m=audio", "m=video");
    refuse(json!({"sdp": video, "type": "offer"}), "OFFER_WITHOUT_AUDIO").await;
    refuse(json!({"sdp": 7, "type": "offer"}), "BODY_INVALID").await;
    refuse(json!([]), "BODY_INVALID").await;
    world.refuse(Refusal::OfferInvalid { reason: "no fingerprint".into() });
    let problem = refuse(offer_body(), "OFFER_INVALID").await;
    assert!(problem["detail"].as_str().expect("text").contains("no fingerprint"));
    world.refuse(Refusal::OfferWithoutAudio);
    refuse(offer_body(), "OFFER_WITHOUT_AUDIO").await;
    assert!(world.seen.lock().expect("no panic").offers.is_empty());
}

#[tokio::test]
async fn candidates_reach_their_peer_by_both_paths() {
    let world = World::new();
    let router = world.router(Options::default());
    let body = json!({"pc_id": "peer-1", "candidates": [{"candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host", "sdp_mid": "0", "sdp_mline_index": 0}]});
    for path in ["/api/offer", "/sessions/ses_00/api/offer"] {
        assert_eq!(
            ask(Method::PATCH, path).json(&body).of(&router).await.json(),
            json!({"status": "success"})
        );
    }
    assert_eq!(world.seen.lock().expect("no panic").candidates[1].1[0].sdp_mid.as_deref(), Some("0"));
    let stranger = json!({"pc_id": "peer-9", "candidates": []});
    ask(Method::PATCH, "/api/offer").json(&stranger).of(&router).await.is_problem(404, "SESSION_UNKNOWN");
}

#[tokio::test(start_paused = true)]
async fn an_offer_that_nobody_answers_ends_at_its_deadline() {
    let world = World::new();
    *world.hang.lock().expect("no panic") = true;
    let router = world.router(Options::default());
    let reply = post("/api/offer", offer_body()).of(&router).await;
    reply.is_problem(503, "SERVER_SLOW");
    assert!(reply.header("retry-after").is_some());
}
