//! A firewall that denies what goes out: the host's mail checks fail, and what its container answers stands beside them.
//! The host has systemd, ufw and a Docker engine of its own; another host is the mail server.

use std::time::Duration;

use muster_testbed::host::Host;
use serde_json::Value;

use crate::server::{HEAD, contains, server, start, told};

/// How often the checks look, and how long a look may take.
const EVERY: u64 = 10;
const TIMEOUT: u64 = 3;
/// What the checks are called, as they look from the host and from the container.
const HERE: [&str; 2] = ["check.submission", "check.mailbox"];
const INSIDE: [&str; 2] = ["check.submission@container:api", "check.mailbox@container:api"];

/// A mail server that takes mail on 587, and a mailbox's port that speaks first.
fn mail_server() -> Result<(Host, String), String> {
    let host = Host::start("mail")?;
    host.put(
        "/etc/smtpd.conf",
        b"listen on 0.0.0.0 port 587\naction \"local\" mbox\nmatch from any for any action \"local\"\n",
        "644",
    )?;
    host.must("systemctl restart opensmtpd")?;
    host.must(
        "systemd-run --unit mailbox systemd-socket-activate --listen=0.0.0.0:993 --accept --inetd \
         /bin/sh -c 'echo \"* OK ready\"; sleep 1'",
    )?;
    let address = host.must("hostname -I | cut -d' ' -f1")?.trim().to_owned();
    Ok((host, address))
}

fn checks(mail: &str) -> String {
    let common = format!(
        "every = \"{EVERY}s\"\ntimeout = \"{TIMEOUT}s\"\nretry = \"1s\"\nafter = 2\nrecover = 1\n\
         from = [\"host\", \"container:api\"]\n"
    );
    format!(
        "[check.submission]\nkind = \"smtp\"\naddress = \"{mail}:587\"\ntls = \"none\"\n{common}\n\
         [check.mailbox]\nkind = \"tcp\"\naddress = \"{mail}:993\"\ndialogue = [\"< OK\"]\n{common}"
    )
}

/// A container on the host's own engine that does nothing but be there.
fn container(host: &Host) -> Result<(), String> {
    host.must(
        "mkdir -p /etc/docker && echo '{\"storage-driver\":\"vfs\"}' > /etc/docker/daemon.json
         systemctl start docker
         tar -C /usr/local/bin -c receiver | docker import - receiver
         docker run --detach --name api receiver /receiver 127.0.0.1:9999 /",
    )
    .map(drop)
}

/// The condition of each of these, and the words of the last look.
fn seen(host: &Host, names: &[&str]) -> Result<Vec<(String, String)>, String> {
    let text = host.run("muster checks --json")?.out;
    let all: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    let rows = all["checks"].as_array().cloned().unwrap_or_default();
    let one = |name: &&str| {
        let row = rows.iter().find(|row| row["expectation"]["id"] == **name);
        let row = row.ok_or_else(|| format!("{name} is not among the checks: {text}"))?;
        let verdict = row["last"]["look"]["verdict"].as_str().unwrap_or("not looked at");
        Ok((row["expectation"]["condition"].to_string(), verdict.to_owned()))
    };
    names.iter().map(one).collect()
}

fn wait_for(host: &Host, limit: u64, names: &[&str], wanted: &str) -> Result<(), String> {
    let mut last = Vec::new();
    host.wait(Duration::from_secs(limit), &format!("{names:?} to be {wanted}"), |host| {
        last = seen(host, names)?;
        Ok(last.iter().all(|(_, verdict)| verdict == wanted))
    })
    .map(drop)
    .map_err(|error| format!("{error}: {last:?}"))
}

/// How often people were told this kind of news about a name, alone or in company.
fn news(host: &Host, name: &str, kind: &str) -> Result<usize, String> {
    let all = told(host, "")?;
    let pages = all.iter().filter_map(|one| one.whole.body["pages"].as_array()).flatten();
    Ok(pages.filter(|page| page["about"] == name && page["news"][kind].is_object()).count())
}

fn wait_for_news(host: &Host, name: &str, kind: &str) -> Result<(), String> {
    let what = format!("{kind} about {name}");
    host.wait(Duration::from_secs(40), &what, |host| Ok(news(host, name, kind)? > 0)).map(drop)
}

/// The checks of mail fail from the host within one interval; from inside the container they go on being well.
pub(crate) fn denies_outgoing() -> Result<(), String> {
    let (_mail, address) = mail_server()?;
    let host = server("firewall", Some(&format!("{HEAD}{}", checks(&address))))?;
    container(&host)?;
    start(&host)?;
    wait_for(&host, 40, &[HERE, INSIDE].concat(), "ok")?;

    host.must("ufw default deny outgoing && ufw --force enable")?;
    wait_for(&host, EVERY + TIMEOUT + 2, &HERE, "failed")?;
    for name in HERE {
        wait_for_news(&host, name, "opened")?;
    }
    wait_for(&host, 1, &INSIDE, "ok")?;
    let screen = host.run("muster checks")?.out;
    for name in ["mailbox", "mailbox@container:api", "submission", "submission@container:api"] {
        contains(&screen, name)?;
    }

    host.must("ufw allow out 587/tcp")?;
    wait_for(&host, EVERY + TIMEOUT + 2, &HERE[..1], "ok")?;
    wait_for(&host, 1, &HERE[1..], "failed")?;
    host.must("ufw disable")?;
    wait_for(&host, EVERY + TIMEOUT + 2, &[HERE, INSIDE].concat(), "ok")?;
    for name in HERE {
        wait_for_news(&host, name, "resolved")?;
    }
    let counts =
        |names: &[&str]| names.iter().map(|name| news(&host, name, "opened")).collect::<Result<Vec<_>, _>>();
    let (here, inside) = (counts(&HERE)?, counts(&INSIDE)?);
    if (here.as_slice(), inside.as_slice()) == (&[1, 1], &[0, 0]) {
        Ok(())
    } else {
        Err(format!("pages about the host's: {here:?}, about the container's, which were well: {inside:?}"))
    }
}
