//! Calls that carriers announce by webhook: whom the routes lead them to, what the carrier is told, and that it hangs up when the agent does.
//! And what they say of calls that they make for us.

pub(crate) mod left;
pub(crate) mod leg;
pub(crate) mod legs;
pub(crate) mod out;
pub(crate) mod way;

use std::sync::Arc;
use std::time::Duration;

use ::carriers::leg::{Answer, Input};
use ::carriers::twilio::Leg;
use ::carriers::{Command, Progress, Ringing, telnyx, twilio};
use control_api::provider_account::Vendor;
use control_server::ports::{self, Account, Reply, Unheard, Webhook};
use domain::{OrgId, RouteId, Secret, ServerId, wire_name};
use futures::FutureExt;
use futures::future::BoxFuture;
use media_session::Directory;
use providers_api::ErrorKind;
use providers_link::codes::{self, Fault};
use providers_link::http;
use routing::{Arrival, Header};

use legs::{Found, Legs, Name};
use way::called_for;

use crate::adapters::catalogue::{Catalogue, Reach};
use crate::adapters::phones::REFUSED;
use crate::adapters::spending::Spending;

/// Calls that carriers were asked for, by `vendor` and `outcome` (as of calls by SIP; `answered`: their audio came).
pub(crate) const DIALLED: &str = "carrier_calls_dialled_total";
/// Calls that could not be ended at their carrier, by `vendor`: whoever is in them pays until it ends them itself.
const NOT_ENDED: &str = "carrier_calls_not_ended_total";
/// Calls out that somebody has answered and that this server knows nothing of, by `vendor`. They are ended.
const UNKNOWN: &str = "carrier_calls_unknown_total";

/// For a command to a carrier, which lets its own webhook wait for so long at most.
const COMMAND_WITHIN: Duration = Duration::from_secs(5);
/// A call that is not ended is paid for.
const HANG_UP_ATTEMPTS: u32 = 3;
const HANG_UP_PAUSE: Duration = Duration::from_secs(2);

pub(crate) struct Carriers {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) directory: Directory,
    pub(crate) spending: Arc<Spending>,
    pub(crate) line: Line,
    /// Those that run here.
    pub(crate) legs: Legs,
    pub(crate) server: ServerId,
}

/// The way to the carriers' APIs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Line(http::Client);

/// Whether a refusal says that a call is over.
type Gone = fn(u16, &str) -> bool;

/// Why a carrier does not do what it was told.
#[derive(Debug)]
struct NotTold {
    reason: String,
    /// The call is over.
    gone: bool,
    /// It may have done it: its answer did not come.
    unsure: bool,
    may_pass: bool,
}

impl From<String> for NotTold {
    fn from(reason: String) -> Self {
        Self { reason, gone: false, unsure: false, may_pass: false }
    }
}

/// What is to be done with somebody who has answered.
enum Answered {
    Speaks(String),
    HungUpOn,
    Nothing,
}

/// Whom a call reaches, or why it reaches nobody.
enum Led {
    To(String),
    Refused { busy: bool },
}

impl Carriers {
    fn lead(&self, account: &Account, ringing: &Ringing) -> Led {
        let header = |(name, value): &(String, String)| Header { name: name.clone(), value: value.clone() };
        let arrival = Arrival {
            org: Some(account.org),
            number: Some(ringing.to.clone()),
            trunk: Some(account.name.clone()),
            headers: ringing.headers.iter().map(header).collect(),
            ..Arrival::default()
        };
        let (reason, busy) = match self.catalogue.reach(&arrival) {
            Reach::Route(_) if self.spending.is_stopped(account.org) => ("budget", true),
            // Asked and given back: the call itself takes its place when its audio comes.
            Reach::Route(_) if self.directory.reserve().is_err() => ("full", true),
            Reach::Route(name) => return Led::To(name),
            Reach::Unserved => ("unserved", false),
            Reach::Nobody => ("unknown", false),
        };
        metrics::counter!(REFUSED, "reason" => reason).increment(1);
        Led::Refused { busy }
    }

    /// Whether this is a route of the organization.
    fn leads(&self, route: &str, org: OrgId) -> bool {
        route.parse::<RouteId>().is_ok() && self.catalogue.owner(route) == Some(org)
    }

