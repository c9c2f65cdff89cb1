//! Putting the caller through: what is asked for, what is said to a caller who speaks meanwhile, and the way on where it came to
//! nothing. Success has no input: the call is over for this side.

use std::sync::Arc;

use domain::Transfer;
use jiff::Zoned;
use serde_json::{Value, json};

use super::{Action, Next, Pending, ToolError, Walk};
use crate::compile::{Leading, Step};

impl Walk {
    pub(super) fn transfer_entered(&mut self, node: &str, leading: &Leading) -> Next {
        if !leading.text.is_empty() {
            self.out.push(Action::Interruptible(false));
            self.say_one(node, &leading.text, &Value::Null);
            self.out.push(Action::Interruptible(true));
        }
        let mut wording = |what: &str, texts| {
            self.choose(&format!("{node} {what}"), texts, &Value::Null).unwrap_or_default()
        };
        let (briefing, ask) = (wording("briefing", &leading.briefing), wording("ask", &leading.ask));
        let transfer = Transfer {
            mode: leading.node.mode,
            to: self.text_of(&leading.to).trim().to_owned(),
            briefing,
            ask,
            ring_s: leading.node.ring_s,
            by: leading.node.by.clone(),
            from: leading
                .from
                .as_ref()
                .map(|from| self.text_of(from).trim().to_owned())
                .filter(|from| !from.is_empty()),
        };
        self.state.pending =
            Some(Pending::Transfer { node: node.to_owned(), turn: self.state.turn, begun: false });
        Next::Stop(Action::Transfer(transfer))
    }

    /// It is being tried: from now on the caller's words do not take it back.
    pub fn transferring(&mut self) {
        if let Some(Pending::Transfer { begun, .. }) = &mut self.state.pending {
            *begun = true;
        }
    }

    pub(super) fn still_transferring(&mut self, node: &str) -> Vec<Action> {
        let graph = Arc::clone(&self.graph);
        if let Some(Step::Transfer(leading)) = graph.nodes.get(node) {
            self.say_one(&format!("{node} waiting"), &leading.waiting, &Value::Null);
        }
        self.remember_aside();
        self.stop(Action::Wait)
    }

    /// The caller is still here.
    pub fn transfer_failed(&mut self, turn: u32, error: &ToolError, now: &Zoned) -> Vec<Action> {
        self.begin(turn, now);
        let pending = self.state.pending.take_if(|pending| matches!(pending, Pending::Transfer { .. }));
        let Some(Pending::Transfer { node, .. }) = pending else { return self.idle() };
        self.out.push(Action::Note {
            name: "transfer_failed".to_owned(),
            value: json!({"node": node, "code": error.code, "message": error.message}),
        });
        self.state.error = serde_json::to_value(error).unwrap_or(Value::Null);
        match self.way(&node, "failed") {
            Some(to) => self.run(to),
            None => self.go_back(),
        }
        // Words may wait that came before it was tried.
        self.settle()
    }
}
