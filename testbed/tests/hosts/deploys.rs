//! Three servers with nginx, sshd and an engine of their own, and a machine that deploys to them over ssh. Clients of every
//! kind ask all three servers without a rest; not one of their requests may fail.

#![expect(clippy::print_stdout, reason = "what a deploy said is read by people when a scenario fails")]

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_testbed::fleet::{Fleet, Server, Wanted};
use muster_testbed::host::Done;
use muster_testbed::load::report::Report;
use muster_testbed::load::{Load, Settings};

use crate::server::binaries;

const NAME: &str = "web.test";

/// A release that is broken, what breaks it, and what is said of it.
const BROKEN: [(&str, &str, &str); 5] = [
    ("bad500", "health500", "status was 500"),
    ("crash", "crash:0.1", "it ended"),
    ("crashloop", "crashloop", "it ended"),
    ("slowstart", "slowstart:60", "not well within"),
    ("wrongport", "wrongport", "not well within"),
];

pub(crate) fn three_hosts() -> Result<(), String> {
    let fleet = Fleet::with_apps(3, &["v1", "v2", "v3"])?;
    let deployer = &fleet.deployer;
    let service = in_docker(&fleet, ("20s", "10s"), "canary = \"web1\", hold = \"1s\", then = \"parallel\"");
    deployer.put("/etc/muster/muster.toml", service.as_bytes(), "600")?;
    deployer.must("muster config check")?;
    // One server has broken releases that the others have in good order.
    for (tag, how, _) in BROKEN {
        for server in &fleet.servers {
            let how = if server.name == "web3" { how } else { "none" };
            server.host.must(&format!(
                "printf 'FROM app:v3\\nENV APP_VERSION={tag} APP_BREAK={how}\\n' | docker build -q -t app:{tag} -"
            ))?;
        }
    }

    let address = fleet.servers.first().map(|server| server.address.to_string()).unwrap_or_default();
    deployer.must(&format!("echo {address} {NAME} >> /etc/hosts"))?;
    println!("{}", deployer.must("muster deploy web v1")?);
    everywhere(&fleet, "v1")?;
    let loads: Vec<Load> = fleet.servers.iter().map(gentle).collect();
    outcome(&fleet, &loads)?;
    blameless(&fleet, loads)
}

/// The service on all three servers: within which time it has to be well, and how long it drains.
fn in_docker(fleet: &Fleet, (within, drain): (&str, &str), strategy: &str) -> String {
    format!(
        "{}[service.web]\nhosts = [\"web1\", \"web2\", \"web3\"]\nimage = \"app\"\nruntime = \"docker\"\n\
         domains = [\"{NAME}\"]\nport = 8080\nhealth = {{ path = \"/health\", within = \"{within}\" }}\n\
         drain = \"{drain}\"\nkeep_warm = \"10m\"\nstrategy = {{ {strategy} }}\n",
        fleet.tables()
    )
}

fn outcome(fleet: &Fleet, loads: &[Load]) -> Result<(), String> {
    let deployer = &fleet.deployer;
    let steady = || match loads.iter().map(|load| load.so_far().failed).sum::<u64>() {
        0 => Ok(()),
        failed => Err(format!("{failed} requests failed")),
    };
    println!("{}", deployer.must("muster deploy web v2")?);
    everywhere(fleet, "v2")?;
    steady()?;
    let begin = Instant::now();
    println!("{}", deployer.must("muster rollback web")?);
    println!("rollback, with docker exec: {:?}", begin.elapsed());
    everywhere(fleet, "v1")?;
    steady()?;
    deployer.must("muster deploy web v3")?;
    everywhere(fleet, "v3")?;
    for (tag, _, words) in BROKEN {
        let done = deployer.run(&format!("muster deploy web {tag}"))?;
        println!("{}", done.out);
        expect(&done, 1, words)?;
        everywhere(fleet, "v3")?;
        steady()?;
    }
    // What has no image is told before anything is touched.
    let done = deployer.run("muster deploy web nosuch")?;
    expect(&done, 1, "app:nosuch is not here")?;
    println!("{}", deployer.must("muster releases web")?);
    Ok(())
}

fn expect(done: &Done, code: i32, words: &str) -> Result<(), String> {
    match done.code == code && done.out.contains(words) {
        true => Ok(()),
        false => Err(format!("expected exit {code} and {words:?}: {done:?}")),
    }
}

