//! Calls of methods between participants: a request, its acknowledgement and its response, as packets on the reliable channel; requests and
//! answers as streams of text, of any length, between those who both know them. What waits and for how long is decided without I/O; nobody
//! may call a method of ours, since there is none.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::text::{Label, Reader, Writer};
use crate::wire::{Data, DataPacket, RpcAck, RpcError, RpcRequest, RpcResponse, RpcResult, StreamHeader};

/// Of packets.
const VERSION: u32 = 1;
/// Of streams of text.
const STREAM_VERSION: &str = "2";
/// What a client says of itself that reads and writes requests and answers as streams. We do; those of a later number may be compressed,
/// which we do not read.
pub(crate) const CLIENT_PROTOCOL: i32 = 1;
/// Longest payload in a packet, either way, in bytes, by the protocol.
const LONGEST_PACKET: usize = 15 * 1024;
/// Longest payload by a stream. The protocol has no bound; a model that is to read more than that has lost the thread.
pub const LONGEST_PAYLOAD: usize = 256 * 1024;
/// Topics and attributes of streams.
const REQUEST: &str = "lk.rpc_request";
const RESPONSE: &str = "lk.rpc_response";
const ID: &str = "lk.rpc_request_id";
const METHOD: &str = "lk.rpc_request_method";
const TIMEOUT_MS: &str = "lk.rpc_request_response_timeout_ms";
const VERSION_OF: &str = "lk.rpc_request_version";
/// A page that takes a request says so at once. One that has not by then does not know the request.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(2);
/// Requests under way at once. One more is refused.
const MOST_OPEN: usize = 16;
/// Longest text of an error that is kept, in characters.
const LONGEST_ERROR: usize = 500;
/// Requests that the participant has not taken. When full whoever calls waits.
pub(crate) const ASKS: usize = 8;

/// The protocol's numbers.
mod code {
    pub(super) const UNSUPPORTED_METHOD: u32 = 1400;
    pub(super) const APPLICATION_ERROR: u32 = 1500;
    pub(super) const RECIPIENT_NOT_FOUND: u32 = 1401;
    pub(super) const REQUEST_TOO_LARGE: u32 = 1402;
    pub(super) const UNSUPPORTED_VERSION: u32 = 1404;
    pub(super) const CONNECTION_TIMEOUT: u32 = 1501;
    pub(super) const RESPONSE_TIMEOUT: u32 = 1502;
    pub(super) const RECIPIENT_DISCONNECTED: u32 = 1503;
    pub(super) const RESPONSE_TOO_LARGE: u32 = 1504;
    pub(super) const SEND_FAILED: u32 = 1505;
}

/// Why a method of a participant gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    #[error("the page has no method of this name")]
    NoMethod,
    #[error("nobody is there who could be asked")]
    Nobody,
    #[error(
        "what is sent or answered is longer than {LONGEST_PAYLOAD} bytes, or {LONGEST_PACKET} where the page's client is older"
    )]
    TooLarge,
    #[error("the page did not take the request within {ACKNOWLEDGED_WITHIN:?}")]
    NotTaken,
    #[error("the page took the request and did not answer within {0:?}")]
    NoAnswer(Duration),
    #[error("the page was left before it answered")]
    Left,
    #[error("too many requests are under way, or the room is being left")]
    NotSent,
    /// What the method itself says, by a number of its own.
    #[error("the method failed with {code}: {message}")]
    Method { code: u32, message: String },
}

impl Failed {
    fn of(error: RpcError, within: Duration) -> Self {
        match error.code {
            code::UNSUPPORTED_METHOD | code::UNSUPPORTED_VERSION => Self::NoMethod,
            code::RECIPIENT_NOT_FOUND => Self::Nobody,
            code::REQUEST_TOO_LARGE | code::RESPONSE_TOO_LARGE => Self::TooLarge,
            code::CONNECTION_TIMEOUT => Self::NotTaken,
            code::RESPONSE_TIMEOUT => Self::NoAnswer(within),
            code::RECIPIENT_DISCONNECTED => Self::Left,
            code::SEND_FAILED => Self::NotSent,
            code => Self::Method { code, message: error.message.chars().take(LONGEST_ERROR).collect() },
        }
    }
}

