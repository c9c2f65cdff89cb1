//! What a language model does in the talk: asks, words, calls of tools, exits, failures.
//!
//! Words go into the memory as they come, so that `heard` finds them whenever the caller cuts in. Calls are put there with
//! their results when all of them are done, and before anything the caller said meanwhile.

use std::sync::Arc;

use jiff::Zoned;
use serde_json::{Map, Value, json};

use super::snapshot::{Calling, Chatting};
use super::{Action, Called, Need, Next, Pending, Receipt, ToolError, Walk};
use crate::chat::{ChatCall, ChatEnd, ChatError, ChatRequest};
use crate::compile::{Step, Talking};
use crate::state::Write;

/// No model is there to be asked: nothing that the agent says would be true, so that the session apologises.
const MISSING: &str = "LLM_MISSING";
/// Most questions to models in one turn: two that lead to each other are stopped there.
const CHATS: u32 = 32;

/// Pictures, rules and blanks alone are not spoken.
fn is_heard(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

impl Walk {
    /// More of the answer to `Need::Chat`.
    pub fn chat_text(&mut self, key: &str, text: &str, now: &Zoned) -> Vec<Action> {
        self.begin(self.state.turn, now);
        let Some((chat, talking)) = self.chatting(key) else { return self.idle() };
        if text.is_empty() {
            return self.idle();
        }
        let begins = chat.text.is_empty();
        let first = begins && !chat.said;
        chat.text.push_str(text);
        if talking.node.converses() {
            chat.said |= is_heard(text);
            self.state.hear_of_model(text, begins);
            if first {
                self.state.last_reply.clear();
                self.state.unheard = false;
            } else if begins {
                self.state.last_reply.push(' ');
            }
            self.state.last_reply.push_str(text);
            self.out.push(Action::Text(text.to_owned()));
        }
        let last = self.idle();
        self.out.extend(last);
        std::mem::take(&mut self.out)
    }

    /// The model wants these called, after what it said.
    pub fn chat_tool_calls(&mut self, key: &str, wanted: Vec<ChatCall>, now: &Zoned) -> Vec<Action> {
        self.begin(self.state.turn, now);
        let Some((chat, talking)) = self.chatting(key) else { return self.idle() };
        if chat.round >= talking.node.rounds || talking.functions.is_empty() || wanted.is_empty() {
            return self.chat_done(key, ChatEnd::Stop, now);
        }
        let chat = chat.clone();
        self.end_chat();
        self.spoke = chat.said;
        let exit = wanted.iter().find(|call| talking.node.exits.contains_key(&call.name));
        let exit = exit.map(|call| call.name.clone());
        let mut calls: Vec<Called> = Vec::new();
        for call in wanted {
            if !talking.node.exits.contains_key(&call.name) {
                let known =
                    self.state.knows_call(&call.id) || calls.iter().any(|called| called.id == call.id);
                calls.push(self.called(&talking, call, calls.len(), known));
            }
        }
        // Once in a turn: what bridges a wait is not to be heard at every round.
        if !chat.said {
            let graph = Arc::clone(&self.graph);
            let says = calls.iter().filter_map(|call| Some((call, graph.tools.get(&call.name)?)));
            if let Some((call, tool)) = says.into_iter().find(|(_, tool)| !tool.says.is_empty()) {
                self.say_one(&format!("tool {}", call.name), &tool.says, &Value::Null);
            }
        }
        for call in calls.iter().filter(|call| call.effects && call.outcome.is_none()) {
            let value = json!({"node": chat.node, "tool": call.tool});
            self.out.push(Action::Note { name: "tool".to_owned(), value });
        }
        let Chatting { node, round, said, .. } = chat;
        let said = said || self.spoke;
        let calling = Calling { node, turn: self.state.turn, round, said, calls, exit };
        let open = calling.open();
        self.state.pending = Some(Pending::Calls(calling));
        if open.is_empty() {
            self.calls_done();
            return self.settle();
        }
        self.stop(Action::Need(Need::Tools { calls: open }))
    }

    /// What is waited for takes long: a word that bridges the wait, where nothing was said in this turn.
    pub fn working(&mut self, now: &Zoned) -> Vec<Action> {
        self.begin(self.state.turn, now);
        let quiet = match &self.state.pending {
            Some(Pending::Chat(chat)) => !chat.said && chat.text.is_empty(),
            Some(Pending::Calls(calling)) => !calling.said,
            Some(Pending::Tool { .. }) => true,
            _ => false,
        };
        if !quiet {
            return self.idle();
        }
        if let Some(Pending::Chat(chat)) = &self.state.pending {
            // What is being asked does not know of it.
            self.asked = self.asked.take().or_else(|| self.request(chat));
        }
        let graph = Arc::clone(&self.graph);
        self.say_filler("working", &graph.manners.working);
        let spoke = self.spoke;
        match &mut self.state.pending {
            Some(Pending::Chat(chat)) => chat.said |= spoke,
            Some(Pending::Calls(calling)) => calling.said |= spoke,
            _ => {}
        }
        let last = self.idle();
        self.out.extend(last);
        self.remember_reply();
        std::mem::take(&mut self.out)
    }

    /// The model has no more to say.
    pub fn chat_done(&mut self, key: &str, end: ChatEnd, now: &Zoned) -> Vec<Action> {
        self.begin(self.state.turn, now);
        let Some((chat, talking)) = self.chatting(key) else { return self.idle() };
        let chat = chat.clone();
        if !talking.node.converses() {
            return match self.output(&chat, &talking, end) {
                Ok(()) => self.settle(),
                Err(message) => self.fail_chat(&ChatError { code: "LLM_OUTPUT", message }),
            };
        }
        if !is_heard(&chat.text) {
            let message = match end {
                ChatEnd::Refused => "the model refused to answer",
                ChatEnd::Length => "the model used up its tokens before it said a word: raise max_tokens",
                ChatEnd::Stop => "the model said nothing",
            };
            return self.fail_chat(&ChatError { code: "LLM_SILENT", message: message.to_owned() });
        }
        // What was whispered while it answered is for its next reply.
        let told = self.asked.as_ref().map_or_else(Vec::new, |request| request.whispers.clone());
        self.state.whispers.retain(|whisper| !told.contains(whisper));
        self.end_chat();
        self.spoke = true;
        if end != ChatEnd::Stop {
            let value =
                json!({"node": chat.node, "why": if end == ChatEnd::Length { "length" } else { "refused" }});
            self.out.push(Action::Note { name: "chat_cut".to_owned(), value });
        }
        self.out.push(Action::Wait);
        self.settle()
    }

    /// There is no answer, or none that goes on.
    pub fn chat_failed(&mut self, key: &str, error: &ChatError, now: &Zoned) -> Vec<Action> {
        self.begin(self.state.turn, now);
        if self.chatting(key).is_none() {
            return self.idle();
        }
        self.fail_chat(error)
    }

    pub(super) fn llm_entered(&mut self, node: &str) -> Next {
        let graph = Arc::clone(&self.graph);
        let Some(Step::Llm(talking)) = graph.nodes.get(node) else { return Next::Stop(Action::Wait) };
        if talking.node.converses() {
            self.wait_at(node);
            if !talking.prompt.is_empty() {
                if !self.spoke {
                    self.ask(node, &talking.prompt, &Value::Null);
                }
                return Next::Stop(Action::Wait);
            }
        } else {
            self.say_one(node, &talking.prompt, &Value::Null);
        }
        Next::Stop(self.chat(node))
    }

    /// Asks the model of a node what to say to the caller's turn.
    pub(super) fn chat(&mut self, node: &str) -> Action {
        self.state.question.clear();
        let said = self.spoke;
        self.chat_round(node, 0, said)
    }

    fn chat_round(&mut self, node: &str, round: u32, said: bool) -> Action {
        self.state.step += 1;
        self.state.chats += 1;
        if self.state.chats > CHATS {
            let message =
                format!("node \"{node}\": models were asked {CHATS} times without waiting for the caller");
            self.out.push(Action::Fail { code: "AGENT_LOOP", message });
            self.state.frames.clear();
            return Action::Wait;
        }
        let chat = Chatting {
            key: format!("{:016x}-{}", self.state.seed, self.state.step),
            node: node.to_owned(),
            round,
            text: String::new(),
            said,
        };
        self.asked = self.request(&chat);
        self.state.pending = Some(Pending::Chat(chat));
        self.pending().map_or(Action::Wait, Action::Need)
    }

    /// A walk taken up from a snapshot asks anew: what was said of the answer comes again.
    pub(super) fn ask_again(&mut self) {
        let Some(Pending::Chat(chat)) = &mut self.state.pending else { return };
        chat.text.clear();
        let turn = self.state.turn;
        self.state.forget_unfinished(turn);
    }

    /// Nobody waits for the answer of a model any more.
    pub(super) fn drop_chat(&mut self) {
        if matches!(self.state.pending, Some(Pending::Chat(_))) {
            self.end_chat();
        }
    }

    /// Whether a model is being asked for words.
    pub(super) fn converses(&self) -> bool {
        let Some(Pending::Chat(chat)) = &self.state.pending else { return false };
        matches!(self.graph.nodes.get(&chat.node), Some(Step::Llm(talking)) if talking.node.converses())
    }

    fn end_chat(&mut self) {
        self.state.pending = None;
        self.asked = None;
    }

    /// What is asked under this key, if it is.
    fn chatting(&mut self, key: &str) -> Option<(&mut Chatting, Arc<Talking>)> {
        let asked = self.asked.clone();
        let Some(Pending::Chat(chat)) = &self.state.pending else { return None };
        if chat.key != key {
            return None;
        }
        let Some(Step::Llm(talking)) = self.graph.nodes.get(&chat.node) else { return None };
        let talking = Arc::clone(talking);
        // Before the answer changes what the question was.
        self.asked = asked.or_else(|| self.request(chat));
        match &mut self.state.pending {
            Some(Pending::Chat(chat)) => Some((chat, talking)),
            _ => None,
        }
    }

    pub(super) fn request(&self, chat: &Chatting) -> Option<Arc<ChatRequest>> {
        let Some(Step::Llm(talking)) = self.graph.nodes.get(&chat.node) else { return None };
        let node = &talking.node;
        Some(Arc::new(ChatRequest {
            node: chat.node.clone(),
            instructions: self.instructed(&talking.instructions),
            whispers: self.state.whispers.clone(),
            messages: self.state.recall(node.history as usize, !talking.functions.is_empty()),
            functions: Arc::clone(&talking.functions),
            words_only: chat.round >= node.rounds,
            output: talking.output.clone(),
            max_tokens: node.max_tokens,
            temperature: node.temperature,
            timeout: std::time::Duration::from_millis(node.timeout_ms),
        }))
    }

    /// One call of a tool, ready to be made; one that cannot be made has its outcome.
    fn called(&self, talking: &Talking, call: ChatCall, index: usize, known: bool) -> Called {
        let graph = Arc::clone(&self.graph);
        let offered = talking.node.tools.contains(&call.name);
        let tool = graph.tools.get(&call.name).filter(|_| offered);
        let mut given = match &call.args {
            Value::Object(fields) => fields.clone(),
            _ => Map::new(),
        };
        for (name, value) in tool.iter().flat_map(|tool| &tool.args) {
            given.insert(name.clone(), self.given(value));
        }
        let key = format!("{:016x}-{}-{index}", self.state.seed, self.state.step);
        let unknown = || ToolError {
            code: "TOOL_UNKNOWN".to_owned(),
            message: format!("there is no tool \"{}\"", call.name),
        };
        let id = if call.id.is_empty() || known {
            format!("call_{}_{index}", self.state.step)
        } else {
            call.id.clone()
        };
        Called {
            id,
            key,
            tool: tool.map_or_else(|| call.name.clone(), |tool| tool.tool.clone()),
            given: Value::Object(given),
            effects: tool.is_some_and(|tool| tool.effects),
            outcome: if tool.is_none() { Some(Err(unknown())) } else { None },
            name: call.name,
            args: call.args,
        }
    }

    /// Takes the outcome of one of the calls under way. `false`: nobody waits for it.
    pub(super) fn call_done(&mut self, key: &str, outcome: Result<Value, ToolError>) -> bool {
        let Some(Pending::Calls(calling)) = &mut self.state.pending else { return false };
        let node = calling.node.clone();
        let open = calling.calls.iter_mut().find(|called| called.key == key && called.outcome.is_none());
        let Some(called) = open else { return false };
        called.outcome = Some(outcome.clone());
        let tool = called.tool.clone();
        let left = calling.open();
        if let Err(error) = &outcome {
            let value = json!({"node": node, "tool": tool, "code": error.code, "message": error.message});
            self.out.push(Action::Note { name: "tool_failed".to_owned(), value });
        }
        self.state.keep_receipt(Receipt { key: key.to_owned(), node, tool, outcome });
        if left.is_empty() {
            self.calls_done();
        } else {
            self.out.push(Action::Need(Need::Tools { calls: left }));
        }
        true
    }

    /// All that was wanted is done: back to the model, or out of the node.
    fn calls_done(&mut self) {
        let Some(Pending::Calls(calling)) = self.state.pending.take() else { return };
        let Calling { node, turn, round, said, calls, exit } = calling;
        if !calls.is_empty() {
            self.state.remember_calls(turn, calls);
        }
        self.spoke = said;
        match exit {
            Some(exit) => {
                let value = json!({"node": node, "exit": exit});
                self.out.push(Action::Note { name: "exit".to_owned(), value });
                self.leave(&node, &exit);
            }
            // The caller has gone on: the next answer is to that.
            None if self.state.queued.is_some() => self.out.push(Action::Wait),
            None => {
                let need = self.chat_round(&node, round + 1, said);
                self.out.push(need);
            }
        }
    }

    fn fail_chat(&mut self, error: &ChatError) -> Vec<Action> {
        let Some(Pending::Chat(chat)) = self.state.pending.take() else { return self.idle() };
        self.end_chat();
        let ChatError { code, message } = error;
        self.state.error = json!({"code": code, "message": message});
        let leads_on = self.way(&chat.node, "error").is_some();
        let mut value = json!({"node": chat.node, "code": code, "message": message});
        if leads_on {
            value["way"] = "error".into();
        }
        self.out.push(Action::Note { name: "chat_failed".to_owned(), value });
        self.spoke = chat.said;
        let graph = Arc::clone(&self.graph);
        let sorry = match graph.nodes.get(&chat.node) {
            Some(Step::Llm(talking)) if *code != MISSING => talking.sorry.as_slice(),
            _ => &[],
        };
        let (code, message) = (*code, format!("node \"{}\": {message}", chat.node));
        if leads_on {
            self.out.push(Action::Trouble { code, message });
            self.leave(&chat.node, "error");
        } else if sorry.is_empty() {
            self.out.push(Action::Fail { code, message });
            self.home();
        } else {
            self.out.push(Action::Trouble { code, message });
            self.say_one(&format!("{} sorry", chat.node), sorry, &Value::Null);
            self.out.push(Action::Wait);
        }
        self.settle()
    }

    /// Writes the value that the model gave, and goes on.
    fn output(&mut self, chat: &Chatting, talking: &Talking, end: ChatEnd) -> Result<(), String> {
        if end != ChatEnd::Stop {
            return Err("the model did not finish its value".to_owned());
        }
        let value: Value = serde_json::from_str(chat.text.trim())
            .map_err(|error| format!("the model gave no JSON: {error}"))?;
        if let Some(schema) = &talking.output {
            fits(schema, &value, "")?;
        }
        let channel = talking.node.into.clone().unwrap_or_default();
        self.write(vec![Write { channel, value }]).map_err(|error| error.to_string())?;
        self.end_chat();
        match self.way(&chat.node, "next") {
            Some(to) => self.run(to),
            None => self.go_back(),
        }
        Ok(())
    }
}

/// The part of JSON Schema that keeps a graph from stumbling: types, required fields, listed values. Vendors hold models to the rest.
fn fits(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let place = if at.is_empty() { "the value" } else { at };
    if let Some(kind) = schema.get("type").and_then(Value::as_str) {
        let holds = match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.is_i64() || value.is_u64(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            _ => true,
        };
        if !holds {
            return Err(format!("{place} is not of type {kind}"));
        }
    }
    if let Some(listed) = schema.get("enum").and_then(Value::as_array)
        && !listed.contains(value)
    {
        return Err(format!("{place} is none of the listed values"));
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    if let Some(missing) = required.filter_map(Value::as_str).find(|name| value.get(name).is_none()) {
        return Err(format!("{place} has no \"{missing}\""));
    }
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, schema) in properties {
        if let Some(inner) = value.get(name) {
            fits(schema, inner, &if at.is_empty() { name.clone() } else { format!("{at}.{name}") })?;
        }
    }
    let items = schema.get("items").zip(value.as_array());
    items.map_or(Ok(()), |(schema, list)| {
        list.iter().enumerate().try_for_each(|(index, inner)| fits(schema, inner, &format!("{at}[{index}]")))
    })
}

#[cfg(test)]
mod tests;
