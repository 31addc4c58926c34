//! Every kind of channel against real receivers on loopback, at their best and at their worst.

#[cfg(test)]
mod command;
#[cfg(test)]
mod http;
#[cfg(test)]
mod letters;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod mailing;
#[cfg(test)]
mod opensmtpd;

use std::process::ExitCode;

use muster_testkit::suite::{Part, Suite};

fn main() -> ExitCode {
    let suite = http::KINDS.iter().fold(Suite::new(), |suite, kind| {
        http::CONTRACT.iter().fold(suite, |suite, (name, body)| {
            suite.fallible(&format!("{}::{name}", kind.name), &[], move || {
                body(kind);
                Ok(())
            })
        })
    });
    let suite = [http::TESTS, mail::TESTS, mailing::TESTS, command::TESTS]
        .into_iter()
        .flatten()
        .fold(suite, |suite, (name, body)| suite.test(name, &[], *body));
    suite
        .test(
            "opensmtpd::a_page_ends_in_a_real_mailbox",
            &[Part::Smtpd],
            opensmtpd::a_page_ends_in_a_real_mailbox,
        )
        .run()
}
