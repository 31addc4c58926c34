//! The wrapper with real child processes, real locks and real file systems.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail loudly and say what they skip"
)]

mod bad_days;
mod endings;
mod overlap;
mod survivors;
mod world;
