//! What the session says that is no audio, as the room's frontends know it: attributes and text streams; and what they say back.

use std::collections::HashMap;
use std::mem::take;
use std::time::{Duration, Instant};

use media_core::{Codec, LegEvent, Packet};
use prost::Message as _;

use super::room::{RELIABLE, Room};
use super::{Participant, now, now_ms};
use crate::before::{self, Joined};
use crate::conversation::{Notice, Said};
use crate::keys::{self, NotPressed, Press};
use crate::options::With;
use crate::rpc::{self, Ask, To};
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
    pub(super) fn data(&mut self, room: &mut Room, bytes: &[u8]) {
        let Ok(packet) = DataPacket::decode(bytes) else { return };
        let sender = packet.participant_identity;
        let Some(value) = packet.value else { return };
        if let Some(answers) = self.calls.heard(&sender, &value) {
            return send(room, answers);
        }
        if self.options.with == With::Agents {
            return self.follow(&room.identity, &sender, &value);
        }
        if self.roster.caller().is_none_or(|caller| caller.identity != sender) {
            return;
        }
        if let Some(blob) = self.blobs.read_bytes(&sender, &value, before::TOPIC) {
            if let Some(joined) = self.before.came(&blob) {
                self.said_before(joined, now());
            }
            return;
        }
        let said = match value {
            Data::SipDtmf(dtmf) => dtmf.digit.chars().next().map(|key| Said::Key { key }),
            other => self.reader.read(&sender, &other, &[CHAT]).map(|text| Said::Text { text: text.text }),
        };
        if let Some(said) = said {
            self.pass_on(&said);
        }
    }

    /// A method of the caller's page is wanted.
    pub(super) fn ask_page(&mut self, room: &mut Room, ask: Ask) {
        let caller = self.roster.caller().filter(|_| self.roster.present());
        let streams = self.roster.client_protocol() >= rpc::CLIENT_PROTOCOL;
        let to = caller.map(|caller| To { identity: &caller.identity, streams });
        let packets = self.calls.ask(ask, to, &mut self.writer, (now(), now_ms()));
        send(room, packets);
    }

    /// A key is wanted at the caller's telephone.
    pub(super) fn press(&mut self, room: &mut Room, press: Press) {
        let caller = self.roster.caller().filter(|_| self.roster.present());
        let result = match caller {
            None => Err(NotPressed::Nobody),
            Some(caller) if !caller.sip => Err(NotPressed::NoPhone),
            Some(caller) => {
                send(room, [keys::packet(&caller.identity, press.digit)]);
                Ok(())
            }
        };
        let _gone = press.answer.send(result);
    }

    /// Nobody answers any more whom the caller's page was asked for.
    pub(super) fn page_left(&mut self) {
        if let Some(caller) = self.roster.caller() {
            self.calls.left(&caller.identity);
        }
    }

    /// What was said before did not come in time, or not all of it.
    pub(super) fn begin_without(&mut self, now: Instant) {
        let blob = self.blobs.break_off();
        if let Some(joined) = self.before.give_up(blob.as_ref()) {
            self.said_before(joined, now);
        }
    }

    /// The ear hears what was said before as if it had come all along, and the live track after it.
    fn said_before(&mut self, joined: Joined, now: Instant) {
        let Joined { before, live } = joined;
        let length: u64 = before.iter().map(|(_, units)| u64::from(*units)).sum();
        let of = |units: u64| Duration::from_micros(units * 1_000_000 / 48_000);
        let end = live.first().map_or(now, |packet| packet.at);
        tracing::debug!(length = ?of(length), "what the caller said before");
        let (mut packets, mut passed) = (Vec::with_capacity(before.len() + live.len()), 0);
        for (at, (payload, units)) in before.into_iter().enumerate() {
            passed += u64::from(units);
            let packet = Packet {
                codec: Codec::Opus,
                sequence: at as u16,
                timestamp: (passed - u64::from(units)) as u32,
                marker: at == 0,
                payload,
                at: end.checked_sub(of(length - passed)).unwrap_or(end),
            };
            packets.push(self.splice.next(packet));
        }
        if !packets.is_empty() {
            self.splice.follow();
        }
        packets.extend(live.into_iter().map(|packet| self.splice.next(packet)));
        if !packets.is_empty() {
            self.outbox.push(LegEvent::Earlier(packets));
        }
    }

    /// The transcript grows by chunks; a stream in our own name is what was heard of us.
    fn follow(&mut self, own: &str, sender: &str, value: &Data) {
        let grows = match value {
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
