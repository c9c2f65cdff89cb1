//! What an utterance does: requests about the talk, then whatever the waiting node makes of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use domain::Role;
use jiff::civil::Date;

use super::{Action, BACKGROUND, Method, Need, Pending, Scores, Walk, collect};
use crate::compile::{Compiled, Step};
use crate::node::{Act, IntentNode, SlotKind};
use crate::spoken;
use crate::understand::{self, Clock, Day, Reading, Wanted, WantedKind, Words};

/// Most texts of one utterance that are compared with the examples.
const TEXTS: usize = 4;
/// Most questions of one utterance that are answered: nobody keeps more in mind.
const QUESTIONS: usize = 3;

impl Walk {
    pub(super) fn listen(&mut self, text: &str) {
        self.state.heard = json!({"text": text});
        let words = Words::new(text);
        let node = self.state.at.clone();
        if words.is_empty() {
            return self.did_not_hear();
        }
        let asked = understand::request(&words).filter(|act| !self.means_values(&node, text, *act));
        let asked = asked.filter(|act| self.is_plain(&node, &words, *act));
        if let Some(act) = asked {
            return self.act(act);
        }
        let graph = Arc::clone(&self.graph);
        match graph.nodes.get(&node) {
            Some(Step::Collect(_)) => self.collect_heard(&node, text, None),
            // "Yes" (an appointment is stored) ", that is correct": what came of it is still to be told.
            Some(Step::Intent { .. }) if self.state.unheard && agrees(&words, text) => {
                let last = self.state.last_reply.clone();
                self.say(last);
                self.out.push(Action::Wait);
            }
            Some(Step::Intent { .. }) => {
                let first = self.first_question(text);
                self.need_classes(&node, &first);
            }
            Some(Step::Llm(talking)) if talking.node.converses() => {
                let need = self.chat(&node);
                self.out.push(need);
            }
            _ => self.home(),
        }
    }

    /// A model understands more than rules do: of what is said to one, only the plainest requests are ours.
    fn is_plain(&self, node: &str, words: &Words, act: Act) -> bool {
        const PLAIN: usize = 4;
        let Some(Step::Llm(talking)) = self.graph.nodes.get(node) else { return true };
        let ours = match act {
            Act::Wait => true,
            Act::Repeat => !self.state.last_reply.is_empty(),
            // "Nothing else" may answer what the model asked; it knows, and leaves by an exit where it has one.
            Act::Goodbye => talking.node.exits.is_empty() && self.graph.definition.manners.goodbye.is_some(),
            Act::Cancel => false,
        };
        ours && words.len() <= PLAIN
    }

    /// What to answer first; where several things are asked, the others wait.
    pub(super) fn first_question(&mut self, text: &str) -> String {
        let mut questions = understand::several_questions(text).into_iter().take(QUESTIONS);
        let first = questions.next().unwrap_or_else(|| text.to_owned());
        self.state.questions = questions.collect();
        first
    }

    /// The next question of an utterance that asked several, once the one before is answered.
    pub(super) fn next_question(&mut self) {
        let node = self.state.at.clone();
        let waits = matches!(self.out.last(), Some(Action::Wait)) && self.state.pending.is_none();
        let asked = matches!(self.graph.nodes.get(&node), Some(Step::Intent { .. }));
        if !waits || !asked || self.state.ended.is_some() {
            return;
        }
        if let Some(question) = self.take_question() {
            self.out.pop();
            self.need_classes(&node, &question);
        }
    }

    pub(super) fn take_question(&mut self) -> Option<String> {
        (!self.state.questions.is_empty()).then(|| self.state.questions.remove(0))
    }

