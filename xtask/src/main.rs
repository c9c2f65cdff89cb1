//! Checks that keep the house in order: directions of dependencies, doors to the outside, budgets.

fn main() {}
