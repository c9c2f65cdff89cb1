//! Carries out what the turn machine decides, and tells it what came of it.
//!
//! Everything one decision needs happens in one step: what was not heard is dropped, remembered as not heard, and its
//! thinking and synthesis are hung up before the next input is looked at.

use std::future::ready;

use domain::{DeadAir, EndReason, Mark, MediaTime, SessionEvent, TurnId};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use media_core::{LegCommand, playout};
use media_flight::Record;
use media_turn::{Input, Output};
use providers_api::Error;
use tokio::time::Instant;

use crate::options::seconds;
use crate::ports::Said;
use crate::recording::Mode;
use crate::reply::{self, Effect, Reply, Wait};
use crate::session::Session;
use crate::speak::Voice;
use crate::think::Thought;

impl Session {
    /// Gives the machine one input and carries out what it decides. Inputs that come up meanwhile follow in order.
    pub(crate) fn feed(&mut self, input: Input<'_>) {
        self.inputs.push_back(input.into_owned());
        if self.pumping {
            return;
        }
        self.pumping = true;
        while let Some(input) = self.inputs.pop_front() {
            let now = Instant::now();
            if self.observers.records() {
                self.observers.record(Record::Input(now - self.started, input.clone()));
            }
            self.floor.handle(input, now.into_std());
            loop {
                match self.floor.poll() {
                    Output::Timeout(due) => {
                        self.floor_due = due.map(|(at, _)| Instant::from_std(at));
                        break;
                    }
                    output => {
                        if self.observers.records() {
                            self.observers.record(Record::Output(now - self.started, output.clone()));
                        }
                        self.act(output, now);
                    }
                }
            }
            self.finish_timelines();
        }
        self.pumping = false;
    }

    fn act(&mut self, output: Output, now: Instant) {
        if self.ending.leaving && takes_the_word(&output) {
            return;
        }
        match output {
            Output::Greet(turn) => {
                self.greeted = true;
                self.greeting.begins(turn);
                let greeting = self.dialogue.greet(turn);
                let stream = self.with_notice(greeting);
                self.speak(turn, stream, None, now);
            }
            Output::Prepare => self.recogniser.prepare(),
            Output::Finalize => self.recogniser.finalize(&self.ring, now),
            Output::ScoreEndOfTurn(at) => self.ask_for_score(at),
            Output::Speculate { turn, text } => self.speculate(turn, &text, now),
            Output::Discard(turn) => self.discard(turn, now),
            Output::Commit { turn, text, typed } => self.commit(turn, &text, typed, now),
            Output::Duck(turn) => self.duck(turn),
            Output::Resume { turn, .. } => self.resume(turn, now),
            Output::FlushPlayout(turn) | Output::Cancel(turn) => self.cancel(turn, now),
            Output::Nudge { turn, count } => {
                let stream = self.dialogue.nudge(turn, count);
                self.speak(turn, stream, None, now);
            }
            Output::GiveUp(turn) => self.farewell(turn, EndReason::CallerSilent, now),
            Output::ReplyLate(turn) => self.waited_too_long(turn, now),
            Output::NotUnderstood(turn) => {
                let said = Said::Text(self.lines.not_understood.clone());
                self.speak(turn, stream::once(ready(said)).boxed(), None, now);
            }
            Output::Speak(turn) => self.explain(turn, now),
            Output::Mark { turn, mark, back } => {
                let at = (now - self.started).saturating_sub(back.as_duration());
                self.observers.mark(turn, mark, at);
            }
            Output::Event(event) => self.tell(event),
            Output::Timeout(_) => {}
        }
    }