    /// The scores for an utterance have come.
    pub(super) fn understood(&mut self, text: &str, scores: &Scores) {
        let graph = Arc::clone(&self.graph);
        let node = self.state.at.clone();
        match graph.nodes.get(&node) {
            Some(Step::Collect(_)) => self.collect_heard(&node, text, Some(scores)),
            Some(Step::Intent { node: intents, unknown, .. }) => {
                match decide(&graph, intents, text, scores, self.now.date()) {
                    Some((intent, score)) => {
                        self.hear(&node, intents, &intent, score, text);
                        match intents.intents.get(&intent).and_then(|intent| intent.act) {
                            Some(act) => self.act(act),
                            None => self.leave(&node, &intent),
                        }
                    }
                    None => {
                        self.out.push(Action::Note {
                            name: "unknown".to_owned(),
                            value: json!({"text": text, "scores": best(scores)}),
                        });
                        match self.way(&node, "unknown") {
                            Some(to) => self.run(to),
                            None => {
                                self.say_one(&format!("{node} unknown"), unknown, &Value::Null);
                                self.out.push(Action::Wait);
                            }
                        }
                    }
                }
            }
            _ => self.home(),
        }
    }

    pub(super) fn leave(&mut self, node: &str, outcome: &str) {
        self.state.question.clear();
        match self.way(node, outcome) {
            Some(to) => self.run(to),
            None => self.go_back(),
        }
    }

    pub(super) fn need_classes(&mut self, intents: &str, text: &str) {
        let texts = candidates(text);
        self.out.push(Action::Need(Need::Classify { node: intents.to_owned(), texts: texts.clone() }));
        self.state.pending =
            Some(Pending::Classify { node: intents.to_owned(), text: text.to_owned(), texts });
    }

    /// Puts intent and entities under `heard`.
    pub(super) fn hear(&mut self, node: &str, intents: &IntentNode, intent: &str, score: f32, text: &str) {
        let mut heard = Map::new();
        // Of several questions this may be one; a node that fills slots looks at all that was said.
        let said = self.state.history.iter().rev().find(|spoken| spoken.role == Role::Caller);
        heard.insert("text".to_owned(), json!(said.map_or(text, |spoken| spoken.text.as_str())));
        heard.insert("intent".to_owned(), json!(intent));
        heard.insert("yes_no".to_owned(), json!(understand::asks_yes_no(&Words::new(text))));
        heard.insert("aside".to_owned(), json!(node != self.state.at));
        if let Some(found) = intents.intents.get(intent) {
            let graph = Arc::clone(&self.graph);
            let wanted: Vec<Wanted<'_>> = found
                .extract
                .iter()
                .filter_map(|(name, entity)| {
                    let kind = match entity.kind {
                        SlotKind::Choice => {
                            WantedKind::Choice(graph.choices.get(entity.vocabulary.as_ref()?)?)
                        }
                        other => plain_kind(other),
                    };
                    Some(Wanted { name, kind, expected: false, held: false })
                })
                .collect();
            for (name, reading) in understand::read(text, &wanted, self.now.date()).values {
                heard.insert(name, reading_value(&reading));
            }
        }
        self.out.push(Action::Note { name: "intent".to_owned(), value: json!({"node": node, "intent": intent, "score": (f64::from(score) * 1000.0).round() / 1000.0}) });
        self.state.heard = Value::Object(heard);
    }

    pub(super) fn act(&mut self, act: Act) {
        let graph = Arc::clone(&self.graph);
        match act {
            Act::Repeat => {
                let last = self.state.last_reply.clone();
                if last.is_empty() {
                    return self.did_not_hear();
                }
                let lead = self.choose("repeat", &graph.manners.repeat, &Value::Null);
                self.out.extend(lead.map(Action::Say));
                // Kept apart from the lead, so that repeating twice does not pile up leads.
                self.say(last);
                self.out.push(Action::Wait);
            }
            Act::Wait => {
                self.out.push(Action::Hold(Duration::from_millis(graph.definition.manners.wait_ms)));
                self.say_one("wait", &graph.manners.wait, &Value::Null);
                // After the pause "what was the question?" means the question.
                self.remember_aside();
                self.out.push(Action::Wait);
            }
            Act::Cancel => {
                let node = self.state.at.clone();
                if matches!(graph.nodes.get(&node), Some(Step::Collect(_))) {
                    self.state.collects.remove(&node);
                    self.leave(&node, "cancelled");
                } else {
                    self.say_one("never mind", &graph.manners.never_mind, &Value::Null);
                    self.out.push(Action::Wait);
                }
            }
            Act::Goodbye => match &graph.definition.manners.goodbye {
                Some(node) => {
                    self.state.frames.clear();
                    self.run(node.clone());
                }
                None => {
                    let node = self.state.at.clone();
                    if let Some(Step::Intent { unknown, .. }) = graph.nodes.get(&node) {
                        self.say_one(&format!("{node} unknown"), unknown, &Value::Null);
                    }
                    self.out.push(Action::Wait);
                }
            },
        }
    }

