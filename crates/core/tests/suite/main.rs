//! The tests of the ground floor that need more room than a module has.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "tests may; clippy sees only functions marked as tests"
)]

mod schedule_clockwork;
mod schedule_debian;
mod schedule_random;
mod schedule_reference;
mod schedule_table;
