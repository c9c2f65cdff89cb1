//! A model that hears and speaks, over the realtime socket. The vendor's own judgement of turns is off: the caller's audio is committed
//! when the session says that a turn ended, an answer is asked for, and what of it was not heard is taken out of the model's memory.

use std::collections::VecDeque;
use std::time::Duration;

use domain::{AudioFrame, MediaTime, Voiced};
use providers_api::{
    ErrorKind, Finish, SpeechAsk, SpeechEvent, SpeechGiven, SpeechInput, SpeechRequest, Usage,
};
use providers_link::conversing::{self, Conversing, ConversingProtocol};
use providers_link::socket::Manners;
use providers_link::{Endpoint, Fault, Frame};

use crate::faults;
use crate::options::{ConversationOptions, Flavour, Options};
use crate::resample::Resampler;
use crate::wire::Complaint;
use crate::wire::conversation::{self as wire, Done, Told};
use crate::wire::socket::{self, RATE_HZ};

/// The vendor refuses to commit less than this, and it is no word.
const SHORTEST: Duration = Duration::from_millis(100);
/// Sessions end after 60 minutes.
const GOOD_FOR: Duration = Duration::from_secs(55 * 60);
/// Answers whose items are remembered: the caller hears the last, or the one before it.
const REMEMBERED: usize = 8;
/// A token of the model's voice, where the vendor has not counted.
const OUTPUT_TOKEN: Duration = Duration::from_millis(50);

/// A `SpeechModel` over sockets to the server of `options`.
#[must_use]
pub fn conversation(
    options: Options,
    conversation: ConversationOptions,
) -> Conversing<impl Fn(&SpeechRequest) -> ConversationProtocol + Send + Sync> {
    let name = match options.flavour {
        Flavour::OpenAi | Flavour::Charged { .. } => "openai",
        Flavour::Azure => "azure_openai",
        Flavour::Compatible => "openai_compatible",
    };
    let manners = Manners { refused: faults::handshake, closed: faults::closed, ..Manners::new(name) };
    let link = conversing::Options {
        manners,
        ready_within: Duration::from_millis(conversation.ready_within_ms),
        good_for: Some(GOOD_FOR),
    };
    let info = options.info(&conversation.model, RATE_HZ);
    Conversing::new(info, link, move |request| ConversationProtocol::new(&options, &conversation, request))
}

/// One conversation.
#[derive(Debug)]
pub struct ConversationProtocol {
    endpoint: Endpoint,
    session: String,
    ready: bool,
    rate_hz: u32,
    resampler: Resampler,
    /// Samples that the vendor's buffer holds.
    buffered: u64,
    /// What answers are made with, as the vendor knows it.
    manner: Option<SpeechAsk>,
    asked: u32,
    /// The vendor makes one answer at a time; these wait.
    waiting: VecDeque<(u32, SpeechAsk)>,
    /// The newest last; none but the last is under way.
    answers: VecDeque<Answer>,
}

#[derive(Debug, Default)]
struct Answer {
    number: u32,
    /// None until the vendor has named it.
    response: Option<String>,
    items: Vec<Item>,
    /// A passage has begun and not ended.
    speaking: bool,
    calls: Vec<String>,
    /// So much was heard, and no more is wanted.
    cut: Option<Duration>,
    done: bool,
}

/// A part of an answer that speaks.
#[derive(Debug)]
struct Item {
    id: String,
    samples: u64,
    /// The vendor knows what of it was heard.
    settled: bool,
}

