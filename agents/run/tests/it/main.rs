//! Conversations at the level of text: scripted dialogues, streams, evaluation of intents.

mod dialogues;
mod evaluation;
mod streams;
