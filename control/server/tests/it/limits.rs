//! What one key, one organization and one address may ask for, and that others are served meanwhile.

use control_server::{NewKey, Options};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use crate::fake::{get, post};
use crate::jobs::until;
use crate::plane::Plane;

const MONTH: &str = "/v1/latency?window=30d";

#[tokio::test]
async fn a_long_window_counts_as_many_requests_and_another_organization_has_its_own() {
    let plane = Plane::with(60).await;
    let (_, theirs) = plane.other("other").await;
    // Spelt in another way it weighs the same. What comes back meanwhile, one a second, is little beside it.
    for (path, left) in
        [(MONTH, 40), ("/v1/activity?window=30%64", 20), ("/v1/sessions?q=haircut", 10), ("/v1/domains", 9)]
    {
        let reply = plane.send(get(path)).await;
        assert_eq!(reply.status.as_u16(), 200, "{path}: {}", reply.text);
        let said: u32 = reply.header("x-ratelimit-remaining").expect("said").parse().expect("a number");
        assert!((left..left + 9).contains(&said), "{path} leaves {said}");
    }
    let refused = plane.send(get(MONTH)).await;
    let problem = refused.is_problem(429, "RATE_LIMITED");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("counts as 20")), "{problem}");
    let wait: u32 = refused.header("retry-after").expect("said").parse().expect("seconds");
    assert!((1..=11).contains(&wait), "{wait}");
    assert_eq!(plane.send(get("/v1/domains")).await.status.as_u16(), 200, "a light one passes");
    assert_eq!(get(MONTH).key(&theirs).of(&plane.router).await.status.as_u16(), 200);
}

/// One organization's heavy queries hang, here at a lock on one table: as many as may run do, as many as may wait do, and no more. What
/// others ask, and what it asks itself that is light, is answered all the while.
#[tokio::test]
async fn an_organization_whose_heavy_queries_hang_is_limited_and_another_is_served() {
    let plane = Plane::new().await;
    let (_, theirs) = plane.other("other").await;
    let hold = "do $$ begin lock table app.counts_hour in access exclusive mode;
        while not exists (select from pg_class where relname = 'released') loop perform pg_sleep(0.02); end loop; end $$";
    let holding = plane.sql(hold);
    tokio::pin!(holding);
    let locked = "select count(*) from pg_locks where relation = 'app.counts_hour'::regclass and mode = 'AccessExclusiveLock' and granted";
    tokio::select! {
        _ = &mut holding => unreachable!("nobody has released it"),
        () = until(&plane, locked, "1") => {}
    }
    let mut asked: FuturesUnordered<_> =
        (0..12).map(|_| plane.send(get("/v1/activity?window=30d"))).collect();
    for _ in 0..2 {
        let refused = asked.next().await.expect("twelve were asked");
        refused.is_problem(429, "TOO_MANY_QUERIES");
        assert!(refused.header("retry-after").is_some());
    }
    for path in [MONTH, "/v1/sessions?q=haircut", "/v1/sessions", "/v1/agents"] {
        let served = get(path).key(&theirs).of(&plane.router).await;
        assert_eq!(served.status.as_u16(), 200, "{path}: {}", served.text);
    }
    assert_eq!(plane.send(get("/v1/agents")).await.status.as_u16(), 200);
    assert_eq!(asked.len(), 10, "none of them was answered meanwhile");
    plane.sql("create table public.released ()").await;
    holding.await;
    assert_eq!(asked.collect::<Vec<_>>().await.len(), 10, "none is left behind");
}

#[tokio::test]
async fn an_address_that_guesses_is_not_listened_to_for_a_while_and_keys_that_are_known_are() {
    // One in a minute: what comes back while the test runs is less.
    let plane = Plane::on(Options { wrong_keys_per_address: 1, ..Options::default() }).await;
    let guess = |peer: &str| get("/v1/domains").key(NewKey::generate().secret.expose()).from(peer);
    let own = |peer: &str| get("/v1/domains").key(&plane.key).from(peer);
    let guesser = "203.0.113.7:50000";
    assert_eq!(own(guesser).of(&plane.router).await.status.as_u16(), 200);
    guess(guesser).of(&plane.router).await.is_problem(401, "CREDENTIAL_INVALID");
    let refused = guess(guesser).of(&plane.router).await;
    refused.is_problem(429, "RATE_LIMITED");
    assert!(refused.header("retry-after").is_some());
    let unknown_so_far = plane.key_of(plane.org).await;
    get("/v1/domains")
        .key(&unknown_so_far)
        .from(guesser)
        .of(&plane.router)
        .await
        .is_problem(429, "RATE_LIMITED");
    let sign_in = post("/v1/operator/session", serde_json::json!({"token": "guessed"})).from(guesser);
    sign_in.of(&plane.router).await.is_problem(429, "RATE_LIMITED");
    assert_eq!(own(guesser).of(&plane.router).await.status.as_u16(), 200, "it was good before");
    for elsewhere in ["203.0.113.8:50000", "127.0.0.1:50000"] {
        guess(elsewhere).of(&plane.router).await.is_problem(401, "CREDENTIAL_INVALID");
    }
    // A browser whose session has ended is told so, however often it asks.
    for _ in 0..3 {
        let ended = get("/v1/domains").header("cookie", "foundry_operator=ended").from("203.0.113.9:50000");
        ended.of(&plane.router).await.is_problem(401, "CREDENTIAL_INVALID");
    }
}
