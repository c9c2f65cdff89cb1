//! A caller as a carrier's media stream: Twilio's JSON messages with mu-law at 8 kHz.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use media_core::{Codec, LegCommand, LegEvent};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::carrier::Hearing;
use super::socket::{self, Framing};
use super::{DialError, Link, Target};

pub(super) async fn dial(target: &Target) -> Result<Link, DialError> {
    let base = target.url.trim_end_matches('/').replacen("http", "ws", 1);
    let url = format!("{base}/media/twilio?agent={}", target.agent);
    socket::dial(
        &url,
        target.token.as_ref(),
        target.insecure,
        Carrier { chunk: 0, hearing: Hearing::of(Codec::Pcmu) },
    )
    .await
}

struct Carrier {
    chunk: u64,
    hearing: Hearing,
}

const STREAM: &str = "MZ00000000000000000000000000000001";
const ACCOUNT: &str = "AC00000000000000000000000000000001";
const CALL: &str = "CA00000000000000000000000000000001";

impl Framing for Carrier {
    fn codec(&self) -> Codec {
        self.hearing.codec()
    }

    fn hello(&mut self) -> Vec<Message> {
        let connected = json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" });
        let start = json!({
            "event": "start", "sequenceNumber": "1", "streamSid": STREAM,
            "start": {
                "accountSid": ACCOUNT, "streamSid": STREAM,
                "callSid": CALL, "tracks": ["inbound"],
                "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 }, "customParameters": {},
            },
        });
        vec![Message::text(connected.to_string()), Message::text(start.to_string())]
    }

    fn encode(&mut self, command: LegCommand) -> Option<Message> {
        let packet = match command {
            LegCommand::Packet(packet) => packet,
            LegCommand::Close => {
                let stop = json!({
                    "event": "stop", "sequenceNumber": (self.chunk + 2).to_string(), "streamSid": STREAM,
                    "stop": { "accountSid": ACCOUNT, "callSid": CALL },
                });
                return Some(Message::text(stop.to_string()));
            }
            LegCommand::Message(_) | LegCommand::Clear => return None,
        };
        self.chunk += 1;
        // By hand: this runs 50 times a second for each of a hundred callers.
        let payload = STANDARD.encode(&packet.payload);
        Some(Message::text(format!(
            r#"{{"event":"media","sequenceNumber":"{}","streamSid":"{STREAM}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","payload":"{payload}"}}}}"#,
            self.chunk + 1,
            self.chunk,
            self.chunk * 20,
        )))
    }

    fn decode(&mut self, message: Message, now: Instant) -> Vec<LegEvent> {
        self.hearing.decode(&message, now)
    }

    fn answer(&mut self) -> Option<Message> {
        self.hearing.answer()
    }
}
