//! The tests of iptables rules: the options every rule may have, and those of the modules that are understood.

use std::net::IpAddr;

use super::rule::{
    Field, Pattern, Side, Test, interface, kind, network, number, protocol_number, state, status,
};
use super::sets::Sets;

/// One option with its words.
struct Choice<'a> {
    not: bool,
    name: &'a str,
    values: Vec<&'a str>,
}

/// Options in a row; a word without an option before it makes a nameless one.
fn choices<'a>(words: &[&'a str]) -> Vec<Choice<'a>> {
    let mut choices: Vec<Choice<'a>> = Vec::new();
    let mut not = false;
    for word in words.iter().copied() {
        if word == "!" {
            not = true;
        } else if word.starts_with('-') && word.len() > 1 && number(word).is_none() {
            choices.push(Choice { not, name: word, values: Vec::new() });
            not = false;
        } else if let Some(last) = choices.last_mut() {
            last.values.push(word);
        } else {
            choices.push(Choice { not, name: "", values: vec![word] });
        }
    }
    choices
}

/// The options that need no module.
pub(crate) fn head(words: &[&str], protocol: &mut Option<u8>) -> Vec<Test> {
    let mut tests = Vec::new();
    for Choice { not, name, values } in choices(words) {
        let value = values.first().copied().unwrap_or_default();
        let pattern = match name {
            "-s" | "-d" => network(value),
            "-i" | "-o" => Some(interface(value, '+')),
            "-p" if value == "all" => Some(Pattern::Any),
            "-p" => protocol_number(value).map(|number| {
                *protocol = if not { None } else { u8::try_from(number).ok() };
                Pattern::Numbers(number, number)
            }),
            "-c" => continue,
            // A later fragment; the packets here are whole.
            "-f" if not => continue,
            "-f" => {
                tests.push(Test::Never);
                continue;
            }
            _ => None,
        };
        let field = match name {
            "-s" => Field::Source,
            "-d" => Field::Target,
            "-i" => Field::Enters,
            "-o" => Field::Leaves,
            _ => Field::Protocol,
        };
        tests.push(match pattern {
            Some(pattern) => Test::one(field, not, pattern),
            None => Test::Unclear(format!("{name} {}", values.join(" "))),
        });
    }
    tests
}

/// The options of one module.
pub(crate) fn module(name: &str, words: &[&str], protocol: Option<u8>, v6: bool, sets: &Sets) -> Vec<Test> {
    let choices = choices(words);
    let unclear = || vec![Test::Unclear(format!("-m {name} {}", words.join(" ")))];
    match name {
        // It notes, or has noted, and is no condition.
        "comment" => Vec::new(),
        "recent" => recent(&choices).unwrap_or_else(unclear),
        "rpfilter" => vec![reverse_path(&choices)],
        "addrtype" => address_kind(&choices, v6).unwrap_or_else(unclear),
        // Every packet that is walked goes through the host's own network layer.
        "physdev" => match choices.as_slice() {
            [Choice { name: "--physdev-is-bridged", not, .. }] => never(!not),
            _ => unclear(),
        },
        "pkttype" => match choices.as_slice() {
            [Choice { name: "--pkt-type", values, not }] => never((values.as_slice() != ["unicast"]) != *not),
            _ => unclear(),
        },
        "set" => choices
            .iter()
            .map(|choice| match (choice.name, choice.values.as_slice()) {
                ("--match-set", [set, directions]) => sets.test(set, directions, choice.not),
                (option, _) => Test::Unclear(format!("-m set {option}")),
            })
            .collect(),
        "multiport" if choices.iter().any(|choice| choice.name == "--ports") => match choices.as_slice() {
            [choice] => either_port(choice).map_or_else(unclear, |test| vec![test]),
            _ => unclear(),
        },
        _ => choices
            .iter()
            .map(|choice| {
                single(name, choice, protocol, v6).unwrap_or_else(|| {
                    Test::Unclear(format!("-m {name} {} {}", choice.name, choice.values.join(" ")))
                })
            })
            .collect(),
    }
}

fn never(never: bool) -> Vec<Test> {
    if never { vec![Test::Never] } else { Vec::new() }
}

/// A test that stands in one option.
fn single(module: &str, choice: &Choice<'_>, protocol: Option<u8>, v6: bool) -> Option<Test> {
    let value = choice.values.first().copied()?;
    let port = |target| match protocol {
        Some(protocol) => Field::PortOf { protocol, target },
        None if target => Field::TargetPort,
        None => Field::SourcePort,
    };
    let (field, patterns) = match (module, choice.name) {
        ("tcp" | "udp" | "sctp" | "udplite", "--dport") => (port(true), vec![ports(value)?]),
        ("tcp" | "udp" | "sctp" | "udplite", "--sport") => (port(false), vec![ports(value)?]),
        ("tcp", "--tcp-flags") => {
            let [mask, set] = choice.values.as_slice() else { return None };
            let set = u64::from(tcp_flags(set)?);
            (Field::TcpFlags(tcp_flags(mask)?), vec![Pattern::Numbers(set, set)])
        }
        ("multiport", "--dports") => (port(true), value.split(',').map(ports).collect::<Option<_>>()?),
        ("multiport", "--sports") => (port(false), value.split(',').map(ports).collect::<Option<_>>()?),
        ("icmp" | "icmp6" | "icmpv6", "--icmp-type" | "--icmpv6-type") => {
            let patterns = match value {
                "any" => vec![Pattern::Any],
                _ => vec![exactly(value.split('/').next()?.parse().ok()?)],
            };
            (if v6 { Field::Icmp6Type } else { Field::IcmpType }, patterns)
        }
        ("state", "--state") | ("conntrack", "--ctstate") => (Field::State, vec![states(value)?]),
        ("conntrack", "--ctstatus") => (Field::Status, vec![statuses(value)?]),
        ("conntrack", "--ctdir") => {
            (Field::Direction, vec![exactly(u64::from(value.eq_ignore_ascii_case("reply")))])
        }
        ("conntrack", "--ctproto") => (Field::Protocol, vec![exactly(protocol_number(value)?)]),
        ("conntrack", "--ctorigdst") => (Field::FirstTarget, vec![network(value)?]),
        ("conntrack", "--ctorigsrc") => (Field::FirstSource, vec![network(value)?]),
        ("conntrack", "--ctorigdstport") => (Field::FirstTargetPort, vec![ports(value)?]),
        ("mark", "--mark") => marks(value, Field::Mark)?,
        ("connmark", "--mark") => marks(value, Field::ConnectionMark)?,
        ("iprange", "--src-range") => (Field::Source, vec![addresses(value)?]),
        ("iprange", "--dst-range") => (Field::Target, vec![addresses(value)?]),
        _ => return None,
    };
    Some(Test::any(field, choice.not, patterns))
}

