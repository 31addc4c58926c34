//! Switches under load. A closed loop that counts every failure with its kind.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use muster_deploy::front::Front as _;
use muster_deploy::release::Side;

use crate::front::app::{App, head};
use crate::front::bed::{Bed, soon, until};

const SWITCHES: usize = 24;
/// So often in a row nobody must be left before a side counts as left.
const LOOKS: u32 = 10;

#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    body: &'static str,
    keeps: bool,
}

const KINDS: [Kind; 5] = [
    Kind { name: "GET", method: "GET", path: "/", body: "", keeps: true },
    Kind { name: "POST", method: "POST", path: "/", body: "a=1", keeps: true },
    Kind { name: "GET, closing", method: "GET", path: "/", body: "", keeps: false },
    Kind { name: "GET, 400 ms", method: "GET", path: "/slow", body: "", keeps: true },
    Kind { name: "POST, 400 ms", method: "POST", path: "/slow", body: "a=1", keeps: true },
];

#[derive(Default)]
struct Tally {
    good: [AtomicU64; KINDS.len()],
    bad: Mutex<BTreeMap<String, u64>>,
    over: AtomicBool,
}

impl Tally {
    fn all(&self) -> u64 {
        self.good.iter().map(|good| good.load(Ordering::SeqCst)).sum()
    }
}

/// One user, who asks again as soon as he has his answer.
fn user(at: SocketAddr, number: usize, tally: &Tally) {
    let kind = KINDS[number];
    let mut kept: Option<TcpStream> = None;
    while !tally.over.load(Ordering::SeqCst) {
        let was_kept = kept.is_some();
        match ask(at, kind, kept.take()) {
            Ok((Ok(_), stream)) => {
                tally.good[number].fetch_add(1, Ordering::SeqCst);
                kept = stream;
            }
            Ok((Err(status), _)) => fail(tally, format!("{}: {status}", kind.name)),
            Err(error) => fail(tally, format!("{}: {error}, on a kept connection: {was_kept}", kind.name)),
        }
    }
}

fn fail(tally: &Tally, what: String) {
    *tally.bad.lock().expect("whole").entry(what).or_default() += 1;
}

type Heard = (Result<String, String>, Option<TcpStream>);

fn ask(at: SocketAddr, kind: Kind, kept: Option<TcpStream>) -> std::io::Result<Heard> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => TcpStream::connect(at)?,
    };
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let connection = if kind.keeps { "keep-alive" } else { "close" };
    let (method, path, body) = (kind.method, kind.path, kind.body);
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: api.test\r\nConnection: {connection}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let Some((head, mut body)) = head(&mut stream)? else {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    };
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let length: usize = length.ok_or(std::io::ErrorKind::InvalidData)?;
    let mut block = [0; 4096];
    while body.len() < length {
        match stream.read(&mut block)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => body.extend_from_slice(&block[..count]),
        }
    }
    let stays = kind.keeps && !lower.contains("connection: close");
    let body = String::from_utf8_lossy(&body).into_owned();
    let answer = match head.starts_with("HTTP/1.1 200 ") && ["blue", "green"].contains(&body.as_str()) {
        true => Ok(body),
        false => Err(head.lines().next().unwrap_or_default().to_owned()),
    };
    Ok((answer, stays.then_some(stream)))
}

fn one(at: SocketAddr) -> String {
    ask(at, KINDS[2], None).expect("an answer").0.expect("a good one")
}

pub(crate) fn twenty_switches_lose_nothing() {
    let bed = Bed::start();
    let front = bed.installed();
    let mut standing = App::start(bed.ports.blue, "blue");
    let tally = Arc::new(Tally::default());
    let users: Vec<_> = (0..KINDS.len())
        .map(|number| {
            let (tally, at) = (Arc::clone(&tally), bed.at);
            thread::spawn(move || user(at, number, &tally))
        })
        .collect();
    let mut worst = Duration::ZERO;
    for _ in 0..SWITCHES {
        let seen = tally.all();
        until("users go on", || tally.all() > seen + 20);
        let old = front.side().expect("a side");
        let next = App::start(bed.ports.of(old.other()), old.other().word());
        let began = Instant::now();
        front.point(old.other()).expect("pointed");
        worst = worst.max(began.elapsed());
        let mut nobody = 0;
        until("the old side is left", || {
            let left = front.connections(bed.ports.of(old)).expect("counted");
            nobody = if left == 0 { nobody + 1 } else { 0 };
            nobody >= LOOKS
        });
        // It ends at once, and cuts off whatever is left.
        drop(std::mem::replace(&mut standing, next));
    }
    tally.over.store(true, Ordering::SeqCst);
    for user in users {
        user.join().expect("ended");
    }
    let good: Vec<u64> = tally.good.iter().map(|good| good.load(Ordering::SeqCst)).collect();
    let names = KINDS.map(|kind| kind.name);
    let began = Instant::now();
    front.connections(bed.ports.blue).expect("counted");
    println!("connections are counted in {:?}", began.elapsed());
    println!("{SWITCHES} switches, worst {worst:?}; answers of {names:?}: {good:?}");
    assert_eq!(*tally.bad.lock().expect("whole"), BTreeMap::new(), "of {good:?}");
    assert!(good.iter().all(|good| *good > SWITCHES as u64 / 2), "{good:?}");
}

pub(crate) fn the_very_next_request_is_led_by_it() {
    let bed = Bed::start();
    let front = bed.installed();
    let _apps = [App::start(bed.ports.blue, "blue"), App::start(bed.ports.green, "green")];
    for round in 0..100 {
        let side = if round % 2 == 0 { Side::Green } else { Side::Blue };
        front.point(side).expect("pointed");
        assert_eq!(one(bed.at), side.word());
        assert_eq!(front.ask("/", soon()).expect("an answer").side, Some(side));
    }
}