/// Every server gives this version through its nginx.
fn everywhere(fleet: &Fleet, version: &str) -> Result<(), String> {
    for server in &fleet.servers {
        let got = server.host.must(&format!("curl -sS --max-time 5 -H 'Host: {NAME}' http://127.0.0.1/"))?;
        if !got.contains(version) {
            return Err(format!("{}: expected {version}, got {got:?}", server.name));
        }
    }
    Ok(())
}

/// The deployer, a helper or both are killed at one step after the other.
pub(crate) fn whatever_dies() -> Result<(), String> {
    let fleet = attackable()?;
    let loads: Vec<Load> = fleet.servers.iter().map(gentle).collect();
    attacked(
        &fleet,
        &[
            ("probation", "ssh web2 pkill -9 -f host.serve"),
            ("probation", "pkill -9 -x muster"),
            ("flip", "pkill -9 -x muster"),
            ("watch", "pkill -9 -x muster"),
            ("watch", "ssh web1 pkill -9 -f host.serve"),
            ("watch", "pkill -9 -x muster; ssh web1 pkill -9 -f host.serve"),
            ("confirm", "pkill -9 -x muster"),
            ("drain", "pkill -9 -x muster"),
        ],
    )?;
    blameless(&fleet, loads)
}

/// What a deploy stands on is killed, or a host cannot be reached any more by who deploys, while its users still reach it.
pub(crate) fn whatever_breaks() -> Result<(), String> {
    let fleet = attackable()?;
    // These cost requests by themselves: an engine takes its containers with it, and nobody answers for an nginx.
    attacked(
        &fleet,
        &[
            // What was about to start keeps its port, as the pre-flight says, until the engine is started in order.
            ("start", "ssh web2 'pkill -9 -x dockerd; sleep 9; systemctl restart docker'"),
            ("probation", "ssh web3 pkill -9 -x dockerd"),
            ("watch", "ssh web1 pkill -9 -x dockerd"),
            ("probation", "ssh web1 'pkill -9 -x nginx; sleep 1; systemctl restart nginx'"),
            ("watch", "ssh web1 'pkill -9 -x nginx; sleep 1; systemctl restart nginx'"),
            ("watch", &kill_release("web1", "green", "blue")),
        ],
    )?;
    let loads: Vec<Load> = fleet.servers.iter().map(gentle).collect();
    attacked(
        &fleet,
        &[
            ("probation", &kill_release("web2", "blue", "green")),
            ("flip", &cut_off("web3")),
            ("watch", &cut_off("web1")),
        ],
    )?;
    blameless(&fleet, loads)
}

/// Three servers with the first release.
fn attackable() -> Result<Fleet, String> {
    let fleet = Fleet::with_apps(3, &["v1", "v2"])?;
    let service = in_docker(&fleet, ("30s", "1s"), "then = \"rolling\"");
    fleet.deployer.put("/etc/muster/muster.toml", service.as_bytes(), "600")?;
    fleet.deployer.must("muster deploy web v1")?;
    Ok(fleet)
}

/// Words that kill the release of a host: that of this side while green is in front, and otherwise of the other one.
fn kill_release(host: &str, green: &str, blue: &str) -> String {
    format!(
        "ssh {host} 'side={blue}; [ -e /var/lib/muster-front/web/green ] && side={green}
         kill -9 $(docker inspect -f {{{{.State.Pid}}}} muster-web-$side)'"
    )
}

/// Words that keep ssh away from a host for longer than anybody waits.
fn cut_off(host: &str) -> String {
    format!(
        "ssh {host} 'nohup sh -c \"iptables -I INPUT -p tcp --dport 22 -j DROP; sleep 75; \
         iptables -D INPUT -p tcp --dport 22 -j DROP\" >/dev/null 2>&1 &'"
    )
}

