//! Which agents rooms ask for: what LiveKit's server API is asked, and what it answers.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::api::{Command, TOKEN_LASTS};
use crate::error::Error;
use crate::token::Keys;

const ROOMS: &str = "livekit.RoomService/ListRooms";
const LIST: &str = "livekit.AgentDispatchService/ListDispatch";
const DELETE: &str = "livekit.AgentDispatchService/DeleteDispatch";
const CREATE: &str = "livekit.AgentDispatchService/CreateDispatch";

/// Whom to ask, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Api<'a> {
    /// As `LIVEKIT_URL` has it.
    pub url: &'a str,
    pub keys: &'a Keys,
}

/// A room with somebody in it, or about to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Room {
    /// Of this room and of no later one of its name.
    pub sid: String,
    pub name: String,
    /// Without agents.
    #[serde(alias = "numParticipants")]
    pub num_participants: u32,
}

/// An agent that a room asks for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Dispatch {
    #[serde(skip_serializing)]
    pub id: String,
    #[serde(alias = "agentName")]
    pub agent_name: String,
    pub room: String,
    pub metadata: String,
    #[serde(skip_serializing)]
    state: State,
    /// What newer servers know of it besides.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct State {
    jobs: Vec<serde::de::IgnoredAny>,
}

impl Dispatch {
    /// One that a room is to have.
    #[must_use]
    pub fn of(agent: &str, room: &str) -> Self {
        Self { agent_name: agent.to_owned(), room: room.to_owned(), ..Self::default() }
    }

    /// Whether some worker has taken it.
    #[must_use]
    pub const fn is_taken(&self) -> bool {
        !self.state.jobs.is_empty()
    }
}

/// As `Api::rooms` is answered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rooms {
    pub rooms: Vec<Room>,
}

/// As `Api::dispatches` is answered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Dispatches {
    #[serde(alias = "agentDispatches")]
    pub agent_dispatches: Vec<Dispatch>,
}

impl Api<'_> {
    /// All rooms that there are.
    ///
    /// # Errors
    /// Where the address is none, or the secret cannot sign.
    pub fn rooms(&self, now: SystemTime) -> Result<Command, Error> {
        Command::new(self.url, ROOMS, &self.keys.list_rooms(now, TOKEN_LASTS)?, &json!({}))
    }

    /// Which agents a room asks for.
    ///
    /// # Errors
    /// Where the address is none, or the secret cannot sign.
    pub fn dispatches(&self, room: &str, now: SystemTime) -> Result<Command, Error> {
        self.of_room(LIST, room, &json!({ "room": room }), now)
    }

    /// The room asks for this agent no more. Of all who say so one alone is answered well: the others are told that there is none.
    ///
    /// # Errors
    /// Where the address is none, or the secret cannot sign.
    pub fn withdraw(&self, dispatch: &Dispatch, now: SystemTime) -> Result<Command, Error> {
        let which = json!({ "dispatch_id": dispatch.id, "room": dispatch.room });
        self.of_room(DELETE, &dispatch.room, &which, now)
    }

    /// The room asks for an agent: it is offered to those who work under its name.
    ///
    /// # Errors
    /// Where the address is none, or the secret cannot sign.
    pub fn ask_for(&self, dispatch: &Dispatch, now: SystemTime) -> Result<Command, Error> {
        self.of_room(CREATE, &dispatch.room, dispatch, now)
    }

    fn of_room(
        &self,
        method: &str,
        room: &str,
        body: &impl Serialize,
        now: SystemTime,
    ) -> Result<Command, Error> {
        Command::new(self.url, method, &self.keys.manage_room(room, now, TOKEN_LASTS)?, body)
    }
}

#[cfg(test)]
mod tests {
    use domain::Secret;

    use super::*;

    #[test]
    fn a_dispatch_that_nobody_took_is_asked_for_again_as_it_was() {
        // As livekit-server 1.11 answers, and with what later ones say besides.
        let answer = r#"{"agent_dispatches":[
            {"id":"AD_1","agent_name":"desk","room":"one","metadata":"vip","state":{"jobs":[],"created_at":"1"},"restart_policy":"JRP_ON_FAILURE"},
            {"id":"AD_2","agent_name":"desk","room":"one","metadata":"","state":{"jobs":[{"id":"AJ_1","state":{"status":"JS_RUNNING"}}]}},
            {"id":"AD_3","agentName":"other","room":"one"}]}"#;
        let Dispatches { agent_dispatches: all } = serde_json::from_str(answer).expect("an answer");
        assert_eq!(all.iter().map(Dispatch::is_taken).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(all[2].agent_name, "other");
        let keys = Keys { key: "key".to_owned(), secret: Secret::new("secret".to_owned()) };
        let api = Api { url: "ws://127.0.0.1:7880", keys: &keys };
        let asked = api.ask_for(&all[0], SystemTime::now()).expect("a request");
        assert_eq!(asked.url, "http://127.0.0.1:7880/twirp/livekit.AgentDispatchService/CreateDispatch");
        let body: Value = serde_json::from_str(&asked.body).expect("JSON");
        let wanted = json!({"agent_name": "desk", "room": "one", "metadata": "vip", "restart_policy": "JRP_ON_FAILURE"});
        assert_eq!(body, wanted, "neither its number nor what became of it");
        let withdrawn = api.withdraw(&all[0], SystemTime::now()).expect("a request");
        assert_eq!(withdrawn.body, r#"{"dispatch_id":"AD_1","room":"one"}"#);
    }

    #[test]
    fn rooms_are_read_as_servers_write_them() {
        let answer = r#"{"rooms":[{"sid":"RM_1","name":"one","num_participants":2,"creation_time":"1"},{"sid":"RM_2","name":"two","numParticipants":1},{}]}"#;
        let Rooms { rooms } = serde_json::from_str(answer).expect("an answer");
        assert_eq!(rooms.iter().map(|room| room.num_participants).collect::<Vec<_>>(), [2, 1, 0]);
    }
}
