//! Reads the objects of `nft -j list ruleset`: tables, chains, sets and maps.
//!
//! Statements of rules are in `statement`, their comparisons in `compare`. Tables that `iptables-save` showed are left
//! out: nft prints their rules without what it does not know of iptables. Source: libnftables-json(5).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::nft_text;
use super::rule::{Base, Chain, Hook, Purpose, Rule, Table};
use super::statement;

/// What nftables filters on this host beside iptables.
#[derive(Debug, Default)]
pub(crate) struct Native {
    pub(crate) tables: Vec<Table>,
    /// Filters below the network layer, which are not read.
    pub(crate) below: Vec<Below>,
}

/// A filter on frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Below {
    pub(crate) name: String,
    /// The interfaces it hangs on; none for every bridge.
    pub(crate) devices: Option<Vec<String>>,
}

/// Members of one table's sets and maps, by name; without an entry for what was not understood.
pub(crate) type Members<'a> = BTreeMap<String, &'a [Value]>;

/// # Errors
/// In words, if an object lacks what every object of its sort has.
pub(crate) fn read(objects: &[Value], shown: &BTreeSet<(bool, String)>) -> Result<Native, String> {
    let mut native = Native::default();
    let mut tables: BTreeMap<(String, String), (Table, Members<'_>)> = BTreeMap::new();
    let mut aside: BTreeMap<(String, String, String), Below> = BTreeMap::new();
    let mut order = Vec::new();
    for (sort, object) in objects.iter().filter_map(Value::as_object).flatten() {
        let word = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (family, table) = (word("family"), if sort == "table" { word("name") } else { word("table") });
        let (v4, v6) = match family.as_str() {
            "ip" => (true, false),
            "ip6" => (false, true),
            "inet" => (true, true),
            _ => (false, false),
        };
        let key = (family.clone(), table.clone());
        match sort.as_str() {
            "table" if (v4 || v6) && !is_twin(v4, v6, &table, shown) => {
                let dormant = has_flag(object.get("flags"), "dormant");
                let name = format!("{family} {table}");
                let table = Table { name, v4: v4 && !dormant, v6: v6 && !dormant, chains: BTreeMap::new() };
                order.push(key.clone());
                tables.insert(key, (table, Members::new()));
            }
            "set" | "map" => {
                let Some((_, members)) = tables.get_mut(&key) else { continue };
                let list = object.get("elem").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                members.insert(word("name"), list);
            }
            "chain" if object.get("hook").is_some() => {
                let hook = hook(&word("hook"));
                let (Some(hook), Some((table, _))) = (hook, tables.get_mut(&key)) else {
                    if family != "arp" && !is_twin(v4, v6, &table, shown) {
                        let devices = devices(object.get("dev"), &family);
                        let below = Below { name: format!("{family} {table} {}", word("name")), devices };
                        if word("policy") == "drop" {
                            native.below.push(below.clone());
                        }
                        aside.insert((family, table, word("name")), below);
                    }
                    continue;
                };
                let Some(priority) = object.get("prio").and_then(Value::as_i64) else {
                    return Err(format!("chain {} has no priority", word("name")));
                };
                let nat = word("type") == "nat";
                let purpose = if nat { Purpose::Translate } else { Purpose::Filter };
                let base = Some(Base { hook, priority, purpose, drops: word("policy") == "drop" });
                table.chains.insert(word("name"), Chain { base, rules: Vec::new() });
            }
            "chain" => {
                if let Some((table, _)) = tables.get_mut(&key) {
                    table.chains.insert(word("name"), Chain::default());
                }
            }
            "rule" => {
                let statements = object.get("expr").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                if let Some((table, members)) = tables.get_mut(&key) {
                    let chain = table.chains.entry(word("chain")).or_default();
                    let number = chain.rules.len() + 1;
                    let steps = statement::steps(statements, members);
                    chain.rules.push(Rule { number, text: nft_text::rule(statements), steps });
                } else if let Some(below) = aside.get(&(family, table, word("chain"))) {
                    native.below.push(below.clone());
                }
            }
            _ => {}
        }
    }
    native.below.dedup();
    native.tables = order.iter().filter_map(|key| tables.remove(key)).map(|(table, _)| table).collect();
    Ok(native)
}

fn is_twin(v4: bool, v6: bool, table: &str, shown: &BTreeSet<(bool, String)>) -> bool {
    v4 != v6 && shown.contains(&(v6, table.to_owned()))
}

fn hook(word: &str) -> Option<Hook> {
    match word {
        "prerouting" => Some(Hook::Prerouting),
        "input" => Some(Hook::Input),
        "forward" => Some(Hook::Forward),
        "output" => Some(Hook::Output),
        "postrouting" => Some(Hook::Postrouting),
        _ => None,
    }
}

fn has_flag(flags: Option<&Value>, flag: &str) -> bool {
    match flags {
        Some(Value::Array(flags)) => flags.iter().any(|one| one == flag),
        Some(one) => one == flag,
        None => false,
    }
}

fn devices(devices: Option<&Value>, family: &str) -> Option<Vec<String>> {
    let word = |one: &Value| one.as_str().map(str::to_owned);
    match devices {
        Some(Value::Array(many)) => Some(many.iter().filter_map(word).collect()),
        Some(one) => word(one).map(|one| vec![one]),
        None if family == "bridge" => None,
        None => Some(Vec::new()),
    }
}
