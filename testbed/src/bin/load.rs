//! `load ADDRESS:PORT [OPTION…]`: clients that never rest, and what became of their requests as JSON on standard output.
//! Failures are told on standard error, one a line, with their moment. A signal ends it in order.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program for testers; its answer is what it prints"
)]

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lexopt::prelude::*;
use muster_testbed::load::label::Kind;
use muster_testbed::load::{Load, Settings};

const HELP: &str = "load ADDRESS:PORT [OPTION…]

  --host NAME          the name in the Host field
  --connections N      clients of each kind (8)
  --kinds LIST         of get,post,slow,slow-close,close,websocket,events (all)
  --seconds S          ends after so long (when a signal comes)
  --think MS           between an answer and the next request (2)
  --timeout S          the longest that a request may take (15)
  --held S             streams are closed by the client after so long
  --look               looks whether a connection was closed before it sends

Exit code 1 if a request failed, 2 if it could not begin.";

fn main() -> ExitCode {
    let settings = match read() {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&stop)) {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    }
    let duration = settings.duration;
    let load = Load::start(settings);
    while !stop.load(Ordering::SeqCst) && duration.is_none_or(|duration| load.elapsed() < duration) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let report = load.stop();
    for line in &report.failures {
        eprintln!("{line}");
    }
    match serde_json::to_string_pretty(&report) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("{error}"),
    }
    if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read() -> Result<Settings, lexopt::Error> {
    let mut words = lexopt::Parser::from_env();
    let mut settings = Settings::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    while let Some(word) = words.next()? {
        match word {
            Value(address) if settings.address.port() == 0 => {
                let address = address.string()?;
                let mut all = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?;
                settings.address = all.next().ok_or_else(|| format!("{address}: no address"))?;
            }
            Long("host") => settings.name = words.value()?.string()?,
            Long("connections") => settings.connections = words.value()?.parse()?,
            Long("kinds") => settings.kinds = kinds(&words.value()?.string()?)?,
            Long("seconds") => settings.duration = Some(seconds(words.value()?.parse()?)?),
            Long("think") => settings.think = Duration::from_millis(words.value()?.parse()?),
            Long("timeout") => settings.timeout = seconds(words.value()?.parse()?)?,
            Long("held") => settings.held = seconds(words.value()?.parse()?)?,
            Long("look") => settings.look = true,
            _ => return Err(word.unexpected()),
        }
    }
    if settings.address.port() == 0 { Err("an address is missing".into()) } else { Ok(settings) }
}

fn seconds(number: f64) -> Result<Duration, lexopt::Error> {
    Duration::try_from_secs_f64(number).map_err(|error| format!("{number}: {error}").into())
}

fn kinds(list: &str) -> Result<Vec<Kind>, lexopt::Error> {
    let one = |word: &str| {
        let found = Kind::ALL.into_iter().find(|kind| kind.word() == word);
        found.ok_or_else(|| format!("no kind {word:?}").into())
    };
    list.split(',').map(one).collect()
}
