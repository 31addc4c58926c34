//! The agent from its start to its end, with a real job and a real receiver.

use std::io::{Read, Write};
use std::net::TcpStream;

use muster_testkit::http::{Mode, Receiver};
use serde_json::Value;

use crate::rig::{Rig, until};

/// A configuration with one job and a webhook.
fn configured(rig: &Rig, receiver: &Receiver) {
    rig.write(
        "muster.toml",
        &format!(
            "[muster]\nlisten = \"127.0.0.1:0\"\n\n[defaults]\nnotify = [\"hook\"]\n\n[notify.hook]\nkind = \"webhook\"\n\
             url = \"{}\"\n\n[job.export]\nevery = \"1h\"\n",
            receiver.url("/hook")
        ),
    );
}

/// A webhook that takes every page.
fn receiver() -> Receiver {
    Receiver::start(Mode::answer(200, "ok")).expect("a port")
}

/// The pages so far.
fn pages(receiver: &Receiver) -> Vec<String> {
    receiver.requests().into_iter().map(|request| request.body).collect()
}

/// The condition of one thing, by `muster status --json`.
fn condition(rig: &Rig, id: &str) -> Option<Value> {
    let ended = rig.muster(&["status", "--json"]);
    let answer: Value = serde_json::from_str(&ended.out).ok()?;
    let lines = answer["board"]["lines"].as_array()?;
    Some(lines.iter().find(|line| line["id"] == id)?["condition"].clone())
}

#[test]
fn a_failing_job_is_paged_once_and_its_end_is_told() {
    let (rig, receiver) = (Rig::new(), receiver());
    configured(&rig, &receiver);
    let agent = rig.up(&[]);
    assert!(agent.first.contains("http://127.0.0.1:"), "{}", agent.first);

    assert_eq!(rig.muster(&["run", "export", "--", "sh", "-c", "echo cannot connect >&2; exit 7"]).code, 7);
    let first = until("a page", || pages(&receiver).first().cloned());
    assert!(first.contains("export"), "{first}");
    until("firing", || condition(&rig, "job.export")?.get("firing").cloned());
    let text = rig.muster(&["status"]).with(1);
    assert!(text.contains("job.export  since "), "{text}");
    assert!(text.contains("last run: exit 7 after "), "{text}");
    assert!(text.contains("| cannot connect"), "{text}");

    let said = rig.muster(&["ack", "export", "--for", "2h"]).with(0);
    assert!(said.starts_with("job.export is acknowledged until "), "{said}");
    until("acknowledged", || rig.muster(&["status"]).out.contains("acknowledged by").then_some(()));

    assert_eq!(rig.muster(&["run", "export", "--", "true"]).code, 0);
    until("a resolution", || (pages(&receiver).len() >= 2).then_some(()));
    until("ok", || (condition(&rig, "job.export")? == "ok").then_some(()));
    let text = rig.muster(&["status"]);
    assert!(text.code == 0 || text.code == 3, "{text:?}");
    assert_eq!(pages(&receiver).len(), 2, "one page and one resolution: {:?}", pages(&receiver));

    let history = rig.muster(&["jobs", "history", "export"]).with(0);
    assert!(history.starts_with("job.export: 2 runs: 1 ok, 1 failed.\n"), "{history}");
    assert!(history.contains("exit 7"), "{history}");
    let list = rig.muster(&["jobs", "list"]).with(0);
    assert!(list.lines().any(|line| line.starts_with("export ") && line.contains("ok")), "{list}");

    let (code, log) = agent.stop();
    assert_eq!(code, 0, "{log}");
    let after = rig.muster(&["jobs", "history", "export", "--json"]).json(0);
    assert_eq!(after["runs"].as_array().expect("runs").len(), 2, "history outlives the agent: {after}");
    let text = rig.muster(&["status"]).with(3);
    assert!(text.contains("job.export  unknown"), "{text}");
}

#[test]
fn pauses_acknowledgements_and_tests_answer_plainly() {
    let (rig, receiver) = (Rig::new(), receiver());
    configured(&rig, &receiver);
    let agent = rig.up(&[]);

    let error = rig.muster(&["ack", "export"]).refused(5);
    assert!(error.starts_with("error: there is nothing to acknowledge\n"), "{error}");
    let error = rig.muster(&["ack", "exprot"]).refused(4);
    assert_eq!(error, "error: nothing on the roll is called exprot\nhelp: did you mean job.export?\n");
    let error = rig.muster(&["resume", "export"]).refused(5);
    assert!(error.starts_with("error: it is not paused\n"), "{error}");

    let said = rig.muster(&["pause", "export", "--for", "2h", "--reason", "disk swap"]).with(0);
    assert!(said.starts_with("Pages about job.export are held back until "), "{said}");
    until("paused", || rig.muster(&["status"]).out.contains("new, paused").then_some(()));
    assert_eq!(rig.muster(&["resume", "export"]).with(0), "Pages about job.export are sent again.\n");

    let said = rig.muster(&["notify", "test", "hook"]).with(0);
    assert!(said.starts_with("hook accepted the test page: "), "{said}");
    assert_eq!(pages(&receiver).len(), 1);
    let error = rig.muster(&["notify", "test", "hok"]).refused(4);
    assert_eq!(error, "error: nothing on the roll is called channel.hok\nhelp: did you mean channel.hook?\n");
    drop(receiver);
    drop(agent);
}

