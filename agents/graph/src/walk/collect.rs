//! Collecting: questions until all slots are filled, values in any order, corrections, read-back, asides.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fill::Changes;
use super::snapshot::Frame;
use super::{Action, CollectState, Next, Scores, Walk, listen};
use crate::compile::{Asking, Collecting, Compiled, Step};
use crate::node::SlotKind;
use crate::state::Write;
use crate::understand::{self, Reading, Reply, Wanted, WantedKind, Words};

impl Walk {
    fn collecting(&self, node: &str) -> Option<Arc<Collecting>> {
        match self.graph.nodes.get(node) {
            Some(Step::Collect(collecting)) => Some(Arc::clone(collecting)),
            _ => None,
        }
    }

    /// The walk arrives: what the caller said on the way here may already hold values.
    pub(super) fn collect_entered(&mut self, node: &str) -> Next {
        let Some(collecting) = self.collecting(node) else { return Next::Stop(Action::Wait) };
        self.state.collects.insert(node.to_owned(), CollectState::default());
        self.state.questions.clear();
        let text = self.state.heard.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
        // Only words that led here in this turn; a node that follows a tool or an offer starts afresh.
        let fresh = self.state.heard.get("used").is_none();
        let changes = if fresh { self.fill(node, &collecting, &text) } else { Changes::default() };
        if let Some(heard) = self.state.heard.as_object_mut() {
            heard.insert("used".to_owned(), json!(true));
        }
        self.go_on(node, &collecting, &changes)
    }

    /// Back from an aside: the open question again.
    pub(super) fn come_back(&mut self, node: &str) {
        let Some(collecting) = self.collecting(node) else { return self.home() };
        self.say_filler(&format!("{node} back"), &collecting.back);
        let next = self.go_on(node, &collecting, &Changes::default());
        self.proceed(node, next);
    }

    fn proceed(&mut self, node: &str, next: Next) {
        match next {
            Next::Stop(action) => self.out.push(action),
            Next::On(outcome) => self.leave(node, &outcome),
        }
    }

    pub(super) fn collect_heard(&mut self, node: &str, text: &str, scores: Option<&Scores>) {
        let Some(collecting) = self.collecting(node) else { return self.home() };
        let words = Words::new(text);
        let reply = understand::reply(&words);
        let state = self.state.collects.entry(node.to_owned()).or_default().clone();
        let expected = expected(collecting.as_ref(), &state, &words);
        let readings =
            understand::read(text, &self.wanted(&collecting, expected.as_deref()), self.now.date());
        let named = self.named_slot(&collecting, &words, state.changing);
        let free = expected
            .as_deref()
            .and_then(|name| slot(&collecting, name))
            .is_some_and(|asking| asking.slot.kind == SlotKind::Text);
        let proposal =
            understand::proposes(&words) && readings.values.iter().any(|(_, value)| can_be_proposed(value));
        let question = understand::is_question(&words, text.contains('?')) && !proposal;
        let answered = !readings.values.is_empty()
            || !readings.denied.is_empty()
            || (state.confirming && (reply.is_some() || named.is_some()));
        if let Some(asides) = &collecting.node.asides
            && (question || !(answered || free))
        {
            match scores {
                None => {
                    // What has values as well is one utterance.
                    let first = if answered { text.to_owned() } else { self.first_question(text) };
                    return self.need_classes(asides, &first);
                }
                Some(scores) => {
                    if self.aside(node, asides, text, scores, answered) {
                        return;
                    }
                }
            }
        }
        let changes = self.fill(node, &collecting, text);
        let untouched = changes.is_empty();
        let next = if state.confirming && untouched {
            self.confirmed(node, &collecting, reply, named, answered, &state)
        } else if untouched {
            self.missed(node, &collecting, named)
        } else {
            self.go_on(node, &collecting, &changes)
        };
        self.proceed(node, next);
    }

    /// Answers a question asked in between. False where it is none.
    fn aside(&mut self, node: &str, asides: &str, text: &str, scores: &Scores, answered: bool) -> bool {
        let graph = Arc::clone(&self.graph);
        let Some(Step::Intent { node: intents, .. }) = graph.nodes.get(asides) else { return false };
        let Some((intent, score)) = listen::decide(&graph, intents, text, scores, self.now.date()) else {
            return false;
        };
        let found = intents.intents.get(&intent);
        // Courtesy beside an answer is no question.
        if answered && found.is_some_and(|intent| intent.weak) {
            return false;
        }
        if let Some(act) = found.and_then(|intent| intent.act) {
            self.act(act);
            return true;
        }
        // Before the way is chosen: conditions may look at what was heard.
        self.hear(asides, intents, &intent, score, text);
        match self.way(asides, &intent) {
            Some(to) if to != node => {
                self.state.frames.push(Frame { collect: node.to_owned(), intent: asides.to_owned() });
                self.run(to);
                true
            }
            _ => false,
        }
    }

