//! Verdicts of the walker beside what really happens, on rule sets that it was not written for.
#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "the tally is what the test is for")]

mod chance;
mod judged;
mod lane;
mod layouts;

use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lane::{From, Lane};
use layouts::{Asks, State, states};
use muster_doctor::collect::firewall::collect;
use muster_doctor::facts::Fact;
use muster_doctor::facts::firewall::{Firewall, Protocol};
use muster_doctor::firewall::{Packet, Reach, Verdict, Walker};
use muster_testkit::suite::{Part, Suite};

/// Hosts that are tried side by side: most of the time is spent waiting for what does not answer.
const LANES: usize = 3;

fn main() -> ExitCode {
    Suite::new()
        .test("verdicts_are_what_happens_on_rule_sets_never_seen_before", &[Part::Netfilter], || {
            live(&states(), Protocol::Tcp)
        })
        .test("verdicts_are_what_happens_to_datagrams", &[Part::Netfilter], || live(&states(), Protocol::Udp))
        .test("verdicts_are_what_happens_on_rules_by_chance", &[Part::Netfilter], || {
            let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
            let (seed, count) = (number("MUSTER_SEED"), number("MUSTER_SETS"));
            live(
                &chance::states(seed.unwrap_or(1), usize::try_from(count.unwrap_or(60)).unwrap()),
                Protocol::Tcp,
            );
        })
        .test("needs_are_found_shut_exactly_where_they_are", &[Part::Netfilter], judged::needs)
        .test("rules_that_are_called_dead_do_nothing", &[Part::Netfilter], judged::dead_rules)
        .test("owners_take_each_others_rules_away", &[Part::Netfilter], judged::owners)
        .run()
}

