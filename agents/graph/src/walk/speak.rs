//! What is said: which wording, with which values.

use serde_json::{Value, json};

use super::{Action, Walk};
use crate::expression::{Expression, Scope};
use crate::spoken;
use crate::template::{Given, Template};
use domain::Role;

impl Walk {
    /// Says one of the wordings, another one each time: the seed chooses the first.
    pub(super) fn say_one(&mut self, key: &str, texts: &[Template], slot: &Value) {
        if let Some(text) = self.choose(key, texts, slot) {
            self.say(text);
        }
    }

    /// Says one of the wordings, which "what?" does not bring back.
    pub(super) fn say_filler(&mut self, key: &str, texts: &[Template]) {
        if let Some(text) = self.choose(key, texts, &Value::Null) {
            self.say(text);
            if let Some((_, filler)) = self.saying.last_mut() {
                *filler = true;
            }
        }
    }

    /// Says one of the wordings and keeps it as the question that is open.
    pub(super) fn ask(&mut self, key: &str, texts: &[Template], slot: &Value) {
        if let Some(text) = self.choose(key, texts, slot) {
            self.state.question.clone_from(&text);
            self.say(text);
        }
    }

    pub(super) fn say(&mut self, text: String) {
        if !text.is_empty() {
            self.spoke = true;
            self.saying.push((text.clone(), false));
            self.out.push(Action::Say(text));
        }
    }

    pub(super) fn choose(&mut self, key: &str, texts: &[Template], slot: &Value) -> Option<String> {
        if texts.is_empty() {
            return None;
        }
        let used = self.state.uses.entry(key.to_owned()).or_default();
        let at = (mix(self.state.seed, key).wrapping_add(u64::from(*used)) % texts.len() as u64) as usize;
        *used = used.wrapping_add(1);
        let text = self.scoped(slot, |scope| texts[at].render(scope, self.now.date()));
        if text.is_empty() { None } else { Some(text) }
    }

    pub(super) fn given(&self, value: &Given) -> Value {
        self.scoped(&Value::Null, |scope| value.value(scope))
    }

    pub(super) fn holds(&self, condition: &Expression) -> bool {
        self.scoped(&Value::Null, |scope| condition.holds(scope))
    }

    pub(super) fn value(&self, expression: &Expression) -> Value {
        self.scoped(&Value::Null, |scope| expression.value(scope))
    }

    fn scoped<T>(&self, slot: &Value, read: impl FnOnce(&Scope<'_>) -> T) -> T {
        let now = spoken::now_value(self.now);
        let question = json!(self.state.question);
        let mut roots = vec![
            ("facts", &self.graph.definition.facts),
            ("heard", &self.state.heard),
            ("vocabularies", &self.graph.vocabularies),
            ("now", &now),
            ("question", &question),
            ("slot", slot),
            ("error", &self.state.error),
        ];
        roots.extend(self.state.told.roots(&self.state.channels));
        read(&Scope { roots: &roots, state: &self.state.channels })
    }

    pub(super) fn text_of(&self, text: &Template) -> String {
        self.scoped(&Value::Null, |scope| text.render(scope, self.now.date()))
    }

    pub(super) fn lines(&self, text: &Template) -> String {
        self.scoped(&Value::Null, |scope| text.render_lines(scope, self.now.date()))
    }

    pub(super) fn remember(&mut self, role: Role, turn: u32, text: &str) {
        self.state.remember(role, turn, text);
    }

    /// Puts what was said since the last input into the memory.
    pub(super) fn remember_reply(&mut self) {
        if self.saying.is_empty() {
            return;
        }
        let saying = std::mem::take(&mut self.saying);
        let joined = |fillers: bool| {
            let texts = saying.iter().filter(|(_, filler)| fillers || !*filler);
            texts.map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(" ")
        };
        let (reply, matter) = (joined(true), joined(false));
        let turn = self.state.turn;
        self.state.remember(Role::Agent, turn, &reply);
        self.state.last_reply = if matter.is_empty() { reply } else { matter };
        self.state.unheard = false;
    }
}

impl Walk {
    /// Puts what was said into the memory without making it what "repeat that" repeats.
    pub(super) fn remember_aside(&mut self) {
        let last = self.state.last_reply.clone();
        self.remember_reply();
        self.state.last_reply = last;
    }
}

/// FNV-1a: the same on every machine and in every version.
fn mix(seed: u64, key: &str) -> u64 {
    seed.to_le_bytes().iter().chain(key.as_bytes()).fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