    async fn twilio(&self, webhook: &Webhook) -> Result<Reply, Unheard> {
        let account = &webhook.account;
        let credentials = twilio_credentials(account).map_err(Unheard::Forged)?;
        let signature = header(webhook, twilio::SIGNATURE);
        let heard = |url: &String| twilio::event(credentials, url, signature, &webhook.body);
        let mut heard = webhook.sent_to.iter().map(heard);
        let first = heard.next().unwrap_or(Err(::carriers::Unheard::Unsigned));
        // Of several servers behind one name each has two.
        let event = first.or_else(|unheard| heard.find_map(Result::ok).ok_or(unheard)).map_err(unheard)?;
        let ringing = match event {
            twilio::Event::Ringing(ringing) => ringing,
            other => return self.twilio_goes_on(webhook, other).await,
        };
        let body = match self.lead(account, &ringing) {
            Led::To(agent) => {
                let token = (webhook.permit)(&agent, &ringing.call);
                let told = [
                    ("token", token.as_str()),
                    ("from", ringing.from.as_str()),
                    ("to", ringing.to.as_str()),
                    ("webhook", webhook.url.as_str()),
                ];
                twilio::connect(&webhook.stream, &told)
            }
            Led::Refused { busy: true } => twilio::reject(twilio::Rejection::Busy),
            Led::Refused { busy: false } => twilio::reject(twilio::Rejection::Unknown),
        };
        Ok(Reply { content_type: "text/xml", body })
    }

    /// What becomes of calls.
    async fn twilio_goes_on(&self, webhook: &Webhook, event: twilio::Event) -> Result<Reply, Unheard> {
        let id = webhook.account.id;
        let body = match event {
            twilio::Event::Progress {
                leg: Leg::For { caller, number }, what: Progress::Answered, ..
            } => {
                self.legs.say(&(id, caller), Input::Taken { number }).await;
                twilio::nothing()
            }
            twilio::Event::Progress { call, leg: Leg::Made, what } => {
                self.goes_on(&(id, call), what).await?;
                twilio::nothing()
            }
            twilio::Event::Progress { .. } => twilio::nothing(),
            twilio::Event::Asks { call } => self.twilio_asks(webhook, call, Input::Asks).await,
            twilio::Event::Back { call, left: true, .. } => {
                self.legs.say(&(id, call), Input::Left).await;
                twilio::nothing()
            }
            twilio::Event::Back { call, number, why, .. } => {
                self.twilio_asks(webhook, call, Input::Back { number, why }).await
            }
            twilio::Event::Fetched { call, number } => {
                self.twilio_asks(webhook, call, Input::Fetched { number }).await
            }
            // It rang before.
            twilio::Event::Ringing(_) => twilio::goodbye(),
        };
        Ok(Reply { content_type: "text/xml", body })
    }

    /// Twilio asks what is to be done with whoever is in a call.
    async fn twilio_asks(&self, webhook: &Webhook, call: String, input: Input) -> String {
        let name = (webhook.account.id, call);
        let is_back = matches!(input, Input::Back { .. });
        match self.legs.whose(&name).await {
            Found::Runs(inbox) => match inbox.say(input).await {
                Some(Answer::Stream) => {
                    let token = (webhook.permit)(&inbox.agent, &name.1);
                    twilio::connect(&webhook.stream, &[("token", &token)])
                }
                Some(Answer::Nothing) => twilio::nothing(),
                Some(Answer::Goodbye) | None => twilio::goodbye(),
            },
            Found::Past => twilio::goodbye(),
            // Whoever was put through talks for as long as they like, and then it is over.
            Found::Unknown if is_back => twilio::goodbye(),
            // Refused, Twilio would tell the person of an error in English.
            Found::Unknown => {
                metrics::counter!(UNKNOWN, "vendor" => "twilio").increment(1);
                tracing::warn!(
                    account = webhook.account.name,
                    call = name.1,
                    "a call that Twilio asks about is not of this server, or of before it was started; it is ended"
                );
                twilio::goodbye()
            }
        }
    }

    /// Something becomes of a call that we make.
    async fn goes_on(&self, name: &Name, what: Progress) -> Result<(), Unheard> {
        let inbox = match self.legs.whose(name).await {
            Found::Runs(inbox) => inbox,
            Found::Past => return Ok(()),
            Found::Unknown => return Err(elsewhere(&name.1)),
        };
        match what {
            Progress::Ringing => inbox.say(Input::Rings).await,
            // Its audio says so.
            Progress::Answered => None,
            Progress::Ended(end) => inbox.say(Input::Ended(end)).await,
        };
        Ok(())
    }

    /// Somebody has answered a call that we make: the agent who is to speak, or what else is to be done.
    async fn answered(&self, name: &Name, by: &str) -> Result<Answered, Unheard> {
        match self.legs.whose(name).await {
            Found::Runs(inbox) => Ok(match inbox.say(Input::Asks).await {
                Some(Answer::Stream) => Answered::Speaks(inbox.agent.to_string()),
                _ => Answered::Nothing,
            }),
            Found::Past => Ok(Answered::Nothing),
            // We made it, and have forgotten it since.
            Found::Unknown if by == self.server.to_string() => Ok(Answered::HungUpOn),
            Found::Unknown => Err(elsewhere(&name.1)),
        }
    }

