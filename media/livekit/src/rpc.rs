//! Calls of methods between participants: `RpcRequest`, its acknowledgement and its response, as packets on the reliable channel.
//! What waits and for how long is decided without I/O; nobody may call a method of ours, since there is none.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::wire::{Data, DataPacket, RpcAck, RpcError, RpcRequest, RpcResponse, RpcResult};

/// The one version of packets; later ones come as streams of text, from whoever knows that we read them.
const VERSION: u32 = 1;
/// Longest payload either way, in bytes, by the protocol.
pub const LONGEST_PAYLOAD: usize = 15 * 1024;
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
    #[error("what is sent or answered is longer than {LONGEST_PAYLOAD} bytes")]
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
#[derive(Debug, Default)]
pub(crate) struct Calls {
    open: Vec<Open>,
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
    /// The packet that asks `to`; nothing where it cannot be asked, which whoever asks is told.
    pub(crate) fn ask(&mut self, ask: Ask, to: Option<&str>, id: String, now: Instant) -> Option<DataPacket> {
        let Ask { method, payload, within, answer } = ask;
        let to = match self.whom(to, &payload) {
            Ok(to) => to,
            Err(why) => {
                tell(answer, Err(why));
                return None;
            }
        };
        self.open.push(Open {
            id: id.clone(),
            to: to.to_owned(),
            within,
            take_by: Some(now + ACKNOWLEDGED_WITHIN.min(within)),
            answer_by: now + within,
            answer,
        });
        let response_timeout_ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
        let request = RpcRequest { id, method, payload, response_timeout_ms, version: VERSION };
        Some(packet(to, Data::RpcRequest(request)))
    }

