//! One binary that keeps a few servers from failing silently.
//!
//! `muster run` is handed over before anything else is set up: it starts with every job on the host. Every other verb is
//! a file of [`cli`]; [`world`] chooses the real parts, [`catalogue`] names every kind.

mod address;
mod adoption;
mod ask;
mod catalogue;
mod cli;
mod client;
mod configuration;
mod draft;
mod ear;
mod exit_code;
mod logging;
mod memory;
mod name;
mod outside;
mod own;
mod own_changes;
mod peer_keys;
mod ping_key;
mod records;
mod refusal;
mod resident;
mod say;
mod tools;
mod unit;
mod wiring;
mod world;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

#[cfg(target_env = "musl")]
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if words.get(1).is_some_and(|verb| verb == "run") {
        let job = words.into_iter().skip(2);
        return ExitCode::from(muster_run::main(job, &mut io::stdout(), &mut io::stderr()));
    }
    cli::command::start(words)
}
