//! The project's own tool: `cargo xtask check | generate | sim | bench`.
//!
//! It knows the workspace and nothing of the product, except for the benchmarks, which drive the built binary from
//! outside like a user would.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for developers, run by hand and by CI"
)]

mod bench;
mod floors;
mod generate;
mod shell;
mod size;

use std::process::ExitCode;

const HELP: &str = "cargo xtask COMMAND

  check              format, clippy, floors, file sizes, generated files
  generate [--check] writes muster.schema.json and docs/reference (or only compares)
  sim [SEEDS STEPS]  the simulation of the roll call, wider than in the tests
  bench [NAME…]      our figures beside the peers': wrapper, detect, ingest, idle, checks, told, sim, cron, adopt, logs,
                     doctor, deploy";

/// The test that is the simulation.
const SIMULATION: &str = "roll_call::sim::sweep::the_promises";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["check"] => check(),
        ["generate"] => generate::run(generate::Mode::Write),
        ["generate", "--check"] => generate::run(generate::Mode::Compare),
        ["sim"] => sim("256", "3000"),
        ["sim", seeds, steps] => sim(seeds, steps),
        ["bench", names @ ..] => bench::run(names),
        _ => Err(HELP.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<(), String> {
    shell::cargo(&["fmt", "--all", "--check"], &[])?;
    shell::cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    floors::check()?;
    size::check()?;
    generate::run(generate::Mode::Compare)?;
    println!("check: all good");
    Ok(())
}

fn sim(seeds: &str, steps: &str) -> Result<(), String> {
    shell::cargo(
        &["test", "-p", "muster-core", "--lib", SIMULATION, "--", "--nocapture"],
        &[("MUSTER_SIM_SEEDS", seeds), ("MUSTER_SIM_STEPS", steps)],
    )
}
