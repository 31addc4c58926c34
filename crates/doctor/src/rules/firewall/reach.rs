//! Who reaches what must be reached: the needs of this host beside the answers of the walker.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::facts::firewall::{Firewall, Protocol};
use crate::facts::needs::{By, HOSTS_IN_CONTAINERS, Need};
use crate::facts::projects::under;
use crate::facts::{Fact, Facts};
use crate::firewall::{self, Cause, Crossing, From, Reach, needed, published_by_proxies};
use crate::rules::answer::{Answer, Place};

/// Whether a need is met from one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Met {
    Yes,
    /// What is in the way.
    No(Box<Crossing>),
    /// Nobody can tell, and why.
    Unclear(String),
}

/// Whose way counts for a need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asker {
    Host,
    /// Containers on these bridges.
    Bridges(BTreeSet<String>),
    /// It is not known who reads the file.
    Anybody,
}

/// One need, who has it, and from where it is met.
#[derive(Debug)]
pub(super) struct Way<'f> {
    pub(super) need: &'f Need,
    pub(super) asker: Asker,
    /// It is this host that is to be reached.
    pub(super) is_here: bool,
    pub(super) host: Option<Met>,
    /// Bridges with containers on them, those that are closed on purpose left out.
    pub(super) bridges: Vec<(String, Met)>,
}

