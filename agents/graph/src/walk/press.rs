//! Pressing keys on the line: what is wanted, what becomes of what the other side says meanwhile, and the way on.
//!
//! Keys are for machines. What a menu was saying while they were pressed is over with them, and nobody answers it; what it says
//! afterwards is answered by the node that follows.

use std::sync::Arc;
use std::time::Duration;

use domain::{Keys, Role};
use jiff::Zoned;
use serde_json::{Value, json};

use super::{Action, Next, Pending, ToolError, Walk};
use crate::compile::{Pressing, Step};

impl Walk {
    pub(super) fn press_entered(&mut self, node: &str, pressing: &Pressing) -> Next {
        self.say_one(node, &pressing.text, &Value::Null);
        let keys = self.text_of(&pressing.keys);
        match keys.parse::<Keys>() {
            Ok(keys) => {
                self.state.pending = Some(Pending::Press {
                    node: node.to_owned(),
                    turn: self.state.turn,
                    begun: false,
                    outcome: None,
                });
                Next::Stop(Action::Press(keys))
            }
            Err(wrong) => {
                let error = ToolError { code: "KEYS_INVALID".to_owned(), message: wrong.to_string() };
                self.not_pressed(node, &error);
                Next::On("failed".to_owned())
            }
        }
    }

    /// They are being pressed: from now on the caller's words do not take it back.
    pub fn pressing(&mut self) {
        if let Some(Pending::Press { begun, .. }) = &mut self.state.pending {
            *begun = true;
            // So are words that came while a tool ran from which this leads on.
            self.void_queued();
        }
    }

    /// They were, or why they were not. The talk goes on with `after_keys`, or with what the caller says next.
    pub fn pressed(&mut self, result: Result<(), ToolError>) {
        if let Some(Pending::Press { begun: true, outcome, .. }) = &mut self.state.pending {
            *outcome = Some(result);
        }
    }

    /// Whether there is something to go on with.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(&self.state.pending, Some(Pending::Press { outcome: Some(_), .. }))
    }

    /// From the keys that were pressed. Says nothing where the next node only waits.
    pub fn after_keys(&mut self, turn: u32, now: &Zoned) -> Vec<Action> {
        self.begin(turn, now);
        if !self.leave_press() {
            return self.idle();
        }
        self.remember_reply();
        std::mem::take(&mut self.out)
    }

    /// What is said to keys. `None`: nobody presses any.
    pub(super) fn while_pressing(&mut self, turn: u32, text: &str) -> Option<Vec<Action>> {
        if self.leave_press() {
            // As words that came while a tool ran.
            self.state.queued = Some((turn, self.after_queued(text)));
            return Some(self.settle());
        }
        let begun = matches!(&self.state.pending, Some(Pending::Press { begun: true, .. }));
        begun.then(|| {
            self.remember(Role::Caller, turn, text);
            vec![Action::Wait]
        })
    }

    /// Along the edge of how it went; whether that is known.
    fn leave_press(&mut self) -> bool {
        let over = |pending: &mut Pending| matches!(pending, Pending::Press { outcome: Some(_), .. });
        let Some(Pending::Press { node, outcome: Some(outcome), .. }) = self.state.pending.take_if(over)
        else {
            return false;
        };
        let graph = Arc::clone(&self.graph);
        let on = match outcome {
            Ok(()) => {
                if let Some(Step::Press(pressing)) = graph.nodes.get(&node)
                    && pressing.node.patience_s > 0
                {
                    self.out.push(Action::Hold(Duration::from_secs(u64::from(pressing.node.patience_s))));
                }
                "next"
            }
            Err(error) => {
                self.not_pressed(&node, &error);
                "failed"
            }
        };
        match self.way(&node, on) {
            Some(to) => match graph.nodes.get(&to) {
                // A model without a question of its own answers what is said to the keys, which nobody has heard yet.
                Some(Step::Llm(talking))
                    if talking.node.converses() && talking.prompt.is_empty() && on == "next" =>
                {
                    self.wait_at(&to);
                    self.out.extend([Action::Node(to), Action::Wait]);
                }
                _ => self.run(to),
            },
            None => self.go_back(),
        }
        true
    }

    fn not_pressed(&mut self, node: &str, error: &ToolError) {
        self.out.push(Action::Note {
            name: "press_failed".to_owned(),
            value: json!({"node": node, "code": error.code, "message": error.message}),
        });
        self.state.error = serde_json::to_value(error).unwrap_or(Value::Null);
    }
}
