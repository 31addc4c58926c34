//! The whole server on loopback, asked as browsers and programs ask it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests: the suite has its own harness, so the lint does not see that they are"
)]

mod auth;
mod bounds;
mod browser;
mod checks;
mod incidents;
mod jobs;
mod live;
mod looks;
mod peers;
mod pings;
mod server;
mod services;
mod subscribe;
mod tls;

use std::process::ExitCode;

use muster_testkit::suite::{Part, Suite};

fn main() -> ExitCode {
    let chromium = &[Part::Chromium];
    let mut suite = Suite::new();
    for tests in [
        looks::TESTS,
        auth::TESTS,
        pings::TESTS,
        peers::TESTS,
        jobs::TESTS,
        incidents::TESTS,
        subscribe::TESTS,
        checks::TESTS,
        services::TESTS,
        live::TESTS,
        bounds::TESTS,
        tls::TESTS,
    ] {
        for (name, body) in tests {
            suite = suite.test(name, &[], *body);
        }
    }
    for (name, body) in browser::TESTS {
        suite = suite.test(name, chromium, *body);
    }
    suite.run()
}
