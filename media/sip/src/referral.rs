//! The other side of a call asks us to call somebody else in its place (REFER, RFC 3515). Nothing is called before whoever holds the calls has said
//! yes: without anybody who looks, all are declined.

use std::collections::VecDeque;
use std::time::Duration;

use domain::Pii;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Request as SipRequest};
use tokio::sync::oneshot;

use crate::call::{Answer, Call, Meaning, Told};
use crate::control::{Ask, Control};
use crate::invitation::CallKey;
use crate::machine::RequestId;
use crate::replaces::{ReferTo, Replaces};

/// Whoever does not say that they heard how their wish comes along is waited for no longer.
const HEARD: Duration = Duration::from_secs(1);

/// A wish to be put through. Dropping it declines.
#[derive(Debug)]
pub struct Referral {
    /// The call that it was said in.
    pub call: CallKey,
    /// The number or name to call; on which server it is said to be counts for nothing.
    pub to: Pii<String>,
    /// The trunk that the call goes by, if it does.
    pub trunk: Option<String>,
    pub(crate) replaces: Option<Replaces>,
    control: Option<Control>,
}

impl Referral {
    pub fn decline(self) {}

    /// It will be tried, and the other side told how it comes along.
    pub(crate) async fn accept(mut self) -> Option<(Follower, Option<Replaces>)> {
        let control = self.control.take()?;
        control.0.send(Ask::Judged(true)).await.ok()?;
        Some((Follower(control), self.replaces.take()))
    }
}

impl Drop for Referral {
    fn drop(&mut self) {
        if let Some(control) = self.control.take() {
            // One that finds no room is over or asked too much: its request runs out of time.
            let _over = control.0.try_send(Ask::Judged(false));
        }
    }
}

/// Tells the other side how its wish comes along.
pub(crate) struct Follower(Control);

impl Follower {
    /// Returns once it is said, so that a goodbye does not go before it.
    pub(crate) async fn tell(&self, status: u16) {
        let (said, told) = oneshot::channel();
        if self.0.0.send(Ask::Tell { status, said }).await.is_ok() {
            let _late = tokio::time::timeout(HEARD, told).await;
        }
    }
}

/// A REFER that was not answered yet.
pub(crate) struct Wish {
    request: SipRequest,
    answer: Answer,
    id: RequestId,
}

/// What the other side was told so far: each step once, one after the other's answer, the first after that to the REFER, and nothing after
/// the last.
#[derive(Debug)]
pub(crate) struct Following {
    /// The REFER, while its answer is not out. RFC 3515 lets a step overtake it; many phones know nothing of a step before their wish was taken.
    unanswered: Option<RequestId>,
    /// Of the REFER, where it is not the first of its call.
    id: Option<u32>,
    last: u16,
    /// Not said yet.
    steps: VecDeque<Step>,
    /// One is on its way.
    saying: bool,
    /// Who waits for all of it to be said.
    waiting: Vec<oneshot::Sender<()>>,
}

/// One NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) event: String,
    pub(crate) state: &'static str,
    /// message/sipfrag.
    pub(crate) body: String,
}

impl Following {
    pub(crate) const fn new(refer: RequestId, id: Option<u32>) -> Self {
        Self {
            unanswered: Some(refer),
            id,
            last: 0,
            steps: VecDeque::new(),
            saying: false,
            waiting: Vec::new(),
        }
    }

    /// The answer to a REFER is out: to the one that is followed, or to another that was refused meanwhile.
    pub(crate) fn begin(&mut self, refer: RequestId) {
        self.unanswered.take_if(|unanswered| *unanswered == refer);
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.last >= 200
    }

    /// What was not said before is to be said.
    pub(crate) fn step(&mut self, status: u16) {
        if self.is_over() || status <= self.last {
            return;
        }
        self.last = status;
        let said = rsipstack::sip::StatusCode::from(status);
        let event = self.id.map_or_else(|| "refer".to_owned(), |id| format!("refer;id={id}"));
        let state = if self.is_over() { "terminated;reason=noresource" } else { "active;expires=120" };
        self.steps.push_back(Step { event, state, body: format!("SIP/2.0 {said}\r\n") });
    }

    /// What is to be sent now; nothing while the one before has no answer, or the REFER none.
    pub(crate) fn next(&mut self) -> Option<Step> {
        if self.saying || self.unanswered.is_some() {
            return None;
        }
        let step = self.steps.pop_front();
        self.saying = step.is_some();
        if !self.saying {
            for waits in self.waiting.drain(..) {
                let _gone = waits.send(());
            }
        }
        step
    }

    pub(crate) const fn answered(&mut self) {
        self.saying = false;
    }
}

