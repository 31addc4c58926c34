//! Sessions with the real program: what people type, what they see, how it ends.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod adoption;
mod arguments;
mod checks;
mod configuration;
mod crash;
mod doctor;
mod drift;
mod first_steps;
mod lifecycle;
mod mending;
mod new;
mod peers;
mod reports;
mod rig;
mod scan;
mod starts;
mod status_page;
mod subscribe;
mod without_agent;