impl ConversationProtocol {
    #[must_use]
    pub fn new(options: &Options, conversation: &ConversationOptions, request: &SpeechRequest) -> Self {
        let rate_hz = request.rate_hz.max(1);
        Self {
            endpoint: options.conversation(&conversation.model),
            session: wire::session(conversation, &request.voice),
            ready: false,
            rate_hz,
            resampler: Resampler::new(rate_hz, RATE_HZ),
            buffered: 0,
            manner: None,
            asked: 0,
            waiting: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }

    fn audio(&mut self, frame: &AudioFrame, out: &mut Vec<Frame>) {
        let samples = self.resampler.push(&frame.samples);
        if !samples.is_empty() {
            self.buffered += samples.len() as u64;
            out.push(Frame::Text(socket::append(&samples)));
        }
    }

    fn turn(&mut self, out: &mut Vec<Frame>) {
        if length(self.buffered) >= SHORTEST {
            out.push(Frame::Text(socket::commit()));
            self.empty();
        } else {
            self.unheard(out);
        }
    }

    fn unheard(&mut self, out: &mut Vec<Frame>) {
        if self.buffered > 0 {
            out.push(Frame::Text(socket::clear()));
        }
        self.empty();
    }

    fn empty(&mut self) {
        self.buffered = 0;
        self.resampler = Resampler::new(self.rate_hz, RATE_HZ);
    }

    /// Asks for the next answer that waits, unless one is under way.
    fn ask(&mut self, out: &mut Vec<Frame>) {
        if self.answers.back().is_some_and(|answer| !answer.done) {
            return;
        }
        let Some((number, ask)) = self.waiting.pop_front() else { return };
        let knows = |manner: &SpeechAsk| manner.instructions == ask.instructions && manner.tools == ask.tools;
        if !self.manner.as_ref().is_some_and(knows) {
            out.push(Frame::Text(wire::manner(&ask.instructions, &ask.tools)));
        }
        out.push(Frame::Text(wire::ask(&event_id(number), &ask)));
        self.manner = Some(ask);
        self.answers.push_back(Answer { number, ..Answer::default() });
        if self.answers.len() > REMEMBERED {
            self.answers.pop_front();
        }
    }

    /// What was not heard was not said.
    fn heard(&mut self, number: u32, heard: Duration, out: &mut Vec<Frame>, events: &mut Vec<SpeechEvent>) {
        if let Some(place) = self.waiting.iter().position(|(waiting, _)| *waiting == number) {
            self.waiting.remove(place);
            events.push(SpeechEvent { answer: number, given: SpeechGiven::Finished(Finish::Stop) });
            return;
        }
        let Some(answer) = self.answers.iter_mut().find(|answer| answer.number == number) else { return };
        if answer.cut.replace(heard).is_some() {
            return;
        }
        if !answer.done
            && let Some(response) = &answer.response
        {
            out.push(Frame::Text(wire::cancel(response)));
        }
        if answer.done || answer.response.is_some() {
            answer.forget(out);
        }
    }

    /// The answer that a message belongs to: by its name, else the one under way.
    fn answer(&mut self, response: &str) -> Option<&mut Answer> {
        let known = self.answers.iter().rposition(|answer| answer.response.as_deref() == Some(response));
        match known {
            Some(place) => self.answers.get_mut(place),
            None => self.answers.back_mut().filter(|answer| !answer.done && answer.response.is_none()),
        }
    }

    fn begun(&mut self, response: String, out: &mut Vec<Frame>) {
        let Some(answer) = self.answer(&response) else { return };
        if answer.cut.is_some() {
            out.push(Frame::Text(wire::cancel(&response)));
        }
        answer.response = Some(response);
    }

    fn done(
        &mut self,
        response: &str,
        how: Done,
        usage: Option<Usage>,
        out: &mut Vec<Frame>,
        events: &mut Vec<SpeechEvent>,
    ) -> Result<(), Fault> {
        let Some(answer) = self.answer(response) else { return Ok(()) };
        answer.done = true;
        let usage = usage.or_else(|| answer.estimated());
        events.extend(usage.map(|usage| answer.gives(SpeechGiven::Usage(usage))));
        if answer.cut.is_some() {
            answer.forget(out); // of what came since
        }
        let finish = match how {
            Done::Failed(complaint) if answer.cut.is_none() => return Err(faults::midway(&complaint)),
            Done::Completed if !answer.calls.is_empty() => Finish::ToolCalls,
            Done::Completed | Done::Cancelled | Done::Failed(_) => Finish::Stop,
            Done::Length => Finish::Length,
            Done::Refused => Finish::Refused,
        };
        events.extend(answer.end_passage());
        events.push(answer.gives(SpeechGiven::Finished(finish)));
        self.ask(out);
        Ok(())
    }

    fn complained(&self, about: &str, complaint: &Complaint) -> Result<(), Fault> {
        let fault = faults::midway(complaint);
        let current = self.answers.back().filter(|answer| !answer.done);
        let of_answer = current.is_some_and(|answer| about == event_id(answer.number));
        let is_wrong = complaint.class == "invalid_request_error" || fault.kind == ErrorKind::Rejected;
        if self.ready && is_wrong && !of_answer && complaint.code != "session_expired" {
            // What was to be taken back was gone already, or less was said than we thought: the talk goes on.
            tracing::debug!(code = complaint.code, "the vendor refused a message of a conversation");
            return Ok(());
        }
        let closed = fault.kind == ErrorKind::Closed && is_wrong;
        Err(if closed { Fault { kind: ErrorKind::Rejected, ..fault } } else { fault })
    }
}

impl ConversingProtocol for ConversationProtocol {
    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    fn opening(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::Text(self.session.clone()));
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn take(&mut self, input: SpeechInput, out: &mut Vec<Frame>, events: &mut Vec<SpeechEvent>) {
        match input {
            SpeechInput::Audio(frame) => self.audio(&frame, out),
            SpeechInput::Turn => self.turn(out),
            SpeechInput::Unheard => self.unheard(out),
            SpeechInput::Said(message) => out.extend(wire::items(&message).into_iter().map(Frame::Text)),
            SpeechInput::Answer(ask) => {
                self.waiting.push_back((self.asked, ask));
                self.asked += 1;
                self.ask(out);
            }
            SpeechInput::Heard { answer, heard } => self.heard(answer, heard, out, events),
        }
    }

