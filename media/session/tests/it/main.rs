//! Whole conversations under virtual time: a fake caller, fake vendors, a bad network. Named by what a caller or
//! operator can rely on; each cites the promise it keeps (numbers: complaints about other systems, in the project's
//! list of promises).

mod caller;
mod dialogue;
mod net;
mod sim;

mod added;
mod background;
mod barge_in;
mod connection;
mod conversation;
mod disk;
mod drills;
mod ending;
mod greeting;
mod guess;
mod hurry;
mod limits;
mod logs;
mod pressing;
mod providers;
mod quality;
mod recording;
mod screening;
mod storm;
mod transfer;
mod unasked;
mod voiced;
