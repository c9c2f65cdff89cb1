//! The talk as a model is told of it: what callers said, what they heard, and what was called, in order.

use domain::Role;
use serde_json::Value;

use super::snapshot::{Called, Snapshot, Spoken};
use crate::chat::ChatMessage;

/// Stands behind words that the caller cut off, in what a model is told.
pub const INTERRUPTED: &str = "[interrupted]";
/// Told to a model that is to speak after its own words: vendors want a message that is not the model's at the end.
const GO_ON: &str = "[The caller waits for you to go on.]";

impl Snapshot {
    /// The last `turns` turns of the caller with all that belongs to them. A model that can call nothing is told of calls in words:
    /// vendors refuse calls of functions that do not exist.
    pub(crate) fn recall(&self, turns: usize, functions: bool) -> Vec<ChatMessage> {
        let callers = self.history.iter().enumerate().rev().filter(|(_, spoken)| spoken.role == Role::Caller);
        let from = callers.map(|(at, _)| at).nth(turns.saturating_sub(1)).unwrap_or(0);
        let mut messages = Vec::new();
        for spoken in &self.history[from..] {
            match spoken.role {
                Role::Caller => caller(&mut messages, &spoken.text),
                Role::Agent => agent(&mut messages, spoken, functions),
            }
        }
        if matches!(messages.last(), None | Some(ChatMessage::Agent { .. })) {
            messages.push(ChatMessage::Caller(GO_ON.to_owned()));
        }
        messages
    }

    /// More of what a model says in this turn.
    pub(crate) fn hear_of_model(&mut self, text: &str, begins: bool) {
        let turn = self.turn;
        let own =
            |spoken: &Spoken| spoken.role == Role::Agent && spoken.turn == turn && spoken.calls.is_empty();
        match self.history.last_mut().filter(|spoken| own(spoken)) {
            Some(spoken) => {
                if begins && !spoken.text.is_empty() {
                    spoken.text.push(' ');
                }
                spoken.text.push_str(text);
            }
            None => self.remember(Role::Agent, turn, text),
        }
    }

    /// Puts calls that are done behind the words they came with. What the caller said meanwhile comes after them.
    pub(crate) fn remember_calls(&mut self, turn: u32, calls: Vec<Called>) {
        let own = |spoken: &Spoken| spoken.role == Role::Agent && spoken.turn == turn;
        let last = self.history.iter_mut().rev().find(|spoken| own(spoken));
        match last {
            Some(spoken) if spoken.calls.is_empty() => spoken.calls = calls,
            _ => {
                self.remember(Role::Agent, turn, "");
                if let Some(spoken) = self.history.last_mut() {
                    spoken.calls = calls;
                }
            }
        }
    }

    /// Forgets words of the turn that are going to be said anew.
    pub(crate) fn forget_unfinished(&mut self, turn: u32) {
        while self.history.last().is_some_and(|spoken| {
            spoken.role == Role::Agent && spoken.turn == turn && spoken.calls.is_empty()
        }) {
            self.history.pop();
        }
    }

    pub(crate) fn knows_call(&self, id: &str) -> bool {
        self.history.iter().any(|spoken| spoken.calls.iter().any(|called| called.id == id))
    }
}

fn caller(messages: &mut Vec<ChatMessage>, said: &str) {
    // Nothing was heard between the two: to the caller they are one.
    match messages.last_mut() {
        Some(ChatMessage::Caller(text)) => {
            text.push(' ');
            text.push_str(said);
        }
        _ => messages.push(ChatMessage::Caller(said.to_owned())),
    }
}

fn agent(messages: &mut Vec<ChatMessage>, spoken: &Spoken, functions: bool) {
    let mut said = spoken.text.trim().to_owned();
    if spoken.interrupted {
        said = format!("{said} {INTERRUPTED}");
    }
    if !functions {
        for called in &spoken.calls {
            let (content, _) = content(called);
            said = format!("{said} (\"{}\" gave: {content})", called.name).trim_start().to_owned();
        }
    }
    let calls: Vec<&Called> = if functions { spoken.calls.iter().collect() } else { Vec::new() };
    if said.is_empty() && calls.is_empty() {
        return;
    }
    let made = calls.iter().map(|called| called.chat_call()).collect();
    match messages.last_mut() {
        Some(ChatMessage::Agent { text, calls }) if calls.is_empty() => {
            *text = format!("{text} {said}").trim().to_owned();
            *calls = made;
        }
        _ => messages.push(ChatMessage::Agent { text: said, calls: made }),
    }
    for called in calls {
        let (content, is_error) = content(called);
        messages.push(ChatMessage::Result {
            id: called.id.clone(),
            name: called.name.clone(),
            content,
            is_error,
        });
    }
}

fn content(called: &Called) -> (String, bool) {
    match &called.outcome {
        Some(Ok(Value::String(text))) => (text.clone(), false),
        Some(Ok(value)) => (value.to_string(), false),
        Some(Err(error)) => (format!("{}: {}", error.code, error.message), true),
        None => ("there is no result".to_owned(), true),
    }
}