/// Asks for every need, and judges the answers. Names without an address are passed on as unknown.
pub(super) fn each_way(facts: &Facts, judge: impl FnOnce(&Firewall, &[Way<'_>], &mut Answer)) -> Answer {
    let needs = match &facts.needs {
        Fact::Known(needs) => needs,
        Fact::Unknown { why } => return Answer::unknown(why.clone()),
        Fact::Nothing { why } => return Answer::nothing(why.clone()),
    };
    Answer::of(&facts.firewall, |firewall, answer| {
        if needs.is_empty() {
            answer.nothing = Some("nothing names a host that must be reached".to_owned());
            return;
        }
        let used = used(facts, firewall);
        // Several files may name the same; it is asked once.
        let targets: Vec<Vec<Asked>> = needs.iter().map(|need| targets(firewall, need)).collect();
        let askers = [facts.containers.why_unknown(), facts.projects.why_unknown()];
        askers.into_iter().flatten().for_each(|why| answer.blind(format!("who needs what: {why}")));
        let all: BTreeSet<Asked> = targets.iter().flatten().copied().collect();
        if all.len() > TARGETS {
            answer.blind(format!("who reaches what: more than {TARGETS} addresses are named"));
        }
        let asked: Vec<firewall::Need> = all.into_iter().take(TARGETS).map(question).collect();
        let mut table: BTreeMap<Asked, Vec<Crossing>> = BTreeMap::new();
        for crossing in needed(firewall, &published_by_proxies(firewall), &asked, &used) {
            table.entry((crossing.protocol, crossing.address, crossing.port)).or_default().push(crossing);
        }
        let mut ways = Vec::new();
        for (need, targets) in needs.iter().zip(&targets) {
            if let Some(why) = need.addresses.why_unknown() {
                answer.blind(format!("whether {} is reached: {why}", need.name));
            }
            let answers: Vec<&Crossing> =
                targets.iter().filter_map(|target| table.get(target)).flatten().collect();
            let from = |from: &From| met(answers.iter().copied().filter(|one| one.from == *from));
            let mut bridges = Vec::new();
            for bridge in &used {
                if let Some(met) = from(&From::Network { bridge: bridge.clone() })
                    && !is_meant(&met)
                {
                    bridges.push((bridge.clone(), met));
                }
            }
            let is_here = answers.iter().any(|one| is_own(firewall, one.address));
            let asker = asker(facts, firewall, need);
            ways.push(Way { need, asker, is_here, host: from(&From::Host), bridges });
        }
        judge(firewall, &ways, answer);
    })
}

/// What is asked for, once for all who need it.
type Asked = (Protocol, IpAddr, u16);

/// Most addresses with their ports that are asked for: each costs a walk from every place.
const TARGETS: usize = 200;

/// The addresses of a need.
fn targets(firewall: &Firewall, need: &Need) -> Vec<Asked> {
    let gateway = || {
        let interfaces = firewall.interfaces.known().map(Vec::as_slice).unwrap_or_default();
        let default = interfaces.iter().find(|one| one.name == "docker0")?;
        default.addresses.iter().map(|own| own.address).find(IpAddr::is_ipv4)
    };
    let addresses = match &need.addresses {
        Fact::Known(addresses) => addresses.clone(),
        _ if HOSTS_IN_CONTAINERS.contains(&need.host.as_str()) => gateway().into_iter().collect(),
        _ => Vec::new(),
    };
    // Behind a loopback address everybody meets themselves.
    let others = addresses.into_iter().filter(|address| !address.is_loopback());
    others.map(|address| (need.protocol, address, need.port)).collect()
}

fn question((protocol, address, port): Asked) -> firewall::Need {
    firewall::Need { name: String::new(), protocol, address, port }
}

/// The answers for all addresses of one need: one that is open is enough.
fn met<'c>(answers: impl Iterator<Item = &'c Crossing>) -> Option<Met> {
    let (mut shut, mut unclear, mut any) = (None, None, false);
    for crossing in answers {
        any = true;
        match &crossing.verdict.reach {
            Reach::Open => return Some(Met::Yes),
            Reach::Unknown { why } => unclear = Some(why.clone()),
            Reach::Closed if is_in_the_way(crossing) => shut = Some(crossing),
            // Nobody listens, or this host has no address of that family.
            Reach::Closed => {}
        }
    }
    match (unclear, shut) {
        _ if !any => None,
        (Some(why), _) => Some(Met::Unclear(why)),
        (None, Some(shut)) => Some(Met::No(Box::new(shut.clone()))),
        (None, None) => None,
    }
}

fn is_in_the_way(crossing: &Crossing) -> bool {
    let cause = crossing.verdict.by.cause;
    matches!(cause, Cause::Rule | Cause::Policy | Cause::Kernel | Cause::NoMasquerade)
}

/// A network that somebody made without a way out (`internal`): Docker bars it by rules of these chains.
fn is_meant(met: &Met) -> bool {
    const CHAINS: [&str; 2] = ["DOCKER-ISOLATION-STAGE-1", "DOCKER-INTERNAL"];
    matches!(met, Met::No(shut) if CHAINS.contains(&shut.verdict.by.chain.as_str()))
}

fn is_own(firewall: &Firewall, address: IpAddr) -> bool {
    let interfaces = firewall.interfaces.known().map(Vec::as_slice).unwrap_or_default();
    interfaces.iter().flat_map(|one| &one.addresses).any(|own| own.address == address)
}

/// Bridges with containers on them.
pub(super) fn used(facts: &Facts, firewall: &Firewall) -> BTreeSet<String> {
    let proxies = firewall.proxies.known().map(Vec::as_slice).unwrap_or_default();
    let containers = facts.containers.known().map(|all| all.all.as_slice()).unwrap_or_default();
    let of_containers = containers.iter().flat_map(|one| one.addresses.iter().copied());
    proxies
        .iter()
        .map(|proxy| proxy.container)
        .chain(of_containers)
        .filter_map(|one| bridge(firewall, one))
        .collect()
}

fn bridge(firewall: &Firewall, address: IpAddr) -> Option<String> {
    let interfaces = firewall.interfaces.known()?;
    let holds = |one: &&crate::facts::firewall::Interface| {
        one.bridge && one.addresses.iter().any(|own| own.holds(address))
    };
    interfaces.iter().find(holds).map(|one| one.name.clone())
}

fn asker(facts: &Facts, firewall: &Firewall, need: &Need) -> Asker {
    let containers = facts.containers.known().map(|all| all.all.as_slice()).unwrap_or_default();
    let running = containers.iter().filter(|one| one.status == "running");
    let of = |addresses: Vec<IpAddr>| match addresses.is_empty() {
        // It shares the network of the host.
        true => Asker::Host,
        false => Asker::Bridges(addresses.into_iter().filter_map(|one| bridge(firewall, one)).collect()),
    };
    match &need.by {
        By::Host => Asker::Host,
        By::Container(name) => match running.clone().find(|one| one.name == *name) {
            Some(container) => of(container.addresses.clone()),
            None => Asker::Anybody,
        },
        By::Folder(folder) => {
            let in_folder = running.filter(|one| one.folder.as_ref().is_some_and(|home| under(folder, home)));
            let addresses: Vec<Vec<IpAddr>> = in_folder.map(|one| one.addresses.clone()).collect();
            let units = facts.projects.known().map(|all| all.units.as_slice()).unwrap_or_default();
            match (addresses.is_empty(), units.iter().any(|unit| unit.works_in(folder))) {
                (false, false) => of(addresses.concat()),
                (true, true) => Asker::Host,
                // Nobody, or both.
                _ => Asker::Anybody,
            }
        }
    }
}

impl Way<'_> {
    /// What is in the way of whoever has the need; none where it is met, or nobody can tell.
    pub(super) fn shut(&self) -> Option<(String, &Crossing)> {
        let host = match &self.host {
            Some(Met::No(shut)) => Some(("this host".to_owned(), &**shut)),
            _ => None,
        };
        match &self.asker {
            Asker::Host => host,
            Asker::Bridges(names) => self.shut_bridges(|name| names.contains(name)),
            Asker::Anybody if self.bridges.is_empty() => host,
            Asker::Anybody => host.filter(|_| self.shut_bridges(|_| true).is_some()),
        }
    }

    /// What is in the way of all these bridges.
    fn shut_bridges(&self, counts: impl Fn(&String) -> bool) -> Option<(String, &Crossing)> {
        let mut first = None;
        for (bridge, met) in self.bridges.iter().filter(|(name, _)| counts(name)) {
            match met {
                Met::No(shut) => first = first.or(Some((format!("containers on {bridge}"), &**shut))),
                Met::Yes | Met::Unclear(_) => return None,
            }
        }
        first
    }

    /// Why nobody can tell for whoever has the need.
    pub(super) fn unclear(&self) -> Option<&str> {
        let counts = |name: &String| match &self.asker {
            Asker::Host => false,
            Asker::Bridges(names) => names.contains(name),
            Asker::Anybody => true,
        };
        let host = self.host.iter().filter(|_| !matches!(self.asker, Asker::Bridges(_)));
        let bridges = self.bridges.iter().filter(|(name, _)| counts(name)).map(|(_, met)| met);
        host.chain(bridges).find_map(|met| match met {
            Met::Unclear(why) => Some(why.as_str()),
            Met::Yes | Met::No(_) => None,
        })
    }

    /// Where the need is declared.
    pub(super) fn place(&self) -> Place {
        let Need { file, line, name, .. } = self.need;
        let text = format!("{name} → {}", self.need.target());
        Place { line: *line, text, ..Place::of(file.as_str()) }
    }

    /// `smtp.example.com:587`, with its protocol where that is not TCP.
    pub(super) fn target(&self) -> String {
        match self.need.protocol {
            Protocol::Tcp => self.need.target(),
            Protocol::Udp => format!("{} (UDP)", self.need.target()),
        }
    }
}
