//! The resident agent seen from outside: how soon it notices silence, what a heartbeat costs, what idling costs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::measure::{Folder, cpu_of, memory_of, quantile};
use super::peers;

const PORT: u16 = 17_077;

/// A running agent, ended when the value is dropped.
pub(super) struct Agent {
    child: Child,
    _folder: Folder,
}

impl Agent {
    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Starts an agent with these checks and waits until it answers.
pub(super) fn start(name: &str, checks: &str) -> Result<Agent, String> {
    let muster = super::muster()?;
    let folder = Folder::new(name)?;
    let file = folder.0.join("muster.toml");
    let key = folder.0.join("key");
    std::fs::write(&key, "bench-key").map_err(|error| error.to_string())?;
    let text = format!(
        "[muster]\nname = \"bench\"\ntimezone = \"UTC\"\nlisten = \"127.0.0.1:{PORT}\"\nstate = \"{}\"\n\
         ping_key = {{ file = \"{}\" }}\n{checks}",
        folder.0.join("state").display(),
        key.display()
    );
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    let child = Command::new(muster)
        .arg("--config")
        .arg(&file)
        .arg("up")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let agent = Agent { child, _folder: folder };
    let begun = Instant::now();
    while get("/health").is_err() {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err("the agent did not come up in 20 s".to_owned());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(agent)
}

/// One request on a connection of its own.
fn get(path: &str) -> Result<String, String> {
    let fail = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", PORT)).map_err(fail)?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(fail)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nConnection: close\r\n\r\n")
        .map_err(fail)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(fail)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(answer.lines().next().unwrap_or("no answer").to_owned()),
    }
}

/// 1,000 expectations whose deadlines pass one after the other; how much later does an outsider see each firing?
pub(super) fn detect() -> Result<(), String> {
    let mut checks = String::new();
    for number in 0..1000 {
        let every = 20_000 + number * 20;
        let line =
            format!("[check.b{number}]\nkind = \"heartbeat\"\nevery = \"{every}ms\"\ngrace = \"1s\"\n");
        checks.push_str(&line);
    }
    let agent = start("detect", &checks)?;
    let mut deadlines: BTreeMap<String, i64> = BTreeMap::new();
    let mut delays = Vec::new();
    let begun = Instant::now();
    while (delays.len() < 1000) && begun.elapsed() < Duration::from_secs(60) {
        let body = get("/api/v1/board")?;
        let seen = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
        let answer: serde_json::Value = serde_json::from_str(&body).map_err(|error| error.to_string())?;
        for line in answer["lines"].as_array().into_iter().flatten() {
            let Some(id) = line["id"].as_str().filter(|id| id.starts_with("check.")) else { continue };
            if line["condition"]["firing"].is_object() {
                if let Some(deadline) = deadlines.remove(id) {
                    delays.push(Duration::from_millis(u64::try_from(seen - deadline).unwrap_or(0)));
                }
            } else if let Some(deadline) = line["deadline"].as_i64() {
                deadlines.insert(id.to_owned(), deadline);
            }
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    println!(
        "muster: {} of 1000 deadlines seen firing; delay p50 {:?}, p99 {:?}, max {:?} (polled every 200 ms); memory {:.1} MB",
        delays.len(),
        quantile(&mut delays, 0.5),
        quantile(&mut delays, 0.99),
        quantile(&mut delays, 1.0),
        memory_of(agent.child.id())? as f64 / 1e6
    );
    drop(agent);
    peers::monitored(1000)
}

/// Heartbeats on new connections, four at a time; each is answered when it is on disk.
pub(super) fn ingest() -> Result<(), String> {
    const EACH: u32 = 2500;
    let mut checks = String::new();
    for number in 0..200 {
        let line = format!("[check.b{number}]\nkind = \"heartbeat\"\nevery = \"1h\"\n");
        checks.push_str(&line);
    }
    let agent = start("ingest", &checks)?;
    let before = cpu_of(agent.child.id())?;
    let begun = Instant::now();
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            std::thread::spawn(move || -> Result<(), String> {
                (0..EACH).try_for_each(|number| {
                    get(&format!("/ping/bench-key/b{}", (number * 4 + sender) % 200)).map(drop)
                })
            })
        })
        .collect();
    for sender in senders {
        sender.join().map_err(|_| "a sender died")??;
    }
    let wall = begun.elapsed();
    let cpu = cpu_of(agent.child.id())? - before;
    let pings = EACH * 4;
    println!(
        "muster: {pings} heartbeats in {:.1} s ({:.0}/s): {:.3} ms CPU each; memory {:.1} MB",
        wall.as_secs_f64(),
        f64::from(pings) / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1000.0 / f64::from(pings),
        memory_of(agent.child.id())? as f64 / 1e6
    );
    drop(agent);
    peers::gateway(EACH)
}

/// Fifty expectations and nothing to do.
pub(super) fn idle() -> Result<(), String> {
    const WATCHED: Duration = Duration::from_secs(180);
    let mut checks = String::new();
    for number in 0..50 {
        writeln!(checks, "[check.b{number}]\nkind = \"heartbeat\"\nevery = \"1h\"")
            .map_err(|error| error.to_string())?;
    }
    let agent = start("idle", &checks)?;
    // Side by side through the same minutes.
    let monitor = peers::monitor(50, Duration::from_secs(3600))?;
    std::thread::sleep(Duration::from_secs(20));
    let mut watched = vec![("muster, 50 expectations", agent.child.id())];
    watched.extend(monitor.as_ref().map(|peer| ("monit, 50 files looked at once a second", peer.pid())));
    let before: Vec<Duration> = watched.iter().map(|(_, pid)| cpu_of(*pid)).collect::<Result<_, _>>()?;
    std::thread::sleep(WATCHED);
    for ((name, pid), before) in watched.into_iter().zip(before) {
        println!(
            "{name}: {:.2} CPU-seconds per hour (over {} s), {:.1} MB of memory",
            (cpu_of(pid)? - before).as_secs_f64() * 3600.0 / WATCHED.as_secs_f64(),
            WATCHED.as_secs(),
            memory_of(pid)? as f64 / 1e6
        );
    }
    Ok(())
}
