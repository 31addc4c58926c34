//! Checks that look from this host and from inside a container, with an engine, a network and a firewall that are real.
//! The container's packets are forwarded and never pass the host's OUTPUT chain, which is what a firewall that denies what
//! goes out closes.

use std::process::Command;
use std::sync::Arc;

use muster_agent::parts::Watched;
use muster_checks::kinds::KINDS;
use muster_checks::probe::Part;
use muster_config::plan::Vantage;
use muster_config::source::Source;
use muster_core::expectation::{Expectation, Hearing, Rhythm};
use muster_core::rounds::Round;
use muster_core::time::Span;

use crate::house::{House, channel, id, on_one_thread, until, until_board, word};

const IMAGE: &str = "muster-testbed:2";
/// Mail submission and mailboxes.
const PORTS: [u16; 2] = [587, 993];

fn run(program: &str, words: &[&str]) -> String {
    let done = Command::new(program).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{program} {words:?}: {said}");
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// A network with two containers; all of it ends when it is dropped, the rules of the firewall first.
struct Network {
    name: String,
    rules: Vec<Vec<String>>,
}

impl Network {
    fn new() -> Self {
        let name = format!("muster-vantage-{}", std::process::id());
        run("docker", &["network", "create", &name]);
        Self { name, rules: Vec::new() }
    }

    fn container(&self, role: &str, script: &str) -> String {
        let name = format!("{}-{role}", self.name);
        run(
            "docker",
            &["run", "--detach", "--name", &name, "--network", &self.name, IMAGE, "/bin/sh", "-c", script],
        );
        name
    }

    fn address(container: &str) -> String {
        let form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        run("docker", &["inspect", "--format", form, container])
    }

    /// What a host does that denies what goes out, towards this one address.
    fn deny_outgoing(&mut self, address: &str) {
        let rule: Vec<String> = ["OUTPUT", "-d", address, "-p", "tcp", "-j", "DROP"]
            .iter()
            .map(|word| (*word).to_owned())
            .collect();
        let words: Vec<&str> = std::iter::once("-I").chain(rule.iter().map(String::as_str)).collect();
        run("iptables", &[&["--wait"], words.as_slice()].concat());
        self.rules.push(rule);
    }

    fn allow_outgoing(&mut self) {
        for rule in self.rules.drain(..) {
            drop(Command::new("iptables").args(["--wait", "-D"]).args(rule).output());
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.allow_outgoing();
        for role in ["peer", "api"] {
            drop(Command::new("docker").args(["rm", "-f", &format!("{}-{role}", self.name)]).output());
        }
        drop(Command::new("docker").args(["network", "rm", &self.name]).output());
    }
}

fn part(address: &str, port: u16) -> Part {
    let text = format!("[check.x]\nkind = \"tcp\"\naddress = \"{address}:{port}\"\n");
    let source = Source { file: "muster.toml", text: &text, zone: "UTC", host: "web1" };
    let kind = KINDS.iter().find(|kind| kind.name == "tcp").unwrap();
    kind.read_text(&source, &[]).unwrap_or_else(|faults| panic!("{faults}"))
}

fn watched(name: &str, from: Vantage, probe: Part) -> (Expectation, Watched) {
    let every = Span::seconds(5);
    let mut expectation = Expectation::new(id(name), Rhythm::Every(every), Span::seconds(20));
    expectation.notify = vec![channel("ops")];
    (expectation.after, expectation.recover) = (2, 2);
    expectation.hearing = Hearing::Looked;
    let round = Round { id: id(name), every, retry: Span::millis(500), after: 2 };
    // Long enough for a machine on which everything else is tested as well.
    (expectation, Watched { round, timeout: Span::seconds(4), from, lent: None, kind: "tcp", probe })
}

pub(crate) fn apart() {
    on_one_thread(async {
        let mut network = Network::new();
        let banners = PORTS.map(|port| {
            format!(
                "systemd-socket-activate --listen=0.0.0.0:{port} --accept --inetd /bin/sh -c 'echo ready; sleep 1' & "
            )
        });
        let peer = network.container("peer", &format!("{}wait", banners.concat()));
        let api = network.container("api", "sleep 600");
        let address = Network::address(&peer);
        let inside = Vantage::Container(api.clone());
        let (outer, inner): (Vec<_>, Vec<_>) = PORTS
            .iter()
            .map(|port| {
                let probe = part(&address, *port);
                let name = format!("check.out-{port}");
                let there = watched(&format!("{name}@container:{api}"), inside.clone(), Arc::clone(&probe));
                (watched(&name, Vantage::Host, probe), there)
            })
            .unzip();
        let (expectations, checks): (Vec<_>, Vec<_>) = outer.into_iter().chain(inner).unzip();
        let names: Vec<String> = checks.iter().map(|one: &Watched| one.round.id.to_string()).collect();
        let (host, container) = names.split_at(PORTS.len());
        let mut house = House::new(expectations);
        house.plan.checks = checks.into();
        let agent = house.start().await;
        let handle = agent.handle();
        let all = |snapshot: &_, names: &[String], wanted: &str| {
            names.iter().all(|name| word(snapshot, name) == wanted)
        };
        until_board(&handle, "all of them ok", |snapshot| all(snapshot, &names, "ok")).await;

        network.deny_outgoing(&address);
        until_board(&handle, "the host's in alarm", |snapshot| all(snapshot, host, "firing")).await;
        // What muster has to say about itself on a busy machine is no part of this.
        let told = |times: usize| host.iter().all(|name| house.receiver.about(name).len() == times);
        until("one page for each", || told(1)).await;
        let seen = |name: &String| handle.sights().of(&id(name)).unwrap().sight.clone();
        for (name, there) in host.iter().zip(container) {
            let (bad, good) = (seen(name), seen(there));
            assert!(bad.class.is_some() && good.class.is_none(), "{bad:?} {good:?}");
        }
        until_board(&handle, "the container's as they were", |snapshot| all(snapshot, container, "ok")).await;

        network.allow_outgoing();
        until_board(&handle, "all of them ok again", |snapshot| all(snapshot, &names, "ok")).await;
        until("the end of each", || told(2)).await;

        run("docker", &["rm", "-f", &api]);
        // Unknown first, and in the end an alarm that nobody sees; each of the two in its own time.
        until_board(&handle, "nobody can look from there", |snapshot| {
            container.iter().all(|name| matches!(word(snapshot, name), "unknown" | "firing"))
        })
        .await;
        let gone = seen(&container[0]);
        assert!(gone.words.contains("there is no container of that name"), "{gone:?}");
        agent.stop().await.unwrap();
    });
}