/// A method of the caller's page that somebody wants called.
#[derive(Debug)]
pub(crate) struct Ask {
    method: String,
    payload: String,
    within: Duration,
    answer: oneshot::Sender<Result<String, Failed>>,
}

/// Calls methods of the caller's page. Cheap to clone; good as long as the visit.
#[derive(Debug, Clone)]
pub struct Rpc(mpsc::Sender<Ask>);

impl Rpc {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Ask>) {
        let (sender, asks) = mpsc::channel(ASKS);
        (Self(sender), asks)
    }

    /// What the method answers. Dropping it does not call the request back.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn call(&self, method: &str, payload: String, within: Duration) -> Result<String, Failed> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { method: method.to_owned(), payload, within, answer };
        self.0.send(ask).await.map_err(|_| Failed::NotSent)?;
        answered.await.unwrap_or(Err(Failed::NotSent))
    }
}

/// Requests under way.
#[derive(Debug)]
pub(crate) struct Calls {
    open: Vec<Open>,
    /// Answers that come as streams.
    answers: Reader,
}

impl Default for Calls {
    fn default() -> Self {
        Self { open: Vec::new(), answers: Reader::of_texts(LONGEST_PAYLOAD) }
    }
}

/// Who is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct To<'a> {
    pub(crate) identity: &'a str,
    /// It reads streams, and answers by them.
    pub(crate) streams: bool,
}

#[derive(Debug)]
struct Open {
    id: String,
    /// Who was asked.
    to: String,
    within: Duration,
    /// While it is not acknowledged.
    take_by: Option<Instant>,
    answer_by: Instant,
    answer: oneshot::Sender<Result<String, Failed>>,
}

impl Calls {
    /// The packets that ask `to`; none where it cannot be asked, which whoever asks is told.
    pub(crate) fn ask(
        &mut self,
        ask: Ask,
        to: Option<To<'_>>,
        writer: &mut Writer,
        (now, now_ms): (Instant, i64),
    ) -> Vec<DataPacket> {
        let Ask { method, payload, within, answer } = ask;
        let To { identity: to, streams } = match self.whom(to, &payload) {
            Ok(to) => to,
            Err(why) => {
                tell(answer, Err(why));
                return Vec::new();
            }
        };
        let id = format!("{:032x}", rand::random::<u128>());
        self.open.push(Open {
            id: id.clone(),
            to: to.to_owned(),
            within,
            take_by: Some(now + ACKNOWLEDGED_WITHIN.min(within)),
            answer_by: now + within,
            answer,
        });
        let response_timeout_ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
        if !streams {
            let request = RpcRequest { id, method, payload, response_timeout_ms, version: VERSION };
            return vec![packet(to, Data::RpcRequest(request))];
        }
        let timeout = response_timeout_ms.to_string();
        let attributes =
            [(ID, id.as_str()), (METHOD, &method), (TIMEOUT_MS, &timeout), (VERSION_OF, STREAM_VERSION)];
        let label = Label { sender: "", topic: REQUEST, attributes: &attributes };
        let mut packets = writer.whole(label, &payload, now_ms);
        for packet in &mut packets {
            packet.destination_identities = vec![to.to_owned()];
        }
        packets
    }

