//! Deploys on real parts: nginx, a Docker engine, systemd, and the tools that read what a new service begins as.

use std::process::ExitCode;

use muster_testkit::suite::Suite;

#[cfg(test)]
mod base;
#[cfg(test)]
mod front;
#[cfg(test)]
mod runtime;
#[cfg(test)]
mod scaffold;
#[cfg(test)]
mod wait;

fn main() -> ExitCode {
    if let Some(suite) = runtime::inside() {
        return suite.run();
    }
    base::tests(scaffold::tests(runtime::tests(front::tests(Suite::new())))).run()
}
