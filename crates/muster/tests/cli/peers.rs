//! Two agents that watch each other, as two processes over real TLS.

use std::net::TcpListener;

use muster_testkit::tls::Identity;
use serde_json::Value;

use crate::rig::{Agent, Ended, Rig, until};

const KEY: &str = "3f1c9a405f584a3e9d0b2f6a51d3c1113f1c9a405f584a3e9d0b2f6a51d3c111";

/// One of two hosts: its corner, its port, its certificate.
struct Side {
    rig: Rig,
    port: u16,
}

/// A host with a certificate that it made for itself.
fn side() -> Side {
    let rig = Rig::new();
    let identity = Identity::new().expect("a certificate");
    identity.write_certificate(&rig.path("work").join("own.crt")).expect("written");
    identity.write_key(&rig.path("work").join("own.key")).expect("written");
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    Side { rig, port }
}

impl Side {
    /// Writes what it is to do: watch the other one, by this key.
    fn watches(&self, other: &Self, name: &str, key: &str) {
        let work = self.rig.path("work");
        let key = self.rig.write("peer.key", key);
        std::fs::copy(other.rig.path("work").join("own.crt"), work.join("peer.crt")).expect("copied");
        self.rig.write(
            "muster.toml",
            &format!(
                "[muster]\nname = \"here\"\nlisten = \"127.0.0.1:{}\"\n\
                 tls = {{ certificate = \"{work}/own.crt\", key = \"{work}/own.key\" }}\n\n\
                 [peer.{name}]\nurl = \"https://localhost:{}/\"\nkey = {{ file = \"{}\" }}\n\
                 certificate = \"{work}/peer.crt\"\nevery = \"2s\"\nafter = 1\nnotify = []\n",
                self.port,
                other.port,
                key.display(),
                work = work.display(),
            ),
        );
    }

    /// Adds to what it is to do.
    fn add(&self, text: &str) {
        let path = self.rig.path("work").join("muster.toml");
        let before = std::fs::read_to_string(&path).expect("read");
        std::fs::write(path, format!("{before}{text}")).expect("written");
    }

    /// How its check of that name stands: its word, and all of its line.
    fn check(&self, id: &str, what: &str, holds: impl Fn(&str) -> bool) -> String {
        until(what, || {
            let status = self.status();
            let line = status["board"]["lines"].as_array()?.iter().find(|line| line["id"] == id)?.clone();
            let text = line.to_string();
            holds(&text).then_some(text)
        })
    }

    fn up(&self) -> Agent {
        self.rig.up(&[])
    }

    fn status(&self) -> Value {
        let Ended { out, .. } = self.rig.muster(&["status", "--json"]);
        serde_json::from_str(&out).unwrap_or_default()
    }

    /// Waits until it says this of its only peer.
    fn until(&self, what: &str, holds: impl Fn(&Value, &str) -> bool) -> Value {
        until(what, || {
            let status = self.status();
            let peer = status["watchers"]["peers"][0].clone();
            let line = status["board"]["lines"]
                .as_array()?
                .iter()
                .find(|line| line["id"].as_str().is_some_and(|id| id.starts_with("peer.")))?;
            let word = line["condition"].to_string();
            holds(&peer, &word).then_some(peer)
        })
    }
}

#[test]
fn two_agents_watch_each_other_over_tls() {
    let (ams, fra) = (side(), side());
    ams.watches(&fra, "fra1", KEY);
    fra.watches(&ams, "ams1", KEY);
    let (_ams, other) = (ams.up(), fra.up());
    for one in [&ams, &fra] {
        let peer = one.until("both hear each other", |peer, word| {
            peer["last_heard"].is_i64() && peer["hears_us"].is_i64() && word.contains("ok")
        });
        assert_eq!(peer["trouble"], Value::Null);
    }
    let text = ams.rig.muster(&["status"]).with(0);
    assert!(text.contains("Peer fra1: heard "), "{text}");
    assert!(text.contains("peer.fra1  ok"), "{text}");
    assert!(!text.contains("Nobody watches"), "{text}");

    other.signal("KILL");
    let peer = ams.until("a killed peer is bad news", |_, word| word.contains("firing"));
    let trouble = peer["trouble"].as_str().unwrap_or_default().to_owned();
    assert!(trouble.contains("does not take connections"), "{trouble}");
    drop(other);
    let _again = fra.up();
    ams.until("it is well again once it is back", |_, word| word.contains("ok"));
    for side in [&ams, &fra] {
        for file in ["muster.db", "muster.db-wal"] {
            let bytes = std::fs::read(side.rig.state().join(file)).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&bytes).contains(KEY), "the key is in {file}");
        }
    }
}