impl Call {
    /// A REFER in this call.
    pub(crate) fn wished(&mut self, request: SipRequest, answer: Answer, id: RequestId) {
        let is_named = |header: &&Header| header.name().eq_ignore_ascii_case("Refer-To");
        let named: Vec<&str> = request.headers.iter().filter(is_named).map(Header::value).collect();
        // Several ask for what nobody can do.
        let to = if let [one] = named[..] { ReferTo::parse(one) } else { None };
        let Some(ReferTo { user, replaces }) = to else { return self.respond(&request, &answer, 400) };
        if !self.machine.is_confirmed() {
            return self.respond(&request, &answer, 603);
        }
        let under_way = self.following.as_ref().is_some_and(|following| !following.is_over());
        if under_way || self.wish.is_some() || self.transfer.is_some() {
            return self.respond(&request, &answer, 491);
        }
        let (call, control) = (self.key.clone(), Some(self.control.clone()));
        let trunk = self.party.trunk.clone();
        let referral = Referral { call, to: Pii(user), trunk, replaces, control };
        // Set first: a referral that nobody takes is declined by being dropped.
        self.wish = Some(Wish { request, answer, id });
        let _declined = self.shared.referrals.try_send(referral);
    }

    /// What whoever holds the calls says to it.
    pub(crate) fn judged(&mut self, yes: bool) {
        let Some(Wish { request, answer, id }) = self.wish.take() else { return };
        if !yes {
            return self.respond(&request, &answer, 603);
        }
        let sequence = request.cseq_header().ok().and_then(|header| header.seq().ok());
        self.following = Some(Following::new(id, sequence.filter(|_| self.following.is_some())));
        self.respond(&request, &answer, 202);
    }

    /// A REFER has its answer, or has waited too long for one.
    pub(crate) fn wish_answered(&mut self, refer: RequestId) {
        self.wish.take_if(|wish| wish.id == refer);
        if let Some(following) = &mut self.following {
            following.begin(refer);
        }
        self.notify();
    }

    pub(crate) fn tell(&mut self, status: u16, said: oneshot::Sender<()>) {
        let Some(following) = &mut self.following else { return };
        following.step(status);
        following.waiting.push(said);
        self.notify();
    }

    /// The other side has heard the step before, or never will.
    pub(crate) fn notified(&mut self) {
        if let Some(following) = &mut self.following {
            following.answered();
        }
        self.notify();
    }

    fn notify(&mut self) {
        let Some(step) = self.following.as_mut().and_then(Following::next) else { return };
        match self.dialog.notify(&step) {
            Ok(transaction) => {
                self.carry(transaction, Some((self.tell.clone(), Told::of_notify as Meaning)), None);
            }
            Err(error) => tracing::warn!(%error, "a NOTIFY could not be built"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_told_once_in_its_turn_and_nothing_after_the_last() {
        let mut following = Following::new(RequestId(3), None);
        following.begin(RequestId(3));
        following.step(100);
        let trying = following.next().expect("told");
        assert_eq!(
            (trying.event.as_str(), trying.state, trying.body.as_str()),
            ("refer", "active;expires=120", "SIP/2.0 100 Trying\r\n")
        );
        for status in [100, 180, 100, 486, 603, 200] {
            following.step(status);
        }
        assert!(following.is_over() && following.next().is_none(), "the first has no answer yet");
        let (waits, mut told) = oneshot::channel();
        following.waiting.push(waits);
        let mut said = Vec::new();
        loop {
            following.answered();
            assert!(told.try_recv().is_err(), "not all of it is said");
            let Some(step) = following.next() else { break };
            said.push((step.body, step.state));
        }
        let told_of = |body: &str, state| (body.to_owned(), state);
        assert_eq!(
            said,
            [
                told_of("SIP/2.0 180 Ringing\r\n", "active;expires=120"),
                told_of("SIP/2.0 486 Busy Here\r\n", "terminated;reason=noresource")
            ]
        );
        assert!(told.try_recv().is_ok());
    }

    #[test]
    fn nothing_is_told_before_the_wish_has_its_answer() {
        let mut following = Following::new(RequestId(3), Some(7));
        let (waits, mut told) = oneshot::channel();
        following.step(100);
        following.waiting.push(waits);
        assert_eq!(following.next(), None);
        following.begin(RequestId(4));
        assert_eq!(following.next(), None, "that was the answer to another");
        assert!(told.try_recv().is_err(), "whoever waits goes on waiting");
        following.begin(RequestId(3));
        assert!(following.next().is_some_and(|step| step.event == "refer;id=7"));
    }
}