    fn received(
        &mut self,
        frame: Frame,
        out: &mut Vec<Frame>,
        events: &mut Vec<SpeechEvent>,
    ) -> Result<(), Fault> {
        let Frame::Text(text) = frame else { return Err(Fault::protocol("a message of bytes")) };
        match wire::told(&text)? {
            Told::Ready => self.ready = true,
            Told::Begun { response } => self.begun(response, out),
            Told::Item { response, item, speaks: true } => {
                if let Some(answer) = self.answer(&response) {
                    answer.sounded(item, 0);
                }
            }
            Told::Words { response, text } => {
                if let Some(answer) = self.answer(&response).filter(|answer| answer.cut.is_none()) {
                    answer.speaking = true;
                    events.push(answer.gives(SpeechGiven::Voiced(Voiced::Words(text))));
                }
            }
            Told::Audio { response, item, samples } => {
                let Some(answer) = self.answer(&response) else { return Ok(()) };
                answer.sounded(item, samples.len());
                if answer.cut.is_none() {
                    answer.speaking = true;
                    let frame = AudioFrame { samples, rate_hz: RATE_HZ, at: MediaTime::ZERO };
                    events.push(answer.gives(SpeechGiven::Voiced(Voiced::Audio(frame))));
                }
            }
            Told::ItemDone { response, .. } => {
                if let Some(answer) = self.answer(&response) {
                    events.extend(answer.end_passage());
                }
            }
            Told::Call { response, call } => {
                let Some(answer) = self.answer(&response) else { return Ok(()) };
                if answer.cut.is_none() && !answer.calls.contains(&call.id) {
                    answer.calls.push(call.id.clone());
                    events.extend(answer.end_passage());
                    events.push(answer.gives(SpeechGiven::ToolCall(call)));
                }
            }
            Told::Done { response, how, usage } => self.done(&response, how, usage, out, events)?,
            Told::Complaint { about, complaint } => self.complained(&about, &complaint)?,
            Told::Item { .. } | Told::Other => {}
        }
        Ok(())
    }

    fn broken(&mut self, events: &mut Vec<SpeechEvent>) {
        if let Some(answer) = self.answers.back().filter(|answer| !answer.done) {
            events.extend(answer.estimated().map(|usage| answer.gives(SpeechGiven::Usage(usage))));
        }
    }
}

impl Answer {
    const fn gives(&self, given: SpeechGiven) -> SpeechEvent {
        SpeechEvent { answer: self.number, given }
    }

    fn sounded(&mut self, item: String, samples: usize) {
        let samples = samples as u64;
        match self.items.iter_mut().find(|known| known.id == item) {
            Some(known) => known.samples += samples,
            None => self.items.push(Item { id: item, samples, settled: false }),
        }
    }

    fn end_passage(&mut self) -> Option<SpeechEvent> {
        let ends = std::mem::take(&mut self.speaking) && self.cut.is_none();
        ends.then(|| self.gives(SpeechGiven::Voiced(Voiced::End)))
    }

    /// Takes out of the model's memory what was not heard. An item without a sound that was heard goes with its words.
    fn forget(&mut self, out: &mut Vec<Frame>) {
        let Some(mut heard) = self.cut else { return };
        for item in self.items.iter_mut().filter(|item| !item.settled) {
            let all = length(item.samples);
            let part = heard.min(all);
            heard -= part;
            item.settled = true;
            if part.is_zero() {
                out.push(Frame::Text(wire::delete(&item.id)));
            } else if part < all || !self.done {
                let ms = u64::try_from(part.as_millis()).unwrap_or(u64::MAX);
                out.push(Frame::Text(wire::truncate(&item.id, ms)));
            }
        }
        self.cut = Some(Duration::ZERO);
    }

    /// What was used at least, where the vendor does not say.
    fn estimated(&self) -> Option<Usage> {
        let given: u64 = self.items.iter().map(|item| item.samples).sum();
        let tokens = length(given).as_millis().div_ceil(OUTPUT_TOKEN.as_millis());
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
        (tokens > 0).then(|| Usage {
            output_tokens: tokens,
            audio_output_tokens: tokens,
            estimated: true,
            ..Usage::default()
        })
    }
}

fn event_id(number: u32) -> String {
    format!("answer_{number}")
}

fn length(samples: u64) -> Duration {
    MediaTime::from_samples(samples, RATE_HZ).as_duration()
}
