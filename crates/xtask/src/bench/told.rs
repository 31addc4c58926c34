//! How soon people know: from the moment a target stops answering to the message, and what a receiver that refuses or
//! hangs does to it. One instrument for everybody: the target and the receiver are here, and both keep a log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::agent;
use super::measure::quantile;
use super::peers;

/// Where the targets answer, each on a loopback address of its own, and where messages go.
const TARGET: u16 = 18_082;
const RECEIVER: u16 = 18_083;
/// So many that their pages are no storm.
const TARGETS: u8 = 15;

const EVERY: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(3);
const AFTER: u32 = 3;

/// How a door treats who knocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Mood {
    Answers,
    Hangs,
    Refuses,
}

/// A web server whose mood can be changed, and what it was asked, when.
struct Door {
    mood: Arc<AtomicU8>,
    log: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Door {
    fn open(port: u16) -> Result<Self, String> {
        let door = Self { mood: Arc::default(), log: Arc::default() };
        let (mood, log) = (Arc::clone(&door.mood), Arc::clone(&door.log));
        let bind = move || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
        let mut listener = Some(bind().map_err(|error| format!("port {port}: {error}"))?);
        std::thread::spawn(move || {
            loop {
                if mood.load(Ordering::SeqCst) == Mood::Refuses as u8 {
                    listener = None;
                } else if listener.is_none() {
                    listener = bind().ok();
                }
                let taken = listener.as_ref().and_then(|listener| {
                    listener.set_nonblocking(true).ok()?;
                    listener.accept().ok()
                });
                let Some((stream, _)) = taken else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                let (mood, log) = (Arc::clone(&mood), Arc::clone(&log));
                std::thread::spawn(move || drop(answer(stream, &mood, &log)));
            }
        });
        Ok(door)
    }

    fn turn(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// What came since then, oldest first.
    fn since(&self, then: Instant) -> Vec<(Instant, String)> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().filter(|(at, _)| *at >= then).cloned().collect()
    }
}

/// Takes one request; its first line and body are logged before it is answered.
fn answer(stream: TcpStream, mood: &AtomicU8, log: &Mutex<Vec<(Instant, String)>>) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut host) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(number) = lower.strip_prefix("content-length:") {
            length = number.trim().parse().unwrap_or(0);
        }
        if let Some(name) = lower.strip_prefix("host:") {
            host = name.trim().to_owned();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if mood.load(Ordering::SeqCst) != Mood::Answers as u8 {
        // Longer than anybody waits.
        std::thread::sleep(Duration::from_secs(60));
        return Ok(());
    }
    let words = format!("{host} {} {}", first.trim(), String::from_utf8_lossy(&body));
    log.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), words));
    (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

/// Measures and prints.
pub(super) fn run() -> Result<(), String> {
    let (target, receiver) = (Door::open(TARGET)?, Door::open(RECEIVER)?);
    let agent = agent::start("told", &configuration(EVERY, RETRY, TIMEOUT))?;
    rest(EVERY * 2);
    outage("muster", &target, &receiver)?;
    drop(agent);
    // Two outages within five minutes are a storm, which is told as a whole once it is calm: another life.
    let agent = agent::start("told", &configuration(EVERY, RETRY, TIMEOUT))?;
    rest(EVERY * 2);
    refusing("muster", &target, &receiver)?;
    drop(agent);
    hanging(&target, &receiver)?;
    let targets: Vec<String> =
        (1..=TARGETS).map(|number| format!("http://127.0.0.{number}:{TARGET}/")).collect();
    let hook = format!("http://127.0.0.1:{RECEIVER}/");
    let peer = peers::alerting(&targets, &hook, EVERY, TIMEOUT, RETRY * (AFTER - 1))?;
    let Some(_peer) = peer else { return Ok(()) };
    rest(EVERY * 3);
    let name = "blackbox exporter, Prometheus and Alertmanager";
    outage(name, &target, &receiver)?;
    refusing(name, &target, &receiver)
}

fn rest(time: Duration) {
    std::thread::sleep(time);
}

fn configuration(every: Duration, retry: Duration, timeout: Duration) -> String {
    let (every, retry, timeout) = (every.as_millis(), retry.as_millis(), timeout.as_millis());
    let mut text = format!(
        "[defaults]\nnotify = [\"hook\"]\n[notify.hook]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{RECEIVER}/\"\n"
    );
    for number in 1..=TARGETS {
        text.push_str(&format!(
            "[check.t{number}]\nkind = \"http\"\nurl = \"http://127.0.0.{number}:{TARGET}/\"\nevery = \"{every}ms\"\n\
             retry = \"{retry}ms\"\ntimeout = \"{timeout}ms\"\nafter = {AFTER}\nrecover = 1\n"
        ));
    }
    text
}

/// When each target was first named to the receiver after this moment.
fn first_told(receiver: &Door, since: Instant) -> Vec<Duration> {
    let messages = receiver.since(since);
    (1..=TARGETS)
        .filter_map(|number| {
            let name = format!("127.0.0.{number}:{TARGET}");
            let about = format!("check.t{number}\"");
            let found = messages.iter().find(|(_, words)| words.contains(&about) || words.contains(&name));
            found.map(|(at, _)| at.duration_since(since))
        })
        .collect()
}

fn wait_for_all(receiver: &Door, since: Instant, limit: Duration) -> Vec<Duration> {
    loop {
        let told = first_told(receiver, since);
        if told.len() == usize::from(TARGETS) || since.elapsed() > limit {
            return told;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// From the end of all targets to a message about each.
fn outage(name: &str, target: &Door, receiver: &Door) -> Result<(), String> {
    let down = Instant::now();
    target.turn(Mood::Hangs);
    let mut told = wait_for_all(receiver, down, Duration::from_secs(120));
    let bound = RETRY * (AFTER - 1) + EVERY + TIMEOUT + Duration::from_secs(2);
    println!(
        "{name}: {} of {TARGETS} targets that stopped answering were told; after p50 {:.1?}, max {:.1?} (bound {bound:?})",
        told.len(),
        quantile(&mut told, 0.5),
        quantile(&mut told, 1.0),
    );
    target.turn(Mood::Answers);
    // The ends are told as well before the next outage.
    rest(EVERY * 4);
    Ok(())
}

/// The receiver refuses through the whole outage and for 30 s more.
fn refusing(name: &str, target: &Door, receiver: &Door) -> Result<(), String> {
    receiver.turn(Mood::Refuses);
    target.turn(Mood::Hangs);
    rest(RETRY * (AFTER - 1) + EVERY + TIMEOUT + Duration::from_secs(30));
    let back = Instant::now();
    receiver.turn(Mood::Answers);
    let mut told = wait_for_all(receiver, back, Duration::from_secs(120));
    println!(
        "{name}: receiver refusing for 30 s: {} of {TARGETS} delivered, the last one {:.1?} after it returned",
        told.len(),
        quantile(&mut told, 1.0),
    );
    target.turn(Mood::Answers);
    rest(EVERY * 2);
    Ok(())
}

/// The receiver takes messages and never answers for two minutes; does anybody look less often?
fn hanging(target: &Door, receiver: &Door) -> Result<(), String> {
    let every = Duration::from_secs(2);
    let mut text = configuration(every, Duration::from_secs(1), Duration::from_secs(1));
    // Something to tell all the time: nobody listens there.
    for number in 0..5 {
        text.push_str(&format!(
            "[check.dead{number}]\nkind = \"tcp\"\naddress = \"127.0.1.{number}:9\"\nevery = \"5s\"\nafter = 1\n"
        ));
    }
    receiver.turn(Mood::Hangs);
    let agent = agent::start("told-hanging", &text)?;
    rest(every * 4);
    let begun = Instant::now();
    rest(Duration::from_secs(120));
    let looks = target.since(begun);
    let mut gaps = Vec::new();
    for number in 1..=TARGETS {
        let host = format!("127.0.0.{number}:{TARGET} ");
        let times: Vec<_> =
            looks.iter().filter(|(_, words)| words.starts_with(&host)).map(|(at, _)| *at).collect();
        gaps.extend(times.windows(2).map(|pair| pair[1] - pair[0]));
    }
    let missed = gaps.iter().filter(|gap| **gap > every + every / 2).count();
    println!(
        "muster, receiver hanging for 120 s: {} looks every {every:?}, {missed} missed, longest gap {:.2?}",
        looks.len(),
        quantile(&mut gaps, 1.0),
    );
    receiver.turn(Mood::Answers);
    drop(agent);
    Ok(())
}
