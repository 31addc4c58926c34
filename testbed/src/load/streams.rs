//! Clients that keep one answer open: each piece that comes as it should is a good answer, an end is a failure.

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use super::Client;
use super::exchange::{Connection, Failure};
use super::label::Label;
use crate::http::Body;
use crate::websocket::{self, Kind as Frame};

/// The key of every handshake; it proves that the other side speaks the protocol, no more.
pub(super) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// Between two echoes.
const BEAT: Duration = Duration::from_millis(200);

/// Opens a WebSocket and has it echo, until it ends or the load does.
pub(super) fn websocket(client: &mut Client) {
    let mut begun = Instant::now();
    let open = |client: &mut Client| {
        let until = begun + client.shared.settings.timeout;
        let mut connection = client.open(until)?;
        let (head, version) = connection.begin(&client.request(), until)?;
        let status = head.word(1).parse().unwrap_or(0);
        if status != 101 {
            return Err(Failure::new(Label::Status(status), format!("status {status} to a WebSocket")));
        }
        if head.field("sec-websocket-accept") != Some(websocket::accept(KEY).as_str()) {
            return Err(Failure::new(Label::WrongBody, "a handshake with another key"));
        }
        Ok((connection, version))
    };
    let (mut connection, version) = match open(client) {
        Ok(open) => open,
        Err(failure) => return client.count("", Err(failure), begun.elapsed()),
    };
    let end = Instant::now() + client.shared.settings.held;
    while !client.shared.is_over() && Instant::now() < end {
        begun = Instant::now();
        let outcome = echo(client, &mut connection, begun);
        let failed = outcome.is_err();
        client.count(&version, outcome, begun.elapsed());
        if failed {
            return;
        }
        begun = Instant::now();
        if let Err(failure) = quiet(&mut connection, begun + BEAT) {
            return client.count("", Err(failure), begun.elapsed());
        }
    }
    // Nobody is told: the app sees the end of the connection.
}

fn echo(client: &mut Client, connection: &mut Connection, begun: Instant) -> Result<(), Failure> {
    client.sent += 1;
    let words = client.body().into_bytes();
    let mask = (client.sent as u32 | 1).to_be_bytes();
    let mut frame = Vec::new();
    let until = begun + client.shared.settings.timeout;
    websocket::write(&mut frame, Frame::Text, &words, Some(mask))
        .map_err(|error| connection.broken(&error))?;
    // The reader is told the moment first: sending keeps to it as well.
    connection.reader(until);
    connection.send(&frame).map_err(|error| ended(connection, &error))?;
    match take(connection, until)? {
        (Frame::Text, echoed) if echoed == words => Ok(()),
        (kind, _) => Err(Failure::new(Label::WrongBody, format!("{kind:?}, not the echo"))),
    }
}

/// Listens until then: an end is known at once, not with the next echo.
fn quiet(connection: &mut Connection, until: Instant) -> Result<(), Failure> {
    let came = connection.reader(until).fill_buf().map(|_| ());
    match came.map_err(|error| ended(connection, &error)) {
        Err(Failure { label: Label::Timeout, .. }) => Ok(()),
        Err(failure) => Err(failure),
        Ok(()) => {
            let (kind, _) = take(connection, until + BEAT)?;
            Err(Failure::new(Label::WrongBody, format!("{kind:?} that nobody asked for")))
        }
    }
}

/// The next frame, if it is not the last.
fn take(connection: &mut Connection, until: Instant) -> Result<(Frame, Vec<u8>), Failure> {
    match websocket::read(connection.reader(until)) {
        Ok((Frame::Close, code)) => {
            let code = code.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
            Err(Failure::new(Label::StreamEnded, format!("closed with {code}")))
        }
        Ok(frame) => Ok(frame),
        Err(error) => Err(ended(connection, &error)),
    }
}

/// Opens an event stream and reads it, until it ends or the load does.
pub(super) fn events(client: &mut Client) {
    let begun = Instant::now();
    let mut last = begun;
    if let Err(failure) = follow(client, &mut last) {
        client.count("", Err(failure), last.elapsed());
    }
}

fn follow(client: &mut Client, last: &mut Instant) -> Result<(), Failure> {
    let timeout = client.shared.settings.timeout;
    let mut connection = client.open(*last + timeout)?;
    let (head, version) = connection.begin(&client.request(), *last + timeout)?;
    let status = head.word(1).parse().unwrap_or(0);
    if status != 200 {
        return Err(Failure::new(Label::Status(status), format!("status {status} to an event stream")));
    }
    // Events come five times a second; whoever is silent for the time of a request is silent.
    let mut number = 0_u64;
    let mut left = head.answer_body();
    let end = Instant::now() + client.shared.settings.held;
    while !client.shared.is_over() && Instant::now() < end {
        let mut lines = String::new();
        let outcome = {
            let mut body = Body::new(connection.reader(*last + timeout), left);
            let read = event(&mut body, &mut lines);
            left = body.left();
            read
        };
        match outcome {
            Ok(0) => return Err(Failure::new(Label::StreamEnded, "ended in order")),
            Ok(_) if lines == format!("data: {version} {number}\n\n") => {}
            Ok(_) => {
                return Err(Failure::new(Label::WrongBody, format!("event {lines:?}, not number {number}")));
            }
            Err(error) => return Err(ended(&connection, &error)),
        }
        client.count(&version, Ok(()), last.elapsed());
        *last = Instant::now();
        number += 1;
    }
    Ok(())
}

/// Reads up to an empty line; the number of bytes.
fn event(body: &mut impl std::io::Read, lines: &mut String) -> std::io::Result<usize> {
    // Byte by byte, from a buffer: nothing may be read ahead of what belongs to this event.
    let mut byte = [0];
    while !lines.ends_with("\n\n") && lines.len() < 4096 {
        if body.read(&mut byte)? == 0 {
            break;
        }
        lines.push(char::from(byte[0]));
    }
    Ok(lines.len())
}

/// An end of a stream, in order or not; or what else went wrong.
fn ended(connection: &Connection, error: &std::io::Error) -> Failure {
    let failure = connection.broken(error);
    match failure.label {
        Label::Broken { .. } => Failure { label: Label::StreamEnded, words: failure.words },
        _ => failure,
    }
}
