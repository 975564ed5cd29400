//! Runs many seeds, and says which of them broke a promise.

fn main() {}
