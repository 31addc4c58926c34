//! Address sets, as `ipset save` prints them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::rule::{Field, Pattern, Test, interface, network, protocol_number};

/// The sets of a host, by name.
#[derive(Debug, Default)]
pub(crate) struct Sets(BTreeMap<String, Set>);

#[derive(Debug)]
struct Set {
    parts: Vec<Part>,
    entries: Vec<Vec<Pattern>>,
    /// What in it was not understood.
    unclear: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Address,
    Port,
    Interface,
}

impl Sets {
    pub(crate) fn read(text: &str) -> Self {
        let mut sets = BTreeMap::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["create", name, sort, options @ ..] => {
                    sets.insert((*name).to_owned(), Set::new(sort, options));
                }
                ["add", name, entry, options @ ..] => {
                    if let Some(set) = sets.get_mut(*name) {
                        set.add(entry, options);
                    }
                }
                _ => {}
            }
        }
        Self(sets)
    }

    /// The condition `--match-set NAME DIRECTIONS`.
    pub(crate) fn test(&self, name: &str, directions: &str, not: bool) -> Test {
        let unclear = |why: &str| Test::Unclear(format!("set {name}: {why}"));
        let Some(set) = self.0.get(name) else { return unclear("its members are not known") };
        if let Some(why) = &set.unclear {
            return unclear(why);
        }
        let mut fields = Vec::new();
        let mut directions = directions.split(',');
        for part in &set.parts {
            let Some(direction) = directions.next() else { return unclear("too few directions") };
            let target = direction == "dst";
            match part {
                Part::Address => fields.push(if target { Field::Target } else { Field::Source }),
                Part::Interface => fields.push(if target { Field::Leaves } else { Field::Enters }),
                Part::Port => {
                    fields.push(if target { Field::TargetPort } else { Field::SourcePort });
                    fields.push(Field::Protocol);
                }
            }
        }
        Test::Among { fields, not, any: set.entries.clone() }
    }
}

impl Set {
    fn new(sort: &str, options: &[&str]) -> Self {
        let mut unclear = None;
        let parts = sort.split_once(':').map_or("", |(_, parts)| parts);
        let parts: Vec<Part> = parts
            .split(',')
            .filter_map(|part| match part {
                "ip" | "net" => Some(Part::Address),
                "port" => Some(Part::Port),
                "iface" => Some(Part::Interface),
                _ => None,
            })
            .collect();
        let known = parts.len() == sort.matches(',').count() + 1;
        if !known || options.contains(&"netmask") || options.contains(&"markmask") {
            unclear = Some(format!("sets of type {sort} are not read"));
        }
        Self { parts, entries: Vec::new(), unclear }
    }

    fn add(&mut self, entry: &str, options: &[&str]) {
        let words: Vec<&str> = entry.split(',').collect();
        let mut patterns = Vec::new();
        let understood = !options.contains(&"nomatch")
            && words.len() == self.parts.len()
            && self.parts.iter().zip(&words).all(|(part, word)| member(*part, word, &mut patterns));
        if understood {
            self.entries.push(patterns);
        } else {
            self.unclear = Some(format!("its member {entry} is not understood"));
        }
    }
}

/// One part of a member; false if it was not understood.
fn member(part: Part, word: &str, patterns: &mut Vec<Pattern>) -> bool {
    match part {
        Part::Interface => patterns.push(interface(word, '+')),
        Part::Address => match word.split_once('-') {
            Some((first, last)) => {
                let (Ok(first), Ok(last)) = (first.parse::<IpAddr>(), last.parse::<IpAddr>()) else {
                    return false;
                };
                patterns.push(Pattern::Addresses(first, last));
            }
            None => match network(word) {
                Some(pattern) => patterns.push(pattern),
                None => return false,
            },
        },
        Part::Port => {
            let (protocol, ports) = word.split_once(':').unwrap_or(("", word));
            let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
            let (Ok(first), Ok(last)) = (first.parse::<u64>(), last.parse::<u64>()) else { return false };
            patterns.push(Pattern::Numbers(first, last));
            patterns.push(match protocol {
                "" => Pattern::Any,
                name => match protocol_number(name) {
                    Some(number) => Pattern::Numbers(number, number),
                    None => return false,
                },
            });
        }
    }
    true
}
