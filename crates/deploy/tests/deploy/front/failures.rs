//! Requests that really fail, and what is counted of them.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;

use muster_deploy::front::{Failures, Front as _};
use muster_deploy::release::Side;

use crate::front::app::{App, head};
use crate::front::bed::{Bed, soon, until};

/// The status that a request through nginx gets.
fn status(bed: &Bed, path: &str) -> u16 {
    let mut stream = TcpStream::connect(bed.at).expect("connected");
    let request = format!("GET {path} HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let (head, _) = head(&mut stream).expect("heard").expect("an answer");
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status")
}

fn unknown(failures: &Failures) -> &str {
    match failures {
        Failures::Unknown(why) => why,
        Failures::Counted(count) => panic!("{count} were counted"),
    }
}

pub(crate) fn every_request_that_fails_is_counted() {
    let bed = Bed::start();
    let front = bed.installed();
    let blue = App::start(bed.ports.blue, "blue");
    assert_eq!(status(&bed, "/"), 200);
    let mark = front.mark();
    for _ in 0..5 {
        assert_eq!(status(&bed, "/"), 200);
    }
    assert_eq!(front.failures(&mark), Failures::Counted(0));
    // One is cut off in the middle of its answer.
    let mut cut = TcpStream::connect(bed.at).expect("connected");
    cut.write_all(b"GET /slow HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n").expect("sent");
    until("it is at the release", || blue.heads().iter().any(|head| head.contains(" /slow ")));
    drop(blue);
    let (answer, _) = head(&mut cut).expect("heard").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert_eq!(front.failures(&mark), Failures::Counted(1));
    // Nobody listens any more, on either side.
    assert_eq!((status(&bed, "/"), status(&bed, "/x?y=z")), (502, 502));
    front.point(Side::Green).expect("pointed");
    assert_eq!(status(&bed, "/"), 502);
    assert_eq!(front.failures(&mark), Failures::Counted(4));
    // What a release answers itself is no failure of the switch, nor is what failed before.
    let _green = App::start(bed.ports.green, "green");
    assert_eq!(status(&bed, "/"), 200);
    assert_eq!(front.failures(&front.mark()), Failures::Counted(0));
    assert_eq!(front.failures(&mark), Failures::Counted(4));
}

pub(crate) fn what_the_log_cannot_tell_is_unknown() {
    let bed = Bed::told("include conf.d/*.conf; error_log quiet.log crit;");
    let front = bed.installed();
    let failures = front.failures(&front.mark());
    assert!(unknown(&failures).contains("`error_log quiet.log crit`"), "{failures:?}");
}

pub(crate) fn a_log_that_was_moved_away_is_unknown() {
    let bed = Bed::start();
    let front = bed.installed();
    let log = bed.path("error.log");
    let mark = front.mark();
    assert_eq!(front.failures(&mark), Failures::Counted(0));
    fs::rename(&log, bed.path("error.log.1")).expect("moved");
    fs::write(&log, "").expect("written");
    assert_eq!(status(&bed, "/"), 502);
    let failures = front.failures(&mark);
    assert!(unknown(&failures).contains("turned over"), "{failures:?}");
    let failures = front.failures(&front.mark());
    assert!(unknown(&failures).contains("nginx -s reopen"), "{failures:?}");
    let pid = fs::read_to_string(bed.path("nginx.pid")).expect("there");
    assert!(Command::new("kill").args(["-USR1", pid.trim()]).status().is_ok_and(|status| status.success()));
    until("nginx writes to the new one", || front.failures(&front.mark()) == Failures::Counted(0));
    let mark = front.mark();
    let answer = front.ask("/", soon()).expect("an answer");
    assert_eq!((answer.status, front.failures(&mark)), (502, Failures::Counted(1)));
}
