//! Access tokens, as LiveKit reads them: signed with the API secret, good for one room or for one thing.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use domain::Secret;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::error::Error;

/// Clocks of two machines differ by this at most.
const SKEW: Duration = Duration::from_secs(10);

/// The key that a LiveKit server knows us by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    pub key: String,
    pub secret: Secret<String>,
}

/// What the bearer may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// To join this room; made by the first who joins.
    pub room: String,
    pub identity: String,
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    /// `agent`, or `sip` of a telephone; a plain participant where empty.
    pub kind: &'static str,
    /// Agents that come with the room where the bearer is the first in it: name and metadata.
    pub agents: Vec<(String, String)>,
}

impl Keys {
    /// A token to join a room with.
    ///
    /// # Errors
    /// Where the secret cannot sign.
    pub fn join(&self, grant: &Grant, now: SystemTime, lasts: Duration) -> Result<Secret<String>, Error> {
        let agents = grant
            .agents
            .iter()
            .map(|(agent_name, metadata)| Dispatch { agent_name, metadata })
            .collect::<Vec<_>>();
        let video = Video {
            room_join: true,
            room_list: false,
            room_admin: false,
            room: &grant.room,
            can_publish: Some(true),
            can_subscribe: Some(true),
            can_publish_data: Some(true),
            can_update_own_metadata: Some(true),
            agent: grant.kind == "agent",
        };
        self.sign(&Claims {
            iss: &self.key,
            sub: &grant.identity,
            nbf: seconds(now - SKEW),
            exp: seconds(now + lasts),
            name: &grant.name,
            kind: grant.kind,
            attributes: &grant.attributes,
            video,
            sip: None,
            room_config: (!agents.is_empty()).then_some(RoomConfig { agents }),
        })
    }

    /// A token to register as a worker with.
    ///
    /// # Errors
    /// Where the secret cannot sign.
    pub(crate) fn work(&self, now: SystemTime, lasts: Duration) -> Result<Secret<String>, Error> {
        self.nobodys(Video { agent: true, ..Video::default() }, None, now, lasts)
    }

    /// A token to send telephones in this room elsewhere with.
    ///
    /// # Errors
    /// Where the secret cannot sign.
    pub(crate) fn manage_phones(
        &self,
        room: &str,
        now: SystemTime,
        lasts: Duration,
    ) -> Result<Secret<String>, Error> {
        let video = Video { room_admin: true, room, ..Video::default() };
        self.nobodys(video, Some(Sip { call: true }), now, lasts)
    }

    /// A token to see all rooms with.
    ///
    /// # Errors
    /// Where the secret cannot sign.
    pub(crate) fn list_rooms(&self, now: SystemTime, lasts: Duration) -> Result<Secret<String>, Error> {
        self.nobodys(Video { room_list: true, ..Video::default() }, None, now, lasts)
    }

    /// A token to see and change with which agents this room asks for.
    ///
    /// # Errors
    /// Where the secret cannot sign.
    pub(crate) fn manage_room(
        &self,
        room: &str,
        now: SystemTime,
        lasts: Duration,
    ) -> Result<Secret<String>, Error> {
        self.nobodys(Video { room_admin: true, room, ..Video::default() }, None, now, lasts)
    }

    /// What a server may do, who is no participant.
    fn nobodys(
        &self,
        video: Video<'_>,
        sip: Option<Sip>,
        now: SystemTime,
        lasts: Duration,
    ) -> Result<Secret<String>, Error> {
        self.sign(&Claims {
            iss: &self.key,
            sub: "",
            nbf: seconds(now - SKEW),
            exp: seconds(now + lasts),
            name: "",
            kind: "",
            attributes: &BTreeMap::new(),
            video,
            sip,
            room_config: None,
        })
    }

    fn sign(&self, claims: &Claims<'_>) -> Result<Secret<String>, Error> {
        let key = EncodingKey::from_secret(self.secret.expose().as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key);
        token.map(Secret::new).map_err(Error::Token)
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sub: &'a str,
    nbf: u64,
    exp: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, String>,
    video: Video<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sip: Option<Sip>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_config: Option<RoomConfig<'a>>,
}

#[derive(Serialize)]
struct Sip {
    call: bool,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Video<'a> {
    #[serde(skip_serializing_if = "is_false")]
    room_join: bool,
    #[serde(skip_serializing_if = "is_false")]
    room_list: bool,
    #[serde(skip_serializing_if = "is_false")]
    room_admin: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    room: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    can_publish: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    can_subscribe: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    can_publish_data: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    can_update_own_metadata: Option<bool>,
    #[serde(skip_serializing_if = "is_false")]
    agent: bool,
}

/// The field names are those of protobuf's JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoomConfig<'a> {
    agents: Vec<Dispatch<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dispatch<'a> {
    agent_name: &'a str,
    metadata: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::{Value, json};

    use super::*;

    fn keys() -> Keys {
        Keys {
            key: "devkey".to_owned(),
            secret: Secret::new("a secret of the tests, long enough".to_owned()),
        }
    }

    fn read(token: &Secret<String>) -> Value {
        let key = DecodingKey::from_secret(keys().secret.expose().as_bytes());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        jsonwebtoken::decode::<Value>(token.expose(), &key, &validation).expect("signed").claims
    }

    #[test]
    fn a_token_names_the_room_the_bearer_and_the_agents_that_come_along() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let grant = Grant {
            room: "desk".to_owned(),
            identity: "ann".to_owned(),
            agents: vec![("front-desk".to_owned(), "vip".to_owned())],
            ..Grant::default()
        };
        let token = keys().join(&grant, now, Duration::from_secs(60)).expect("a token");
        let claims = read(&token);
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("devkey"), &json!("ann")));
        assert_eq!((&claims["nbf"], &claims["exp"]), (&json!(990), &json!(1_060)));
        assert_eq!((&claims["video"]["roomJoin"], &claims["video"]["room"]), (&json!(true), &json!("desk")));
        let agents = json!([{ "agentName": "front-desk", "metadata": "vip" }]);
        assert_eq!(claims["roomConfig"]["agents"], agents);
        assert_eq!(claims.get("kind"), None, "a plain participant");
    }

    #[test]
    fn a_worker_may_work_and_join_nothing() {
        let token = keys().work(SystemTime::now(), Duration::from_secs(60)).expect("a token");
        assert_eq!(read(&token)["video"], json!({ "agent": true }));
    }
}
