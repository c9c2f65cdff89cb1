//! Sockets need a real connection: the router listens on loopback for these.

use std::net::SocketAddr;
use std::sync::Arc;

use control_server::Options;
use control_server::ports::{Framing, Refusal};
use domain::Secret;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::fake::{LONGEST_MESSAGE, RETRY, SHOP, World, embedding, get, operated, post};

struct Listening {
    address: SocketAddr,
    _tasks: runtime::Tasks,
}

async fn listen(world: &Arc<World>, options: Options) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let service = world.router(options).into_make_service_with_connect_info::<SocketAddr>();
    let tasks = runtime::Tasks::new();
    tasks.spawn(runtime::Kind::new("test.http"), async move { axum::serve(listener, service).await });
    Listening { address, _tasks: tasks }
}

impl Listening {
    async fn open(&self, path: &str, origin: Option<&str>) -> Result<Socket, u16> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().expect("a request");
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().expect("a header"));
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => unreachable!("no HTTP answer: {other}"),
        }
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

#[tokio::test]
async fn a_socket_carries_messages_and_knows_its_agent() {
    let world = World::new();
    let server = listen(&world, Options::default()).await;
    let mut socket = server.open("/ws?agent=front-desk", None).await.expect("open");
    socket.send(Message::binary(vec![1, 2, 3])).await.expect("sent");
    assert_eq!(socket.next().await.expect("an echo").expect("intact"), Message::binary(vec![1, 2, 3]));
    let seen = world.seen.lock().expect("no panic");
    let (call, framing) = &seen.sockets[0];
    assert_eq!((call.agent.as_str(), *framing), ("front-desk", Framing::Pipecat));
}

#[tokio::test]
async fn a_socket_takes_up_a_session_by_its_start_or_its_resume_token() {
    let world = World::new();
    let server = listen(&world, Options::default()).await;
    assert_eq!(server.open("/ws?session=ses_0190a0b0c0d07000800000000000000a", None).await.err(), Some(404));
    server.open("/ws?agent=front-desk", None).await.expect("open");
    let (session, resume) = {
        let seen = world.seen.lock().expect("no panic");
        (seen.sockets[0].0.session, seen.sockets[0].0.resume_token.clone())
    };
    server.open(&format!("/ws?resume={resume}"), None).await.expect("open");
    let seen = world.seen.lock().expect("no panic");
    assert_eq!((seen.sockets[1].0.session, seen.sockets[1].0.resumes), (session, true));
}

#[tokio::test]
async fn carriers_name_their_agent_in_the_query_or_the_path() {
    let world = World::new();
    let server = listen(&world, embedding()).await;
    server.open("/media/twilio?agent=front-desk", None).await.expect("open");
    server.open("/media/twilio/front-desk", None).await.expect("open");
    let token = post("/v1/widget/token", json!({})).of(&world.router(embedding())).await.json();
    assert_eq!(
        server
            .open(&format!("/media/twilio/front-desk/{}", token["token"].as_str().expect("text")), None)
            .await
            .err(),
        Some(401)
    );
    assert!(
        world.seen.lock().expect("no panic").sockets.iter().all(|(_, framing)| *framing == Framing::Twilio)
    );
    server.open("/media/telnyx/front-desk", None).await.expect("open");
    let last = world.seen.lock().expect("no panic").sockets.last().map(|(_, framing)| *framing);
    assert_eq!(last, Some(Framing::Telnyx));
    assert_eq!(server.open("/media/another/front-desk", None).await.err(), Some(400), "no such carrier");
}

#[tokio::test]
async fn carriers_reach_a_closed_server_with_a_token_in_the_path() {
    let world = World::new();
    let options =
        Options { open: false, token_key: Some(Secret::new("a-key-of-enough-length".into())), ..operated() };
    let server = listen(&world, options.clone()).await;
    assert_eq!(server.open("/media/twilio/front-desk", None).await.err(), Some(401));
    let ask = post("/v1/widget/token", json!({"ttl_s": 86_400})).operator();
    let token = ask.of(&world.router(options)).await.json()["token"].clone();
    let path = format!("/media/twilio/front-desk/{}", token.as_str().expect("text"));
    world.pass(80_000);
    server.open(&path, None).await.expect("open");
    assert_eq!(server.open(&path, Some("http://localhost")).await.err(), Some(403));
}

#[tokio::test]
async fn a_socket_is_refused_before_it_opens() {
    let world = World::new();
    let server = listen(&world, embedding()).await;
    assert_eq!(server.open("/ws?agent=nobody", None).await.err(), Some(404));
    assert_eq!(server.open("/ws", Some("https://evil.example")).await.err(), Some(403));
    assert_eq!(server.open("/ws", Some(SHOP)).await.err(), Some(401));
    world.refuse(Refusal::Full { retry_after: RETRY });
    assert_eq!(server.open("/ws", None).await.err(), Some(503));
    get("/ws").of(&world.router(embedding())).await.is_problem(426, "UPGRADE_REQUIRED");
}

/// A browser shows its page nothing of an answer that is no upgrade.
#[tokio::test]
async fn a_refused_return_opens_and_is_closed_with_the_code() {
    let world = World::new();
    let server = listen(&world, embedding()).await;
    let closed = async |path: &str, origin| {
        let mut socket = server.open(path, origin).await.expect("open");
        // A client does not wait to be heard before it speaks.
        let _ = socket.send(Message::binary(vec![0; 64])).await;
        match socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) => (u16::from(frame.code), frame.reason.to_string()),
            other => unreachable!("no goodbye: {other:?}"),
        }
    };
    assert_eq!(closed("/ws?resume=forged", None).await, (4401, "TOKEN_INVALID".to_owned()));
    server.open("/ws?agent=front-desk", None).await.expect("open");
    let resume = world.seen.lock().expect("no panic").sockets[0].0.resume_token.clone();
    let path = format!("/ws?resume={resume}");
    assert_eq!(closed(&path, Some("https://evil.example")).await, (4403, "ORIGIN_FORBIDDEN".to_owned()));
    world.refuse(Refusal::SessionUnknown);
    assert_eq!(closed(&path, Some(SHOP)).await, (4404, "SESSION_UNKNOWN".to_owned()));
}

#[tokio::test]
async fn a_message_past_the_limit_ends_the_socket() {
    let world = World::new();
    let server = listen(&world, Options::default()).await;
    let mut socket = server.open("/ws", None).await.expect("open");
    socket.send(Message::binary(vec![0; LONGEST_MESSAGE])).await.expect("sent");
    assert!(
        matches!(socket.next().await, Some(Ok(Message::Binary(_)))),
        "what the readers take is let through"
    );
    // The server may hang up while we still write: either way no echo comes.
    let _ = socket.send(Message::binary(vec![0; LONGEST_MESSAGE + 1])).await;
    assert!(!matches!(socket.next().await, Some(Ok(Message::Binary(_)))));
}
