//! `muster scan`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use muster_checks::scan::collect::session::Pin;
use muster_checks::scan::collect::{Wanted, collect};
use muster_checks::scan::facts::{Facts, Secure, WayEnd};
use muster_checks::scan::report::Report;
use muster_core::time::Span;
use muster_net::dns::servers;
use muster_net::url::Url;

use crate::exit_code::ExitCode;
use crate::refusal::Refusal;
use crate::say;
use crate::say::paper::Paper;
use crate::world::World;

/// The shortest and the longest time that a scan may be given.
const LIMITS: std::ops::RangeInclusive<Span> = Span::seconds(1)..=Span::minutes(2);

/// Grades a site from outside: what is wrong, why it matters, how to mend it
///
/// Needs no configuration and no account. Looks at redirects, TLS and the certificate, headers, compression, the health endpoint that lies, name service, mail
/// records and the registration. What cannot be seen is unknown and never counts as good.
///
/// The grade begins at 100 points. A finding takes 60 where visitors are turned away now (broken), 25 where that can happen
/// any day or somebody can do harm (serious), 10 where a protection is missing (moderate), 3 for the rest (minor). A: 90
/// and more, B: 75, C: 60, D: 40, E: 25, F: less, and always where something is broken. With anything unknown there is no A.
///
/// Exit code 0: nothing is wrong. 1: there are findings. 3: no findings, but not all could be seen; or nothing at all could.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The site: https://example.com, or example.com
    #[arg(value_name = "URL")]
    url: String,
    /// Shows why each finding matters and how to mend it, not only the first
    #[arg(long)]
    all: bool,
    /// Prints JSON: grade, findings, what is unknown, and all that was seen
    #[arg(long, conflicts_with = "all")]
    json: bool,
    /// Writes the report as one web page as well
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The path of the health endpoint; else /health, /healthz and /status are tried
    #[arg(long, value_name = "PATH")]
    health: Option<String>,
    /// How long all of it may take, 1s to 2m
    #[arg(long, value_name = "TIME", default_value = "15s")]
    timeout: Span,
    /// Dials that address for a host and port, as with curl: to look at a new server before its name leads there; may be
    /// given several times. The address may have a port of its own
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    resolve: Vec<Pin>,
    /// Asks that name server in place of this host's
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = server)]
    dns: Option<SocketAddr>,
    /// A PEM file with certificates to trust beside this host's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

fn server(text: &str) -> Result<SocketAddr, String> {
    servers::parse(text)
        .ok_or_else(|| "a name server is given by its address: 192.0.2.53 or [::1]:5353".to_owned())
}

pub(crate) fn execute(world: &World, args: Args) -> Result<ExitCode, Refusal> {
    if !LIMITS.contains(&args.timeout) {
        let (least, most) = (LIMITS.start(), LIMITS.end());
        return Err(Refusal::usage(format!("--timeout is {least} to {most}, and not {}", args.timeout)));
    }
    let text = if args.url.contains("://") { args.url.clone() } else { format!("https://{}", args.url) };
    let url = Url::parse(&text).map_err(|error| {
        Refusal::usage("this is no address of a site")
            .because(&error)
            .help("write it as in `muster scan https://example.com`")
    })?;
    let wanted = Wanted {
        url,
        health: args.health,
        pins: args.resolve,
        dns: args.dns,
        ca: args.ca,
        limit: args.timeout.to_std(),
        at: world.now().wall,
    };
    let facts = world.runtime()?.block_on(collect(&wanted));
    refuse_darkness(&facts)?;
    let report = Report::of(facts);
    if let Some(path) = &args.html {
        write(path, &say::scan::page::page(&report, &world.clock()))?;
    }
    let text = if args.json {
        say::json::versioned(&report)
    } else {
        say::scan::terminal::report(&report, &world.clock(), &Paper::of_stdout(), args.all)
    };
    world.say(&text)?;
    Ok(match (report.findings.is_empty(), report.unknown.is_empty()) {
        (false, _) => ExitCode::BadNews,
        (true, false) => ExitCode::Unknown,
        (true, true) => ExitCode::Fine,
    })
}

/// A site that answered nothing has no grade, not even a bad one.
fn refuse_darkness(facts: &Facts) -> Result<(), Refusal> {
    let answered = facts.ways.known().into_iter().flatten().any(|way| {
        !way.hops.is_empty() || matches!(way.end, WayEnd::Answered { .. } | WayEnd::Distrusted { .. })
    });
    let is_open = matches!(facts.tls.known(), Some(Secure::Open(_) | Secure::Silent { .. }));
    if answered || is_open {
        return Ok(());
    }
    let why = facts.page.why_unknown().unwrap_or("nothing answered");
    Err(Refusal::new(ExitCode::Unknown, format!("{} could not be scanned", facts.site)).because_of(why))
}

fn write(path: &Path, page: &str) -> Result<(), Refusal> {
    std::fs::write(path, page)
        .map_err(|error| Refusal::system(format!("{} cannot be written", path.display()), &error))
}
