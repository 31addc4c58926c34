//! All rule sets of a host, read and put in the order in which the kernel runs them.

use std::collections::BTreeSet;

use super::nft::{self, Below};
use super::rule::{Hook, Purpose, Table};
use super::save;
use super::sets::Sets;
use crate::facts::Fact;
use crate::facts::firewall::Firewall;

/// The packet filters of a host.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) tables: Vec<Table>,
    pub(crate) below: Vec<Below>,
    /// For each table: it changes what a later chain may test.
    pub(crate) marks: Vec<bool>,
    /// Why nothing can be said of a family: IPv4, IPv6.
    unseen: [Option<String>; 2],
}

/// One chain on a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attached<'a> {
    pub(crate) priority: i64,
    pub(crate) table: usize,
    pub(crate) chain: &'a str,
}

impl Rules {
    pub(crate) fn read(facts: &Firewall) -> Self {
        let sets = facts.ipsets.known().map(|text| Sets::read(text)).unwrap_or_default();
        let mut rules =
            Self { tables: Vec::new(), below: Vec::new(), marks: Vec::new(), unseen: [None, None] };
        let mut shown = BTreeSet::new();
        let dumps = [
            (&facts.iptables_legacy, false, true),
            (&facts.ip6tables_legacy, true, true),
            (&facts.iptables, false, false),
            (&facts.ip6tables, true, false),
        ];
        for (dump, v6, legacy) in dumps {
            let read = match dump {
                Fact::Known(text) => save::read(text, v6, legacy, &sets),
                Fact::Nothing { .. } => Ok(Vec::new()),
                Fact::Unknown { why } => Err(why.clone()),
            };
            match read {
                Ok(tables) => {
                    if !legacy {
                        let names = tables.iter().filter_map(|table| table.name.split_once(' '));
                        shown.extend(names.map(|(_, name)| (v6, name.to_owned())));
                    }
                    rules.tables.extend(tables);
                }
                Err(why) => rules.miss(v6, &why),
            }
        }
        let native = match &facts.nftables {
            Fact::Known(objects) => nft::read(objects, &shown),
            Fact::Nothing { .. } => Ok(nft::Native::default()),
            Fact::Unknown { why } => Err(why.clone()),
        };
        match native {
            Ok(native) => {
                rules.tables.extend(native.tables);
                rules.below = native.below;
            }
            Err(why) => {
                rules.miss(false, &why);
                rules.miss(true, &why);
            }
        }
        rules.marks = rules.tables.iter().map(Table::marks).collect();
        rules
    }

    fn miss(&mut self, v6: bool, why: &str) {
        self.unseen[usize::from(v6)].get_or_insert_with(|| format!("rules are not known: {why}"));
    }

    pub(crate) fn why_unseen(&self, v6: bool) -> Option<&str> {
        self.unseen[usize::from(v6)].as_deref()
    }

    /// The chains on a hook, in order.
    pub(crate) fn attached(&self, hook: Hook, purpose: Purpose, v6: bool) -> Vec<Attached<'_>> {
        let mut attached = Vec::new();
        for (at, table) in self.tables.iter().enumerate() {
            if !(if v6 { table.v6 } else { table.v4 }) {
                continue;
            }
            for (name, chain) in &table.chains {
                match &chain.base {
                    Some(base) if base.hook == hook && base.purpose == purpose => {
                        attached.push(Attached { priority: base.priority, table: at, chain: name });
                    }
                    _ => {}
                }
            }
        }
        attached.sort();
        attached
    }
}