#[test]
fn a_sign_in_link_leads_to_the_page_that_listens() {
    let (rig, receiver) = (Rig::new(), receiver());
    configured(&rig, &receiver);
    let agent = rig.up(&[]);
    let link = rig.muster(&["open"]).with(0);
    let prefix = format!("http://{}/signin?link=", agent.address());
    assert!(link.starts_with(&prefix), "{link} / {prefix}");
    let mut stream = TcpStream::connect(agent.address()).expect("connected");
    write!(stream, "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").expect("sent");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("read");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("job.export"), "{page}");
}

#[test]
fn a_second_agent_on_the_same_state_is_refused() {
    let (rig, receiver) = (Rig::new(), receiver());
    configured(&rig, &receiver);
    let agent = rig.up(&[]);
    let error = rig.muster(&["up"]).refused(5);
    assert!(error.starts_with("error: another muster is running on "), "{error}");
    assert!(error.contains("help: "), "{error}");
    assert_eq!(agent.stop().0, 0);
    assert_eq!(rig.up(&[]).stop().0, 0, "the lock is free again");
}

#[test]
fn an_invalid_file_is_refused_at_the_start_with_every_fault() {
    let rig = Rig::new();
    rig.write("muster.toml", "[job.a]\nscheduel = \"0 2 * * *\"\n\n[job.b]\nevery = \"15\"\n");
    let error = rig.muster(&["up"]).refused(2);
    assert!(error.contains("muster.toml:2:1") && error.contains("muster.toml:5:9"), "{error}");
    assert!(error.contains("error: muster.toml cannot be used"), "{error}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let rig = Rig::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("bound");
    rig.write("muster.toml", &format!("[muster]\nlisten = \"{address}\"\n"));
    let error = rig.muster(&["up"]).refused(6);
    assert!(error.starts_with(&format!("error: cannot listen on {address}\n")), "{error}");
}

#[test]
fn without_a_configuration_the_host_is_shown_as_it_is() {
    let rig = Rig::new();
    let agent = rig.up(&["--listen", "127.0.0.1:0"]);
    assert!(agent.first.starts_with("muster is up without a configuration"), "{}", agent.first);
    assert_eq!(rig.muster(&["run", "hello", "--", "true"]).code, 0);
    let answer = rig.muster(&["jobs", "list", "--json"]).json(0);
    assert_eq!(answer["agent_running"], true);
    let (code, log) = agent.stop();
    assert_eq!(code, 0, "{log}");
}

#[test]
fn a_changed_file_is_read_on_hangup_and_an_invalid_one_leaves_the_old_plan_running() {
    let (rig, receiver) = (Rig::new(), receiver());
    configured(&rig, &receiver);
    let agent = rig.up(&[]);
    configured(&rig, &receiver);
    let path = rig.path("work/muster.toml");
    let good = std::fs::read_to_string(&path).expect("read");
    rig.write("muster.toml", &format!("{good}\n[job.second]\nevery = \"1h\"\n"));
    agent.signal("HUP");
    until("the second job", || condition(&rig, "job.second"));
    rig.write("muster.toml", &format!("{good}\n[job.third]\nevry = \"1h\"\n"));
    agent.signal("HUP");
    until("a fault on the screen", || rig.muster(&["status"]).out.contains("muster itself [").then_some(()));
    assert!(condition(&rig, "job.second").is_some() && condition(&rig, "job.third").is_none());
    assert_eq!(agent.stop().0, 0);
}

#[test]
fn a_channel_that_does_not_work_says_why() {
    let rig = Rig::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("bound").local_addr().expect("bound");
    rig.write(
        "muster.toml",
        &format!(
            "[muster]\nlisten = \"127.0.0.1:0\"\n[notify.hook]\nkind = \"webhook\"\nurl = \"http://{closed}/secret-path\"\n"
        ),
    );
    let agent = rig.up(&[]);
    let error = rig.muster(&["notify", "test", "hook"]).refused(1);
    assert!(error.starts_with("error: the test through hook failed: "), "{error}");
    assert!(error.to_lowercase().contains("refused") && !error.contains("secret-path"), "{error}");
    assert_eq!(agent.stop().0, 0);
}

#[test]
fn a_ping_over_http_with_the_kept_key_is_heard() {
    let rig = Rig::new();
    rig.write("muster.toml", "[muster]\nlisten = \"127.0.0.1:0\"\n[check.nas]\nkind = \"heartbeat\"\nevery = \"1h\"\nnotify = []\n");
    let agent = rig.up(&[]);
    let url = rig.muster(&["ping", "nas", "--url"]).with(0);
    let key = std::fs::read_to_string(rig.state().join("ping.key")).expect("a key");
    assert_eq!(url, format!("http://{}/ping/{}/nas\n", agent.address(), key.trim()));
    let path = url.trim().split_once(&agent.address()).expect("an address").1;
    let mut stream = TcpStream::connect(agent.address()).expect("connected");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("OK"), "{answer}");
    until("ok", || (condition(&rig, "check.nas")? == "ok").then_some(()));
    assert_eq!(agent.stop().0, 0);
}
