//! A caller as Telnyx's media stream: JSON messages with A-law at 8 kHz, marks that come back when what was before them has been played.

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
    let url = format!("{base}/media/telnyx?agent={}", target.agent);
    socket::dial(
        &url,
        target.token.as_ref(),
        target.insecure,
        Carrier { chunk: 0, hearing: Hearing::of(Codec::Pcma) },
    )
    .await
}

struct Carrier {
    chunk: u64,
    hearing: Hearing,
}

const STREAM: &str = "32DE0DEA-53CB-4B21-89A4-9E1819C043BC";
const CALL: &str = "v2:T02llQxIyaRkhfRKxgAP8nY511EhFLizdvdUKJiSw8d6A9BborherQ";
const FROM: &str = "+13122010094";
const TO: &str = "+13122123456";

impl Framing for Carrier {
    fn codec(&self) -> Codec {
        self.hearing.codec()
    }

    fn hello(&mut self) -> Vec<Message> {
        let connected = json!({ "event": "connected", "version": "1.0.0" });
        let start = json!({
            "event": "start", "sequence_number": "1", "stream_id": STREAM,
            "start": {
                "user_id": "3E6F995F-85F7-4705-9741-53B116D28237", "call_control_id": CALL,
                "call_session_id": "ff55a038-6f5d-11ef-9692-02420aeffb1f", "from": FROM, "to": TO, "tags": [],
                "custom_parameters": {}, "media_format": { "encoding": "PCMA", "sample_rate": 8000, "channels": 1 },
            },
        });
        vec![Message::text(connected.to_string()), Message::text(start.to_string())]
    }

    fn encode(&mut self, command: LegCommand) -> Option<Message> {
        let packet = match command {
            LegCommand::Packet(packet) => packet,
            LegCommand::Close => {
                let stop = json!({
                    "event": "stop", "sequence_number": (self.chunk + 2).to_string(), "stream_id": STREAM,
                    "stop": { "user_id": "3E6F995F-85F7-4705-9741-53B116D28237", "call_control_id": CALL },
                });
                return Some(Message::text(stop.to_string()));
            }
            LegCommand::Message(_) | LegCommand::Clear => return None,
        };
        self.chunk += 1;
        // By hand: this runs 50 times a second for each caller.
        let payload = STANDARD.encode(&packet.payload);
        Some(Message::text(format!(
            r#"{{"event":"media","sequence_number":"{}","stream_id":"{STREAM}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","payload":"{payload}"}}}}"#,
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