    fn confirmed(
        &mut self,
        node: &str,
        collecting: &Collecting,
        reply: Option<Reply>,
        named: Option<String>,
        answered: bool,
        state: &CollectState,
    ) -> Next {
        if let Some(name) = named.filter(|_| reply != Some(Reply::Yes)) {
            self.clear(collecting, &name);
            let state = self.collect_state(node);
            (state.confirming, state.changing) = (false, false);
            return self.go_on(node, collecting, &Changes::default());
        }
        match reply {
            Some(Reply::Yes) if !state.unheard => self.done(node),
            Some(Reply::No) => {
                if self.miss(node, collecting) {
                    return self.failed(node);
                }
                if let Some((_, change)) = &collecting.confirm {
                    self.ask(&format!("{node} change"), change, &Value::Null);
                    self.collect_state(node).changing = true;
                }
                Next::Stop(Action::Wait)
            }
            _ => {
                if self.miss(node, collecting) {
                    return self.failed(node);
                }
                if !answered {
                    self.say_filler(&format!("{node} unclear"), &collecting.unclear);
                }
                self.read_back(node, collecting)
            }
        }
    }

    fn missed(&mut self, node: &str, collecting: &Collecting, named: Option<String>) -> Next {
        if let Some(name) = named.filter(|name| self.filled(collecting, name)) {
            self.clear(collecting, &name);
            return self.go_on(node, collecting, &Changes::default());
        }
        if self.miss(node, collecting) {
            return self.failed(node);
        }
        self.say_filler(&format!("{node} unclear"), &collecting.unclear);
        match self.missing(collecting) {
            Some(asking) => self.put_question(node, asking, true),
            None => self.read_back(node, collecting),
        }
    }

    /// Counts a turn that brought nothing. True when there were too many.
    fn miss(&mut self, node: &str, collecting: &Collecting) -> bool {
        let state = self.collect_state(node);
        state.misses += 1;
        state.misses >= collecting.node.attempts
    }

    fn failed(&mut self, node: &str) -> Next {
        self.state.collects.remove(node);
        Next::On("failed".to_owned())
    }

    fn done(&mut self, node: &str) -> Next {
        self.state.collects.remove(node);
        Next::On("done".to_owned())
    }

    pub(super) fn collect_state(&mut self, node: &str) -> &mut CollectState {
        self.state.collects.entry(node.to_owned()).or_default()
    }

    /// Acknowledges, refuses, asks for what is missing, reads back, or is done.
    fn go_on(&mut self, node: &str, collecting: &Collecting, changes: &Changes) -> Next {
        if !changes.filled.is_empty() || !changes.corrected.is_empty() || changes.partial {
            self.collect_state(node).misses = 0;
        }
        if let Some((name, reason, about)) = &changes.refused {
            return self.refuse(node, collecting, name, reason, about);
        }
        if changes.partial {
            let asking = collecting.slots.iter().find(|asking| asking.slot.kind == SlotKind::Phone);
            if let Some(asking) = asking.filter(|asking| !asking.partial.is_empty()) {
                self.ask(&format!("{node} partial"), &asking.partial, &Value::Null);
                self.collect_state(node).asked = Some(asking.slot.name.clone());
                return Next::Stop(Action::Wait);
            }
        }
        if let Some(name) = changes.corrected.last() {
            let about = self.about(collecting, name);
            self.say_one(&format!("{node} corrected"), &collecting.corrected, &about);
        }
        if changes.denied && changes.refused.is_none() && self.miss(node, collecting) {
            return self.failed(node);
        }
        let missing = self.missing(collecting);
        let acknowledged = !changes.filled.is_empty() && changes.corrected.is_empty() && !self.spoke;
        if acknowledged && missing.is_some() {
            self.say_filler(&format!("{node} filled"), &collecting.filled);
        }
        match missing {
            Some(asking) => self.put_question(node, asking, false),
            None if collecting.confirm.is_some() => self.read_back(node, collecting),
            None => self.done(node),
        }
    }

    fn put_question(&mut self, node: &str, asking: &Asking, again: bool) -> Next {
        let texts = if again && !asking.again.is_empty() { &asking.again } else { &asking.ask };
        let key = format!("{node} {} {}", if again { "again" } else { "ask" }, asking.slot.name);
        self.ask(&key, texts, &Value::Null);
        let state = self.collect_state(node);
        state.asked = Some(asking.slot.name.clone());
        state.confirming = false;
        Next::Stop(Action::Wait)
    }

    fn read_back(&mut self, node: &str, collecting: &Collecting) -> Next {
        let Some((ask, _)) = &collecting.confirm else { return self.done(node) };
        self.ask(&format!("{node} confirm"), ask, &Value::Null);
        let turn = self.state.turn;
        let state = self.collect_state(node);
        state.confirming = true;
        state.changing = false;
        state.unheard = false;
        state.read_back = Some(turn);
        state.asked = None;
        Next::Stop(Action::Wait)
    }

