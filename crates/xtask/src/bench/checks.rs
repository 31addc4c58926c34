//! Checks seen from their target: what a look costs, and how evenly looks come, read from the target's own log. One nginx
//! answers everybody; some targets take the connection and never answer.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::agent;
use super::measure::{Folder, cpu_of, memory_of, quantile};
use super::peers;

/// Where the target answers.
const TARGET: u16 = 18_080;
/// Where connections are taken and nothing is ever said.
const HANGING: u16 = 18_081;

/// A number of checks and how often they look.
struct Load {
    checks: u32,
    every: Duration,
    hanging: u32,
    watched: Duration,
}

/// Three hundred checks, the same with targets that hang, and ten thousand.
pub(super) fn run() -> Result<(), String> {
    let hanging = TcpListener::bind(("127.0.0.1", HANGING)).map_err(|error| error.to_string())?;
    std::thread::spawn(move || {
        let mut held = std::collections::VecDeque::new();
        for stream in hanging.incoming().flatten() {
            held.push_back(stream);
            if held.len() > 4096 {
                held.pop_front();
            }
        }
    });
    let few =
        Load { checks: 300, every: Duration::from_secs(20), hanging: 0, watched: Duration::from_secs(120) };
    muster("300 checks every 20 s", &few)?;
    muster("300 and 30 that hang, every 20 s", &Load { checks: 330, hanging: 30, ..few })?;
    monit(&Load { checks: 300, hanging: 0, ..few })?;
    blackbox(&Load { checks: 300, hanging: 0, ..few })?;
    let every = Duration::from_secs(60);
    let watched = Duration::from_secs(180);
    muster("10,000 every 60 s", &Load { checks: 10_000, every, hanging: 0, watched })?;
    muster("10,000 every 60 s, 1,000 of them hang", &Load { checks: 10_000, every, hanging: 1000, watched })
}

fn muster(name: &str, load: &Load) -> Result<(), String> {
    let nginx = Nginx::start()?;
    let mut checks = String::new();
    for number in 0..load.checks {
        let port = if number < load.hanging { HANGING } else { TARGET };
        write!(
            checks,
            "[check.b{number}]\nkind = \"http\"\nurl = \"http://127.0.0.1:{port}/{number}\"\nevery = \"{}s\"\ntimeout = \"5s\"\n",
            load.every.as_secs()
        )
        .map_err(|error| error.to_string())?;
    }
    let agent = agent::start("checks", &checks)?;
    report(&format!("muster, {name}"), &nginx, &[agent.pid()], load)
}

fn monit(load: &Load) -> Result<(), String> {
    let nginx = Nginx::start()?;
    let Some(peer) = peers::web_monitor(load.checks, TARGET, load.every)? else { return Ok(()) };
    report("monit, 300 every 20 s", &nginx, &[peer.pid()], load)
}

fn blackbox(load: &Load) -> Result<(), String> {
    let nginx = Nginx::start()?;
    let Some((prober, scraper)) = peers::prober(load.checks, TARGET, load.every)? else { return Ok(()) };
    report("blackbox exporter and Prometheus, 300 every 20 s", &nginx, &[prober.pid(), scraper.pid()], load)
}

/// Watches for a while and prints what it came to.
fn report(name: &str, nginx: &Nginx, pids: &[u32], load: &Load) -> Result<(), String> {
    // One interval to come to rest.
    std::thread::sleep(load.every + Duration::from_secs(10));
    let cpu = |pids: &[u32]| pids.iter().map(|pid| cpu_of(*pid)).sum::<Result<Duration, String>>();
    let (before, from) = (cpu(pids)?, nginx.length()?);
    let begun = Instant::now();
    std::thread::sleep(load.watched);
    let (spent, wall) = (cpu(pids)? - before, begun.elapsed());
    let memory: u64 = pids.iter().map(|pid| memory_of(*pid)).sum::<Result<u64, String>>()?;
    let log = nginx.log()?;
    let mut seen: HashMap<&str, Vec<f64>> = HashMap::new();
    let mut looks = 0_u32;
    let text = String::from_utf8_lossy(&log[from..]);
    for line in text.lines() {
        let Some((at, path)) = line.split_once(' ') else { continue };
        let Ok(at) = at.parse::<f64>() else { continue };
        looks += 1;
        seen.entry(path).or_default().push(at);
    }
    let every = load.every.as_secs_f64();
    let mut errors: Vec<Duration> = seen
        .values()
        .flat_map(|times| times.windows(2))
        .map(|pair| Duration::from_secs_f64((pair[1] - pair[0] - every).abs()))
        .collect();
    // The target sees nothing of those that hang.
    let hanging = load.hanging * u32::try_from(wall.as_secs() / load.every.as_secs()).unwrap_or(0);
    let all = looks + hanging;
    println!(
        "{name}: {looks} looks at the target in {:.0} s, {:.3} ms CPU each, {:.1} % of one core, {:.1} MB; \
         interval error p50 {:?}, p99 {:?}, max {:?}",
        wall.as_secs_f64(),
        spent.as_secs_f64() * 1000.0 / f64::from(all.max(1)),
        spent.as_secs_f64() * 100.0 / wall.as_secs_f64(),
        memory as f64 / 1e6,
        quantile(&mut errors, 0.5),
        quantile(&mut errors, 0.99),
        quantile(&mut errors, 1.0),
    );
    Ok(())
}

/// The target, ended when the value is dropped.
struct Nginx {
    child: Child,
    folder: Folder,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Nginx {
    fn start() -> Result<Self, String> {
        let folder = Folder::new("nginx")?;
        let place = folder.0.display().to_string();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/error;\nworker_rlimit_nofile 8192;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ log_format t '$msec $uri'; access_log {place}/access t; client_body_temp_path {place}/a; \
             proxy_temp_path {place}/b; fastcgi_temp_path {place}/c; uwsgi_temp_path {place}/d; scgi_temp_path {place}/e;\n\
             server {{ listen 127.0.0.1:{TARGET} backlog=4096; location / {{ return 200 'ok'; }} }} }}\n"
        );
        let file = folder.0.join("nginx.conf");
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let child = Command::new("/usr/sbin/nginx")
            .args(["-p", &place, "-c"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("nginx: {error}"))?;
        Ok(Self { child, folder })
    }

    fn log(&self) -> Result<Vec<u8>, String> {
        std::fs::read(self.folder.0.join("access")).map_err(|error| format!("the target's log: {error}"))
    }

    fn length(&self) -> Result<usize, String> {
        self.log().map(|log| log.len())
    }
}
