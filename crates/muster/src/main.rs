//! One binary that keeps a few servers from failing silently.

fn main() {}
