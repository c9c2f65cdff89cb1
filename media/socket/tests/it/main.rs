//! Sockets of a real HTTP server, spoken to by a real WebSocket client.

mod fuzz;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocket;
use axum::extract::{State, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use media_core::{Codec, LegCommand, LegEvent, Packet};
use media_rtvi::pipecat::{Audio, Frame};
use media_socket::{Begun, Carried, Options, Peer};
use runtime::tasks::{Kind, Tasks};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const HTTP: Kind = Kind::new("test.http");
/// Only to end a test that hangs.
const HANGS: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Shared {
    options: Options,
    tasks: Tasks,
    peers: mpsc::Sender<Served>,
}

/// With what its carrier says of the call.
type Served = (Peer, Option<oneshot::Receiver<Begun>>);

type Serve = fn(WebSocket, &Shared) -> Served;

fn pipecat(socket: WebSocket, shared: &Shared) -> Served {
    (media_socket::pipecat::serve(socket, &shared.options, &shared.tasks), None)
}

fn twilio(socket: WebSocket, shared: &Shared) -> Served {
    carried(media_socket::twilio::serve(socket, &shared.options, &shared.tasks))
}

fn telnyx(socket: WebSocket, shared: &Shared) -> Served {
    carried(media_socket::telnyx::serve(socket, &shared.options, &shared.tasks))
}

fn carried(carried: Carried) -> Served {
    (carried.peer, Some(carried.begun))
}

struct Server {
    address: SocketAddr,
    peers: mpsc::Receiver<Served>,
    shared: Arc<Shared>,
    _http: Tasks,
}

async fn upgrade(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade, serve: Serve) -> Response {
    upgrade.max_message_size(shared.options.longest_message_bytes).on_upgrade(move |socket| async move {
        let served = serve(socket, &shared);
        let _ = shared.peers.send(served).await;
    })
}

impl Server {
    async fn start(options: Options) -> Self {
        let (sender, peers) = mpsc::channel(1_100);
        let shared = Arc::new(Shared { options, tasks: Tasks::new(), peers: sender });
        let router = Router::new()
            .route("/ws", get(|state, socket| upgrade(state, socket, pipecat)))
            .route("/twilio", get(|state, socket| upgrade(state, socket, twilio)))
            .route("/telnyx", get(|state, socket| upgrade(state, socket, telnyx)))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let http = Tasks::new();
        http.spawn(HTTP, async move { axum::serve(listener, router).await });
        Self { address, peers, shared, _http: http }
    }

    async fn connect(&mut self, path: &str) -> (Socket, Peer) {
        let (socket, (peer, _)) = self.dial(path).await;
        (socket, peer)
    }

    async fn dial(&mut self, path: &str) -> (Socket, Served) {
        let url = format!("ws://{}{path}", self.address);
        let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("upgraded");
        (socket, self.peers.recv().await.expect("served"))
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, future).await.expect("hangs")
}

async fn event(peer: &mut Peer) -> LegEvent {
    in_time(peer.events.recv()).await.expect("an event before the end")
}

async fn rest(peer: &mut Peer) -> Vec<LegEvent> {
    in_time(async {
        let mut events = Vec::new();
        while let Some(event) = peer.events.recv().await {
            events.push(event);
        }
        events
    })
    .await
}

async fn frame(socket: &mut Socket) -> Frame {
    loop {
        if let Message::Binary(bytes) = in_time(socket.next()).await.expect("open").expect("sound") {
            return Frame::decode(bytes).expect("a frame");
        }
    }
}

/// The code and reason of the close frame that ends the socket.
async fn closed(socket: &mut Socket) -> Option<(CloseCode, String)> {
    in_time(async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map(|frame| (frame.code, frame.reason.to_string()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    })
    .await
}

fn audio(bytes: usize, rate_hz: u32, channels: u32) -> Message {
    Message::Binary(Frame::Audio(Audio { pcm: vec![1; bytes].into(), rate_hz, channels }).encode())
}

fn packet(codec: Codec, bytes: usize) -> LegCommand {
    let at = tokio::time::Instant::now().into_std();
    LegCommand::Packet(Packet {
        codec,
        sequence: 0,
        timestamp: 0,
        marker: false,
        payload: vec![7; bytes].into(),
        at,
    })
}

#[tokio::test]
async fn audio_and_rtvi_pass_both_ways() {
    let mut server = Server::start(Options::default()).await;
    let (mut socket, mut peer) = server.connect("/ws").await;
    assert_eq!((peer.framing, peer.codec), ("pipecat", Codec::Pcm16 { rate_hz: 24_000 }));
    socket.send(Message::Binary(Frame::Message("{\"hello\":1}".to_owned()).encode())).await.expect("sent");
    assert_eq!(event(&mut peer).await, LegEvent::Active);
    assert_eq!(event(&mut peer).await, LegEvent::Message("{\"hello\":1}".to_owned()));
    for number in 0..50_u16 {
        socket.send(audio(512, 16_000, 1)).await.expect("sent");
        let LegEvent::Packet(packet) = event(&mut peer).await else { unreachable!("audio") };
        assert_eq!((packet.sequence, packet.timestamp), (number, u32::from(number) * 256));
    }
    peer.commands.send(packet(peer.codec, 960)).await.expect("alive");
    peer.commands.send(LegCommand::Message("{}".to_owned())).await.expect("alive");
    let heard = Frame::Audio(Audio { pcm: vec![7; 960].into(), rate_hz: 24_000, channels: 1 });
    assert_eq!(frame(&mut socket).await, heard);
    assert_eq!(frame(&mut socket).await, Frame::Message("{}".to_owned()));
}

#[tokio::test]
async fn who_closes_is_closed_and_who_vanishes_is_lost() {
    let mut server = Server::start(Options::default()).await;
    let (mut socket, mut peer) = server.connect("/ws").await;
    socket.close(None).await.expect("closing");
    assert_eq!(rest(&mut peer).await, [LegEvent::Closed]);
    let (socket, mut peer) = server.connect("/ws").await;
    drop(socket);
    assert_eq!(rest(&mut peer).await, [LegEvent::Lost]);
    let (mut socket, peer) = server.connect("/ws").await;
    drop(peer);
    assert_eq!(closed(&mut socket).await.map(|(code, _)| code), Some(CloseCode::Normal));
    let (mut socket, peer) = server.connect("/ws").await;
    peer.commands.send(LegCommand::Message("bye".to_owned())).await.expect("alive");
    peer.commands.send(LegCommand::Close).await.expect("alive");
    assert_eq!(
        frame(&mut socket).await,
        Frame::Message("bye".to_owned()),
        "what was said before the end arrives"
    );
    assert_eq!(closed(&mut socket).await.map(|(code, _)| code), Some(CloseCode::Normal));
    in_time(server.shared.tasks.shutdown()).await;
}

#[tokio::test]
async fn audio_that_cannot_be_used_is_refused_with_a_message_and_a_close_code() {
    let mut server = Server::start(Options::default()).await;
    for (message, code) in [
        (audio(512, 4_000, 1), "SOCKET_RATE_UNSUPPORTED"),
        (audio(512, 16_000, 6), "SOCKET_CHANNELS_UNSUPPORTED"),
        (Message::Binary(Bytes::from_static(&[0xff; 20])), "SOCKET_BAD_MESSAGE"),
    ] {
        let (mut socket, mut peer) = server.connect("/ws").await;
        socket.send(message).await.expect("sent");
        let Frame::Message(told) = frame(&mut socket).await else { unreachable!("a message") };
        assert!(told.contains(code) && told.contains(r#""fatal":true"#), "{told}");
        assert_eq!(closed(&mut socket).await.map(|(_, reason)| reason), Some(code.to_owned()));
        assert_eq!(rest(&mut peer).await, [LegEvent::Lost]);
    }
}

#[tokio::test]
async fn a_message_of_ten_megabytes_is_refused_and_others_go_on() {
    let mut server = Server::start(Options::default()).await;
    let (mut bystander, mut beside) = server.connect("/ws").await;
    let (socket, mut peer) = server.connect("/ws").await;
    let (mut sending, mut reading) = socket.split();
    let told = async {
        while let Some(Ok(message)) = reading.next().await {
            if let Message::Close(frame) = message {
                return frame.map(|frame| frame.reason.to_string());
            }
        }
        None
    };
    // The refusal comes while the message is still being sent.
    let (_, told, events) = in_time(async {
        tokio::join!(sending.send(audio(10_000_000, 16_000, 1)), told, async { rest(&mut peer).await })
    })
    .await;
    assert_eq!(told.as_deref(), Some("SOCKET_MESSAGE_TOO_LARGE"));
    assert_eq!(events, [LegEvent::Lost]);
    bystander.send(audio(512, 16_000, 1)).await.expect("sent");
    assert_eq!(event(&mut beside).await, LegEvent::Active);
}

#[tokio::test]
async fn a_thousand_silent_sockets_are_closed_with_the_reason_and_leave_nothing() {
    let mut server = Server::start(Options { ready_within_ms: 300, ..Options::default() }).await;
    for _ in 0..5 {
        let mut silent = Vec::new();
        for _ in 0..200 {
            silent.push(server.connect("/ws").await);
        }
        for (socket, peer) in &mut silent {
            while let Some(message) = in_time(socket.next()).await {
                if let Ok(Message::Close(Some(frame))) = message {
                    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Policy, "SOCKET_SILENT"));
                    break;
                }
            }
            assert_eq!(rest(peer).await, [LegEvent::Lost]);
        }
    }
    in_time(async {
        while !server.shared.tasks.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_receiver_slower_than_real_time_is_lost_not_buffered_for() {
    let mut server = Server::start(Options::default()).await;
    let (mut socket, mut peer) = server.connect("/ws").await;
    socket.send(audio(512, 16_000, 1)).await.expect("sent");
    assert_eq!(event(&mut peer).await, LegEvent::Active);
    // The client reads nothing from here: once the system's buffers are full, 40 frames are the end.
    let speaking = async {
        while peer.commands.send(packet(Codec::Pcm16 { rate_hz: 24_000 }, 65_536)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    in_time(speaking).await;
    assert_eq!(rest(&mut peer).await.last(), Some(&LegEvent::Lost));
}

#[tokio::test]
async fn a_session_that_stalls_holds_the_caller_back_and_loses_nothing() {
    let mut server = Server::start(Options::default()).await;
    let (mut socket, mut peer) = server.connect("/ws").await;
    let sending = async {
        for _ in 0..2_000 {
            socket.send(audio(512, 16_000, 1)).await.expect("sent");
        }
    };
    let listening = async {
        let mut heard = 0_u16;
        while heard < 2_000 {
            if let LegEvent::Packet(packet) = event(&mut peer).await {
                assert_eq!(packet.sequence, heard);
                heard += 1;
            }
        }
    };
    tokio::join!(sending, listening);
}

#[tokio::test]
async fn a_connection_that_answers_no_ping_is_lost_and_one_that_does_is_kept() {
    let mut server = Server::start(Options { ping_every_ms: 200, ..Options::default() }).await;
    let (mut live, mut kept) = server.connect("/ws").await;
    live.send(audio(512, 16_000, 1)).await.expect("sent");
    let (mut dead, mut peer) = server.connect("/ws").await;
    dead.send(audio(512, 16_000, 1)).await.expect("sent");
    // Reading is what answers pings: one socket is read, the other is not.
    let reading = async { while live.next().await.is_some() {} };
    tokio::select! {
        () = reading => unreachable!("kept open"),
        events = rest(&mut peer) => assert_eq!(events.last(), Some(&LegEvent::Lost)),
    }
    assert_eq!(event(&mut kept).await, LegEvent::Active);
    assert!(matches!(event(&mut kept).await, LegEvent::Packet(_)));
    assert!(
        kept.events.try_recv().is_err_and(|error| error == mpsc::error::TryRecvError::Empty),
        "still there"
    );
}

#[tokio::test]
async fn a_carriers_stream_is_a_call() {
    let mut server = Server::start(Options::default()).await;
    let (mut socket, mut peer) = server.connect("/twilio").await;
    assert_eq!((peer.framing, peer.codec), ("twilio", Codec::Pcmu));
    let text = |text: &str| Message::Text(text.into());
    socket.send(text(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#)).await.expect("sent");
    let start = r#"{"event":"start","streamSid":"MZ1","start":{"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;
    socket.send(text(start)).await.expect("sent");
    assert_eq!(event(&mut peer).await, LegEvent::Active);
    assert!(matches!(event(&mut peer).await, LegEvent::Message(ready) if ready.contains("client-ready")));
    socket
        .send(text(r#"{"event":"media","streamSid":"MZ1","media":{"track":"inbound","payload":"/w=="}}"#))
        .await
        .expect("sent");
    assert!(matches!(event(&mut peer).await, LegEvent::Packet(packet) if packet.codec == Codec::Pcmu));
    peer.commands.send(packet(Codec::Pcmu, 3)).await.expect("alive");
    peer.commands.send(LegCommand::Message("not for carriers".to_owned())).await.expect("alive");
    peer.commands.send(LegCommand::Clear).await.expect("alive");
    let mut told = Vec::new();
    while told.is_empty() || !told.last().is_some_and(|text: &String| text.contains("clear")) {
        if let Message::Text(text) = in_time(socket.next()).await.expect("open").expect("sound") {
            told.push(text.to_string());
        }
    }
    assert!(told.iter().all(|text| text.contains("MZ1")));
    socket.send(text(r#"{"event":"stop","streamSid":"MZ1"}"#)).await.expect("sent");
    assert_eq!(rest(&mut peer).await, [LegEvent::Closed]);
}

#[tokio::test]
async fn a_carrier_says_whose_call_it_is_and_when_the_agent_was_heard() {
    let mut server = Server::start(Options::default()).await;
    let (mut socket, (mut peer, begun)) = server.dial("/telnyx").await;
    let text = |text: &str| Message::Text(text.into());
    let start = r#"{"event":"start","stream_id":"32DE0DEA","start":{"call_control_id":"v2:T02ll","from":"+13122010094","to":"+13122123456","media_format":{"encoding":"PCMA","sample_rate":8000,"channels":1}}}"#;
    socket.send(text(start)).await.expect("sent");
    let begun = in_time(begun.expect("a carrier")).await.expect("begun");
    assert_eq!((begun.codec, begun.from.as_deref()), (Codec::Pcma, Some("+13122010094")));
    assert!(!format!("{begun:?}").contains("3122010094"), "a number in a log");
    assert_eq!(event(&mut peer).await, LegEvent::Active);
    assert!(matches!(event(&mut peer).await, LegEvent::Message(ready) if ready.contains("client-ready")));
    peer.commands.send(packet(Codec::Pcma, 3)).await.expect("alive");
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Message::Text(text) = in_time(socket.next()).await.expect("open").expect("sound") {
            told.push(text.to_string());
        }
    }
    assert!(told[0].contains("media") && told[1].contains("mark"), "{told:?}");
    socket.send(text(&told[1])).await.expect("sent");
    assert!(matches!(event(&mut peer).await, LegEvent::Quality(quality) if quality.round_trip.is_some()));
}

#[tokio::test]
async fn of_a_carrier_that_hangs_up_before_it_started_nothing_is_known() {
    let mut server = Server::start(Options::default()).await;
    let (mut socket, (_peer, begun)) = server.dial("/twilio").await;
    socket.close(None).await.expect("closed");
    assert!(in_time(begun.expect("a carrier")).await.is_err());
}
