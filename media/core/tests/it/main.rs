//! What needs the crate from outside: the fuzzers' drivers without a fuzzer.
#![allow(clippy::print_stdout, clippy::panic, reason = "tests print their seeds and fail by panic")]

mod fuzz;