    fn refuse(
        &mut self,
        node: &str,
        collecting: &Collecting,
        name: &str,
        reason: &str,
        about: &Value,
    ) -> Next {
        let said = collecting.refusals.get(reason).filter(|texts| !texts.is_empty());
        let Some(asking) = slot(collecting, name) else { return Next::Stop(Action::Wait) };
        if reason != "vague" && self.miss(node, collecting) {
            return self.failed(node);
        }
        match said {
            Some(texts) => self.ask(&format!("{node} {reason}"), texts, about),
            None => {
                self.say_one(&format!("{node} unclear"), &collecting.unclear, about);
                self.ask(
                    &format!("{node} again {name}"),
                    if asking.again.is_empty() { &asking.ask } else { &asking.again },
                    about,
                );
            }
        }
        let state = self.collect_state(node);
        state.asked = Some(name.to_owned());
        state.confirming = false;
        Next::Stop(Action::Wait)
    }

    /// The first slot that is empty and wanted.
    fn missing<'a>(&self, collecting: &'a Collecting) -> Option<&'a Asking> {
        collecting.slots.iter().find(|asking| {
            asking.when.as_ref().is_none_or(|when| self.holds(when))
                && !self.filled(collecting, &asking.slot.name)
        })
    }

    pub(super) fn filled(&self, collecting: &Collecting, name: &str) -> bool {
        self.held(collecting, name).is_some()
    }

    pub(super) fn held(&self, collecting: &Collecting, name: &str) -> Option<&Value> {
        self.state.channels.get(&collecting.node.into)?.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn clear(&mut self, collecting: &Collecting, name: &str) {
        self.put(collecting, name, Value::Null);
    }

    pub(super) fn put(&mut self, collecting: &Collecting, name: &str, value: Value) {
        let fields = Map::from_iter([(name.to_owned(), value)]);
        let write = Write { channel: collecting.node.into.clone(), value: Value::Object(fields) };
        let written = self.write(vec![write]);
        debug_assert!(written.is_ok(), "validation has checked channel and reducer");
    }

    /// The slot whose words the utterance has, where it asks to change one ("the time is wrong") or was asked which (`asked`).
    fn named_slot(&self, collecting: &Collecting, words: &Words, asked: bool) -> Option<String> {
        let changing = asked
            || [
                "change",
                "wrong",
                "different",
                "another",
                "other",
                "not right",
                "incorrect",
                "no",
                "fix",
                "correct the",
                "update",
            ]
            .iter()
            .any(|word| words.has(word));
        if !changing || words.len() > 10 {
            return None;
        }
        let named =
            collecting.slots.iter().find(|asking| asking.slot.words.iter().any(|word| words.has(word)));
        named.map(|asking| asking.slot.name.clone())
    }

    pub(super) fn wanted<'a>(
        &'a self,
        collecting: &'a Collecting,
        expected: Option<&str>,
    ) -> Vec<Wanted<'a>> {
        let mut wanted = wanted(&self.graph, collecting, expected);
        for item in &mut wanted {
            item.held = self.filled(collecting, item.name);
        }
        wanted
    }
}

/// The slot that a bare value belongs to: the one asked for, or the telephone number that goes on after a breath.
pub(super) fn expected(collecting: &Collecting, state: &CollectState, words: &Words) -> Option<String> {
    if let Some(mended) = mended(collecting, state, words) {
        return Some(mended);
    }
    if !state.confirming {
        return state.asked.clone();
    }
    let last = slot(collecting, state.last_filled.as_deref()?)?;
    let goes_on = last.slot.kind == SlotKind::Phone && understand::is_digit_by_digit(words);
    goes_on.then(|| last.slot.name.clone())
}

/// "No, I meant four": the number that was given last, although something else was asked for since.
fn mended(collecting: &Collecting, state: &CollectState, words: &Words) -> Option<String> {
    let last = slot(collecting, state.last_filled.as_deref()?)?;
    let numeric = matches!(last.slot.kind, SlotKind::Date | SlotKind::Time | SlotKind::Number);
    (numeric && understand::mends(words)).then(|| last.slot.name.clone())
}

fn can_be_proposed(value: &Reading) -> bool {
    matches!(value, Reading::Date(_) | Reading::Time(_))
}

/// What a collect node looks for in an utterance.
pub(super) fn wanted<'a>(
    graph: &'a Compiled,
    collecting: &'a Collecting,
    expected: Option<&str>,
) -> Vec<Wanted<'a>> {
    let want = |asking: &'a Asking| {
        let kind = match asking.slot.kind {
            SlotKind::Choice => WantedKind::Choice(graph.choices.get(asking.slot.vocabulary.as_ref()?)?),
            other => listen::plain_kind(other),
        };
        let expected = expected == Some(asking.slot.name.as_str());
        Some(Wanted { name: &asking.slot.name, kind, expected, held: false })
    };
    collecting.slots.iter().filter_map(want).collect()
}

pub(super) fn slot<'a>(collecting: &'a Collecting, name: &str) -> Option<&'a Asking> {
    collecting.slots.iter().find(|asking| asking.slot.name == name)
}