/// Deploys again and again, each time with something bad when a step begins on the first host.
fn attacked(fleet: &Fleet, deaths: &[(&str, &str)]) -> Result<(), String> {
    let deployer = &fleet.deployer;
    let mut before = if versions(fleet)?.concat().contains("v1") { "v1" } else { "v2" };
    for (step, death) in deaths {
        let wanted = if before == "v1" { "v2" } else { "v1" };
        let done = deployer.run(&format!(
            "ssh web1 rm -f /var/lib/muster/deploy/web/lease.txt
             muster deploy web {wanted} --wait 2m > /tmp/out 2>&1 & pid=$!
             ssh web1 \"timeout 60 sh -c 'until grep -qsE \\\"at ({step}|finish|withdraw) \\\" /var/lib/muster/deploy/web/lease.txt; do :; done'\"
             {death}
             wait $pid; echo \"exit $?\"; cat /tmp/out"
        ))?;
        println!("── {death} at {step}, {wanted} over {before}\n{}", done.out);
        // Alone, within a minute and a half, unless it died in the moment of the decision; then the next deploy settles it.
        let begin = Instant::now();
        let mut now = versions(fleet)?;
        while begin.elapsed() < Duration::from_secs(100) && !(is_one(&now) && is_quiet(fleet)?) {
            std::thread::sleep(Duration::from_secs(1));
            now = versions(fleet)?;
        }
        println!("after {:.0?}: {now:?}", begin.elapsed());
        if !is_one(&now) {
            println!("{}", deployer.must(&format!("muster deploy web {before} --wait 1m"))?);
            now = versions(fleet)?;
        }
        if !is_one(&now) || !is_quiet(fleet)? {
            return Err(format!("{death} at {step}: {now:?}, or something is left"));
        }
        before = if now[0].contains("v1") { "v1" } else { "v2" };
    }
    Ok(())
}

/// What each server gives its users.
fn versions(fleet: &Fleet) -> Result<Vec<String>, String> {
    let ask = format!("curl -sS --max-time 5 -H 'Host: {NAME}' http://127.0.0.1/");
    // Whoever does not answer yet is asked again.
    fleet.servers.iter().map(|server| server.host.run(&ask).map(|it| it.out.trim().to_owned())).collect()
}

fn is_one(versions: &[String]) -> bool {
    versions.windows(2).all(|two| two[0] == two[1]) && !versions.concat().is_empty()
}

