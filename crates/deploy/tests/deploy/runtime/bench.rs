//! What the tests of both runtimes need: a release, a program that answers, conditions with a deadline.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use muster_config::plan::{HealthSpec, RestartSpec, RuntimeSpec, ServiceSpec, Switch};
use muster_core::time::{Span, Timestamp};
use muster_deploy::release::Release;

use crate::wait::within;

/// Answers on `PORT` with the number of its release and `COLOUR`, and ends well when it is asked to.
pub(crate) const SERVER: &str = r#"
use IO::Socket::INET; $| = 1; $SIG{TERM} = sub { exit 0 };
my $door = IO::Socket::INET->new(LocalAddr => $ENV{LISTEN_ON} || "0.0.0.0", LocalPort => $ENV{PORT}, Listen => 9,
    ReuseAddr => 1) or die "no port: $!";
print "release $ENV{MUSTER_RELEASE} listens\n"; print STDERR "\e[31mand complains\n";
while (my $guest = $door->accept) {
    my $asked = <$guest>;
    print $guest "HTTP/1.0 200 OK\r\n\r\n$ENV{MUSTER_RELEASE} $ENV{COLOUR}"; close $guest;
}"#;

pub(crate) fn spec(service: &str, runtime: RuntimeSpec) -> ServiceSpec {
    ServiceSpec {
        service: service.to_owned(),
        runtime,
        domains: Vec::new(),
        port: Some(8080),
        health: HealthSpec {
            path: "/".to_owned(),
            expect: Vec::new(),
            consecutive: 1,
            within: Span::seconds(10),
            timeout: Span::seconds(1),
            heartbeat: None,
        },
        env_file: None,
        required_env: Vec::new(),
        tools: Vec::new(),
        credentials: Vec::new(),
        user: None,
        memory: Some(64 << 20),
        restart: RestartSpec { max: 2, per: Span::minutes(10) },
        pre_deploy: Vec::new(),
        switch: Switch::Flag,
        drain: Span::seconds(1),
        keep_warm: Span::seconds(1),
        keep_releases: 2,
        stop_timeout: Span::seconds(5),
        stop_first: false,
        irreversible: false,
    }
}

pub(crate) fn release(number: u64, artefact: &str, env_file: Option<PathBuf>, command: &[&str]) -> Release {
    Release {
        number,
        artefact: artefact.to_owned(),
        version: format!("v{number}"),
        env_file,
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        irreversible: false,
        by: "tests".to_owned(),
        at: Timestamp::from_seconds(0),
    }
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A port that nobody listens on.
pub(crate) fn port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// What is answered on a port of loopback; none if nobody answers.
pub(crate) fn answer(port: u16) -> Option<String> {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let mut line = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
    line.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    line.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    line.read_to_string(&mut text).ok()?;
    text.rsplit_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// Waits until something is seen, at most half a minute.
pub(crate) fn wait<T>(what: &str, see: impl FnMut() -> Option<T>) -> T {
    within(Duration::from_secs(30), what, see)
}
