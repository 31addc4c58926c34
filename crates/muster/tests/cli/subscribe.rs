//! Subscribing from end to end: a running agent, its public door, a mail server that comes and goes, `kill -9`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use muster_testkit::port;
use muster_testkit::smtp::{Mail, Mode, Security, Sink};

use crate::rig::{Agent, Rig, until};

const SUBSCRIBE: &str = "/status/subscribe";

fn configured(rig: &Rig, server: SocketAddr) {
    let there = rig.write("there.txt", "here\n");
    let text = format!(
        "[muster]\nlisten = \"127.0.0.1:0\"\n\n\
         [notify.ops]\nkind = \"email\"\nto = [\"ops@example.com\"]\nfrom = \"Acme <status@example.com>\"\n\
         smtp = {{ host = \"127.0.0.1\", port = {}, tls = \"none\" }}\n\n\
         [status_page]\ntitle = \"Acme\"\nurl = \"https://status.example.com\"\nfolder = \"{}\"\nevery = \"10s\"\n\
         component = [{{ name = \"Upload\", of = [\"check.a\"] }}]\n\
         subscribe = {{ notify = \"ops\", url = \"http://127.0.0.1:9\" }}\n\n\
         [check.a]\nkind = \"file\"\nevery = \"2s\"\npath = \"{}\"\n",
        server.port(),
        rig.path("www").display(),
        there.display(),
    );
    rig.write("muster.toml", &text);
}

/// Status and text of an answer.
fn ask(agent: &Agent, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(agent.address()).expect("connected");
    let kind = "application/x-www-form-urlencoded";
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: status.example.com\r\nconnection: close\r\nx-forwarded-for: 192.0.2.1\r\n\
         content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, answer)
}

fn server(at: SocketAddr) -> Sink {
    until("the port of the mail server", || Sink::start_at(at, Mode::Take, Security::Plain).ok())
}

/// Mails to that address, once there are so many.
fn to(sink: &Sink, address: &str, count: usize) -> Vec<Mail> {
    until("a mail", || {
        let all = sink.wait_for(1, Duration::from_millis(50));
        let theirs: Vec<Mail> = all.into_iter().filter(|mail| mail.to == [address.to_owned()]).collect();
        (theirs.len() >= count).then_some(theirs)
    })
}

/// The text of a mail, without what its encoding adds.
fn text(mail: &Mail) -> String {
    mail.text.replace("=\r\n", "").replace("=3D", "=")
}

/// The path of the link in a mail that begins so.
fn path(mail: &Mail, begin: &str) -> String {
    let text = text(mail);
    let at = text.find(begin).unwrap_or_else(|| panic!("no {begin} in {text}"));
    text[at..].split(['\r', '\n', '>']).next().expect("a link").to_owned()
}

fn confirm(agent: &Agent, sink: &Sink, name: &str) -> String {
    let (status, answer) = ask(agent, "POST", SUBSCRIBE, &format!("email={name}%40example.com"));
    assert_eq!(status, 200, "{answer}");
    path(&to(sink, &format!("{name}@example.com"), 1)[0], "/status/confirm?")
}