    fn did_not_hear(&mut self) {
        let graph = Arc::clone(&self.graph);
        let question = self.state.question.clone();
        self.say_filler("unclear", &graph.manners.unclear);
        self.say(question);
        self.out.push(Action::Wait);
    }

    /// "hold on, make it Thursday" is no request to wait: firm values in it count more than the request.
    fn means_values(&self, node: &str, text: &str, act: Act) -> bool {
        if act == Act::Goodbye {
            return false;
        }
        let Some(Step::Collect(collecting)) = self.graph.nodes.get(node) else { return false };
        let wanted = self.wanted(collecting, None);
        understand::read(text, &wanted, self.now.date()).values.iter().any(|(_, reading)| match reading {
            Reading::Date(_) | Reading::Choice(_) | Reading::Name(_) => true,
            Reading::Time(clock) => !matches!(clock, Clock::Vague(_)),
            Reading::Digits(digits) => digits.len() > 5,
            _ => false,
        })
    }
}

fn agrees(words: &Words, text: &str) -> bool {
    understand::reply(words) == Some(understand::Reply::Yes)
        && !understand::is_question(words, text.contains('?'))
}

pub(super) const fn plain_kind(kind: SlotKind) -> WantedKind<'static> {
    match kind {
        SlotKind::Date => WantedKind::Date,
        SlotKind::Time => WantedKind::Time,
        SlotKind::Name => WantedKind::Name,
        SlotKind::Phone => WantedKind::Phone,
        SlotKind::Number => WantedKind::Number,
        SlotKind::YesNo => WantedKind::YesNo,
        SlotKind::Text | SlotKind::Choice => WantedKind::Text,
    }
}

fn reading_value(reading: &Reading) -> Value {
    match reading {
        Reading::Date(Day::On(day)) => spoken::day_value(*day),
        Reading::Date(Day::Nonexistent) => json!({"nonexistent": true}),
        Reading::Time(Clock::Exact(time)) => json!(time.strftime("%H:%M").to_string()),
        // Without anything else to go by: the hours in which people are awake.
        Reading::Time(Clock::Either(early, late)) => {
            let likely = if (7..12).contains(&early.hour()) { early } else { late };
            json!(likely.strftime("%H:%M").to_string())
        }
        Reading::Time(Clock::Vague(part)) => json!({"part": part.name()}),
        Reading::Name(text) | Reading::Digits(text) | Reading::Choice(text) | Reading::Text(text) => {
            json!(text)
        }
        Reading::Number(value) => json!(value),
        Reading::YesNo(value) => json!(value),
    }
}

/// The intent that scores and values speak for, if they do clearly.
pub(crate) fn decide(
    graph: &Compiled,
    node: &IntentNode,
    text: &str,
    scores: &Scores,
    today: Date,
) -> Option<(String, f32)> {
    let likely = nearest(node, scores);
    let score = |name: &str| {
        scores.intents.iter().find(|scored| scored.intent == name).map_or(0.0, |scored| scored.score)
    };
    let sure = likely.as_ref().is_some_and(|(intent, best)| {
        let rival = node
            .intents
            .iter()
            .find(|(_, intent)| intent.implied_by.is_some())
            .map_or(0.0, |(name, _)| score(name));
        node.intents.get(intent).is_some_and(|intent| !intent.weak) && best - rival >= AHEAD
    });
    if sure {
        return likely;
    }
    implied(graph, node, text, today).map(|intent| (intent, 1.0)).or(likely)
}

