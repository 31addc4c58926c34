//! check, generate, floors, sim, bench.

fn main() {}