/// Nobody has a lease, nothing waits to be confirmed, and nothing runs but what is in front and what is still kept warm.
fn is_quiet(fleet: &Fleet) -> Result<bool, String> {
    for server in &fleet.servers {
        let books = server.host.must("cat /var/lib/muster/deploy/web/books.json")?;
        let books: serde_json::Value = serde_json::from_str(&books).map_err(|error| error.to_string())?;
        let free = server.host.run("flock -n /var/lib/muster/deploy/web/lease.lock true")?.code == 0;
        let runs = server.host.run("docker ps --quiet | wc -l")?.out;
        let warm = books.pointer("/warm/until").and_then(serde_json::Value::as_u64);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        let is_over = warm.is_some_and(|until| u128::from(until) <= now.as_millis());
        let wanted = if warm.is_some() { "2" } else { "1" };
        if !free || !books["pending"].is_null() || is_over || runs.trim() != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Somebody who takes the port of the side that is not in front, once a release was started there.
const NEIGHBOUR: &str = r#"
side=green; [ -e /var/lib/muster-front/web/green ] && side=blue
port=$(grep -m 1 "\"$side\": [0-9]" /var/lib/muster/deploy/web/books.json | tr -dc 0-9)
setsid sh -c "until grep -qs 'at probation ' /var/lib/muster/deploy/web/lease.txt; do :; done
    PORT=$port APP_VERSION=neighbour exec /usr/local/bin/app" >/dev/null 2>&1 </dev/null &
"#;

/// The same for a program under systemd, whose file comes from the machine that deploys.
pub(crate) fn under_systemd() -> Result<(), String> {
    let fleet = Fleet::of(Wanted { hosts: 3, binaries: &binaries()?, versions: &[] })?;
    let deployer = &fleet.deployer;
    deployer.must(
        "set -e; mkdir -p /srv/releases
         for version in v1 v2 v3; do
             folder=$(mktemp -d); cp /usr/local/bin/app $folder; echo $version > $folder/version
             tar -C $folder -czf /srv/releases/$version.tar.gz app version; rm -r $folder
         done",
    )?;
    for server in &fleet.servers {
        server.host.must(
            "set -e; useradd --system --no-create-home web; mkdir -p /etc/web
             printf 'COLOUR=deep red\\nAPP_BREAK_FILE=/etc/web/break\\n' > /etc/web/env; chmod 600 /etc/web/env",
        )?;
    }
    let service = format!(
        "{}[service.web]\nhosts = [\"web1\", \"web2\", \"web3\"]\nartifact = \"/srv/releases/v1.tar.gz\"\nruntime = \"systemd\"\n\
         command = [\"./app\"]\nuser = \"web\"\ndomains = [\"{NAME}\"]\nport = 8080\nmemory = \"128MiB\"\n\
         health = {{ path = \"/health\", within = \"20s\" }}\nenv_file = \"/etc/web/env\"\nrequired_env = [\"COLOUR\"]\n\
         drain = \"10s\"\nkeep_warm = \"10m\"\nstrategy = {{ then = \"parallel\" }}\n",
        fleet.tables()
    );
    deployer.put("/etc/muster/muster.toml", service.as_bytes(), "600")?;
    println!("{}", deployer.must("muster deploy web")?);
    everywhere(&fleet, "v1")?;
    let loads: Vec<Load> = fleet.servers.iter().map(gentle).collect();
    for version in ["v2", "v3"] {
        println!("{}", deployer.must(&format!("muster deploy web /srv/releases/{version}.tar.gz"))?);
        everywhere(&fleet, version)?;
    }
    println!("{}", deployer.must("muster rollback web")?);
    everywhere(&fleet, "v2")?;
    // A host where the new release is not well, and one whose settings lost what is needed.
    let second = fleet.servers.last().ok_or("no server")?;
    second.host.must("echo health500 > /etc/web/break.next; mv /etc/web/break.next /etc/web/break")?;
    let done = deployer.run("muster deploy web /srv/releases/v3.tar.gz")?;
    println!("{}", done.out);
    expect(&done, 1, "status was 500")?;
    everywhere(&fleet, "v2")?;
    // The new release does not listen yet, and a neighbour says on its port that it is well.
    second.host.must(&format!(
        "echo slowstart:60 > /etc/web/break.next; mv /etc/web/break.next /etc/web/break; {NEIGHBOUR}"
    ))?;
    let done = deployer.run("muster deploy web /srv/releases/v3.tar.gz")?;
    println!("{}", done.out);
    expect(&done, 1, "is not this release")?;
    everywhere(&fleet, "v2")?;
    // He stays where he is.
    let done = deployer.run("muster deploy web /srv/releases/v3.tar.gz")?;
    expect(&done, 5, "taken by app (process")?;
    everywhere(&fleet, "v2")?;
    second.host.must("pkill -9 -x -u root app; rm /etc/web/break; sed -i /COLOUR/d /etc/web/env")?;
    let done = deployer.run("muster deploy web /srv/releases/v3.tar.gz")?;
    expect(&done, 5, "COLOUR has no value in /etc/web/env")?;
    everywhere(&fleet, "v2")?;
    println!("{}", deployer.must("muster releases web")?);
    blameless(&fleet, loads)
}

/// Clients of every kind for one server, two of each; streams are held for as long as a side is drained.
fn gentle(server: &Server) -> Load {
    let mut settings = Settings::new(SocketAddr::new(server.address, 80));
    NAME.clone_into(&mut settings.name);
    settings.connections = 2;
    settings.held = Duration::from_secs(1);
    Load::start(settings)
}

/// Ends the clients: not one of their requests may have failed.
fn blameless(fleet: &Fleet, loads: Vec<Load>) -> Result<(), String> {
    let reports: Vec<Report> = loads.into_iter().map(Load::stop).collect();
    for (server, report) in fleet.servers.iter().zip(&reports) {
        let name = &server.name;
        let asked: u64 = report.versions.values().map(|seen| seen.count).sum();
        println!("{name}: {asked} requests, {} failed, by {:?}", report.failed, report.versions);
        if report.failed > 0 {
            let first: Vec<String> = report.failures.iter().take(10).map(ToString::to_string).collect();
            return Err(format!("{name}: {} requests failed:\n{}", report.failed, first.join("\n")));
        }
        if let Some((tag, _, _)) = BROKEN.iter().find(|(tag, _, _)| report.versions.contains_key(*tag)) {
            return Err(format!("{name}: users saw the broken release {tag}"));
        }
    }
    Ok(())
}
