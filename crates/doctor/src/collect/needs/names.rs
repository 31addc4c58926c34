//! The addresses of hosts, asked of the host's own resolver, side by side and within a time.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::facts::Fact;
use crate::facts::needs::{HOSTS_IN_CONTAINERS, Need};

/// How long all names together may take, from the first one on.
const WITHIN: Duration = Duration::from_millis(300);
/// Most names that are asked for.
const NAMES: usize = 32;
/// Most addresses of one name.
const ADDRESSES: usize = 16;
/// A resolver of libc needs little more.
const STACK: usize = 256 << 10;

type Found = Result<Vec<IpAddr>, String>;

/// Names that are being looked up. What takes too long is unknown; its thread ends with the process.
#[derive(Debug)]
pub struct Lookup {
    live: bool,
    until: Option<Instant>,
    sender: Sender<(String, Found)>,
    receiver: Receiver<(String, Found)>,
    found: BTreeMap<String, Option<Found>>,
}

impl Lookup {
    /// Asks only where the host itself is looked at; a tree of files says nothing about names.
    pub fn new(live: bool) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self { live, until: None, sender, receiver, found: BTreeMap::new() }
    }

    /// Begins to look up the hosts of some needs.
    pub fn begin(&mut self, needs: &[Need]) {
        if !self.live {
            return;
        }
        for host in needs.iter().filter(|need| told(&need.host).is_none()).map(|need| &need.host) {
            if self.found.contains_key(host) || self.found.len() >= NAMES {
                continue;
            }
            self.until.get_or_insert_with(|| Instant::now() + WITHIN);
            let (sender, name) = (self.sender.clone(), host.clone());
            // Nobody listens any more where the answer came too late.
            let work = move || drop(sender.send((name.clone(), resolve(&name))));
            let begun = thread::Builder::new().name("resolve".to_owned()).stack_size(STACK).spawn(work);
            let failed = begun.err().map(|error| Err(format!("no thread to ask: {error}")));
            self.found.insert(host.clone(), failed);
        }
    }

    /// Puts the addresses to the needs; waits for what is still asked for, at most 300 ms after the first was.
    pub fn finish(mut self, needs: &mut [Need]) {
        let until = self.until.unwrap_or_else(Instant::now);
        while self.found.values().any(Option::is_none) {
            let left = until.saturating_duration_since(Instant::now());
            let Ok((name, found)) = self.receiver.recv_timeout(left) else { break };
            self.found.insert(name, Some(found));
        }
        for need in needs {
            need.addresses = match (told(&need.host), self.live, self.found.get(&need.host)) {
                (Some(told), ..) => told,
                (None, false, _) => Fact::nothing("only files were read"),
                (None, true, Some(Some(Ok(addresses)))) => Fact::Known(addresses.clone()),
                (None, true, Some(Some(Err(why)))) => Fact::unknown(format!("{}: {why}", need.host)),
                (None, true, Some(None)) => {
                    Fact::unknown(format!("{}: no address within {} ms", need.host, WITHIN.as_millis()))
                }
                (None, true, None) => {
                    Fact::unknown(format!("{}: only {NAMES} names are looked up", need.host))
                }
            };
        }
    }
}

/// What needs no question: an address, this host, and names that only a network of containers knows.
fn told(host: &str) -> Option<Fact<Vec<IpAddr>>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Fact::Known(vec![address]));
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Some(Fact::Known(vec![IpAddr::from([127, 0, 0, 1])]));
    }
    let inside = !host.contains('.') || HOSTS_IN_CONTAINERS.contains(&host);
    inside.then(|| Fact::nothing("a name that only a network of containers knows"))
}

fn resolve(name: &str) -> Found {
    let mut addresses: Vec<IpAddr> =
        (name, 0).to_socket_addrs().map_err(|error| plain(&error))?.map(|address| address.ip()).collect();
    addresses.sort();
    addresses.dedup();
    addresses.truncate(ADDRESSES);
    match addresses.is_empty() {
        true => Err("it has no address".to_owned()),
        false => Ok(addresses),
    }
}

/// The words of libc's resolver, without those of Rust before them.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.rsplit(": ").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::firewall::Protocol;
    use crate::facts::needs::By;

    fn need(host: &str) -> Need {
        Need {
            name: "X".to_owned(),
            host: host.to_owned(),
            port: 1,
            protocol: Protocol::Tcp,
            addresses: Fact::unknown("nobody asked"),
            by: By::Host,
            file: String::new(),
            line: None,
        }
    }

    #[test]
    fn what_needs_no_question_is_told_and_the_rest_is_bounded() {
        let mut needs = vec![need("192.0.2.7"), need("localhost"), need("db"), need("nowhere.invalid")];
        let mut lookup = Lookup::new(true);
        let begun = Instant::now();
        lookup.begin(&needs);
        lookup.finish(&mut needs);
        assert!(begun.elapsed() < WITHIN * 3, "{:?}", begun.elapsed());
        assert_eq!(needs[0].addresses, Fact::Known(vec!["192.0.2.7".parse().unwrap()]));
        assert_eq!(needs[1].addresses, Fact::Known(vec!["127.0.0.1".parse().unwrap()]));
        assert!(matches!(needs[2].addresses, Fact::Nothing { .. }));
        assert!(matches!(needs[3].addresses, Fact::Unknown { .. }), "{:?}", needs[3].addresses);
    }

    #[test]
    fn nothing_is_asked_for_a_tree_of_files() {
        let mut needs = vec![need("example.com")];
        let mut lookup = Lookup::new(false);
        lookup.begin(&needs);
        lookup.finish(&mut needs);
        assert!(matches!(needs[0].addresses, Fact::Nothing { .. }));
    }
}