    async fn telnyx(&self, webhook: &Webhook) -> Result<Reply, Unheard> {
        let account = &webhook.account;
        let public_key = account.options.public_key.as_deref().unwrap_or_default();
        let signed = telnyx::Signed {
            signature: header(webhook, telnyx::SIGNATURE),
            timestamp: header(webhook, telnyx::TIMESTAMP),
            body: &webhook.body,
        };
        let now_s = u64::try_from(webhook.now.as_second()).unwrap_or_default();
        let event = telnyx::event(public_key, signed, now_s).map_err(unheard)?;
        let (api, key) = (api(account, telnyx::API), key(account).map_err(Unheard::Forged)?);
        let command = match event {
            telnyx::Event::Ringing(ringing) => match self.lead(account, &ringing) {
                Led::To(agent) => telnyx::answer(api, key, &ringing.call, &agent, &ringing.call),
                Led::Refused { busy } => telnyx::reject(api, key, &ringing.call, busy),
            },
            telnyx::Event::Answered { state, .. } if called_for(&state).is_some() => {
                let (number, caller) = called_for(&state).unwrap_or_default();
                self.legs.say(&(account.id, caller.to_owned()), Input::Taken { number }).await;
                return Ok(nothing());
            }
            telnyx::Event::Progress { call, state, what } if out::made_by(&state).is_some() => {
                self.goes_on(&(account.id, call), what).await?;
                return Ok(nothing());
            }
            telnyx::Event::Answered { call, state } if out::made_by(&state).is_some() => {
                let by = out::made_by(&state).unwrap_or_default();
                match self.answered(&(account.id, call.clone()), by).await? {
                    Answered::Speaks(agent) => {
                        let token = (webhook.permit)(&agent, &call);
                        let id = format!("{call} stream");
                        telnyx::stream(api, key, &call, &webhook.stream, &[("token", &token)], &id)
                    }
                    Answered::HungUpOn => {
                        metrics::counter!(UNKNOWN, "vendor" => "telnyx").increment(1);
                        telnyx::hang_up(api, key, &call)
                    }
                    Answered::Nothing => return Ok(nothing()),
                }
            }
            telnyx::Event::Progress { state, what: Progress::Ended(end), .. } => {
                let Some((number, caller)) = called_for(&state) else { return Ok(nothing()) };
                let name = (account.id, caller.to_owned());
                let Found::Runs(inbox) = self.legs.find(&name) else { return Ok(nothing()) };
                if inbox.say(Input::NotTaken { number, why: end.why }).await != Some(Answer::Stream) {
                    return Ok(nothing());
                }
                let token = (webhook.permit)(&inbox.agent, caller);
                // Of each try its own: Telnyx does nothing for a command that it knows.
                let id = format!("{caller} stream {number}");
                telnyx::stream(api, key, caller, &webhook.stream, &[("token", &token)], &id)
            }
            // Whoever owns the account may write any state: what is no route of theirs is no call of ours.
            telnyx::Event::Answered { state, .. } if !self.leads(&state, account.org) => return Ok(nothing()),
            telnyx::Event::Answered { call, .. } if self.spending.is_stopped(account.org) => {
                telnyx::hang_up(api, key, &call)
            }
            telnyx::Event::Answered { call, state } => {
                let token = (webhook.permit)(&state, &call);
                let id = format!("{call} stream");
                let told = [("token", token.as_str()), ("webhook", webhook.url.as_str())];
                telnyx::stream(api, key, &call, &webhook.stream, &told, &id)
            }
            telnyx::Event::Progress { .. } | telnyx::Event::Other => return Ok(nothing()),
        };
        match self.line.send(&command, telnyx::is_gone).await {
            Ok(()) => Ok(nothing()),
            // Told so, Telnyx sends the webhook again.
            Err(fault) => Err(Unheard::Failed(format!("Telnyx took no command: {}", fault.reason))),
        }
    }
}

impl ports::Carriers for Carriers {
    fn rings(&self, webhook: Webhook) -> BoxFuture<'_, Result<Reply, Unheard>> {
        async move {
            match webhook.account.vendor {
                Vendor::Telnyx => self.telnyx(&webhook).await,
                _ => self.twilio(&webhook).await,
            }
        }
        .boxed()
    }
}

impl Line {
    pub(crate) fn new() -> Self {
        Self(http::Client::new(http::Options::default()))
    }