fn exactly(number: u64) -> Pattern {
    Pattern::Numbers(number, number)
}

fn ports(value: &str) -> Option<Pattern> {
    let (first, last) = value.split_once(':').unwrap_or((value, value));
    let first = if first.is_empty() { 0 } else { first.parse().ok()? };
    let last = if last.is_empty() { 65535 } else { last.parse().ok()? };
    Some(Pattern::Numbers(first, last))
}

/// The ports of both sides, one of which must be on the list.
fn either_port(choice: &Choice<'_>) -> Option<Test> {
    let list: Vec<Pattern> = choice.values.first()?.split(',').map(ports).collect::<Option<_>>()?;
    let both = |port: Pattern| [vec![port.clone(), Pattern::Any], vec![Pattern::Any, port]];
    let any = list.into_iter().flat_map(both).collect();
    Some(Test::Among { fields: vec![Field::SourcePort, Field::TargetPort], not: choice.not, any })
}

fn addresses(value: &str) -> Option<Pattern> {
    let (first, last) = value.split_once('-')?;
    Some(Pattern::Addresses(first.parse::<IpAddr>().ok()?, last.parse::<IpAddr>().ok()?))
}

fn marks(value: &str, field: impl Fn(u32) -> Field) -> Option<(Field, Vec<Pattern>)> {
    let (value, mask) = value.split_once('/').unwrap_or((value, "0xffffffff"));
    Some((field(u32::try_from(number(mask)?).ok()?), vec![exactly(number(value)?)]))
}

fn states(value: &str) -> Option<Pattern> {
    value.split(',').map(state::named).sum::<Option<u64>>().map(Pattern::Bits)
}

fn statuses(value: &str) -> Option<Pattern> {
    let bit = |word: &str| match word {
        "SEEN_REPLY" => Some(status::SEEN_REPLY),
        "ASSURED" => Some(status::ASSURED),
        "CONFIRMED" => Some(status::CONFIRMED),
        "EXPECTED" => Some(0),
        _ => None,
    };
    value.split(',').map(bit).sum::<Option<u64>>().map(Pattern::Bits)
}

/// Flags of TCP by name.
pub(crate) fn tcp_flags(names: &str) -> Option<u8> {
    let mut bits = 0;
    for name in names.split(',') {
        bits |= match name.to_ascii_lowercase().as_str() {
            "fin" => 1,
            "syn" => 2,
            "rst" => 4,
            "psh" => 8,
            "ack" => 16,
            "urg" => 32,
            "all" => 63,
            "none" => 0,
            _ => return None,
        };
    }
    Some(bits)
}

/// A first connection is on no list of those who came often; whoever has to be on a list may be.
fn recent(choices: &[Choice<'_>]) -> Option<Vec<Test>> {
    let has = |name: &str| choices.iter().any(|choice| choice.name == name && !choice.not);
    if choices.iter().any(|choice| choice.not) {
        return None;
    }
    if has("--set") {
        return Some(Vec::new());
    }
    let often = choices.iter().find(|choice| choice.name == "--hitcount")?;
    (often.values.first()?.parse::<u32>().ok()? > 1).then(|| vec![Test::Never])
}

fn reverse_path(choices: &[Choice<'_>]) -> Test {
    let has = |name: &str| choices.iter().any(|choice| choice.name == name);
    let field = Field::ReversePath { loose: has("--loose") };
    Test::one(field, false, exactly(u64::from(!has("--invert"))))
}

fn address_kind(choices: &[Choice<'_>], v6: bool) -> Option<Vec<Test>> {
    let mut on = None;
    let mut tests = Vec::new();
    for choice in choices {
        match choice.name {
            "--limit-iface-in" => on = Some(Side::Enters),
            "--limit-iface-out" => on = Some(Side::Leaves),
            "--src-type" | "--dst-type" => tests.push(choice),
            _ => return None,
        }
    }
    let test = |choice: &&Choice<'_>| {
        let words = choice.values.first()?;
        let mut bits = words.split(',').map(kind::named).fold(0, |all, one| all | one);
        if v6 && words.contains(',') {
            // Several kinds are neither all nor any of them there.
            return None;
        }
        if v6 && bits == kind::UNICAST {
            // There the host's own addresses are of this kind too, which they are not in IPv4.
            bits = !kind::MULTICAST;
        }
        let field = Field::Kind { target: choice.name == "--dst-type", on };
        Some(Test::one(field, choice.not, Pattern::Bits(bits)))
    };
    tests.iter().map(test).collect()
}
