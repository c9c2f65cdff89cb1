//! `POST /start`: how a Pipecat client learns where to connect.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    #[default]
    #[serde(alias = "smallwebrtc", alias = "small-webrtc", alias = "small_webrtc", alias = "SmallWebRTC")]
    WebRtc,
    #[serde(alias = "ws")]
    WebSocket,
}

impl Transport {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebRtc => "webrtc",
            Self::WebSocket => "websocket",
        }
    }
}

/// What else clients send is ignored, such as `enableDefaultIceServers` of the published one: they are told of the servers there are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartRequest {
    pub transport: Transport,
    pub body: StartBody,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What else the page sent along.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

/// The WebSocket client fails on any key but these two, and on a null token; the WebRTC client ignores what it does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StartAnswer {
    WebSocket {
        #[serde(rename = "wsUrl")]
        ws_url: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    WebRtc {
        #[serde(rename = "sessionId")]
        session_id: String,
        #[serde(rename = "iceConfig", default, skip_serializing_if = "Option::is_none")]
        ice_config: Option<IceConfig>,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceConfig {
    #[serde(rename = "iceServers")]
    pub ice_servers: Vec<IceServer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_answer_has_no_key_that_the_published_client_rejects() {
        let answer = StartAnswer::WebSocket { ws_url: "ws://x/ws".into(), token: None };
        assert_eq!(serde_json::to_string(&answer).expect("serialises"), r#"{"wsUrl":"ws://x/ws"}"#);
    }

    #[test]
    fn the_request_of_the_published_client_is_read() {
        let text = r#"{"transport":"webrtc","body":{"agent":"front-desk","theme":"x"},"enableDefaultIceServers":true}"#;
        let request: StartRequest = serde_json::from_str(text).expect("parses");
        assert_eq!(request.body.agent.as_deref(), Some("front-desk"));
        assert_eq!(request.transport, Transport::WebRtc);
        assert_eq!(
            serde_json::from_str::<StartRequest>("{}").expect("all has defaults").transport,
            Transport::WebRtc
        );
    }
}
