//! A caller whose network changed: the published client makes a new connection under the old one's `pc_id`, and the call goes on.

use std::time::Duration;

use media_core::{LegCommand, LegEvent};
use media_rtc::{Client, Peer};
use runtime::Tasks;
use serde_json::{Value, json};
use testkit::{Server, process};
use tokio::runtime::{Builder, Runtime};

use crate::house;
use crate::repeats::{READY, assert_one_call, start};

const TYPED: &str =
    r#"{"label":"rtvi-ai","type":"send-text","id":"2","data":{"content":"What are your opening hours?"}}"#;
const UNDERSTOOD: &str = r#""intent":"hours""#;
const BYE: &str = r#"{"label":"rtvi-ai","type":"disconnect-bot","id":"3"}"#;
const PATIENCE: Duration = Duration::from_secs(20);

/// A caller's device. Dropped, it is gone from the network without a word: its runtime goes first, and with it every task
/// that would say goodbye.
struct Device {
    runtime: Runtime,
    peer: Peer,
    _tasks: Tasks,
}

impl Device {
    /// Connects; `signal` brings the offer to the server and the answer back.
    fn connect(signal: impl FnOnce(&str) -> Value) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let tasks = Tasks::new();
        let peer = runtime.block_on(async {
            let options = media_rtc::client::Options::default();
            let (client, peer, offer) = Client::offer(&options, &tasks).expect("an offer");
            let answer = signal(&offer);
            client.accept(answer["sdp"].as_str().expect("an answer")).await.expect("accepted");
            peer
        });
        Self { runtime, peer, _tasks: tasks }
    }

    fn send(&self, message: &str) {
        let sent = self.peer.commands.send(LegCommand::Message(message.to_owned()));
        self.runtime.block_on(sent).expect("connected");
    }

    /// Waits for what the agent's side sends.
    fn until(&mut self, what: &str, wanted: impl Fn(&LegEvent) -> bool) {
        let found = async {
            loop {
                match self.peer.events.recv().await {
                    Some(event) if wanted(&event) => return,
                    Some(_) => {}
                    None => unreachable!("the connection was closed before {what} came"),
                }
            }
        };
        let found = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, found).await });
        assert!(found.is_ok(), "{what} does not come");
    }

    fn hang_up(mut self) {
        self.send(BYE);
        let ended = async { while self.peer.events.recv().await.is_some() {} };
        let ended = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, ended).await });
        assert!(ended.is_ok(), "the call does not end");
    }
}

fn voice(event: &LegEvent) -> bool {
    matches!(event, LegEvent::Packet(_))
}

fn lines(server: &Server, with: &str) -> usize {
    server.log().lines().filter(|line| line.contains(with)).count()
}

#[test]
fn a_caller_who_comes_back_on_a_new_connection_goes_on_in_the_same_call() {
    let _quiet = house::among_others();
    for server_knows in [false, true] {
        let server = house::timed("", &["--max-calls", "1"]);
        let session = start(&server, "webrtc")["sessionId"].as_str().expect("an id").to_owned();
        let offer = |body: Value| {
            let reply = server.post(&format!("/sessions/{session}/api/offer"), &body);
            assert_eq!(reply.status, 200, "{}", reply.text());
            reply.json()
        };
        let mut pc_id = Value::Null;
        let mut device = Device::connect(|sdp| {
            let answer = offer(json!({"sdp": sdp, "type": "offer"}));
            pc_id = answer["pc_id"].clone();
            answer
        });
        device.send(READY);
        device.until("the greeting", voice);
        drop(device);
        if server_knows {
            process::wait_for("the loss", PATIENCE, || {
                (lines(&server, "connection lost") == 1).then_some(())
            });
        }

        let mut device = Device::connect(|sdp| {
            let answer = offer(json!({"sdp": sdp, "type": "offer", "pc_id": pc_id, "restart_pc": true}));
            assert_eq!(answer["pc_id"], pc_id);
            answer
        });
        device.until("the rest of the greeting", voice);
        device.send(TYPED);
        device.until(
            "what was understood",
            |event| matches!(event, LegEvent::Message(text) if text.contains(UNDERSTOOD)),
        );
        device.until("the answer", voice);
        assert_one_call(&server);
        assert_eq!(
            (
                lines(&server, "connection lost"),
                lines(&server, "the caller is back"),
                lines(&server, "call started")
            ),
            (1, 1, 1),
            "{}",
            server.log()
        );
        device.hang_up();
    }
}
