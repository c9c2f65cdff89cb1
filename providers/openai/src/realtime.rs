//! Recognition over the realtime socket, in the session that transcribes alone. The vendor's own judgement of turns is off: a turn ends when
//! we commit what we sent. Words come after that, with most models; with those that tell them while they are said, partials too.

use std::collections::VecDeque;
use std::time::Duration;

use providers_api::{ErrorKind, SttRequest};
use providers_link::hearing::{self, Hearing, HearingProtocol};
use providers_link::socket::Manners;
use providers_link::{Endpoint, Fault, Frame, Heard, Piece};

use crate::level::Gate;
use crate::options::{Flavour, Options, RealtimeOptions};
use crate::resample::Resampler;
use crate::wire::Complaint;
use crate::wire::socket::{self as wire, RATE_HZ, Told};
use crate::{faults, transcribe};

/// The vendor refuses to commit less than this, and it is no word.
const SHORTEST: Duration = Duration::from_millis(100);
/// Less sound than this is a click.
const LEAST_SOUND: Duration = Duration::from_millis(60);
/// Sessions end after 60 minutes.
const ROTATE_AFTER: Duration = Duration::from_secs(55 * 60);
/// What our sessions give.
const GIVEN_HZ: u32 = 16_000;

/// An `Stt` over sockets to the server of `options`.
#[must_use]
pub fn realtime(
    options: Options,
    realtime: RealtimeOptions,
) -> Hearing<impl Fn(&SttRequest) -> RealtimeProtocol + Send + Sync> {
    let name = match options.flavour {
        Flavour::OpenAi | Flavour::Charged { .. } => "openai",
        Flavour::Azure => "azure_openai",
        Flavour::Compatible => "openai_compatible",
    };
    let manners = Manners {
        rotate_after: Some(ROTATE_AFTER),
        refused: faults::handshake,
        closed: faults::closed,
        ..Manners::new(name)
    };
    let hearing = hearing::Options {
        waits_for_ready: true,
        finalize_within: Duration::from_millis(realtime.finalize_within_ms),
        ..hearing::Options::new(manners)
    };
    let info = options.info(&realtime.model, GIVEN_HZ);
    Hearing::new(info, hearing, move |request| RealtimeProtocol::new(&options, &realtime, request))
}

/// One stream of recognition, over one connection after the other.
#[derive(Debug)]
pub struct RealtimeProtocol {
    endpoint: Endpoint,
    session: String,
    rate_hz: u32,
    loud_dbfs: f32,
    connection: Connection,
}

/// What ends with a connection.
#[derive(Debug)]
struct Connection {
    resampler: Resampler,
    gate: Gate,
    /// Samples given to this connection, and loud ones since the last commit.
    given: u64,
    sound: u64,
    /// Committed and not transcribed yet, in order; the last is what is being said.
    items: VecDeque<Item>,
}

#[derive(Debug, Default)]
struct Item {
    /// None until the vendor has named it.
    id: Option<String>,
    from: Duration,
    to: Duration,
    text: String,
    committed: bool,
    done: bool,
}

impl RealtimeProtocol {
    #[must_use]
    pub fn new(options: &Options, realtime: &RealtimeOptions, request: &SttRequest) -> Self {
        let keywords = request.keywords.join(", ");
        let prompt = [realtime.prompt.as_str(), &keywords].into_iter().filter(|part| !part.is_empty());
        let prompt = prompt.collect::<Vec<_>>().join("\n");
        let language = request.language.as_ref().map(transcribe::primary);
        let rate_hz = request.rate_hz.max(1);
        Self {
            endpoint: options.socket(realtime.model_in_url.then_some(realtime.model.as_str())),
            session: wire::session(realtime, language.as_deref(), &prompt),
            rate_hz,
            loud_dbfs: realtime.loud_dbfs,
            connection: Connection::new(rate_hz, realtime.loud_dbfs),
        }
    }

    fn length(&self, samples: u64) -> Duration {
        Duration::from_nanos(samples * 1_000_000_000 / u64::from(self.rate_hz))
    }

    /// Whether what was said since the last commit is worth committing.
    fn is_speech(&self) -> bool {
        let from = self.connection.items.back().map_or(Duration::ZERO, |item| item.from);
        let long = self.length(self.connection.given).saturating_sub(from) >= SHORTEST;
        long && self.length(self.connection.sound) >= LEAST_SOUND
    }

    fn commit(&mut self, out: &mut Vec<Frame>) {
        let end = self.length(self.connection.given);
        if let Some(item) = self.connection.items.back_mut() {
            (item.to, item.committed) = (end, true);
        }
        self.begin(end);
        out.push(Frame::Text(wire::commit()));
    }

    fn begin(&mut self, from: Duration) {
        self.connection.sound = 0;
        self.connection.items.push_back(Item { from, ..Item::default() });
    }
}

impl HearingProtocol for RealtimeProtocol {
    fn connect(&mut self) -> Endpoint {
        self.connection = Connection::new(self.rate_hz, self.loud_dbfs);
        self.endpoint.clone()
    }

