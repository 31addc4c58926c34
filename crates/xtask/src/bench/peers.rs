//! What people use for the same ends, measured in the same run: a push gateway for heartbeats, a monitor of files for
//! silence and for idling.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use super::measure::{Folder, cpu_of, memory_of, quantile};

const GATEWAY: &str = "prometheus-pushgateway";
const MONITOR: &str = "monit";
const PORT: u16 = 17_079;
const PROBER: u16 = 17_081;
const TELLER: u16 = 17_083;

/// A running peer, ended when the value is dropped.
pub(super) struct Peer {
    child: Child,
    folder: Folder,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Peer {
    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// None, with a line about it, where it is not installed.
    fn start(program: &str, folder: Folder, arguments: &[String]) -> Option<Self> {
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match child {
            Ok(child) => Some(Self { child, folder }),
            Err(error) => {
                println!("{program}: not measured ({error})");
                None
            }
        }
    }
}

/// Heartbeats as metrics that are pushed: on new connections, four at a time, written to disk once a second and not
/// before the answer.
pub(super) fn gateway(each: u32) -> Result<(), String> {
    let folder = Folder::new("gateway")?;
    let file = folder.0.join("metrics");
    let arguments = [
        format!("--web.listen-address=127.0.0.1:{PORT}"),
        format!("--persistence.file={}", file.display()),
        "--persistence.interval=1s".to_owned(),
    ];
    let Some(peer) = Peer::start(GATEWAY, folder, &arguments) else { return Ok(()) };
    let begun = Instant::now();
    while push(0).is_err() {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(format!("{GATEWAY} did not come up in 20 s"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let before = cpu_of(peer.pid())?;
    let begun = Instant::now();
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            std::thread::spawn(move || (0..each).try_for_each(|number| push((number * 4 + sender) % 200)))
        })
        .collect();
    for sender in senders {
        sender.join().map_err(|_| "a sender died")??;
    }
    let wall = begun.elapsed();
    let cpu = cpu_of(peer.pid())? - before;
    let pings = each * 4;
    println!(
        "{GATEWAY}: {pings} in {:.1} s ({:.0}/s): {:.3} ms CPU each, not yet on disk when answered; memory {:.1} MB",
        wall.as_secs_f64(),
        f64::from(pings) / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1000.0 / f64::from(pings),
        memory_of(peer.pid())? as f64 / 1e6
    );
    Ok(())
}

fn push(number: u32) -> Result<(), String> {
    let fail = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", PORT)).map_err(fail)?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(fail)?;
    let body = "last_success_timestamp_seconds 1795246920\n";
    write!(
        stream,
        "POST /metrics/job/b{number} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .map_err(fail)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(fail)?;
    if answer.starts_with("HTTP/1.1 200") {
        Ok(())
    } else {
        Err(answer.lines().next().unwrap_or("no answer").to_owned())
    }
}

/// A monitor that looks once a second at so many files and complains when one is older than 20 s; none if it is not
/// installed. File `n` becomes too old `n` times `apart` later than the first.
pub(super) fn monitor(files: u32, apart: Duration) -> Result<Option<Peer>, String> {
    let fail = |error: std::io::Error| error.to_string();
    let folder = Folder::new(&format!("monitor-{files}"))?;
    let place = folder.0.display().to_string();
    let mut text = format!(
        "set daemon 1\nset logfile {place}/log\nset pidfile {place}/pid\nset statefile {place}/state\nset idfile {place}/id\n"
    );
    let now = SystemTime::now();
    for number in 0..files {
        let path = folder.0.join(format!("f{number}"));
        let file = std::fs::File::create(&path).map_err(fail)?;
        file.set_modified(now + apart * number).map_err(fail)?;
        text.push_str(&format!(
            "check file f{number} with path {} if mtime > 20 seconds then alert\n",
            path.display()
        ));
    }
    let rc = folder.0.join("rc");
    std::fs::write(&rc, text).map_err(fail)?;
    std::fs::set_permissions(&rc, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    let arguments = ["-I".to_owned(), "-c".to_owned(), rc.display().to_string()];
    Ok(Peer::start(MONITOR, folder, &arguments))
}

/// How long after each deadline the monitor says so in its log.
pub(super) fn monitored(files: u32) -> Result<(), String> {
    const APART: Duration = Duration::from_millis(20);
    let begun = SystemTime::now();
    let Some(peer) = monitor(files, APART)? else { return Ok(()) };
    let mut seen = vec![false; files as usize];
    let mut delays = Vec::new();
    let started = Instant::now();
    while delays.len() < files as usize && started.elapsed() < Duration::from_secs(70) {
        let log = read(&peer.folder.0.join("log"));
        let now = SystemTime::now();
        for line in log.lines().filter(|line| line.contains("modify time") && line.contains("failed")) {
            let Some(number) = line.split('\'').nth(1).and_then(|name| name.get(1..)?.parse::<usize>().ok())
            else {
                continue;
            };
            if let Some(seen) = seen.get_mut(number).filter(|seen| !**seen) {
                *seen = true;
                let deadline = begun + Duration::from_secs(20) + APART * u32::try_from(number).unwrap_or(0);
                delays.push(now.duration_since(deadline).unwrap_or_default());
            }
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    println!(
        "{MONITOR}, looking at {files} files once a second: {} seen; delay p50 {:?}, p99 {:?}, max {:?}; memory {:.1} MB",
        delays.len(),
        quantile(&mut delays, 0.5),
        quantile(&mut delays, 0.99),
        quantile(&mut delays, 1.0),
        memory_of(peer.pid())? as f64 / 1e6
    );
    Ok(())
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A monitor that asks for so many pages of one web server; none if it is not installed.
pub(super) fn web_monitor(checks: u32, port: u16, every: Duration) -> Result<Option<Peer>, String> {
    let fail = |error: std::io::Error| error.to_string();
    let folder = Folder::new("web-monitor")?;
    let place = folder.0.display().to_string();
    let mut text = format!(
        "set daemon {}\nset logfile {place}/log\nset pidfile {place}/pid\nset statefile {place}/state\nset idfile {place}/id\n",
        every.as_secs()
    );
    for number in 0..checks {
        text.push_str(&format!(
            "check host h{number} with address 127.0.0.1 if failed port {port} protocol http request \"/{number}\" with timeout 5 seconds then alert\n"
        ));
    }
    let rc = folder.0.join("rc");
    std::fs::write(&rc, text).map_err(fail)?;
    std::fs::set_permissions(&rc, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    let arguments = ["-I".to_owned(), "-c".to_owned(), rc.display().to_string()];
    Ok(Peer::start(MONITOR, folder, &arguments))
}

/// A prober of web pages and the one that asks it and remembers; none if they are not installed.
pub(super) fn prober(checks: u32, port: u16, every: Duration) -> Result<Option<(Peer, Peer)>, String> {
    let targets: Vec<String> =
        (0..checks).map(|number| format!("http://127.0.0.1:{port}/{number}")).collect();
    let Some(prober) = blackbox(Duration::from_secs(5))? else { return Ok(None) };
    Ok(scraper(&targets, every, "")?.map(|scraper| (prober, scraper)))
}

/// The same with somebody who tells: a message at once for each target on which `for_` has passed; none if they are not
/// installed.
pub(super) fn alerting(
    targets: &[String],
    hook: &str,
    every: Duration,
    timeout: Duration,
    for_: Duration,
) -> Result<Option<[Peer; 3]>, String> {
    let fail = |error: std::io::Error| error.to_string();
    let folder = Folder::new("teller")?;
    let file = folder.0.join("alertmanager.yml");
    let text = format!(
        "route:\n  receiver: hook\n  group_by: [instance]\n  group_wait: 0s\n  group_interval: 1s\nreceivers:\n- name: hook\n  \
         webhook_configs:\n  - url: {hook}\n"
    );
    std::fs::write(&file, text).map_err(fail)?;
    let rules = folder.0.join("rules.yml");
    let text = format!(
        "groups:\n- name: g\n  interval: 1s\n  rules:\n  - alert: down\n    expr: probe_success == 0\n    for: {}s\n",
        for_.as_secs()
    );
    std::fs::write(&rules, text).map_err(fail)?;
    let more = format!(
        "rule_files: [{}]\nalerting:\n  alertmanagers:\n  - static_configs:\n    - targets: [127.0.0.1:{TELLER}]\n",
        rules.display()
    );
    let arguments = [
        format!("--config.file={}", file.display()),
        format!("--storage.path={}", folder.0.join("data").display()),
        format!("--web.listen-address=127.0.0.1:{TELLER}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let Some(teller) = Peer::start("prometheus-alertmanager", folder, &arguments) else { return Ok(None) };
    let Some(prober) = blackbox(timeout)? else { return Ok(None) };
    Ok(scraper(targets, every, &more)?.map(|scraper| [teller, prober, scraper]))
}

fn blackbox(timeout: Duration) -> Result<Option<Peer>, String> {
    let folder = Folder::new("prober")?;
    let modules = folder.0.join("blackbox.yml");
    let text = format!("modules:\n  get:\n    prober: http\n    timeout: {}s\n", timeout.as_secs());
    std::fs::write(&modules, text).map_err(|error| error.to_string())?;
    let arguments =
        [format!("--config.file={}", modules.display()), format!("--web.listen-address=127.0.0.1:{PROBER}")];
    Ok(Peer::start("prometheus-blackbox-exporter", folder, &arguments))
}

fn scraper(targets: &[String], every: Duration, more: &str) -> Result<Option<Peer>, String> {
    let fail = |error: std::io::Error| error.to_string();
    let folder = Folder::new("scraper")?;
    let seconds = every.as_secs();
    let mut text = format!(
        "global:\n  scrape_interval: {seconds}s\n  scrape_timeout: {}s\n{more}scrape_configs:\n- job_name: pages\n  \
         metrics_path: /probe\n  params:\n    module: [get]\n  relabel_configs:\n  - source_labels: [__address__]\n    \
         target_label: __param_target\n  - source_labels: [__param_target]\n    target_label: instance\n  \
         - target_label: __address__\n    replacement: 127.0.0.1:{PROBER}\n  static_configs:\n  - targets:\n",
        seconds.min(10)
    );
    for target in targets {
        text.push_str(&format!("    - {target}\n"));
    }
    let file = folder.0.join("prometheus.yml");
    std::fs::write(&file, text).map_err(fail)?;
    let arguments = [
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", folder.0.join("data").display()),
        "--web.listen-address=127.0.0.1:17082".to_owned(),
    ];
    Ok(Peer::start("prometheus", folder, &arguments))
}
