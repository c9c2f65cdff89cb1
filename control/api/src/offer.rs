//! `POST|PATCH /api/offer`: the exchange that opens a WebRTC call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OfferRequest {
    pub sdp: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Names the peer of an earlier answer that is to be negotiated again.
    #[serde(default)]
    pub pc_id: Option<String>,
    /// Drop that peer's transport and build a new one.
    #[serde(default)]
    pub restart_pc: Option<bool>,
    #[serde(
        default,
        rename = "requestData",
        alias = "request_data",
        skip_serializing_if = "Option::is_none"
    )]
    pub request_data: Option<RequestData>,
}

/// What a page sends along with its offer. Fields that are not ours are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestData {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The resume token of a call that lost its connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// That the caller chose (BCP 47); greetings go by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What greetings may say: `name` and `caller.name` are said as `{session.name}` and `{caller.name}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferAnswer {
    pub sdp: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub pc_id: String,
    /// Of the call that the offer began or took up again. Absent where a peer was negotiated again: its client knows them.
    #[serde(flatten)]
    pub call: Option<OfferedCall>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedCall {
    /// The call, as `/calls/{session_id}` shows it once it has ended.
    pub session_id: String,
    /// Presented with a new offer or socket, it takes the call up again after a lost connection.
    pub resume_token: String,
    /// For how long after the loss, in milliseconds.
    pub resume_within_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidatesRequest {
    pub pc_id: String,
    #[serde(default)]
    pub candidates: Vec<Candidate>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub candidate: String,
    #[serde(default, alias = "sdpMid")]
    pub sdp_mid: Option<String>,
    #[serde(default, alias = "sdpMLineIndex")]
    pub sdp_mline_index: Option<u16>,
}

/// `{"status":"success"}`, as the published client expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidatesAnswer {
    pub status: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_its_call_or_no_call_at_all() {
        let call = OfferedCall { session_id: "ses_1".into(), resume_token: "r".into(), resume_within_ms: 5 };
        for call in [Some(call), None] {
            let answer = OfferAnswer { sdp: "v=0".into(), kind: "answer".into(), pc_id: "pc_1".into(), call };
            let text = serde_json::to_string(&answer).expect("serialises");
            assert_eq!(text.contains("session_id"), answer.call.is_some(), "{text}");
            assert_eq!(serde_json::from_str::<OfferAnswer>(&text).expect("parses"), answer);
        }
    }

    #[test]
    fn both_spellings_of_request_data_are_read() {
        for key in ["requestData", "request_data"] {
            let text = format!(
                r#"{{"sdp":"v=0","type":"offer","pc_id":null,"restart_pc":false,"{key}":{{"agent":"a","x":1}}}}"#
            );
            let offer: OfferRequest = serde_json::from_str(&text).expect("parses");
            assert_eq!(offer.request_data.expect("given").agent.as_deref(), Some("a"));
        }
    }
}
