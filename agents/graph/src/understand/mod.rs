//! What a caller's words say: dates, times, numbers, names, choices, yes and no, and requests about the talk itself.
//!
//! Pure functions of the text and of `now`. They expect what a recogniser gives: words in any case, digits or words for
//! numbers, punctuation or none, small slips. They refuse to guess: what is not said is not found.

mod acts;
mod choices;
mod dates;
mod everyday;
mod names;
mod numbers;
mod phones;
mod questions;
mod slots;
mod times;
mod tokens;

pub use acts::{Reply, mends, reply, request};
pub use choices::Choices;
pub use dates::{Day, find as find_date};
pub(crate) use dates::{month_of, weekday_of};
pub use names::find as find_name;
pub use numbers::{cardinal, ordinal};
pub use phones::{find as find_digits, is_digit_by_digit};
pub use questions::{asks_yes_no, is_question, proposes, several_questions};
pub use slots::{Reading, Readings, Wanted, WantedKind, read};
pub use times::{Clock, Part, find as find_time};
pub use tokens::{Found, Token, Words};