    fn opening(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::Text(self.session.clone()));
    }

    fn audio(&mut self, samples: &[i16], out: &mut Vec<Frame>) {
        let connection = &mut self.connection;
        connection.given += samples.len() as u64;
        for frame in samples.chunks((self.rate_hz / 50).max(1) as usize) {
            if connection.gate.is_loud(frame) {
                connection.sound += frame.len() as u64;
            }
        }
        let samples = connection.resampler.push(samples);
        if !samples.is_empty() {
            out.push(Frame::Text(wire::append(&samples)));
        }
    }

    /// What holds no speech is cleared away, which is answered at once: models write sentences for silence.
    fn finalize(&mut self, out: &mut Vec<Frame>) {
        if self.is_speech() {
            self.commit(out);
        } else {
            let end = self.length(self.connection.given);
            self.connection.clear(end);
            out.push(Frame::Text(wire::clear()));
        }
    }

    fn closing(&mut self, out: &mut Vec<Frame>) {
        if self.is_speech() {
            self.commit(out);
        }
    }

    fn received(&mut self, frame: Frame, heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let Frame::Text(text) = frame else { return Err(Fault::protocol("a message of bytes")) };
        match wire::told(&text)? {
            Told::Ready => heard.push(Heard::Ready),
            Told::Committed { item } => self.connection.name(&item),
            Told::Cleared => heard.push(Heard::Finalized),
            Told::Delta { item, text } => {
                if let Some(item) = self.connection.item(&item) {
                    item.text.push_str(&text);
                    let end = self.length(self.connection.given);
                    heard.extend(self.connection.partial(end).map(Heard::Partial));
                }
            }
            Told::Completed { item, text, usage } => {
                let Some(item) = self.connection.item(&item) else { return Ok(()) };
                (item.text, item.done) = (text, true);
                let length = item.to.saturating_sub(item.from);
                heard.extend(usage.map(|mut usage| {
                    if usage.audio_in.is_zero() {
                        usage.audio_in = length; // the vendor counted tokens
                    }
                    Heard::Usage(usage)
                }));
                self.connection.settle(heard);
            }
            Told::Failed { item, complaint } if is_unintelligible(&complaint) => {
                let Some(item) = self.connection.item(&item) else { return Ok(()) };
                (item.text, item.done) = (String::new(), true);
                self.connection.settle(heard);
            }
            // The connection is given up and the audio heard again on the next, where that may help.
            Told::Failed { complaint, .. } => return Err(faults::midway(&complaint)),
            Told::NothingToCommit => {
                if let Some(item) =
                    self.connection.items.iter_mut().find(|item| item.committed && item.id.is_none())
                {
                    item.done = true;
                    self.connection.settle(heard);
                }
            }
            Told::Error(complaint) => return Err(fatal(&complaint)),
            Told::Other => {}
        }
        Ok(())
    }
}

impl Connection {
    fn new(rate_hz: u32, loud_dbfs: f32) -> Self {
        Self {
            resampler: Resampler::new(rate_hz, RATE_HZ),
            gate: Gate::new(loud_dbfs),
            given: 0,
            sound: 0,
            items: VecDeque::from([Item::default()]),
        }
    }

    /// Nothing is being said, up to here.
    fn clear(&mut self, end: Duration) {
        self.sound = 0;
        if let Some(item) = self.items.back_mut() {
            *item = Item { from: end, ..Item::default() };
        }
    }

    /// The vendor has taken a commit and names it.
    fn name(&mut self, id: &str) {
        if self.items.iter().any(|item| item.id.as_deref() == Some(id)) {
            return;
        }
        if let Some(item) = self.items.iter_mut().find(|item| item.committed && item.id.is_none()) {
            item.id = Some(id.to_owned());
        }
    }

    /// The item of that name; a new name is that of the first without one. None: of something that is over.
    fn item(&mut self, id: &str) -> Option<&mut Item> {
        let known = self.items.iter().position(|item| item.id.as_deref() == Some(id));
        let place = known.or_else(|| self.items.iter().position(|item| item.id.is_none() && !item.done))?;
        let item = &mut self.items[place];
        item.id.get_or_insert_with(|| id.to_owned());
        Some(item)
    }

    /// Everything that has not settled.
    fn partial(&self, end: Duration) -> Option<Piece> {
        let texts: Vec<&str> =
            self.items.iter().map(|item| item.text.trim()).filter(|text| !text.is_empty()).collect();
        let from = self.items.front()?.from;
        (!texts.is_empty()).then(|| Piece { text: texts.join(" "), from, to: end, ..Piece::default() })
    }

    /// Items complete in any order and settle in that in which they were said.
    fn settle(&mut self, heard: &mut Vec<Heard>) {
        while self.items.front().is_some_and(|item| item.done && item.committed) {
            let Some(item) = self.items.pop_front() else { return };
            let text = item.text.trim().to_owned();
            heard.push(Heard::Settled(Piece { text, from: item.from, to: item.to, ..Piece::default() }));
            heard.push(Heard::Finalized);
        }
    }
}

fn is_unintelligible(complaint: &Complaint) -> bool {
    complaint.code == "audio_unintelligible"
}

/// An error that concerns no item. Those of a request that is wrong would come again on a new connection.
fn fatal(complaint: &Complaint) -> Fault {
    let fault = faults::midway(complaint);
    let is_ours = complaint.class == "invalid_request_error" && fault.kind == ErrorKind::Closed;
    let expired = complaint.code == "session_expired";
    if is_ours && !expired { Fault { kind: ErrorKind::Rejected, ..fault } } else { fault }
}

#[cfg(test)]
mod tests;
