//! The binary: composes every room into one process.

fn main() {}
