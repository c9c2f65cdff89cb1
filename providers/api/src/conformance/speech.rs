//! Every rule of `SpeechModel`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, SessionId, Voice, Voiced};
use futures::StreamExt;
use serde_json::json;

use super::{Broken, Trial, broken, within};
use crate::llm::{Finish, Message, ToolCall, ToolChoice, ToolSpec};
use crate::speech::{
    SpeechAsk, SpeechEvent, SpeechGiven, SpeechInput, SpeechModel, SpeechRequest, SpeechStream,
};
use crate::usage::Usage;

const TOOL: &str = "note_down";
const TEXT: &str = "blue";
const INSTRUCTIONS: &str = "You are being tried out. Do exactly what you are asked to, and nothing else. Once a tool has given its \
     result, tell the result in words.";
/// A sample louder than this is sound.
const AUDIBLE: u16 = 200;

/// Every rule of `SpeechModel`.
///
/// # Errors
/// The first rule that is broken.
pub async fn speech(model: &dyn SpeechModel, trial: &Trial) -> Result<(), Broken> {
    what_is_heard_is_answered_aloud(model, trial).await?;
    a_wanted_tool_is_called_and_its_result_told(model, trial).await?;
    an_answer_that_was_cut_short_is_over_and_the_next_is_whole(model, trial).await?;
    what_was_said_elsewhere_is_taken(model, trial).await
}

async fn what_is_heard_is_answered_aloud(model: &dyn SpeechModel, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "what is heard is answered aloud, with its words";
    let mut talk = Talk::open(model, trial, RULE).await?;
    for turn in 0..2 {
        talk.speak().await?;
        talk.ask(ToolChoice::None).await?;
        let answer = talk.answer(turn).await?;
        answer.is_spoken(model, RULE)?;
        match answer.usage {
            Some(usage) if usage.input_tokens == 0 || usage.output_tokens == 0 => {
                return Err(broken(RULE, "a count of no tokens"));
            }
            None if trial.usage => return Err(broken(RULE, "no usage before the end")),
            _ => {}
        }
    }
    Ok(())
}

async fn a_wanted_tool_is_called_and_its_result_told(
    model: &dyn SpeechModel,
    trial: &Trial,
) -> Result<(), Broken> {
    const RULE: &str = "a wanted tool is called, and its result told";
    let mut talk = Talk::open(model, trial, RULE).await?;
    talk.give(SpeechInput::Said(Message::Caller(format!("call {TOOL} with {TEXT}")))).await?;
    talk.ask(ToolChoice::Auto).await?;
    let answer = talk.answer(0).await?;
    let [ToolCall { id, name, arguments }] = answer.calls.as_slice() else {
        return Err(broken(RULE, format!("{} calls", answer.calls.len())));
    };
    let text = arguments["text"].as_str().unwrap_or_default().to_lowercase();
    if id.is_empty() || name != TOOL || !text.contains(TEXT) || answer.finish != Finish::ToolCalls {
        return Err(broken(RULE, format!("call of {name:?}, {:?}", answer.finish)));
    }
    let result = Message::ToolResult {
        id: id.clone(),
        name: name.clone(),
        content: "number seven".to_owned(),
        is_error: false,
    };
    talk.give(SpeechInput::Said(result)).await?;
    talk.ask(ToolChoice::None).await?;
    talk.answer(1).await?.is_spoken(model, RULE)
}

async fn an_answer_that_was_cut_short_is_over_and_the_next_is_whole(
    model: &dyn SpeechModel,
    trial: &Trial,
) -> Result<(), Broken> {
    const RULE: &str = "an answer that was cut short is over, and the next is whole";
    for heard in [Duration::ZERO, Duration::from_millis(60)] {
        let mut talk = Talk::open(model, trial, RULE).await?;
        talk.speak().await?;
        talk.ask(ToolChoice::None).await?;
        while !matches!(talk.next().await?.given, SpeechGiven::Voiced(Voiced::Audio(_))) {}
        talk.give(SpeechInput::Heard { answer: 0, heard }).await?;
        talk.speak().await?;
        talk.ask(ToolChoice::None).await?;
        while !matches!(talk.next().await?, SpeechEvent { answer: 0, given: SpeechGiven::Finished(_) }) {}
        talk.answer(1).await?.is_spoken(model, RULE)?;
    }
    Ok(())
}

async fn what_was_said_elsewhere_is_taken(model: &dyn SpeechModel, trial: &Trial) -> Result<(), Broken> {
    const RULE: &str = "what was said elsewhere is taken";
    let mut talk = Talk::open(model, trial, RULE).await?;
    let call =
        ToolCall { id: "call_1".to_owned(), name: TOOL.to_owned(), arguments: json!({"text": "green"}) };
    for message in [
        Message::Agent { text: "Hello.".to_owned(), calls: Vec::new() },
        Message::Caller("Note green down.".to_owned()),
        Message::Agent { text: "One moment.".to_owned(), calls: vec![call] },
        Message::ToolResult {
            id: "call_1".to_owned(),
            name: TOOL.to_owned(),
            content: "done".to_owned(),
            is_error: false,
        },
        Message::Agent { text: "It is noted.".to_owned(), calls: Vec::new() },
    ] {
        talk.give(SpeechInput::Said(message)).await?;
    }
    talk.speak().await?;
    talk.give(SpeechInput::Unheard).await?;
    talk.give(SpeechInput::Said(Message::Caller("Thank you.".to_owned()))).await?;
    talk.ask(ToolChoice::Auto).await?;
    talk.answer(0).await?.is_spoken(model, RULE)
}