#[test]
fn who_confirmed_is_mailed_once_whatever_dies_and_nothing_after_the_end() {
    let rig = Rig::new();
    let at = port::refusing().expect("a port");
    configured(&rig, at);
    let sink = server(at);
    let agent = rig.up(&[]);
    let mut links = vec![confirm(&agent, &sink, "ann"), confirm(&agent, &sink, "bob")];
    assert_eq!(ask(&agent, "POST", SUBSCRIBE, "email=nobody").0, 400);
    let key = rig.state().join("subscribe.key");
    assert_eq!(std::fs::metadata(&key).expect("a key").permissions().mode() & 0o777, 0o600);

    // Programs that look at links subscribe nobody.
    for link in &links {
        let (status, page) = ask(&agent, "GET", link, "");
        assert!(status == 200 && page.contains("Is this your address?"), "{page}");
    }
    assert!(rig.muster(&["incident", "subscribers"]).with(0).starts_with("Nobody subscribed."));
    links.push(links[0].clone());
    for link in &links {
        let (status, page) = ask(&agent, "POST", link, "");
        assert!(status == 200 && page.contains("You are subscribed"), "{page}");
    }
    let forged = links[0].replace("&e=", "&e=9");
    assert_eq!(ask(&agent, "POST", &forged, "").0, 400);
    let list = rig.muster(&["incident", "subscribers"]).with(0);
    assert!(list.contains("ann@example.com") && list.contains("2 subscribers."), "{list}");

    // The server goes, something is said, and the agent dies twice.
    drop(sink);
    let new =
        ["incident", "new", "--component", "upload", "Slow uploads", "We are looking for größere disks."];
    rig.muster(&new).with(0);
    agent.signal("KILL");
    drop(agent);
    let agent = rig.up(&[]);
    until("mails that wait", || {
        rig.muster(&["incident", "subscribers"]).out.contains("2 waiting").then_some(())
    });
    until("the duty says so", || {
        let status = rig.muster(&["status", "--all"]).out;
        status.lines().any(|line| line.contains("duty.status-mail") && line.contains("pending")).then_some(())
    });
    agent.signal("KILL");
    drop(agent);
    let sink = server(at);
    let agent = rig.up(&[]);
    let first = to(&sink, "ann@example.com", 1).remove(0);
    to(&sink, "bob@example.com", 1);
    assert_eq!(first.header("subject").as_deref(), Some("[Acme] Investigating: Slow uploads"));
    assert_eq!(first.header("from").as_deref(), Some("Acme <status@example.com>"));
    assert_eq!(first.header("list-unsubscribe-post").as_deref(), Some("List-Unsubscribe=One-Click"));
    assert!(!text(&first).contains("bob@") && !text(&first).contains("operator"), "{}", first.text);

    // What is said next comes next, and the first did not come again.
    let status = std::fs::read_to_string(rig.path("www").join("status.json")).expect("a page");
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    let id = status["incidents"][0]["id"].as_str().expect("an incident").to_owned();
    let say = |stage: &str, words: &str| {
        rig.muster(&["incident", "update", &id, "--stage", stage, words]).with(0);
    };
    say("identified", "A disk is full.");
    let both = to(&sink, "ann@example.com", 2);
    assert_eq!(both.len(), 2);
    assert!(text(&both[1]).contains("A disk is full."), "{}", both[1].text);
    assert_ne!(both[0].header("message-id"), both[1].header("message-id"));

    // A mail program ends it for ann; bob still hears the end.
    let way_out = both[1].header("list-unsubscribe").expect("a way out");
    let way_out = way_out.trim_matches(['<', '>']).trim_start_matches("http://127.0.0.1:9").to_owned();
    for _ in 0..2 {
        let (status, page) = ask(&agent, "POST", &way_out, "List-Unsubscribe=One-Click");
        assert!(status == 200 && page.contains("You are not subscribed"), "{page}");
    }
    say("resolved", "All is well.");
    let bobs = to(&sink, "bob@example.com", 3);
    assert_eq!((bobs.len(), to(&sink, "ann@example.com", 2).len()), (3, 2));
    rig.muster(&["incident", "subscribers", "--remove", "bob@example.com"]).with(0);
    rig.muster(&["incident", "subscribers", "--remove", "bob@example.com"]).refused(4);
    assert!(rig.muster(&["incident", "subscribers"]).with(0).starts_with("Nobody subscribed."));
    let (code, log) = agent.stop();
    assert_eq!(code, 0);
    assert!(!log.contains("ann@example.com") && !log.contains("bob@example.com"), "{log}");
}

#[test]
fn where_nobody_can_subscribe_there_is_no_door_and_a_channel_that_is_no_mail_is_refused() {
    let rig = Rig::new();
    configured(&rig, port::refusing().expect("a port"));
    let text = std::fs::read_to_string(rig.path("work").join("muster.toml")).expect("read");
    let without = text.lines().filter(|line| !line.starts_with("subscribe")).collect::<Vec<_>>().join("\n");
    rig.write("muster.toml", &without);
    let agent = rig.up(&[]);
    assert_eq!(ask(&agent, "POST", SUBSCRIBE, "email=ann%40example.com").0, 404);
    assert_eq!(ask(&agent, "GET", "/status/unsubscribe?a=61&t=62", "").0, 404);
    assert!(!rig.state().join("subscribe.key").exists());
    assert_eq!(agent.stop().0, 0);
    let other = text.replace(
        "[notify.ops]",
        "[notify.chat]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n\n[notify.ops]",
    );
    rig.write("other.toml", &other.replace("notify = \"ops\", url", "notify = \"chat\", url"));
    let ended = rig.muster(&["config", "check", "other.toml"]);
    assert!(format!("{}{}", ended.out, ended.err).contains("is not of kind \"email\""), "{ended:?}");
}