#[test]
fn a_wrong_key_and_a_strange_certificate_are_named_on_both_sides() {
    let (ams, fra) = (side(), side());
    ams.watches(&fra, "fra1", KEY);
    fra.watches(&ams, "ams1", &KEY.replace('3', "4"));
    let (agent, _fra) = (ams.up(), fra.up());
    let peer = ams.until("the caller knows why", |_, word| word.contains("firing"));
    assert_eq!(
        peer["trouble"],
        "the last try to reach it: it does not know our key: `key` must be the same on both sides"
    );
    let text = until("the called one shows it", || {
        let Ended { out, .. } = fra.rig.muster(&["status"]);
        out.contains("[M0313]").then_some(out)
    });
    assert!(text.contains("somebody at 127.0.0.1 came as a peer with a key that is none of ours"), "{text}");
    let (_, log) = agent.stop();
    assert!(!log.contains(KEY) && !text.contains(KEY), "{log}");

    // Its own certificate instead of the other one's.
    fra.watches(&ams, "ams1", KEY);
    let work = ams.rig.path("work");
    std::fs::copy(work.join("own.crt"), work.join("peer.crt")).expect("copied");
    let _agent = ams.up();
    ams.until("a certificate that is not the one", |peer, _| {
        peer["trouble"].as_str().is_some_and(|words| words.contains("TLS with localhost failed"))
    });
}

#[test]
fn a_short_key_is_refused_and_never_shown() {
    let (ams, fra) = (side(), side());
    ams.watches(&fra, "fra1", "hunter2");
    for words in [&["config", "check"][..], &["up"]] {
        let told = ams.rig.muster(words).refused(2);
        assert!(told.contains("[peer.fra1]") && told.contains("has 7 bytes, and at least 32"), "{told}");
        assert!(told.contains("openssl rand -hex 32") && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn an_agent_that_nobody_watches_says_so() {
    let rig = Rig::new();
    let _agent = rig.up(&["--listen", "127.0.0.1:0"]);
    let Ended { out, .. } = rig.muster(&["status"]);
    assert!(out.contains("Nobody watches this agent: if this host goes down, no page says so."), "{out}");
    assert!(out.contains("[peer.NAME] in muster.toml"), "{out}");
}

#[test]
fn a_peer_looks_for_us_where_it_says_so_and_is_never_blamed_for_not_looking() {
    let target = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = target.local_addr().expect("an address");
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let (ams, fra) = (side(), side());
    ams.watches(&fra, "fra1", KEY);
    ams.add(&format!(
        "\n[check.open]\nkind = \"tcp\"\naddress = \"{place}\"\nfrom = [\"peer:fra1\"]\nevery = \"5s\"\ntimeout = \"4s\"\n\
         \n[check.shut]\nkind = \"tcp\"\naddress = \"{closed}\"\nfrom = [\"host\", \"peer:fra1\"]\nevery = \"5s\"\n\
         timeout = \"4s\"\nafter = 1\nnotify = []\n"
    ));
    fra.watches(&ams, "ams1", KEY);
    let (_ams, strict) = (ams.up(), fra.up());
    let refused =
        ams.check("check.open", "it does not look without `looks`", |text| text.contains("looks = true"));
    assert!(refused.contains("nobody could look from there") && refused.contains("unknown"), "{refused}");
    drop(strict.stop());

    fra.add("looks = true\n");
    let willing = fra.up();
    ams.check("check.open", "the peer looks", |text| {
        text.contains("\"state\":\"ok\"") || text.contains("\"ok\"")
    });
    ams.check("check.shut@peer:fra1", "what the peer saw is bad", |text| text.contains("firing"));
    let shown = ams.rig.muster(&["check", "check.shut@peer:fra1"]);
    assert!(shown.out.contains("onnection refused"), "{shown:?}");

    drop(willing.stop());
    let blind = ams.check("check.open", "a peer that is away", |text| text.contains("nobody could look"));
    assert!(blind.contains("unknown") && !blind.contains("firing"), "{blind}");
}

#[test]
fn what_a_peer_cannot_look_at_is_refused_where_it_is_written() {
    let rig = Rig::new();
    let head = "[peer.fra1]\nurl = \"https://fra1:7077\"\nkey = { env = \"K\" }\n[peer.nat]\nkey = { env = \"K\" }\n";
    for (check, words) in [
        (
            "kind = \"file\"\npath = \"/srv/x\"\nfrom = [\"peer:fra1\"]",
            "a peer cannot look for a check of kind \"file\"",
        ),
        (
            "kind = \"http\"\nurl = { env = \"U\" }\nfrom = [\"peer:fra1\"]",
            "`url` refers to a secret of this host",
        ),
        (
            "kind = \"tls\"\naddress = \"a:443\"\nca = \"/etc/ca.pem\"\nfrom = [\"peer:fra1\"]",
            "`ca` names a file of this host",
        ),
        ("kind = \"tcp\"\naddress = \"a:1\"\nfrom = [\"peer:nat\"]", "[peer.nat] has no `url`"),
        ("kind = \"tcp\"\naddress = \"a:1\"\nfrom = [\"peer:fra2\"]", "no [peer.fra2] in this file"),
        (
            "kind = \"tcp\"\naddress = \"a:1\"\nevery = \"1h\"\ntimeout = \"5m\"\nfrom = [\"peer:fra1\"]",
            "a peer looks for 1m at most",
        ),
    ] {
        rig.write("muster.toml", &format!("{head}[check.x]\n{check}\n"));
        let told = rig.muster(&["config", "check"]).refused(2);
        assert!(told.contains(words), "{check}:\n{told}");
    }
    rig.write(
        "muster.toml",
        &format!("{head}[check.x]\nkind = \"tcp\"\naddress = \"a:1\"\nfrom = [\"host\", \"peer:fra1\"]\n"),
    );
    let told = rig.muster(&["config", "check"]).with(0);
    assert!(told.contains("4 expectations"), "{told}");
}