/// How far another intent must be ahead of one that the values speak for.
const AHEAD: f32 = 0.15;

/// "Haircut on Friday at ten" wants an appointment, whatever it is near to.
fn implied(graph: &Compiled, node: &IntentNode, text: &str, today: Date) -> Option<String> {
    if understand::is_question(&Words::new(text), text.contains('?')) {
        return None;
    }
    let implied = node.intents.iter().find(|(_, intent)| {
        let Some(Step::Collect(collecting)) =
            intent.implied_by.as_ref().and_then(|node| graph.nodes.get(node))
        else {
            return false;
        };
        let values = understand::read(text, &collect::wanted(graph, collecting, None), today).values;
        values.len() > 1 && values.iter().any(|(_, reading)| matches!(reading, Reading::Choice(_)))
    });
    implied.map(|(name, _)| name.clone())
}

fn nearest(node: &IntentNode, scores: &Scores) -> Option<(String, f32)> {
    let threshold = match scores.method {
        Method::Embedding => node.threshold,
        Method::Lexical => node.lexical_threshold,
    };
    let background =
        scores.intents.iter().find(|scored| scored.intent == BACKGROUND).map_or(0.0, |scored| scored.score);
    let mut fitting: Vec<(&str, f32, bool)> = scores
        .intents
        .iter()
        .filter_map(|scored| {
            let intent = node.intents.get(&scored.intent)?;
            (scored.score >= threshold && scored.score > background).then_some((
                scored.intent.as_str(),
                scored.score,
                intent.weak,
            ))
        })
        .collect();
    // What wants something comes before mere courtesy.
    fitting.sort_by(|a, b| a.2.cmp(&b.2).then_with(|| b.1.total_cmp(&a.1)));
    let (intent, score, weak) = *fitting.first()?;
    let rival = fitting.get(1).filter(|rival| rival.2 == weak);
    let clear = rival.is_none_or(|rival| score - rival.1 >= node.margin);
    clear.then(|| (intent.to_owned(), score))
}

fn best(scores: &Scores) -> Value {
    let mut ranking: Vec<_> = scores.intents.iter().collect();
    ranking.sort_by(|a, b| b.score.total_cmp(&a.score));
    ranking
        .iter()
        .take(3)
        .map(|scored| json!([scored.intent, (f64::from(scored.score) * 1000.0).round() / 1000.0]))
        .collect()
}

/// The utterance, and its sentences where there are several: "Hello. I would like to book" is about the booking.
pub(crate) fn candidates(text: &str) -> Vec<String> {
    const LEAD: [&str; 26] = [
        "hello",
        "hi",
        "hey",
        "okay",
        "ok",
        "yes",
        "yeah",
        "so",
        "um",
        "uh",
        "well",
        "and",
        "but",
        "also",
        "oh",
        "sorry",
        "actually",
        "good",
        "morning",
        "afternoon",
        "evening",
        "there",
        "sure",
        "great",
        "alright",
        "please",
    ];
    let whole = text.trim();
    let mut texts = vec![whole.to_owned()];
    let mut add = |candidate: &str| {
        let candidate = candidate.trim();
        if texts.len() < TEXTS
            && candidate.split_whitespace().nth(1).is_some()
            && !texts.iter().any(|known| known == candidate)
        {
            texts.push(candidate.to_owned());
        }
    };
    let words: Vec<&str> = whole.split_whitespace().collect();
    let plain = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let lead = words.iter().take_while(|word| LEAD.contains(&plain(word).as_str())).count();
    if lead > 0 && lead < words.len() {
        add(&words[lead..].join(" "));
    }
    for sentence in whole.split_inclusive(['.', '?', '!', ';']) {
        add(sentence);
    }
    texts
}
