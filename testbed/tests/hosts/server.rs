//! A server with muster installed as its users would install it.

use std::path::PathBuf;
use std::time::Duration;

use muster_testbed::host::{Done, Host};
use muster_testbed::receiver::{self, Heard};

/// The configuration that all scenarios begin with.
pub(crate) const HEAD: &str = r#"
[muster]
name = "testbed"
timezone = "UTC"
state = "/var/lib/muster"
beat = { url = "http://127.0.0.1:9999/beat", every = "10s" }

[defaults]
notify = ["hook"]

[notify.hook]
kind = "webhook"
url = "http://127.0.0.1:9999/hook"

[notify.mail]
kind = "email"
to = ["root@localhost"]
from = "muster@localhost"
smtp = { host = "127.0.0.1", port = 25, tls = "none" }
"#;

/// A host with the receiver running, muster on its path and its unit installed, not started.
pub(crate) fn server(name: &str, configuration: Option<&str>) -> Result<Host, String> {
    let folder = binaries()?;
    let host = Host::start(name)?;
    host.copy(&folder.join("muster"), "/usr/local/bin/muster", "755")?;
    receiver::install(&host, &folder.join("receiver"))?;
    if let Some(text) = configuration {
        host.put("/etc/muster/muster.toml", text.as_bytes(), "600")?;
        host.must("muster config check")?;
    }
    host.must("muster init --systemd --write && systemctl daemon-reload")?;
    Ok(host)
}

/// The folder of the binaries.
pub(crate) fn binaries() -> Result<PathBuf, String> {
    std::env::var_os("MUSTER_BIN")
        .map(PathBuf::from)
        .ok_or("MUSTER_BIN must name the folder of the binaries".to_owned())
}

/// Starts the agent and waits until systemd calls it ready.
pub(crate) fn start(host: &Host) -> Result<(), String> {
    host.must("systemctl start muster").map(drop)
}

/// A page as the webhook got it: whom it is about, what it is, and all of it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) about: String,
    pub(crate) event: String,
    pub(crate) whole: Heard,
}

/// The pages so far about names that begin with `prefix`.
pub(crate) fn told(host: &Host, prefix: &str) -> Result<Vec<Told>, String> {
    let heard = receiver::heard(host)?;
    Ok(heard
        .into_iter()
        .filter(|one| one.path == "/hook")
        .map(|whole| Told {
            about: whole.body["about"].as_str().unwrap_or_default().to_owned(),
            event: whole.body["event"].as_str().unwrap_or_default().to_owned(),
            whole,
        })
        .filter(|told| told.about.starts_with(prefix))
        .collect())
}

/// How often the outside heartbeat was called.
pub(crate) fn beats(host: &Host) -> Result<usize, String> {
    Ok(receiver::heard(host)?.iter().filter(|one| one.path == "/beat").count())
}

/// Waits until a page of this kind about this name was heard.
pub(crate) fn await_page(host: &Host, limit: u64, about: &str, event: &str) -> Result<Told, String> {
    let mut found = None;
    host.wait(Duration::from_secs(limit), &format!("{event} about {about}"), |host| {
        found = told(host, about)?.into_iter().find(|told| told.about == about && told.event == event);
        Ok(found.is_some())
    })
    .map_err(|error| {
        let status =
            host.run("muster status; journalctl -u muster --no-pager | tail -n 20").map(|done| done.out);
        let pages = told(host, "").unwrap_or_default();
        let pages: Vec<String> = pages.iter().map(|told| format!("{} {}", told.event, told.about)).collect();
        format!("{error}\npages so far: {pages:?}\n{}", status.unwrap_or_default())
    })?;
    found.ok_or_else(|| "found and lost".to_owned())
}

/// Fails unless the pages about a name are exactly these kinds in this order.
pub(crate) fn exactly(host: &Host, about: &str, events: &[&str]) -> Result<(), String> {
    let pages = told(host, about)?;
    let seen: Vec<&str> =
        pages.iter().filter(|told| told.about == about).map(|told| told.event.as_str()).collect();
    if seen == events { Ok(()) } else { Err(format!("{about}: expected {events:?}, heard {seen:?}")) }
}

/// Fails unless the text contains the words.
pub(crate) fn contains(text: &str, words: &str) -> Result<(), String> {
    if text.contains(words) { Ok(()) } else { Err(format!("expected {words:?} in:\n{text}")) }
}

/// Fails unless the exit code is this.
pub(crate) fn code(done: &Done, expected: i32) -> Result<(), String> {
    if done.code == expected { Ok(()) } else { Err(format!("expected exit {expected}: {done:?}")) }
}
