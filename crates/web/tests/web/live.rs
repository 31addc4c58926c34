//! The live stream: only what changed, and no longer than the session.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use muster_core::effect::Condition;
use muster_web::router::STREAM_LIMIT;

use crate::server::{Server, firing};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("only_the_row_that_changed_is_sent", only_the_row_that_changed_is_sent),
    ("a_page_that_is_behind_gets_everything_once", a_page_that_is_behind_gets_everything_once),
    ("a_program_gets_lines", a_program_gets_lines),
    ("streams_are_limited_and_given_back", streams_are_limited_and_given_back),
];

pub(crate) struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    pub(crate) fn open(server: &Server, query: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!("GET /api/v1/events{query} HTTP/1.1\r\nhost: {}\r\n\r\n", server.host());
        stream.write_all(head.as_bytes()).unwrap();
        let mut events = Self { stream, text: String::new() };
        events.until("\r\n\r\n");
        events
    }

    pub(crate) fn until(&mut self, what: &str) -> &str {
        let mut chunk = [0; 4096];
        while !self.text.contains(what) {
            let read = self.stream.read(&mut chunk).unwrap();
            assert!(read > 0, "the stream ended before {what:?}: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
        &self.text
    }
}

fn at(server: &Server) -> i64 {
    server.web.snapshot().board.at.millis()
}

fn only_the_row_that_changed_is_sent() {
    let server = Server::start();
    let mut events = Events::open(&server, &format!("?at={}", at(&server)));
    assert!(events.text.contains("text/event-stream"), "{}", events.text);
    server.change(|snapshot| snapshot.board.lines[2].rhythm = "every 2h".into());
    let text = events.until("every 2h");
    assert!(text.contains("row-job.good") && text.contains("\"id\":\"sentence\""), "{text}");
    assert!(!text.contains("row-check.nas") && !text.contains("\"id\":\"rest\""), "{text}");
    server.change(|snapshot| snapshot.board.lines[0] = firing("check.nas"));
    let text = events.until("\"id\":\"rest\"");
    assert!(text.contains("2 things went wrong."), "{text}");
}

fn a_page_that_is_behind_gets_everything_once() {
    let server = Server::start();
    let mut events = Events::open(&server, "?at=1");
    let text = events.until("\"id\":\"rest\"");
    assert!(text.contains("\"id\":\"trouble\""), "{text}");
    let mut one = Events::open(&server, "?about=job.bad&at=1");
    let text = one.until("\"id\":\"history\"");
    assert!(text.contains("\"id\":\"state\"") && !text.contains("\"id\":\"rest\""), "{text}");
}

fn a_program_gets_lines() {
    let server = Server::start();
    let mut events = Events::open(&server, &format!("?as=json&at={}", at(&server)));
    server.change(|snapshot| {
        snapshot.board.lines[2].condition = Condition::Unknown { why: "asleep".into() };
        snapshot.board.lines.remove(0);
    });
    let text = events.until("event: gone");
    assert!(text.contains("event: line") && text.contains("Nobody can say how it stands: asleep."), "{text}");
}

fn streams_are_limited_and_given_back() {
    let server = Server::start();
    let query = format!("?at={}", at(&server));
    let mut open: Vec<_> = (0..STREAM_LIMIT).map(|_| Events::open(&server, &query)).collect();
    let refused = server.get("/api/v1/events");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("30")));
    open.clear();
    crate::server::wait_for("a place", || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream
            .write_all(format!("GET /api/v1/events HTTP/1.1\r\nhost: {}\r\n\r\n", server.host()).as_bytes())
            .unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        status.ends_with(b"200").then_some(())
    });
}