    /// A caller who is recorded is told so first, and cannot talk over it.
    fn with_notice(&self, greeting: BoxStream<'static, Said>) -> BoxStream<'static, Said> {
        let options = &self.options.recording;
        if self.recording.is_none() || options.mode != Mode::Notice {
            return greeting;
        }
        let notice = [
            Said::Interruptible(false),
            Said::Text(format!("{} ", options.notice)),
            Said::Interruptible(true),
        ];
        futures::stream::iter(notice).chain(greeting).boxed()
    }

    fn speculate(&mut self, turn: TurnId, text: &str, now: Instant) {
        let stream = self.dialogue.speculate(turn, text);
        let mut voice = Voice::new(self.speaker.clone(), turn);
        if !self.options.speak_ahead {
            voice.mute();
        }
        let mut thought = Thought::guess(stream, now);
        if self.hurry.as_ref().is_some_and(|hurry| hurry.shortens()) {
            thought.shorten();
        }
        self.guess = Some(Reply::new(turn, thought, voice, true, now));
    }

    fn commit(&mut self, turn: TurnId, text: &str, typed: bool, now: Instant) {
        self.turns += 1;
        let turns = self.turns;
        self.status.send_modify(|status| status.turns = turns);
        self.conclude_reply(true, now);
        self.outbound.think(self.options.thinking_sound);
        self.ears.settle(self.ring.end());
        if typed {
            self.dialogue.typed(turn);
        }
        self.unasked.has_gone_on();
        let stream = self.dialogue.commit(turn, text);
        match self.guess.take() {
            Some(mut guess) if guess.turn == turn && self.options.speak_ahead && !guess.lost => {
                guess.promote(stream, now);
                self.reply = Some(guess);
                self.settle_reply(Vec::new(), now);
            }
            _ => {
                self.speak(turn, stream, None, now);
                let (shortens, opener) = match &mut self.hurry {
                    Some(hurry) => (hurry.shortens(), hurry.opener()),
                    None => (false, None),
                };
                if let Some(reply) = &mut self.reply
                    && !self.dialogue.hears()
                {
                    reply.warm();
                    if shortens {
                        reply.thought.shorten();
                    }
                    if let Some(opener) = opener {
                        reply.open_with(&opener, now);
                        self.settle_reply(Vec::new(), now);
                    }
                }
            }
        }
    }

    /// Begins a turn of the agent.
    pub(crate) fn speak(
        &mut self,
        turn: TurnId,
        stream: BoxStream<'static, Said>,
        end: Option<EndReason>,
        now: Instant,
    ) {
        if self.reply.is_some() {
            self.conclude_reply(true, now);
        }
        let voice = Voice::new(self.speaker.clone(), turn);
        let mut reply = Reply::new(turn, Thought::committed(stream, now), voice, false, now);
        reply.end = end;
        self.reply = Some(reply);
    }

    pub(crate) fn farewell(&mut self, turn: TurnId, reason: EndReason, now: Instant) {
        let stream = self.dialogue.farewell(turn, reason);
        self.speak(turn, stream, Some(reason), now);
        self.ending.farewell_by = Some((now + seconds(self.options.farewell_s), reason));
    }

    /// Goodbye in a turn of the session's own.
    pub(crate) fn say_goodbye(&mut self, reason: EndReason, now: Instant) {
        if self.is_bridged() {
            return self.close(reason, now); // the agent has no voice in it any more
        }
        self.drop_handing();
        let turn = self.own_turn();
        self.farewell(turn, reason, now);
        self.ending.leaving = true;
    }

    /// The call ends when the agent has nothing to say; the first reason stands.
    pub(crate) fn take_leave(&mut self, reason: EndReason, now: Instant) {
        if self.is_bridged() {
            return self.close(reason, now);
        }
        self.ending.last_turn.get_or_insert(reason);
        self.say_goodbye_if_wanted(now);
    }

    fn say_goodbye_if_wanted(&mut self, now: Instant) {
        let Some(reason) = self.ending.last_turn else { return };
        if self.reply.is_none() && self.ending.farewell_by.is_none() && self.ending.closing.is_none() {
            if self.connection.flowing {
                self.say_goodbye(reason, now);
            } else {
                self.close(reason, now);
            }
        }
    }

    fn discard(&mut self, turn: TurnId, now: Instant) {
        self.guess.take_if(|guess| guess.turn == turn);
        if self.reply.take_if(|reply| reply.turn == turn).is_some() {
            // Nothing of it sounded: it never was.
            self.outbound.flush(turn, now);
            self.observers.forget(turn);
        }
        self.dialogue.discard(turn);
    }

    fn duck(&mut self, turn: TurnId) {
        if let Some(reply) = self.reply.as_mut().filter(|reply| reply.turn == turn) {
            reply.held = true;
            self.outbound.duck(turn);
        }
    }

    fn resume(&mut self, turn: TurnId, now: Instant) {
        if let Some(reply) = self.reply.as_mut().filter(|reply| reply.turn == turn) {
            reply.held = false;
            self.outbound.resume(turn, now);
            metrics::counter!(crate::metrics::BARGE_IN_TOTAL, "outcome" => "resumed").increment(1);
            self.settle_reply(Vec::new(), now);
        }
    }

    fn cancel(&mut self, turn: TurnId, now: Instant) {
        if self.guess.take_if(|guess| guess.turn == turn).is_some() {
            self.dialogue.discard(turn);
        }
        if self.reply.as_ref().is_some_and(|reply| reply.turn == turn) {
            let sounding = self.reply.as_ref().is_some_and(|reply| reply.sounding);
            self.greeting.interrupted(turn);
            self.said_in_vain(turn);
            self.conclude_reply(true, now);
            if sounding {
                self.send(LegCommand::Clear);
                metrics::counter!(crate::metrics::BARGE_IN_TOTAL, "outcome" => "taken").increment(1);
            }
        }
    }

    /// The agent's turn is over, here and now: what of it was heard is what was said.
    pub(crate) fn conclude_reply(&mut self, interrupted: bool, now: Instant) {
        let Some(mut reply) = self.reply.take() else { return };
        let turn = reply.turn;
        self.prompted.take_if(|(of, _)| *of == turn);
        reply.settle_passage(now);
        let position = self.outbound.flush(turn, now);
        let position = position.unwrap_or(if reply.sounding { reply.heard } else { MediaTime::ZERO });
        let history = reply.voice.history();
        let heard = if interrupted { history.heard(position) } else { history.heard(MediaTime(u64::MAX)) };
        let cut = interrupted && !(heard.all && reply.is_complete());
        let voiced = history.passages_heard(if interrupted { position } else { MediaTime(u64::MAX) });
        if let Some(voiced) = voiced {
            self.dialogue.voice_heard(turn, voiced);
        }
        self.dialogue.heard(turn, &heard.text, cut);
        self.mark_reply(&reply);
        if reply.sounding {
            self.observers.mark(turn, Mark::AgentEnded, now - self.started);
        }
        if !history.is_empty() {
            self.emit(SessionEvent::AgentTurn { turn, text: heard.text, interrupted: cut });
            if let Some(greeted) = self.greeting.ends(turn, cut, !reply.apologised) {
                self.emit(greeted);
            }
        }
        if reply.end.is_some() && !self.ending.leaving {
            self.ending.farewell_by = None; // interrupted: the caller has more to say
        }
        self.outbound.think(false);
        self.observers.over(turn);
    }

    fn mark_reply(&mut self, reply: &Reply) {
        let marks = [
            (Mark::FirstText, reply.thought.first_text()),
            (Mark::FirstSentence, reply.voice.first_sentence()),
            (Mark::FirstAudio, reply.voice.first_audible()),
        ];
        for (mark, at) in marks {
            if let Some(at) = at {
                self.observers.mark(reply.turn, mark, at - self.started);
            }
        }
    }

    pub(crate) fn replied(&mut self, came: reply::Came) {
        let now = Instant::now();
        let Some(reply) = &mut self.reply else { return };
        let mut effects = Vec::new();
        reply.take(came, now, &mut effects);
        self.settle_reply(effects, now);
    }

    pub(crate) fn guessed(&mut self, came: reply::Came) {
        let Some(guess) = &mut self.guess else { return };
        // A guess has no effects until it is committed.
        let mut none = Vec::new();
        guess.take(came, Instant::now(), &mut none);
    }

    /// Carries out what came of a reply, and sees whether it is complete.
    pub(crate) fn settle_reply(&mut self, mut effects: Vec<Effect>, now: Instant) {
        if let Some(reply) = &mut self.reply {
            reply.open_up(&mut effects);
        }
        for effect in effects {
            self.effect(effect, now);
        }
        if let Some(reply) = &mut self.reply
            && reply.is_complete()
            && !std::mem::replace(&mut reply.ended, true)
        {
            self.outbound.end(reply.turn, now);
        }
        self.playout_events(now);
    }

    fn effect(&mut self, effect: Effect, now: Instant) {
        let Some(turn) = self.reply.as_ref().map(|reply| reply.turn) else { return };
        match effect {
            Effect::Saying(text) => {
                self.feed(Input::Saying(turn, text.clone().into()));
                self.emit(SessionEvent::AgentSaying { turn, text });
            }
            Effect::Audio(frame) => {
                self.outbound.push(turn, &frame, now);
                self.tick_at_once();
            }
            Effect::SentenceDone => self.outbound.sentence_done(turn),
            Effect::Item(item) => self.item(turn, item, now),
            Effect::VoiceFailed { error, again } => {
                self.provider_failed(Some(turn), &error);
                if !again {
                    self.apologise(turn, DeadAir::Synthesis, now);
                }
            }
        }
    }

    fn item(&mut self, turn: TurnId, item: Said, now: Instant) {
        match item {
            Said::Text(_) | Said::Voiced(_) => {}
            Said::Interruptible(may) => {
                if let Some(reply) = &mut self.reply {
                    let next = reply.voice.history().len();
                    reply.floor.push_back((next, may));
                }
                self.apply_floor(MediaTime::ZERO);
            }
            Said::Hold(length) => self.feed(Input::Hold(length)),
            Said::Node(node) => self.emit(SessionEvent::Node { turn, node }),
            Said::Noted { name, value } => {
                self.feed(Input::Irrevocable(turn));
                self.emit(SessionEvent::Noted { name, value });
            }
            Said::Failed { failure, message } => {
                let code = failure.code.to_string();
                self.emit(SessionEvent::Failed { turn: Some(turn), source: failure.source, code, message });
                self.apologise(turn, DeadAir::Thinking, now);
            }
            Said::Trouble { failure, message } => {
                let code = failure.code.to_string();
                self.emit(SessionEvent::Failed { turn: Some(turn), source: failure.source, code, message });
            }
            Said::End(reason) => {
                if let Some(reply) = &mut self.reply {
                    reply.end = Some(reason);
                    reply.thought.close();
                }
                self.ending.farewell_by.get_or_insert((now + seconds(self.options.farewell_s), reason));
            }
            Said::Press(keys) => {
                self.feed(Input::Irrevocable(turn));
                if let Some(reply) = &mut self.reply {
                    reply.press = Some(keys);
                    reply.thought.close();
                }
            }
            Said::Transfer(transfer) => {
                self.feed(Input::Irrevocable(turn));
                if let Some(reply) = &mut self.reply {
                    reply.transfer = Some(transfer);
                    reply.thought.close();
                }
            }
        }
    }

    /// Lets the turn be interrupted, or not, from the sentence on for which that was said.
    pub(crate) fn apply_floor(&mut self, played: MediaTime) {
        while let Some(reply) = &mut self.reply
            && let Some((sentence, may)) = reply.floor.front().copied()
            && (sentence == 0 || reply.voice.history().begins(sentence).is_some_and(|at| at <= played))
        {
            let turn = reply.turn;
            reply.floor.pop_front();
            self.feed(Input::Interruptible(turn, may));
        }
    }

    pub(crate) fn playout_events(&mut self, now: Instant) {
        while let Some(event) = self.outbound.poll_event() {
            if self.is_bridged() {
                continue; // of two people's talk
            }
            match event {
                playout::Event::Started { turn, at } => self.sounds(turn, Instant::from_std(at)),
                playout::Event::Underrun { .. } => {}
                playout::Event::Recovered { turn, gap } => self.dead_air(Some(turn), DeadAir::Underrun, gap),
                playout::Event::Finished { turn, .. } => self.reply_finished(turn, now),
            }
        }
    }

    fn sounds(&mut self, turn: TurnId, at: Instant) {
        let Some(reply) = self.reply.as_mut().filter(|reply| reply.turn == turn) else { return };
        reply.sounding = true;
        self.prompted.take_if(|(of, _)| *of == turn);
        let late = reply.voice.first_sentence().filter(|_| reply.voice.was_retried() && !reply.apologised);
        if let Some(wanted) = late {
            self.dead_air(Some(turn), DeadAir::Synthesis, at.saturating_duration_since(wanted));
        }
        self.greeting.sounds(turn, at);
        self.observers.mark(turn, Mark::AgentStarted, at - self.started);
        self.feed(Input::AgentAudio(turn));
        if self.ending.leaving {
            self.feed(Input::Interruptible(turn, false));
        }
    }

    fn reply_finished(&mut self, turn: TurnId, now: Instant) {
        let Some(reply) = self.reply.as_ref().filter(|reply| reply.turn == turn) else { return };
        let (end, transfer, press) = (reply.end, reply.transfer.clone(), reply.press.clone());
        if reply.sounding && !reply.apologised {
            self.failed_replies = 0;
        }
        self.conclude_reply(false, now);
        self.feed(Input::AgentDone(turn));
        match (end, transfer) {
            (Some(reason), _) => self.close_gently(reason, now),
            (None, Some(transfer)) if self.ending.last_turn.is_none() && self.handing.is_none() => {
                self.begin_transfer(&transfer, now);
            }
            (None, None) if press.is_some() && self.ending.last_turn.is_none() && self.handing.is_none() => {
                press.iter().for_each(|keys| self.begin_pressing(keys, now));
            }
            (None, _) if self.explain_late() => {}
            (None, _) => self.say_goodbye_if_wanted(now),
        }
    }

    pub(crate) fn reply_late(&mut self, wait: Wait, now: Instant) {
        let Some(reply) = &mut self.reply else { return };
        match wait {
            Wait::Thinking => self.dialogue_late(now),
            Wait::Synthesis => {
                let error = reply.voice.timed_out();
                let mut effects = Vec::new();
                reply.voice_failed(error, now, &mut effects);
                self.settle_reply(effects, now);
            }
        }
    }

    fn dialogue_late(&mut self, now: Instant) {
        let Some(reply) = &self.reply else { return };
        let (turn, silent) = (reply.turn, reply.thought.silent_for(now));
        let message = format!("the dialogue said nothing for {} ms", silent.as_millis());
        let (code, source) = ("DIALOGUE_TIMED_OUT".to_owned(), domain::Source::Platform);
        self.emit(SessionEvent::Failed { turn: Some(turn), source, code, message });
        self.apologise(turn, DeadAir::Thinking, now);
    }

    /// The caller has been silent for as long as an answer may take, whatever the waits of those who make it say.
    fn waited_too_long(&mut self, turn: TurnId, now: Instant) {
        let reply = self.reply.as_ref().filter(|reply| reply.turn == turn);
        match reply.map(|reply| (reply.apologised, reply.waits_for())) {
            None => self.apologise(turn, DeadAir::Thinking, now),
            Some((true, _)) => {}
            Some((false, Wait::Thinking)) => self.dialogue_late(now),
            Some((false, Wait::Synthesis)) => {
                if let Some(error) = reply.map(|reply| reply.voice.timed_out()) {
                    self.provider_failed(Some(turn), &error);
                }
                self.apologise(turn, DeadAir::Synthesis, now);
            }
        }
    }

    /// Says the apology as this turn, instead of whatever it was to be.
    pub(crate) fn apologise(&mut self, turn: TurnId, cause: DeadAir, now: Instant) {
        if self.reply.as_ref().is_none_or(|reply| reply.turn != turn) {
            self.conclude_reply(true, now);
            let voice = Voice::new(self.speaker.clone(), turn);
            self.reply = Some(Reply::new(turn, Thought::none(now), voice, false, now));
        }
        let Some(reply) = &mut self.reply else { return };
        if reply.apologised {
            return;
        }
        let waited = now - reply.since;
        let mut effects = Vec::new();
        let own = self.speaker.clips.get(&self.lines.apology);
        reply.apologise(own.unwrap_or(&self.apology), now, &mut effects);
        self.failed_replies += 1;
        if self.failed_replies >= self.options.waits.failures {
            reply.end = Some(EndReason::ProviderFailed);
        }
        self.dead_air(Some(turn), cause, waited);
        self.settle_reply(effects, now);
    }

    /// Recognition is dead: an apology, and the end.
    pub(crate) fn doom(&mut self, now: Instant) {
        self.ending.doomed = true;
        if !self.connection.flowing {
            return;
        }
        self.ending.leaving = true;
        // What decides about a reply that is held are words, which do not come any more: it ends here.
        if let Some(turn) = self.reply.as_ref().filter(|reply| reply.held).map(|reply| reply.turn) {
            self.conclude_reply(true, now);
            self.feed(Input::AgentDone(turn));
        }
        let turn = self.reply.as_ref().map(|reply| reply.turn);
        let turn = turn.unwrap_or_else(|| self.own_turn());
        self.apologise(turn, DeadAir::Recognition, now);
        if let Some(reply) = &mut self.reply {
            reply.end = Some(EndReason::ProviderFailed);
        }
        let by = now + seconds(self.options.farewell_s);
        self.ending.farewell_by = Some((by, EndReason::ProviderFailed));
    }

    pub(crate) fn provider_failed(&mut self, turn: Option<TurnId>, error: &Error) {
        let failure = error.failure();
        let ability = match error.ability {
            providers_api::Ability::Stt => "stt",
            _ => "tts",
        };
        metrics::counter!(crate::metrics::PROVIDER_FAILURES_TOTAL, "ability" => ability).increment(1);
        let (code, message) = (failure.code.to_string(), error.to_string());
        self.emit(SessionEvent::Failed { turn, source: failure.source, code, message });
    }
}

/// Whether it would take the word from a session that is saying goodbye.
fn takes_the_word(output: &Output) -> bool {
    match output {
        Output::Greet(_)
        | Output::Speculate { .. }
        | Output::Commit { .. }
        | Output::Nudge { .. }
        | Output::GiveUp(_)
        | Output::NotUnderstood(_)
        | Output::Speak(_)
        | Output::ReplyLate(_)
        | Output::Duck(_)
        | Output::FlushPlayout(_)
        | Output::Cancel(_) => true,
        Output::Prepare
        | Output::Finalize
        | Output::ScoreEndOfTurn(_)
        | Output::Discard(_)
        | Output::Resume { .. }
        | Output::Mark { .. }
        | Output::Event(_)
        | Output::Timeout(_) => false,
    }
}
