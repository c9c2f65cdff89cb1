//! What the session says that is no audio, as the room's frontends know it: attributes and text streams; and what they say back.

use std::collections::HashMap;
use std::mem::take;

use media_core::LegEvent;
use prost::Message as _;

use super::room::{RELIABLE, Room};
use super::{Participant, now_ms};
use crate::conversation::{Notice, Said};
use crate::text::{Label, Open};
use crate::wire::{Data, DataPacket, Request, Transcription, TranscriptionSegment, UpdateMetadata};

const TRANSCRIPTION: &str = "lk.transcription";
const CHAT: &str = "lk.chat";
const STATE: &str = "lk.agent.state";

/// What the agent is saying.
pub(super) struct Reply {
    segment: String,
    said: String,
    /// `None` where the room was entered anew: the stream begins again, with all that was said.
    stream: Option<Open>,
}

impl Reply {
    pub(super) fn forget_stream(&mut self) {
        self.stream = None;
    }
}

impl Participant {
    /// A message of the session's client protocol. Those of another protocol are none of the room's.
    pub(super) fn tell(&mut self, room: &mut Room, message: &str) {
        match serde_json::from_str(message) {
            Ok(Notice::State { state }) => {
                self.state = state;
                self.show_state(room);
            }
            Ok(Notice::Caller { segment, text, last }) => self.caller_said(room, &segment, &text, last),
            Ok(Notice::Agent { segment, more }) => self.agent_says(room, segment, &more),
            Ok(Notice::AgentDone { segment, heard }) => self.agent_said(room, &segment, &heard),
            Err(_) => {}
        }
    }

    pub(super) fn show_state(&self, room: &mut Room) {
        let attributes = HashMap::from([(STATE.to_owned(), self.state.clone())]);
        room.say(Request::UpdateMetadata(UpdateMetadata { attributes }));
    }

    fn caller_said(&mut self, room: &mut Room, segment: &str, text: &str, last: bool) {
        let identity = self.roster.caller().map(|caller| caller.identity.clone()).unwrap_or_default();
        let track = self.roster.hears().map(|source| source.track.clone()).unwrap_or_default();
        let attributes = attributes(segment, &track, last);
        let label = Label { sender: &identity, topic: TRANSCRIPTION, attributes: &attributes };
        let packets = self.writer.whole(label, text, now_ms());
        send(room, packets);
        send(room, [older(&identity, &track, segment, text, last)]);
    }

    fn agent_says(&mut self, room: &mut Room, segment: String, more: &str) {
        let track = room.track().to_owned();
        let mut reply = match self.reply.take().filter(|reply| reply.segment == segment) {
            Some(reply) => reply,
            None => Reply { segment, said: String::new(), stream: None },
        };
        reply.said.push_str(more);
        let mut packets = Vec::new();
        match &mut reply.stream {
            Some(open) => packets.extend(open.append(more)),
            None => {
                let attributes = attributes(&reply.segment, &track, false);
                let label = Label { sender: "", topic: TRANSCRIPTION, attributes: &attributes };
                let (mut open, header) = self.writer.open(label, now_ms());
                packets.push(header);
                packets.extend(open.append(&reply.said));
                reply.stream = Some(open);
            }
        }
        send(room, packets);
        send(room, [older(&room.identity.clone(), &track, &reply.segment, &reply.said, false)]);
        self.reply = Some(reply);
    }

    fn agent_said(&mut self, room: &mut Room, segment: &str, heard: &str) {
        let Some(mut reply) = self.reply.take().filter(|reply| reply.segment == segment) else { return };
        let track = room.track().to_owned();
        if let Some(open) = take(&mut reply.stream) {
            send(room, [open.close(&attributes(segment, &track, true))]);
        }
        let text = if heard.is_empty() { &reply.said } else { heard };
        send(room, [older(&room.identity.clone(), &track, segment, text, true)]);
    }

    /// Data of others. Only the caller is listened to.
    pub(super) fn data(&mut self, bytes: &[u8]) {
        let Ok(packet) = DataPacket::decode(bytes) else { return };
        let sender = packet.participant_identity;
        let Some(value) = packet.value else { return };
        if self.roster.caller().is_none_or(|caller| caller.identity != sender) {
            return;
        }
        let said = match value {
            Data::SipDtmf(dtmf) => dtmf.digit.chars().next().map(|key| Said::Key { key }),
            other => self.reader.read(&sender, other, &[CHAT]).map(|text| Said::Text { text: text.text }),
        };
        if let Some(message) = said.and_then(|said| serde_json::to_string(&said).ok()) {
            self.outbox.push(LegEvent::Message(message));
        }
    }
}

fn attributes<'a>(segment: &'a str, track: &'a str, last: bool) -> [(&'a str, &'a str); 3] {
    [
        ("lk.segment_id", segment),
        ("lk.transcribed_track_id", track),
        ("lk.transcription_final", if last { "true" } else { "false" }),
    ]
}

/// As clients older than text streams know it.
fn older(identity: &str, track: &str, segment: &str, text: &str, last: bool) -> DataPacket {
    let segment = TranscriptionSegment { id: segment.to_owned(), text: text.to_owned(), r#final: last };
    let transcription = Transcription {
        transcribed_participant_identity: identity.to_owned(),
        track_id: track.to_owned(),
        segments: vec![segment],
    };
    DataPacket { value: Some(Data::Transcription(transcription)), ..DataPacket::default() }
}

fn send(room: &mut Room, packets: impl IntoIterator<Item = DataPacket>) {
    for packet in packets {
        room.publisher.link.send_data(RELIABLE, packet.encode_to_vec());
    }
}
