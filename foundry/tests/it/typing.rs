//! A caller who types: quick, and understood to the letter.

use media_rtvi::pipecat::{Audio, Frame};
use serde_json::{Value, json};
use testkit::Server;
use testkit::socket::{Heard, Socket};

use crate::repeats::READY;

/// More than come between any two things that are waited for: audio is a frame each 20 ms, for 20 s.
const MESSAGES: u32 = 1_500;

/// A caller who types, and keeps what they were told.
pub(crate) struct Caller {
    socket: Socket,
    pub(crate) heard: Vec<Value>,
    /// Frames of sound that somebody can hear.
    pub(crate) sounding: usize,
}

/// -50 dBFS.
const AUDIBLE: u16 = 104;

impl Caller {
    pub(crate) fn connect(server: &Server, path: &str) -> Self {
        let socket = Socket::open(server.url(), path).expect("answers").expect("upgraded");
        let mut caller = Self { socket, heard: Vec::new(), sounding: 0 };
        caller.send(READY);
        caller
    }

    /// Until the agent has said something to its end, so that nothing typed interrupts it. Wordings differ from call to call.
    pub(crate) fn answered(&mut self) {
        self.until("an answer", |message| message["type"] == "bot-transcription");
        self.until("its end", |message| message["type"] == "bot-stopped-speaking");
    }

    /// Until the agent hangs up.
    pub(crate) fn ends(&mut self) {
        let ended = std::iter::repeat_with(|| self.socket.receive()).take(MESSAGES as usize);
        assert!(ended.into_iter().any(|heard| matches!(heard, Heard::Closed(_))), "the call does not end");
    }

    pub(crate) fn send(&mut self, message: &str) {
        self.socket.send(&Frame::Message(message.to_owned()).encode()).expect("the call goes on");
    }

    /// Sound of the caller's, a frame of 20 ms at 16 kHz.
    pub(crate) fn sounds(&mut self, samples: &[i16]) {
        let pcm: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let audio = Audio { pcm: pcm.into(), rate_hz: 16_000, channels: 1 };
        self.socket.send(&Frame::Audio(audio).encode()).expect("the call goes on");
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.send(
            &json!({"label": "rtvi-ai", "type": "send-text", "id": "9", "data": {"content": text}})
                .to_string(),
        );
    }

    /// Reads on until a message fits.
    pub(crate) fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..MESSAGES {
            let bytes = match self.socket.receive() {
                Heard::Message(bytes) => bytes,
                Heard::Control(_) => continue,
                ended => unreachable!("{ended:?} before {what} came: {:?}", self.said()),
            };
            let text = match Frame::decode(bytes.into()) {
                Ok(Frame::Message(text)) => text,
                Ok(Frame::Audio(audio)) => {
                    let mut samples =
                        audio.pcm.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
                    self.sounding += usize::from(samples.any(|sample| sample.unsigned_abs() >= AUDIBLE));
                    continue;
                }
                _ => continue,
            };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            self.heard.push(message.clone());
            if wanted(&message) {
                return message;
            }
        }
        unreachable!("{what} does not come: {:?}", self.said())
    }

    pub(crate) fn said(&self) -> Vec<&str> {
        let said = self.heard.iter().filter(|message| message["type"] == "bot-transcription");
        said.filter_map(|message| message["data"]["text"].as_str()).collect()
    }

    /// Until the agent has said something with these words in it.
    pub(crate) fn told(&mut self, words: &str) {
        self.until(words, |message| {
            message["type"] == "bot-transcription"
                && message["data"]["text"].as_str().is_some_and(|text| text.to_lowercase().contains(words))
        });
    }
}