    fn whom<'a>(&self, to: Option<&'a str>, payload: &str) -> Result<&'a str, Failed> {
        let to = to.ok_or(Failed::Nobody)?;
        if payload.len() > LONGEST_PAYLOAD {
            return Err(Failed::TooLarge);
        }
        if self.open.len() >= MOST_OPEN { Err(Failed::NotSent) } else { Ok(to) }
    }

    /// What a participant says of calls; the packets to answer with.
    pub(crate) fn heard(&mut self, sender: &str, value: &Data) -> Vec<DataPacket> {
        match value {
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
            _ => Vec::new(),
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
        let known = self.open.iter().position(|open| open.id == response.request_id && open.to == sender);
        let Some(at) = known else { return };
        let Open { answer, within, .. } = self.open.swap_remove(at);
        let result = match response.result {
            Some(RpcResult::Payload(payload)) if payload.len() <= LONGEST_PAYLOAD => Ok(payload),
            Some(RpcResult::Payload(_)) => Err(Failed::TooLarge),
            Some(RpcResult::Error(error)) => Err(Failed::of(error, within)),
            // Compressed, which nobody who knows what we speak sends.
            None => Err(Failed::NoMethod),
        };
        tell(answer, result);
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
    let (code, message) = if request.version == VERSION {
        (code::UNSUPPORTED_METHOD, "Method not supported at destination")
    } else {
        (code::UNSUPPORTED_VERSION, "Unsupported RPC version")
    };
    let error = RpcError { code, message: message.to_owned(), data: String::new() };
    let request_id = request.id.clone();
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

    fn asked(calls: &mut Calls, now: Instant) -> oneshot::Receiver<Result<String, Failed>> {
        let (ask, answered) = ask("{}");
        assert!(calls.ask(ask, Some("ann"), "1".to_owned(), now).is_some());
        answered
    }

    fn ack() -> Data {
        Data::RpcAck(RpcAck { request_id: "1".to_owned() })
    }

    fn response(result: RpcResult) -> Data {
        Data::RpcResponse(RpcResponse { request_id: "1".to_owned(), result: Some(result) })
    }

    fn error(code: u32) -> Data {
        let error = RpcError { code, message: "why".to_owned(), data: String::new() };
        response(RpcResult::Error(error))
    }

    #[test]
    fn a_method_is_asked_of_the_caller_and_its_answer_comes_back() {
        let (now, mut calls) = (begun(), Calls::default());
        let (ask, mut answered) = ask("{\"a\":1}");
        let packet = calls.ask(ask, Some("ann"), "1".to_owned(), now).expect("a request");
        assert_eq!(packet.destination_identities, ["ann"]);
        let Some(Data::RpcRequest(request)) = packet.value else { unreachable!("a request") };
        assert_eq!(
            (request.method.as_str(), request.payload.as_str(), request.version),
            ("show", "{\"a\":1}", 1)
        );
        assert_eq!(request.response_timeout_ms, 8_000);
        let done = response(RpcResult::Payload("done".to_owned()));
        calls.heard("eve", &done);
        assert!(answered.try_recv().is_err(), "nobody else answers");
        calls.heard("ann", &ack());
        calls.heard("ann", &done);
        assert_eq!(answered.try_recv(), Ok(Ok("done".to_owned())));
        assert_eq!(calls.due(), None);
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
            let mut calls = Calls::default();
            let mut answered = asked(&mut calls, begun());
            calls.heard("ann", &error(number));
            assert_eq!(answered.try_recv(), Ok(Err(failed)), "{number}");
        }
    }

    #[test]
    fn a_page_that_takes_nothing_and_one_that_answers_nothing_are_two_things() {
        let (now, mut calls) = (begun(), Calls::default());
        let mut answered = asked(&mut calls, now);
        assert_eq!(calls.due(), Some(now + ACKNOWLEDGED_WITHIN));
        calls.timeout(now + ACKNOWLEDGED_WITHIN);
        assert_eq!(answered.try_recv(), Ok(Err(Failed::NotTaken)));
        let mut answered = asked(&mut calls, now);
        calls.heard("ann", &ack());
        calls.timeout(now + ACKNOWLEDGED_WITHIN);
        assert_eq!(calls.due(), Some(now + WITHIN));
        calls.timeout(now + WITHIN);
        assert_eq!(answered.try_recv(), Ok(Err(Failed::NoAnswer(WITHIN))));
        let mut answered = asked(&mut calls, now);
        calls.left("ann");
        assert_eq!(answered.try_recv(), Ok(Err(Failed::Left)));
    }

    #[test]
    fn what_cannot_be_asked_is_refused_at_once() {
        let (now, mut calls) = (begun(), Calls::default());
        let (alone, mut answered) = ask("{}");
        assert_eq!(calls.ask(alone, None, "1".to_owned(), now), None);
        assert_eq!(answered.try_recv(), Ok(Err(Failed::Nobody)));
        let (large, mut answered) = ask(&"x".repeat(LONGEST_PAYLOAD + 1));
        assert_eq!(calls.ask(large, Some("ann"), "1".to_owned(), now), None);
        assert_eq!(answered.try_recv(), Ok(Err(Failed::TooLarge)));
        for _ in 0..MOST_OPEN {
            // Nobody waits for these.
            drop(asked(&mut calls, now));
        }
        let (more, mut answered) = ask("{}");
        assert_eq!(calls.ask(more, Some("ann"), "2".to_owned(), now), None);
        assert_eq!(answered.try_recv(), Ok(Err(Failed::NotSent)));
    }

    #[test]
    fn whoever_calls_us_is_told_that_we_have_no_such_method() {
        let request = |version| RpcRequest { id: "9".to_owned(), version, ..RpcRequest::default() };
        for (version, number) in [(1, 1400), (2, 1404)] {
            let packets = Calls::default().heard("ann", &Data::RpcRequest(request(version)));
            assert!(packets.iter().all(|packet| packet.destination_identities == ["ann"]));
            let values: Vec<_> = packets.into_iter().filter_map(|packet| packet.value).collect();
            let [Data::RpcAck(ack), Data::RpcResponse(response)] = values.as_slice() else {
                unreachable!("an acknowledgement and a response: {values:?}")
            };
            assert_eq!((ack.request_id.as_str(), response.request_id.as_str()), ("9", "9"));
            let Some(RpcResult::Error(error)) = &response.result else { unreachable!("an error") };
            assert_eq!(error.code, number);
        }
    }
}