    fn whom<'a>(&self, to: Option<To<'a>>, payload: &str) -> Result<To<'a>, Failed> {
        let to = to.ok_or(Failed::Nobody)?;
        if payload.len() > if to.streams { LONGEST_PAYLOAD } else { LONGEST_PACKET } {
            return Err(Failed::TooLarge);
        }
        if self.open.len() >= MOST_OPEN { Err(Failed::NotSent) } else { Ok(to) }
    }

    /// What a participant says of calls; the packets to answer with. `None`: it says something else.
    pub(crate) fn heard(&mut self, sender: &str, value: &Data) -> Option<Vec<DataPacket>> {
        Some(match value {
            Data::RpcRequest(request) => refused(sender, request),
            Data::RpcAck(ack) => {
                if let Some(open) = self.find(sender, &ack.request_id) {
                    open.take_by = None;
                }
                Vec::new()
            }
            Data::RpcResponse(response) => {
                self.answered(sender, response.clone());
                Vec::new()
            }
            Data::StreamHeader(header) if header.topic == REQUEST => refused_stream(sender, header),
            Data::StreamHeader(header) if header.topic == RESPONSE => {
                self.answer_begins(sender, header, value);
                Vec::new()
            }
            Data::StreamChunk(chunk) if self.answers.reads(&chunk.stream_id) => {
                self.answer_goes_on(sender, value);
                Vec::new()
            }
            Data::StreamTrailer(trailer) if self.answers.reads(&trailer.stream_id) => {
                self.answer_goes_on(sender, value);
                Vec::new()
            }
            _ => return None,
        })
    }

    /// Nobody's answer is taken in that was not asked for.
    fn answer_begins(&mut self, sender: &str, header: &StreamHeader, value: &Data) {
        let id = header.attributes.get(ID);
        let Some(open) = id.and_then(|id| self.find(sender, id)) else { return };
        open.take_by = None;
        self.answer_goes_on(sender, value);
    }

    fn answer_goes_on(&mut self, sender: &str, value: &Data) {
        let whole = self.answers.read(sender, value, &[RESPONSE]);
        let (attributes, result) = match (whole, self.answers.take_overlong()) {
            (Some(text), _) => (text.attributes, Ok(text.text)),
            (None, Some(attributes)) => (attributes, Err(Failed::TooLarge)),
            (None, None) => return,
        };
        if let Some(id) = attributes.get(ID) {
            self.done(sender, id, |_| result);
        }
    }

    /// This participant is gone, with everything it was asked.
    pub(crate) fn left(&mut self, identity: &str) {
        self.give_up(|open| (open.to == identity).then_some(Failed::Left));
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.open.iter().map(|open| open.take_by.unwrap_or(open.answer_by)).min()
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        self.give_up(|open| match open.take_by {
            Some(by) if now >= by => Some(Failed::NotTaken),
            None if now >= open.answer_by => Some(Failed::NoAnswer(open.within)),
            _ => None,
        });
    }

    fn find(&mut self, sender: &str, id: &str) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.id == id && open.to == sender)
    }

    fn answered(&mut self, sender: &str, response: RpcResponse) {
        self.done(sender, &response.request_id, |within| match response.result {
            Some(RpcResult::Payload(payload)) if payload.len() <= LONGEST_PACKET => Ok(payload),
            Some(RpcResult::Payload(_)) => Err(Failed::TooLarge),
            Some(RpcResult::Error(error)) => Err(Failed::of(error, within)),
            // Compressed, which nobody who knows what we speak sends.
            None => Err(Failed::NoMethod),
        });
    }

    fn done(&mut self, sender: &str, id: &str, result: impl FnOnce(Duration) -> Result<String, Failed>) {
        let known = self.open.iter().position(|open| open.id == id && open.to == sender);
        let Some(at) = known else { return };
        let Open { answer, within, .. } = self.open.swap_remove(at);
        tell(answer, result(within));
    }

    fn give_up(&mut self, why: impl Fn(&Open) -> Option<Failed>) {
        for at in (0..self.open.len()).rev() {
            if let Some(failed) = why(&self.open[at]) {
                tell(self.open.swap_remove(at).answer, Err(failed));
            }
        }
    }
}

/// Whoever asked may have gone.
fn tell(answer: oneshot::Sender<Result<String, Failed>>, result: Result<String, Failed>) {
    let _gone = answer.send(result);
}

