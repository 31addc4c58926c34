//! Every kind of check against real servers on loopback, at their best and at their worst.

#[cfg(test)]
mod dns;
#[cfg(test)]
mod flow;
#[cfg(test)]
mod imap;
#[cfg(test)]
mod looking;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod nginx;
#[cfg(test)]
mod object;
#[cfg(test)]
mod ping;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod smtp;
#[cfg(test)]
mod sql;

use std::process::ExitCode;

use muster_testkit::suite::Suite;

fn main() -> ExitCode {
    [
        dns::TESTS,
        ping::TESTS,
        smtp::TESTS,
        imap::TESTS,
        mail::TESTS,
        flow::TESTS,
        nginx::TESTS,
        sql::TESTS,
        redis::TESTS,
        object::TESTS,
        scan::TESTS,
    ]
    .into_iter()
    .flatten()
    .fold(Suite::new(), |suite, (name, parts, body)| suite.test(name, parts, *body))
    .run()
}
