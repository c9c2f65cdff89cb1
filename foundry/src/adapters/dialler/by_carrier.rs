//! Calls that a carrier makes for us: asked for by its API, told of by webhook, and spoken in by a stream.

use std::sync::Arc;
use std::time::Duration;

use ::carriers::{Dial, Unanswered, e164};
use control_server::ports::{Account, CallRequest, NotDialled, WantedCall};
use control_store::outbound::{Call, Step};
use domain::{OrgId, wire_name};
use jiff::Timestamp;
use media_core::Codec;
use media_session::Slot;
use media_socket::Peer;
use tokio::time::Instant;

use super::{Desk, Pen, at_machine, told};
use crate::adapters::accounts::Bench;
use crate::adapters::carriers::out::{self, Dialling, Made, Wanted};
use crate::adapters::carriers::{DIALLED, Line, through};
use crate::adapters::entry::{Way, join, request};

/// Beyond the time that the phone may ring: what the carrier needs to begin the call, to say how it went, and to bring the audio.
const SETTLES: Duration = Duration::from_secs(20);
/// Before it rings a call may wait in the carrier's own queue.
const QUEUED: Duration = Duration::from_secs(120);
/// Beyond the longest call of the agent the carrier ends it, for whatever reason this server has not.
const BEYOND_LONGEST_S: u32 = 60;
/// As far as carriers let calls be bound.
const LIMITS_S: std::ops::RangeInclusive<u32> = 30..=14_400;

/// The way to whoever carriers call for us.
pub(crate) struct Carriers {
    pub(crate) bench: Arc<Bench>,
    pub(crate) line: Line,
    pub(crate) calls: through::Calls,
    pub(crate) made: Made,
    /// The origin at which carriers reach this server; absent: nobody has said it, and they cannot be told.
    pub(crate) public_url: Option<String>,
}

impl Carriers {
    /// Names of the accounts that an organization may call by.
    pub(super) fn of(&self, org: OrgId) -> Vec<String> {
        self.bench.carriers(org)
    }

    pub(super) fn account(&self, org: OrgId, name: &str) -> Option<Account> {
        self.bench.carrier(org, name)
    }

    /// What of a call by the account could not be.
    pub(super) fn may_dial(&self, account: &Account, wanted: &WantedCall) -> Result<(), NotDialled> {
        let unfit = |lacks: String| NotDialled::AccountUnfit { account: account.name.clone(), lacks };
        if let Some(lacks) = out::lacks(account) {
            return Err(unfit(format!("it lacks {lacks}")));
        }
        if self.public_url.is_none() {
            let lacks = "the server's configuration lacks `server.public_url`, at which the carrier is to say what becomes of them";
            return Err(unfit(lacks.to_owned()));
        }
        let from = wanted.from.as_ref().ok_or(NotDialled::NoCaller)?;
        e164(&from.0).ok_or(NotDialled::NotInternational { field: "/from" })?;
        if let Some(to) = &wanted.to {
            e164(&to.0).ok_or(NotDialled::NotInternational { field: "/to" })?;
        }
        Ok(())
    }

    fn webhook(&self, account: &Account) -> String {
        control_server::carrier_webhook(self.public_url.as_deref().unwrap_or_default(), account.id)
    }
}

impl Desk {
    /// One call, from the request to the carrier to its end.
    pub(super) async fn dialled_by_carrier(
        self: Arc<Self>,
        call: Call,
        agent: String,
        slot: Slot,
        account: Account,
        pen: Pen,
    ) {
        let ring_s = call.set.ring_s.unsigned_abs();
        let webhook = self.carriers.webhook(&account);
        let Some(to) = e164(&call.set.number.0) else { return pen.ended("unknown_number", None) };
        // What it was set by may have been changed since.
        let from = call.set.caller.as_ref().and_then(|caller| e164(&caller.0));
        let (Some(from), None) = (from, out::lacks(&account)) else { return pen.ended("forbidden", None) };
        let longest = self.board.catalogue().find(&agent).map(|found| found.ready.options.longest_call_s);
        let limit_s = limit_s(longest.unwrap_or_default());
        let dial = Dial { to: &to, from: &from, webhook: &webhook, ring_s, limit_s };
        let wanted = Wanted { dial, agent: &agent, server: self.server };
        let vendor = wire_name(&account.vendor);
        let counted = |outcome: &'static str| {
            metrics::counter!(DIALLED, "vendor" => vendor.clone(), "outcome" => outcome).increment(1);
        };
        let mut dialling = match self.carriers.made.dial(&self.carriers.line, &account, &wanted).await {
            Ok(dialling) => dialling,
            Err(why) => {
                counted(why.name());
                return pen.ended(why.name(), None);
            }
        };
        let ring = Duration::from_secs(u64::from(ring_s));
        let stopping = self.tasks.token();
        let came = tokio::select! {
            came = audio(&mut dialling, ring, &pen) => came,
            () = stopping.cancelled() => Err(NoAudio::Stopped),
        };
        let (peer, codec) = match came {
            Ok(audio) => {
                counted("answered");
                audio
            }
            Err(why) => {
                counted(why.name());
                // Whoever still rings, or has answered and is not heard, is let go.
                if matches!(why, NoAudio::Late | NoAudio::Stopped) {
                    self.carriers.line.hang_up(&account, &dialling.name.1).await;
                }
                return pen.ended(why.name(), None);
            }
        };
        let way = through::Way {
            calls: self.carriers.calls.clone(),
            line: self.carriers.line.clone(),
            account,
            call: dialling.name.1.clone(),
            webhook,
            from,
            agent: agent.clone(),
        };
        self.answered_by_carrier(&call, agent, slot, way, (peer, codec), &pen).await;
    }

    async fn answered_by_carrier(
        &self,
        call: &Call,
        agent: String,
        slot: Slot,
        way: through::Way,
        (peer, codec): (Peer, Codec),
        pen: &Pen,
    ) {
        pen.note(Step::Answered { at: Timestamp::now() });
        let at_machine = at_machine(&call.set);
        let screens = at_machine.is_some();
        let call_of = CallRequest { at_machine, ..request(call.id, agent, None, told(&call.set)) };
        let (account, name) = (way.account.clone(), way.name());
        let Some(reserved) = self.carriers.calls.reserve(&name, &way.agent) else {
            tracing::warn!(call = %call.id, "a carrier names two calls alike");
            return pen.ended("failed", None);
        };
        let leg = way.leg(reserved, peer, codec, &self.tasks);
        let begun = join(&self.board, &self.spending, &self.tasks, Way::New(slot), &call_of, leg).await;
        let session = self.directory.get(call.id).filter(|_| begun.is_ok());
        let carriers = &self.carriers;
        if let Some(session) = &session
            && screens
            && let Some(screened) = session.screened().await
        {
            pen.screened(screened);
        }
        let reason =
            through::let_go(&carriers.calls, &carriers.line, &account, &name, session.as_ref()).await;
        match session {
            Some(session) => self.over(&session, reason, pen),
            None => {
                tracing::warn!(call = %call.id, ?begun, "a call that was answered found no agent");
                pen.ended("failed", None);
            }
        }
    }
}