struct Talk<'a> {
    stream: SpeechStream,
    trial: &'a Trial,
    rule: &'static str,
    /// What came while something was given.
    came: VecDeque<SpeechEvent>,
}

#[derive(Default)]
struct Answer {
    words: String,
    audio: Vec<AudioFrame>,
    ended: bool,
    calls: Vec<ToolCall>,
    usage: Option<Usage>,
    finish: Finish,
}

impl<'a> Talk<'a> {
    async fn open(model: &dyn SpeechModel, trial: &'a Trial, rule: &'static str) -> Result<Self, Broken> {
        let request = request(trial);
        let opened = within(trial, model.open(request)).await.ok_or_else(|| broken(rule, "does not open"))?;
        let stream = opened.map_err(|error| broken(rule, error))?;
        Ok(Self { stream, trial, rule, came: VecDeque::new() })
    }

    async fn give(&mut self, input: SpeechInput) -> Result<(), Broken> {
        self.stream.input.send(input).await.map_err(|closed| broken(self.rule, closed))
    }

    /// A turn of the caller.
    async fn speak(&mut self) -> Result<(), Broken> {
        for frame in spoken(self.trial) {
            self.give(SpeechInput::Audio(frame)).await?;
            self.idle().await?;
        }
        self.give(SpeechInput::Turn).await
    }

    async fn ask(&mut self, tool_choice: ToolChoice) -> Result<(), Broken> {
        self.give(SpeechInput::Answer(asking(tool_choice))).await
    }

    /// Lets the stream work.
    async fn idle(&mut self) -> Result<(), Broken> {
        let (wait, rule) = ((self.trial.sleep)(Duration::from_millis(1)), self.rule);
        match futures::future::select(self.stream.events.next(), wait).await {
            futures::future::Either::Right(_) => Ok(()),
            futures::future::Either::Left((Some(Ok(event)), _)) => {
                self.came.push_back(event);
                Ok(())
            }
            futures::future::Either::Left((Some(Err(error)), _)) => Err(broken(rule, error)),
            futures::future::Either::Left((None, _)) => Err(broken(rule, "the stream ended")),
        }
    }

    async fn next(&mut self) -> Result<SpeechEvent, Broken> {
        if let Some(event) = self.came.pop_front() {
            return Ok(event);
        }
        let event = within(self.trial, self.stream.events.next()).await;
        match event.ok_or_else(|| broken(self.rule, "nothing comes"))? {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(broken(self.rule, error)),
            None => Err(broken(self.rule, "the stream ended")),
        }
    }

    async fn answer(&mut self, number: u32) -> Result<Answer, Broken> {
        let mut answer = Answer::default();
        loop {
            let event = self.next().await?;
            if event.answer != number {
                return Err(broken(self.rule, format!("answer {} in the place of {number}", event.answer)));
            }
            match event.given {
                SpeechGiven::Voiced(Voiced::Words(text)) => answer.words.push_str(&text),
                SpeechGiven::Voiced(Voiced::Audio(frame)) => answer.audio.push(frame),
                SpeechGiven::Voiced(Voiced::End) => answer.ended = true,
                SpeechGiven::ToolCall(call) => answer.calls.push(call),
                SpeechGiven::Usage(usage) => answer.usage = Some(usage),
                SpeechGiven::Finished(finish) => return Ok(Answer { finish, ..answer }),
            }
        }
    }
}

impl Answer {
    fn is_spoken(&self, model: &dyn SpeechModel, rule: &'static str) -> Result<(), Broken> {
        let rate_hz = model.info().rate_hz;
        if let Some(other) = self.audio.iter().find(|frame| frame.rate_hz != rate_hz) {
            return Err(broken(rule, format!("audio of {} Hz where {rate_hz} are promised", other.rate_hz)));
        }
        let sounds = self.audio.iter().any(|frame| frame.samples.iter().any(|s| s.unsigned_abs() > AUDIBLE));
        if self.words.trim().is_empty() || !sounds || !self.ended || self.finish != Finish::Stop {
            let (words, ended) = (self.words.len(), self.ended);
            let found = format!("{words} bytes of words, sound: {sounds}, end: {ended}, {:?}", self.finish);
            return Err(broken(rule, found));
        }
        Ok(())
    }
}

pub(super) fn request(trial: &Trial) -> SpeechRequest {
    SpeechRequest { session: SessionId::generate(), rate_hz: trial.rate_hz, voice: Voice::default() }
}

pub(super) fn asking(tool_choice: ToolChoice) -> SpeechAsk {
    let tool = ToolSpec {
        name: TOOL.to_owned(),
        description: "Notes a text down.".to_owned(),
        parameters: json!({
            "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"],
        }),
    };
    SpeechAsk {
        instructions: INSTRUCTIONS.into(),
        tools: Arc::new([tool]),
        tool_choice,
        max_tokens: Some(400),
    }
}

/// The trial's speech in frames.
pub(super) fn spoken(trial: &Trial) -> impl Iterator<Item = AudioFrame> {
    let mut at = MediaTime::ZERO;
    trial.speech.chunks((trial.rate_hz / 50).max(1) as usize).map(move |samples| {
        let frame = AudioFrame { samples: samples.to_vec(), rate_hz: trial.rate_hz, at };
        at = frame.end();
        frame
    })
}
