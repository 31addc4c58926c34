//! What a switch to another release costs those who use it: the script that most people have, the same with a wait for the
//! old workers of nginx, and muster, one after the other on one server, under clients that never rest.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use muster_testbed::fleet::{Fleet, Server, Wanted};
use muster_testbed::load::label::{Kind, Label};
use muster_testbed::load::report::{Report, Seen};
use muster_testbed::load::{Load, Settings};

use super::measure::quantile;
use crate::{generate, shell};

/// Switches under requests, and under streams, of each way.
const SWITCHES: usize = 5;
const STREAM_SWITCHES: usize = 2;
/// The name that users ask for.
const DOMAIN: &str = "app.test";

const REQUESTS: [Kind; 5] = [Kind::Get, Kind::Post, Kind::Slow, Kind::SlowClose, Kind::Close];
/// By themselves: they keep the old workers of nginx alive, which would spoil the times of the others.
const STREAMS: [Kind; 2] = [Kind::WebSocket, Kind::Events];

/// What the app does when it is told to end, and the word for it.
const ENDS: [(&str, &str); 2] =
    [("ends at once when it is told to", "abrupt"), ("finishes what is in flight first", "none")];

/// The site and the first release.
const SITE: &str = r#"
set -e
rm -f /etc/nginx/sites-enabled/*
cat > /etc/nginx/conf.d/app.conf <<'END'
map $http_upgrade $connection_upgrade { default upgrade; "" close; }
upstream app { server 127.0.0.1:8101; }
server {
    listen 80;
    server_name app.test;
    location / {
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
    }
}
END
docker run --detach --name app-8101 --restart always --publish 127.0.0.1:8101:8080 app:v1 >/dev/null
echo 8101 > /srv/port
until curl -fs http://127.0.0.1:8101/health >/dev/null; do sleep 0.1; done
systemctl restart nginx
"#;

/// Blue and green as people write it: start, wait until it is well, sed, reload, stop.
const SCRIPT: &str = r#"#!/bin/sh
set -e
old=$(cat /srv/port)
case $old in 8101) new=8102 ;; *) new=8101 ;; esac
docker run --detach --name app-$new --restart always --publish 127.0.0.1:$new:8080 app:$1 >/dev/null
for try in $(seq 50); do
    curl -fs http://127.0.0.1:$new/health >/dev/null && break
    sleep 0.1
done
before=$(pgrep -f 'nginx: worker process' | tr '\n' ' ')
sed -i "s/127.0.0.1:$old/127.0.0.1:$new/" /etc/nginx/conf.d/app.conf
nginx -t -q
nginx -s reload
WAIT
docker stop app-$old >/dev/null
docker rm app-$old >/dev/null
echo $new > /srv/port
"#;

/// Until the workers of before are gone, ten seconds at most: streams keep them for ever.
const DRAIN: &str = r#"for try in $(seq 100); do
    alive=
    for worker in $before; do
        kill -0 $worker 2>/dev/null && alive=1
    done
    [ "$alive" ] || break
    sleep 0.1
done"#;

/// For muster: the same site, by its own include.
const CONFIGURATION: &str = r#"
[muster]
name = "web1"
timezone = "UTC"

[host.web1]

[service.web]
hosts = ["web1"]
image = "app"
runtime = "docker"
port = 8080
domains = ["app.test"]
health = { path = "/health", expect = ["status == 200"], consecutive = 3, within = "60s" }
drain = "10s"
"#;

/// A way of switching.
struct Way {
    name: &'static str,
    /// Brings version 1 in front; says why if the way is not to be had here.
    prepare: fn(&Server) -> Result<Result<(), String>, String>,
    /// The command that brings a version in front.
    command: fn(version: &str) -> String,
}

const WAYS: [Way; 3] = [
    Way {
        name: "sed, reload, stop",
        prepare: |server| script(server, ":"),
        command: |version| format!("/srv/switch {version}"),
    },
    Way {
        name: "sed, reload, wait for workers, stop",
        prepare: |server| script(server, DRAIN),
        command: |version| format!("/srv/switch {version}"),
    },
    Way { name: "muster deploy", prepare: muster, command: |version| format!("muster deploy web {version}") },
];

fn script(server: &Server, wait: &str) -> Result<Result<(), String>, String> {
    server.host.must(SITE)?;
    server.host.put("/srv/switch", SCRIPT.replace("WAIT", wait).as_bytes(), "755")?;
    Ok(Ok(()))
}

fn muster(server: &Server) -> Result<Result<(), String>, String> {
    if server.host.run("muster deploy --help")?.code != 0 {
        return Ok(Err("this build has no such verb".to_owned()));
    }
    let host = &server.host;
    host.must("rm -f /etc/nginx/conf.d/app.conf /etc/nginx/sites-enabled/*; systemctl restart nginx")?;
    host.put("/etc/muster/muster.toml", CONFIGURATION.as_bytes(), "600")?;
    host.must("muster deploy web v1")?;
    Ok(Ok(()))
}

/// What one switch cost.
struct Cost {
    report: Report,
    /// From the start of the command to its end.
    command: Duration,
    /// From the first answer of the new release to the last one of the old, by the quickest kind.
    mixed: Duration,
}

/// Measures and prints.
pub(super) fn run() -> Result<(), String> {
    if !muster_testbed::host::is_ready() {
        println!("no Docker engine with the testbed's images: not measured");
        return Ok(());
    }
    let binaries = binaries()?;
    println!("{SWITCHES} switches under 8 clients of each kind of request, {STREAM_SWITCHES} under streams");
    for (end, broken) in ENDS {
        println!("\nan app that {end}");
        let fleet = Fleet::of(Wanted { hosts: 1, binaries: &binaries, versions: &["v1", "v2"] })?;
        let server = fleet.servers.first().ok_or("a fleet without servers")?;
        for way in &WAYS {
            images(server, broken)?;
            if let Err(words) = (way.prepare)(server)? {
                println!("{}: {words}, not measured", way.name);
                continue;
            }
            let requests = switches(way, server, &REQUESTS, SWITCHES)?;
            let streams = switches(way, server, &STREAMS, STREAM_SWITCHES)?;
            tell(way.name, &requests, &streams);
        }
    }
    Ok(())
}

/// Gives the two versions of the app an end.
fn images(server: &Server, broken: &str) -> Result<(), String> {
    server.host.must(&format!(
        "set -e; docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null
         for version in v1 v2; do
             tar -C /usr/local/bin -c app | docker import --change \"ENV APP_VERSION=$version PORT=8080 APP_BREAK={broken}\" \
                 --change 'ENTRYPOINT [\"/app\"]' --change 'EXPOSE 8080' - app:$version
         done"
    ))
    .map(drop)
}

fn binaries() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("MUSTER_BIN") {
        return Ok(PathBuf::from(folder));
    }
    super::muster()?;
    let target = super::TARGET;
    shell::cargo(
        &["build", "--quiet", "--release", "--target", target, "-p", "muster-testbed", "--bin", "app"],
        &[],
    )?;
    Ok(generate::target().join(target).join("release"))
}

fn switches(way: &Way, server: &Server, kinds: &[Kind], count: usize) -> Result<Vec<Cost>, String> {
    let mut costs = Vec::new();
    let mut old = version(server)?;
    for _ in 0..count {
        let new = if old == "v1" { "v2" } else { "v1" };
        costs.push(switch(way, server, kinds, &old, new)?);
        new.clone_into(&mut old);
    }
    Ok(costs)
}

/// The version in front.
fn version(server: &Server) -> Result<String, String> {
    let said = server.host.must(&format!("curl -fsS --header 'Host: {DOMAIN}' http://127.0.0.1/"))?;
    Ok(said.trim().to_owned())
}

fn switch(way: &Way, server: &Server, kinds: &[Kind], old: &str, new: &str) -> Result<Cost, String> {
    const LIMIT: Duration = Duration::from_secs(60);
    let load = Load::start(Settings {
        name: DOMAIN.to_owned(),
        kinds: kinds.to_vec(),
        ..Settings::new(SocketAddr::new(server.address, 80))
    });
    let warm = |version: &str| {
        let version = version.to_owned();
        let kinds = kinds.to_vec();
        move |report: &Report| kinds.iter().all(|kind| seen(report, *kind, &version).count >= 16)
    };
    if !load.until(LIMIT, warm(old)) {
        return Err(format!("{}: {old} does not answer: {:?}", way.name, load.stop().failures.first()));
    }
    let begun = Instant::now();
    server.host.must(&(way.command)(new))?;
    let command = begun.elapsed();
    // Streams that nobody cuts stay with the old release.
    let may_stay = kinds.iter().all(|kind| STREAMS.contains(kind));
    let limit = if may_stay { Duration::from_secs(2) } else { LIMIT };
    if !load.until(limit, warm(new)) && !may_stay {
        return Err(format!("{}: {new} does not answer: {:?}", way.name, load.stop().failures.first()));
    }
    let report = load.stop();
    let quick = kinds.first().copied().ok_or("no kinds")?;
    let mixed = (seen(&report, quick, old).last - seen(&report, quick, new).first).max(0.0);
    Ok(Cost { command, mixed: Duration::from_secs_f64(mixed / 1000.0), report })
}

fn seen(report: &Report, kind: Kind, version: &str) -> Seen {
    report.kinds.get(&kind).and_then(|row| row.versions.get(version)).copied().unwrap_or_default()
}

fn tell(name: &str, requests: &[Cost], streams: &[Cost]) {
    println!("{name}");
    for (kinds, costs) in [(REQUESTS.as_slice(), requests), (&STREAMS, streams)] {
        for kind in kinds {
            let failed: Vec<String> =
                costs.iter().map(|cost| cost.report.failed(*kind).to_string()).collect();
            let rows = costs.iter().filter_map(|cost| cost.report.kinds.get(kind));
            let worst = rows.clone().map(|row| row.worst).fold(0.0, f64::max);
            let mut labels: BTreeMap<Label, u64> = BTreeMap::new();
            for (label, count) in rows.flat_map(|row| &row.counts).filter(|(label, _)| **label != Label::Ok) {
                *labels.entry(*label).or_default() += count;
            }
            let labels: Vec<String> =
                labels.iter().map(|(label, count)| format!("{count} {label}")).collect();
            println!(
                "  {:<11} failed {:<20} slowest good answer {worst:>5.0} ms  {}",
                kind.word(),
                failed.join(" "),
                labels.join(", ")
            );
        }
    }
    let ms = |times: &mut [Duration], share: f64| quantile(times, share).as_secs_f64() * 1000.0;
    let mut commands: Vec<Duration> = requests.iter().map(|cost| cost.command).collect();
    let mut mixed: Vec<Duration> = requests.iter().map(|cost| cost.mixed).collect();
    println!(
        "  command p50 {:.0} ms, max {:.0} ms; both releases answer for p50 {:.0} ms, max {:.0} ms",
        ms(&mut commands, 0.5),
        ms(&mut commands, 1.0),
        ms(&mut mixed, 0.5),
        ms(&mut mixed, 1.0),
    );
}