/// A request of somebody else: taken note of, so that nobody waits, and refused.
fn refused(sender: &str, request: &RpcRequest) -> Vec<DataPacket> {
    let why = if request.version == VERSION { NO_METHOD } else { NO_VERSION };
    refusal(sender, &request.id, why)
}

/// One that comes as a stream: its head says enough. Without an id nobody could be told.
fn refused_stream(sender: &str, header: &StreamHeader) -> Vec<DataPacket> {
    let attribute = |name| header.attributes.get(name).map(String::as_str).unwrap_or_default();
    let number = |name| attribute(name).parse::<u32>().is_ok();
    let why = match attribute(ID) {
        "" => return Vec::new(),
        _ if attribute(METHOD).is_empty() || !number(TIMEOUT_MS) || !number(VERSION_OF) => MALFORMED,
        _ if attribute(VERSION_OF) != STREAM_VERSION => NO_VERSION,
        _ => NO_METHOD,
    };
    refusal(sender, attribute(ID), why)
}

const NO_METHOD: (u32, &str) = (code::UNSUPPORTED_METHOD, "Method not supported at destination");
const NO_VERSION: (u32, &str) = (code::UNSUPPORTED_VERSION, "Unsupported RPC version");
const MALFORMED: (u32, &str) = (code::APPLICATION_ERROR, "RPC data stream malformed");

fn refusal(sender: &str, id: &str, (code, message): (u32, &str)) -> Vec<DataPacket> {
    let error = RpcError { code, message: message.to_owned(), data: String::new() };
    let request_id = id.to_owned();
    let response = RpcResponse { request_id: request_id.clone(), result: Some(RpcResult::Error(error)) };
    vec![packet(sender, Data::RpcAck(RpcAck { request_id })), packet(sender, Data::RpcResponse(response))]
}