fn asked(asks: Asks) -> [(From, &'static str, u16); 10] {
    use From::{First, Host, Second, World};
    match asks {
        Asks::Classic => [
            (World, "203.0.113.1", 8080),
            (World, "203.0.113.1", 8081),
            (World, "203.0.113.1", 9000),
            (Host, "127.0.0.1", 8080),
            (Host, "127.0.0.1", 8081),
            (Host, "203.0.113.1", 8080),
            (Host, "172.18.0.2", 8080),
            (Host, "203.0.113.2", 587),
            (First, "203.0.113.2", 587),
            (First, "172.18.0.1", 9000),
        ],
        Asks::Networks => [
            (World, "203.0.113.1", 8090),
            (World, "172.18.0.9", 8080),
            (World, "203.0.113.1", 9100),
            (World, "203.0.113.1", 7777),
            (Second, "203.0.113.2", 587),
            (Second, "172.18.0.2", 8080),
            (First, "203.0.113.1", 8080),
            (Second, "203.0.113.1", 8080),
            (Host, "172.19.0.2", 80),
            (Second, "172.19.0.1", 9000),
        ],
        Asks::Six => [
            (World, "2001:db8:1::1", 8080),
            (World, "2001:db8:1::1", 9000),
            (World, "2001:db8:1::1", 7777),
            (Host, "::1", 8080),
            (Host, "2001:db8:1::1", 8080),
            (Host, "fd00:18::2", 8080),
            (Host, "2001:db8:1::2", 587),
            (First, "2001:db8:1::2", 587),
            (First, "fd00:18::1", 9000),
            (First, "2001:db8:1::1", 8080),
        ],
    }
}

fn packet(protocol: Protocol, from: From, target: IpAddr, port: u16) -> Packet {
    let own = |four: &str, six: &str| (if target.is_ipv4() { four } else { six }).parse().unwrap();
    let (source, enters): (Option<IpAddr>, _) = match from {
        From::World => (Some(own("203.0.113.2", "2001:db8:1::2")), Some("wan0")),
        From::Host => (None, None),
        From::First => (Some(own("172.18.0.2", "fd00:18::2")), Some("docker0")),
        From::Second => (Some(own("172.19.0.2", "fd00:19::2")), Some("br-5ec0d")),
    };
    Packet { protocol, source, target, port, enters: enters.map(str::to_owned) }
}

#[derive(Default)]
struct Tally {
    agreed: usize,
    unknown: usize,
    asked: usize,
    open: usize,
    wrong: Vec<String>,
    unsure: Vec<String>,
    took: Duration,
}

fn told(verdict: &Verdict) -> String {
    let path: Vec<String> =
        verdict.path.iter().map(|hop| format!("    {}: {}", hop.place, hop.what)).collect();
    format!("{} by {}\n{}", verdict.reach, verdict.by, path.join("\n"))
}

fn facts(lane: &Lane) -> (Firewall, Duration) {
    lane.inside(From::Host, || {
        let begun = std::time::Instant::now();
        let Fact::Known(facts) = collect(Duration::from_secs(5)) else { panic!("nothing was seen") };
        (facts, begun.elapsed())
    })
}

fn probe(lane: &Lane, protocol: Protocol, (from, target, port): (From, &str, u16)) -> bool {
    let target = target.parse().unwrap();
    match protocol {
        Protocol::Tcp => lane.probe(from, target, port),
        Protocol::Udp => lane.probe_by_datagram(from, target, port),
    }
}

fn try_state(lane: &mut Lane, state: &State, protocol: Protocol, tally: &Mutex<Tally>) {
    lane.proxy(state.proxy);
    if let Err(why) = lane.apply(state) {
        tally.lock().unwrap().wrong.push(format!("{} is refused: {why}", state.name));
        return;
    }
    let (facts, took) = facts(lane);
    let saved = serde_json::to_string(&facts).unwrap();
    let facts: Firewall = serde_json::from_str(&saved).unwrap();
    let walker = Walker::new(&facts);
    let asked = asked(state.asks);
    let here = &*lane;
    let happened: Vec<bool> = thread::scope(|scope| {
        let probe = |asks: (From, &'static str, u16)| scope.spawn(move || probe(here, protocol, asks));
        let probes: Vec<_> = asked.into_iter().map(probe).collect();
        probes.into_iter().map(|probe| probe.join().unwrap()).collect()
    });
    let mut tally = tally.lock().unwrap();
    tally.took += took;
    for ((from, target, port), open) in asked.into_iter().zip(happened) {
        tally.asked += 1;
        let verdict = walker.walk(&packet(protocol, from, target.parse().unwrap(), port));
        // A machine that is short of breath answers late; what is shut is shut the second time as well.
        let open = open || (verdict.reach == Reach::Open && probe(here, protocol, (from, target, port)));
        tally.open += usize::from(open);
        let line = || {
            format!("{}: {from:?} → {target}:{port}: open is {open}, verdict {}", state.name, told(&verdict))
        };
        match (&verdict.reach, open) {
            (Reach::Open, true) | (Reach::Closed, false) => tally.agreed += 1,
            (Reach::Unknown { .. }, _) => {
                tally.unknown += 1;
                tally.unsure.push(line());
            }
            (Reach::Open, false) | (Reach::Closed, true) => {
                tally.wrong.push(format!("{}\n{}{}{}", line(), state.four, state.six, state.nft));
            }
        }
    }
}

fn live(states: &[State], protocol: Protocol) {
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..LANES {
            let (next, tally) = (&next, &tally);
            scope.spawn(move || {
                let mut lane = Lane::new();
                while let Some(state) = states.get(next.fetch_add(1, Ordering::Relaxed)) {
                    try_state(&mut lane, state, protocol, tally);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    let sets = u32::try_from(states.len()).unwrap();
    println!(
        "{} rule sets, {} connections ({} open): {} as foretold, {} unknown, {} wrong; facts in {:?} each",
        sets,
        tally.asked,
        tally.open,
        tally.agreed,
        tally.unknown,
        tally.wrong.len(),
        tally.took / sets
    );
    println!("{}", tally.unsure.join("\n"));
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n\n"));
    assert!(tally.unknown * 50 <= tally.asked, "more than 2 % unknown");
}
