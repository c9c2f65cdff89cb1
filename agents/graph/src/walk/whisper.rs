//! What somebody who listens to the call has the agent do: a word in its ear for its next reply, or words to say as they are.

use jiff::Zoned;

use super::{Action, Walk};
use crate::compile::Step;
use crate::template::Template;

/// So many words in the ear wait for a reply; the oldest goes for the next.
const WHISPERS: usize = 4;

impl Walk {
    /// For the next reply of a model. Whether the node that the talk is at asks one: other nodes say what is written in them, and the
    /// words wait until the talk comes to a model.
    pub fn whisper(&mut self, text: &str) -> bool {
        if self.state.whispers.len() == WHISPERS {
            self.state.whispers.remove(0);
        }
        self.state.whispers.push(text.trim().to_owned());
        matches!(self.graph.nodes.get(&self.state.at), Some(Step::Llm(node)) if node.node.converses())
    }

    /// Words that the agent says as they are, as its own turn. What was asked stays open, and what "repeat that" repeats stays.
    pub fn prompted(&mut self, turn: u32, text: &str, now: &Zoned) -> Vec<Action> {
        self.begin(turn, now);
        self.drop_chat();
        if let Some(reason) = self.state.ended {
            return self.stop(Action::End(reason));
        }
        self.say(text.trim().to_owned());
        self.remember_aside();
        match self.pending() {
            Some(need) => self.stop(Action::Need(need)),
            None => self.stop(Action::Wait),
        }
    }

    pub(super) fn instructed(&self, instructions: &Template) -> String {
        let mut text = self.lines(instructions);
        for whisper in &self.state.whispers {
            text.push_str(
                "\n\nA supervisor listens to this call and tells you, unheard by the caller. Do it in your next reply, and do not mention it: ",
            );
            text.push_str(whisper);
        }
        text
    }
}