fn packet(to: &str, value: Data) -> DataPacket {
    DataPacket {
        participant_identity: String::new(),
        destination_identities: vec![to.to_owned()],
        value: Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(8);

    fn begun() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn ask(payload: &str) -> (Ask, oneshot::Receiver<Result<String, Failed>>) {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { method: "show".to_owned(), payload: payload.to_owned(), within: WITHIN, answer };
        (ask, answered)
    }

    /// Calls of Ann, and the writer of her streams.
    struct Page {
        calls: Calls,
        writer: Writer,
        streams: bool,
        /// Of the last request.
        id: String,
    }

    impl Page {
        fn new(streams: bool) -> Self {
            Self { calls: Calls::default(), writer: Writer::new("x"), streams, id: String::new() }
        }

        fn send(&mut self, ask: Ask, now: Instant) -> Vec<DataPacket> {
            let to = To { identity: "ann", streams: self.streams };
            let packets = self.calls.ask(ask, Some(to), &mut self.writer, (now, 7));
            if let Some(open) = self.calls.open.last() {
                self.id.clone_from(&open.id);
            }
            packets
        }

        fn asked(&mut self, now: Instant) -> oneshot::Receiver<Result<String, Failed>> {
            let (ask, answered) = ask("{}");
            assert!(!self.send(ask, now).is_empty());
            answered
        }

        fn says(&mut self, sender: &str, value: Data) {
            assert_eq!(self.calls.heard(sender, &value), Some(Vec::new()));
        }

        fn ack(&self) -> Data {
            Data::RpcAck(RpcAck { request_id: self.id.clone() })
        }

        fn response(&self, result: RpcResult) -> Data {
            Data::RpcResponse(RpcResponse { request_id: self.id.clone(), result: Some(result) })
        }

        fn error(&self, code: u32) -> Data {
            let error = RpcError { code, message: "why".to_owned(), data: String::new() };
            self.response(RpcResult::Error(error))
        }

        /// What it answers by a stream.
        fn streamed(&mut self, text: &str) -> Vec<Data> {
            let id = self.id.clone();
            let label = Label { sender: "", topic: RESPONSE, attributes: &[(ID, &id)] };
            let packets = Writer::new("ann").whole(label, text, 7);
            packets.into_iter().filter_map(|packet| packet.value).collect()
        }
    }

    #[test]
    fn a_method_is_asked_of_the_caller_and_its_answer_comes_back() {
        let (now, mut page) = (begun(), Page::new(false));
        let (ask, mut answered) = ask("{\"a\":1}");
        let packets = page.send(ask, now);
        let [packet] = packets.as_slice() else { unreachable!("one packet") };
        assert_eq!(packet.destination_identities, ["ann"]);
        let Some(Data::RpcRequest(request)) = &packet.value else { unreachable!("a request") };
        assert_eq!(
            (request.method.as_str(), request.payload.as_str(), request.version),
            ("show", "{\"a\":1}", 1)
        );
        assert_eq!(request.response_timeout_ms, 8_000);
        let done = page.response(RpcResult::Payload("done".to_owned()));
        page.says("eve", done.clone());
        assert!(answered.try_recv().is_err(), "nobody else answers");
        page.says("ann", page.ack());
        page.says("ann", done);
        assert_eq!(answered.try_recv(), Ok(Ok("done".to_owned())));
        assert_eq!(page.calls.due(), None);
    }

    #[test]
    fn who_knows_streams_is_asked_and_answers_by_them_whatever_the_length() {
        let (now, mut page) = (begun(), Page::new(true));
        let long = "x".repeat(40_000);
        let (ask, mut answered) = ask(&long);
        let packets = page.send(ask, now);
        assert!(packets.iter().all(|packet| packet.destination_identities == ["ann"]));
        let Some(Data::StreamHeader(header)) = &packets[0].value else { unreachable!("a stream") };
        let wanted = [(ID, page.id.as_str()), (METHOD, "show"), (TIMEOUT_MS, "8000"), (VERSION_OF, "2")];
        assert_eq!(header.topic, REQUEST);
        for (name, value) in wanted {
            assert_eq!(header.attributes[name], value);
        }
        let mut reader = Reader::of_texts(LONGEST_PAYLOAD);
        let values = packets.iter().filter_map(|packet| packet.value.as_ref());
        let text = values.filter_map(|value| reader.read("us", value, &[REQUEST])).next();
        assert_eq!(text.expect("it is whole").text, long);
        page.says("ann", page.ack());
        // Another's answer is none: not even its chunks are kept.
        for value in page.streamed("mine") {
            let _not_ours = page.calls.heard("eve", &value);
        }
        assert!(answered.try_recv().is_err());
        for value in page.streamed(&long) {
            page.says("ann", value);
        }
        assert_eq!(answered.try_recv(), Ok(Ok(long)));
    }

    #[test]
    fn an_answer_by_a_stream_that_is_too_long_is_said_to_be() {
        let mut page = Page::new(true);
        let mut answered = page.asked(begun());
        for value in page.streamed(&"x".repeat(LONGEST_PAYLOAD + 1)) {
            let _no_longer_read = page.calls.heard("ann", &value);
        }
        assert_eq!(answered.try_recv(), Ok(Err(Failed::TooLarge)));
        let mut answered = page.asked(begun());
        page.says("ann", page.error(1504));
        assert_eq!(answered.try_recv(), Ok(Err(Failed::TooLarge)));
    }

    #[test]
    fn errors_are_known_by_their_numbers() {
        for (number, failed) in [
            (1400, Failed::NoMethod),
            (1404, Failed::NoMethod),
            (1402, Failed::TooLarge),
            (1504, Failed::TooLarge),
            (1503, Failed::Left),
            (1502, Failed::NoAnswer(WITHIN)),
            (1500, Failed::Method { code: 1500, message: "why".to_owned() }),
            (7, Failed::Method { code: 7, message: "why".to_owned() }),
        ] {
            let mut page = Page::new(false);
            let mut answered = page.asked(begun());
            page.says("ann", page.error(number));
            assert_eq!(answered.try_recv(), Ok(Err(failed)), "{number}");
        }
    }

    #[test]
    fn a_page_that_takes_nothing_and_one_that_answers_nothing_are_two_things() {
        let (now, mut page) = (begun(), Page::new(false));
        let mut answered = page.asked(now);
        assert_eq!(page.calls.due(), Some(now + ACKNOWLEDGED_WITHIN));
        page.calls.timeout(now + ACKNOWLEDGED_WITHIN);
        assert_eq!(answered.try_recv(), Ok(Err(Failed::NotTaken)));
        let mut answered = page.asked(now);
        page.says("ann", page.ack());
        page.calls.timeout(now + ACKNOWLEDGED_WITHIN);
        assert_eq!(page.calls.due(), Some(now + WITHIN));
        page.calls.timeout(now + WITHIN);
        assert_eq!(answered.try_recv(), Ok(Err(Failed::NoAnswer(WITHIN))));
        let mut answered = page.asked(now);
        page.calls.left("ann");
        assert_eq!(answered.try_recv(), Ok(Err(Failed::Left)));
    }

    #[test]
    fn what_cannot_be_asked_is_refused_at_once() {
        let (now, mut page) = (begun(), Page::new(false));
        let (alone, mut answered) = ask("{}");
        assert_eq!(page.calls.ask(alone, None, &mut page.writer, (now, 7)), []);
        assert_eq!(answered.try_recv(), Ok(Err(Failed::Nobody)));
        for (streams, longest) in [(false, LONGEST_PACKET), (true, LONGEST_PAYLOAD)] {
            page.streams = streams;
            let (large, mut answered) = ask(&"x".repeat(longest + 1));
            assert_eq!(page.send(large, now), []);
            assert_eq!(answered.try_recv(), Ok(Err(Failed::TooLarge)));
        }
        for _ in 0..MOST_OPEN {
            // Nobody waits for these.
            drop(page.asked(now));
        }
        let (more, mut answered) = ask("{}");
        assert_eq!(page.send(more, now), []);
        assert_eq!(answered.try_recv(), Ok(Err(Failed::NotSent)));
    }

    /// The number that whoever calls is refused with.
    fn refused_with(value: &Data) -> Option<u32> {
        let packets = Calls::default().heard("ann", value).expect("it is a call");
        assert!(packets.iter().all(|packet| packet.destination_identities == ["ann"]));
        let values: Vec<_> = packets.into_iter().filter_map(|packet| packet.value).collect();
        match values.as_slice() {
            [] => None,
            [Data::RpcAck(ack), Data::RpcResponse(response)] => {
                assert_eq!((ack.request_id.as_str(), response.request_id.as_str()), ("9", "9"));
                let Some(RpcResult::Error(error)) = &response.result else { unreachable!("an error") };
                Some(error.code)
            }
            other => unreachable!("an acknowledgement and a response: {other:?}"),
        }
    }

    #[test]
    fn whoever_calls_us_is_told_that_we_have_no_such_method() {
        let request = |version| RpcRequest { id: "9".to_owned(), version, ..RpcRequest::default() };
        for (version, number) in [(1, 1400), (2, 1404)] {
            assert_eq!(refused_with(&Data::RpcRequest(request(version))), Some(number));
        }
        let by_stream = |attributes: &[(&str, &str)]| {
            let label = Label { sender: "", topic: REQUEST, attributes };
            Writer::new("x").open(label, 7).1.value.expect("a header")
        };
        let request = |version| [(ID, "9"), (METHOD, "show"), (TIMEOUT_MS, "8000"), (VERSION_OF, version)];
        assert_eq!(refused_with(&by_stream(&request("2"))), Some(1400));
        assert_eq!(refused_with(&by_stream(&request("3"))), Some(1404));
        assert_eq!(refused_with(&by_stream(&request("x"))), Some(1500));
        assert_eq!(refused_with(&by_stream(&request("2")[..1])), Some(1500));
        assert_eq!(refused_with(&by_stream(&[])), None, "nobody could be told");
    }
}
