//! What needs the crate from outside: the fuzzers' drivers without a fuzzer.

mod fuzz;
