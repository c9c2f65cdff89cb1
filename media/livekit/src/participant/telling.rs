//! What the session says that is no audio, as the room's frontends know it: attributes and text streams; and what they say back.

use std::collections::HashMap;
use std::mem::take;

use media_core::LegEvent;
use prost::Message as _;

use super::room::{RELIABLE, Room};
use super::{Participant, now_ms};
use crate::conversation::{Notice, Said};
use crate::options::With;
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
        if self.options.with == With::Agents {
            return self.ask(room, message);
        }
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

    /// What a caller writes. Keys are a telephone's, which LiveKit's own servers carry.
    fn ask(&mut self, room: &mut Room, message: &str) {
        if let Ok(Said::Text { text }) = serde_json::from_str(message) {
            let label = Label { sender: "", topic: CHAT, attributes: &[] };
            send(room, self.writer.whole(label, &text, now_ms()));
        }
    }

    /// A caller is told what the agent does, when it changes.
    pub(super) fn note_state(&mut self) {
        if self.options.with == With::People {
            return;
        }
        let state = self.roster.attribute(STATE).unwrap_or_default().to_owned();
        if state != self.state {
            self.state.clone_from(&state);
            self.pass_on(&Notice::State { state });
        }
    }

    fn pass_on(&mut self, notice: &impl serde::Serialize) {
        if let Ok(message) = serde_json::to_string(notice) {
            self.outbox.push(LegEvent::Message(message));
        }
    }

    pub(super) fn show_state(&self, room: &mut Room) {
        if self.options.with == With::Agents {
            return;
        }
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

    /// Data of others. Only the caller is listened to; a caller reads what the agent says that was heard and said.
    pub(super) fn data(&mut self, room: &Room, bytes: &[u8]) {
        let Ok(packet) = DataPacket::decode(bytes) else { return };
        let sender = packet.participant_identity;
        let Some(value) = packet.value else { return };
        if self.options.with == With::Agents {
            return self.follow(&room.identity, &sender, value);
        }
        if self.roster.caller().is_none_or(|caller| caller.identity != sender) {
            return;
        }
        let said = match value {
            Data::SipDtmf(dtmf) => dtmf.digit.chars().next().map(|key| Said::Key { key }),
            other => self.reader.read(&sender, other, &[CHAT]).map(|text| Said::Text { text: text.text }),
        };
        if let Some(said) = said {
            self.pass_on(&said);
        }
    }

    /// The transcript grows by chunks; a stream in our own name is what was heard of us.
    fn follow(&mut self, own: &str, sender: &str, value: Data) {
        let grows = match &value {
            Data::StreamChunk(chunk) => Some(chunk.stream_id.clone()),
            _ => None,
        };
        let whole = self.reader.read(sender, value, &[TRANSCRIPTION]);
        let ended = whole.is_some();
        let Some(text) = whole.or_else(|| self.reader.so_far(&grows?)) else { return };
        let attribute = |name| text.attributes.get(name).cloned().unwrap_or_default();
        let segment = attribute("lk.segment_id");
        let last = ended && attribute("lk.transcription_final") == "true";
        let notice = match (text.sender == own, last) {
            (true, last) => Notice::Caller { segment, text: text.text, last },
            (false, true) => Notice::AgentDone { segment, heard: text.text },
            (false, false) => Notice::Agent { segment, more: text.text },
        };
        self.pass_on(&notice);
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