/// Waits for somebody to answer: for as long as it may ring, which begins when the carrier has said so.
async fn audio(dialling: &mut Dialling, ring: Duration, pen: &Pen) -> Result<(Peer, Codec), NoAudio> {
    let mut by = Instant::now() + QUEUED + ring + SETTLES;
    loop {
        match tokio::time::timeout_at(by, dialling.next()).await {
            Ok(Some(out::Step::Rings)) => {
                by = Instant::now() + ring + SETTLES;
                pen.note(Step::Rings);
            }
            Ok(Some(out::Step::Audio(peer, codec))) => return Ok((peer, codec)),
            Ok(Some(out::Step::Ended(why))) => return Err(NoAudio::Ended(why)),
            Ok(None) | Err(_) => return Err(NoAudio::Late),
        }
    }
}

/// What the carrier is told of a call whose agent talks for so long at most; 0: without an end.
fn limit_s(longest_call_s: u32) -> Option<u32> {
    let limit_s = longest_call_s.saturating_add(BEYOND_LONGEST_S);
    (longest_call_s > 0).then_some(limit_s.clamp(*LIMITS_S.start(), *LIMITS_S.end()))
}

/// Why nobody is heard.
#[derive(Debug)]
enum NoAudio {
    Ended(Unanswered),
    /// The carrier said nothing in time.
    Late,
    /// The server stops.
    Stopped,
}

impl NoAudio {
    const fn name(&self) -> &'static str {
        match self {
            // Taken and put down again before anything was said, or cleared by the network.
            Self::Ended(Unanswered::Over) | Self::Late => Unanswered::NoAnswer.name(),
            Self::Ended(why) => why.name(),
            Self::Stopped => Unanswered::Cancelled.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_was_spoken_to_whose_audio_never_came() {
        assert_eq!(NoAudio::Ended(Unanswered::Over).name(), "no_answer");
        assert_eq!(NoAudio::Ended(Unanswered::Busy).name(), "busy");
        assert_eq!((NoAudio::Late.name(), NoAudio::Stopped.name()), ("no_answer", "cancelled"));
    }

    #[test]
    fn a_carrier_ends_what_its_agent_should_have_ended() {
        assert_eq!(limit_s(3_600), Some(3_660));
        assert_eq!(limit_s(86_400), Some(14_400), "as far as carriers let it be");
        assert_eq!(limit_s(0), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_to_ring_begins_when_the_carrier_says_that_it_rings() {
        let (ring, made) = (Duration::from_secs(25), Made::default());
        let (steps, mut noted) = tokio::sync::mpsc::channel(8);
        let pen = Pen(steps);
        let begun = Instant::now();
        let mut silent = made.expects("CA1");
        assert!(matches!(audio(&mut silent, ring, &pen).await, Err(NoAudio::Late)));
        assert_eq!(begun.elapsed(), QUEUED + ring + SETTLES);
        let begun = Instant::now();
        let mut queued = made.expects("CA2");
        let name = queued.name.clone();
        let rings = async {
            tokio::time::sleep(Duration::from_secs(90)).await;
            made.rings(&name);
        };
        let (came, ()) = tokio::join!(audio(&mut queued, ring, &pen), rings);
        assert!(matches!(came, Err(NoAudio::Late)), "nobody answered");
        assert_eq!(begun.elapsed(), Duration::from_secs(90) + ring + SETTLES);
        assert!(matches!(noted.recv().await, Some(Step::Rings)));
    }
}
