//! Answers offers given on standard input, one JSON string each, and echoes audio and messages: the server's half of
//! `tests/browser/caller.mjs`. Tells on standard output what it saw.

use media_core::{LegCommand, LegEvent};
use media_rtc::{Options, Peer, Server};
use runtime::tasks::{Kind, Tasks};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout};

const ECHO: Kind = Kind::new("example.echo");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let tasks = Tasks::new();
    let server = Server::bind(Options { listen, ..Options::default() }, &tasks)?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let (answer, peer) = server.offer(&serde_json::from_str::<String>(&line)?)?;
        say(&serde_json::json!({ "sdp": answer.sdp })).await?;
        tasks.spawn(ECHO, echo(peer));
    }
    Ok(())
}

async fn say(value: &serde_json::Value) -> std::io::Result<()> {
    stdout().write_all(format!("{value}\n").as_bytes()).await?;
    stdout().flush().await
}

async fn echo(mut peer: Peer) {
    let mut packets = 0_u64;
    while let Some(event) = peer.events.recv().await {
        let answer = match event {
            LegEvent::Packet(packet) => {
                packets += 1;
                LegCommand::Packet(packet)
            }
            LegEvent::Message(text) => LegCommand::Message(format!("echo {text}")),
            other => {
                let _ = say(&serde_json::json!({ "event": format!("{other:?}"), "packets": packets })).await;
                continue;
            }
        };
        if peer.commands.send(answer).await.is_err() {
            return;
        }
    }
}