    /// Ends a call at its carrier, and whether it is over then. One that was over already is.
    pub(crate) async fn hang_up(&self, account: &Account, call: &str) -> bool {
        let not_ended = || metrics::counter!(NOT_ENDED, "vendor" => wire_name(&account.vendor)).increment(1);
        let (command, gone) = match hang_up(account, call) {
            Ok(known) => known,
            Err(lacks) => {
                tracing::warn!(account = account.name, lacks, "a call could not be ended at its carrier");
                not_ended();
                return false;
            }
        };
        for attempt in 1..=HANG_UP_ATTEMPTS {
            let Err(fault) = self.send(&command, gone).await else { return true };
            tracing::warn!(
                account = account.name,
                attempt,
                reason = fault.reason,
                "a call could not be ended at its carrier"
            );
            if attempt == HANG_UP_ATTEMPTS || !fault.may_pass() {
                break;
            }
            tokio::time::sleep(HANG_UP_PAUSE).await;
        }
        not_ended();
        false
    }

    async fn tell(&self, command: &Command, gone: Gone) -> Result<(), NotTold> {
        let mut over = false;
        let told = in_time(self.post(command, |status, body| over = gone(status, body))).await;
        told.map(drop).map_err(|fault| NotTold {
            gone: over,
            unsure: fault.may_pass() && !matches!(fault.kind, ErrorKind::Limited(_)),
            may_pass: fault.may_pass(),
            reason: fault.reason,
        })
    }

    async fn send(&self, command: &Command, gone: Gone) -> Result<(), Fault> {
        let mut over = false;
        match in_time(self.post(command, |status, body| over = gone(status, body))).await {
            Err(_) if over => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// The answer where it is JSON, or nothing; `refused` is told of a refusal.
    async fn ask(&self, command: &Command, refused: impl FnMut(u16, &str)) -> Result<String, Fault> {
        let answer = async {
            let body = self.post(command, refused).await?;
            let answer = http::json::<serde_json::Value>(body).await;
            Ok(answer.map(|answer| answer.to_string()).unwrap_or_default())
        };
        in_time(answer).await
    }

    async fn post(&self, command: &Command, mut refused: impl FnMut(u16, &str)) -> Result<http::Body, Fault> {
        let request = self
            .0
            .post(&command.url)
            .header("authorization", command.authorization.expose())
            .header("content-type", command.content_type)
            .body(command.body.clone());
        let sent = self.0.send(request, |answer, body| {
            refused(answer.status, body);
            // What else it says may hold a number.
            let code = ::carriers::code(body).map(|code| format!(", code {code}")).unwrap_or_default();
            let reason = format!("status {}{code}", answer.status);
            Fault::new(codes::status(answer.status, answer.retry_after), reason)
        });
        Ok(sent.await?.1)
    }
}

/// What ends a call, and how it is told that the call is over.
fn hang_up(account: &Account, call: &str) -> Result<(Command, Gone), String> {
    Ok(match account.vendor {
        Vendor::Telnyx => {
            (telnyx::hang_up(api(account, telnyx::API), key(account)?, call), telnyx::is_gone as Gone)
        }
        _ => {
            let credentials = twilio_credentials(account)?;
            (twilio::hang_up(api(account, twilio::API), credentials, call), twilio::is_gone)
        }
    })
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let late = || Fault::new(ErrorKind::TimedOut, "no answer in time");
    tokio::time::timeout(COMMAND_WITHIN, answer).await.map_err(|_elapsed| late())?
}

fn elsewhere(call: &str) -> Unheard {
    Unheard::Elsewhere(format!("the call {call} was not made by this server, or before it was started"))
}

fn nothing() -> Reply {
    Reply { content_type: "application/json", body: "{}".to_owned() }
}

fn unheard(error: ::carriers::Unheard) -> Unheard {
    match error {
        ::carriers::Unheard::Unreadable => Unheard::Unreadable(error.to_string()),
        _ => Unheard::Forged(error.to_string()),
    }
}

fn header<'a>(webhook: &'a Webhook, name: &str) -> Option<&'a str> {
    webhook.headers.get(name).and_then(|value| value.to_str().ok())
}

fn twilio_credentials(account: &Account) -> Result<twilio::Credentials<'_>, String> {
    let sid = account.options.account_sid.as_deref().ok_or("the account lacks its `account_sid`")?;
    Ok(twilio::Credentials { sid, token: key(account)? })
}

fn key(account: &Account) -> Result<&Secret<String>, String> {
    account.key.as_ref().ok_or_else(|| "the account lacks its key".to_owned())
}

fn api<'a>(account: &'a Account, own: &'static str) -> &'a str {
    account.options.base_url.as_deref().unwrap_or(own)
}
