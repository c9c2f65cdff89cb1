//! Calls that a carrier makes for us: asked for by its API, told of by webhook, and spoken in by a stream.

use std::sync::Arc;
use std::time::Duration;

use ::carriers::{Dial, Unanswered, e164};
use control_api::paths;
use control_server::ports::{Account, CallRequest, NotDialled, WantedCall};
use control_store::outbound::{Call, Step};
use domain::OrgId;
use jiff::Timestamp;
use media_core::Codec;
use media_session::Slot;
use media_socket::Peer;

use super::{Desk, Pen, at_machine, told};
use crate::adapters::accounts::Bench;
use crate::adapters::carriers::out::{self, Dialling, Made, Wanted};
use crate::adapters::carriers::{Line, through};
use crate::adapters::entry::{Way, join, request};

/// Beyond the time that the phone may ring: what the carrier needs to begin the call, to say how it went, and to bring the audio.
const SETTLES: Duration = Duration::from_secs(20);

/// The way to whoever carriers call for us.
pub(crate) struct Carriers {
    pub(crate) bench: Arc<Bench>,
    pub(crate) line: Line,
    pub(crate) calls: through::Calls,
    pub(crate) made: Made,
    /// Where carriers reach this server; absent: nobody has said it, and they cannot be told.
    pub(crate) public_url: Option<String>,
}

impl Carriers {
    /// Names of the accounts that an organization may call by.
    pub(super) fn of(&self, org: OrgId) -> Vec<String> {
        self.bench.carriers(org).into_iter().map(|account| account.name).collect()
    }

    pub(super) fn account(&self, org: OrgId, name: &str) -> Option<Account> {
        self.bench.carriers(org).into_iter().find(|account| account.name == name)
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
        let path = paths::CARRIER_VOICE.replace("{account}", &account.id.to_string());
        format!("{}{path}", self.public_url.as_deref().unwrap_or_default().trim_end_matches('/'))
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
        let dial = Dial { to: &to, from: &from, webhook: &webhook, ring_s };
        let wanted = Wanted { dial, agent: &agent, server: self.server };
        let mut dialling = match self.carriers.made.dial(&self.carriers.line, &account, &wanted).await {
            Ok(dialling) => dialling,
            Err(why) => return pen.ended(why.name(), None),
        };
        let within = Duration::from_secs(u64::from(ring_s)) + SETTLES;
        let (peer, codec) = match self.audio(&mut dialling, within, &pen).await {
            Ok(audio) => audio,
            Err(why) => {
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

    /// Waits for somebody to answer.
    async fn audio(
        &self,
        dialling: &mut Dialling,
        within: Duration,
        pen: &Pen,
    ) -> Result<(Peer, Codec), NoAudio> {
        let stopping = self.tasks.token();
        let steps = async {
            loop {
                match dialling.next().await {
                    Some(out::Step::Rings) => pen.note(Step::Rings),
                    Some(out::Step::Audio(peer, codec)) => return Ok((peer, codec)),
                    Some(out::Step::Ended(why)) => return Err(NoAudio::Ended(why)),
                    None => return Err(NoAudio::Late),
                }
            }
        };
        tokio::select! {
            outcome = tokio::time::timeout(within, steps) => outcome.unwrap_or(Err(NoAudio::Late)),
            () = stopping.cancelled() => Err(NoAudio::Stopped),
        }
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
        let leg = way.leg(peer, codec, &self.tasks);
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

/// Why nobody is heard.
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
}
