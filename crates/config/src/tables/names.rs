//! Names that refer to other names: resolved while reading, so that a plan that loads can be carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use muster_core::ids::{ChannelName, ExpectationId, NameError};

use crate::codes;
use crate::nearest::nearest;
use crate::section::{Reading, Section};
use crate::shape::shown;
use crate::tables::{NOT_YET, host};
use crate::tree::{Entry, Table, Value};

/// Every name that the file defines, each with the place of its definition.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Below `[notify]`.
    pub(crate) channels: BTreeMap<ChannelName, Range<usize>>,
    /// Below `[escalation]`.
    pub(crate) escalations: BTreeMap<String, Range<usize>>,
    /// Jobs, checks, peers and deploys.
    pub(crate) expectations: BTreeMap<ExpectationId, Range<usize>>,
    /// The peers that have an address.
    callable: BTreeSet<String>,
}

impl Names {
    /// All of them, whether or not their tables are well formed, so that one fault is not reported again by each table
    /// that refers to it.
    pub(crate) fn of(
        reading: &Reading<'_>,
        document: &Table,
        families: &[(&str, &[(&Entry, &Table)])],
    ) -> Self {
        let refuse = |entry: &Entry, error: NameError| {
            reading.error(codes::BAD_NAME, &entry.span, format!("this is no usable name: {error}"));
        };
        let mut names = Self::default();
        let peers = document.table("peer").map(|table| table.entries.as_slice()).unwrap_or_default();
        let with_url =
            |entry: &&Entry| matches!(&entry.node.value, Value::Table(table) if table.get("url").is_some());
        names.callable = peers.iter().filter(with_url).map(|entry| entry.key.clone()).collect();
        for entry in document.table("notify").iter().flat_map(|table| &table.entries) {
            match ChannelName::new(&entry.key) {
                Ok(name) => {
                    names.channels.insert(name, entry.span.clone());
                }
                Err(error) => refuse(entry, error),
            }
        }
        for entry in document.table("escalation").iter().flat_map(|table| &table.entries) {
            names.escalations.insert(entry.key.clone(), entry.span.clone());
        }
        for (family, tables) in families {
            for (entry, _) in *tables {
                match ExpectationId::of(family, &entry.key) {
                    Ok(id) => {
                        names.expectations.insert(id, entry.span.clone());
                    }
                    Err(error) => refuse(entry, error),
                }
            }
        }
        names
    }

    /// The channel of that name, or a fault at `place`.
    pub(crate) fn channel(
        &self,
        reading: &Reading<'_>,
        text: &str,
        place: &Range<usize>,
    ) -> Option<ChannelName> {
        let found = ChannelName::new(text).ok().filter(|name| self.channels.contains_key(name));
        if found.is_none() {
            let mut fault = reading.error(
                codes::UNKNOWN_NAME,
                place,
                format!("no [notify.{}] in this file", shown(text)),
            );
            match nearest(text, self.channels.keys().map(ChannelName::as_str)) {
                Some(meant) => fault.help(format!("did you mean \"{meant}\"?")),
                None if self.channels.is_empty() => {
                    fault.help("the file has no [notify] table at all; add one".into());
                }
                None => {
                    let known: Vec<&str> = self.channels.keys().map(ChannelName::as_str).take(10).collect();
                    fault.help(format!("the file has {}", known.join(", ")));
                }
            }
        }
        found
    }

    /// The channels of those names, each once: a name that is there twice must not tell twice.
    pub(crate) fn channels(
        &self,
        reading: &Reading<'_>,
        items: &[(String, Range<usize>)],
    ) -> Vec<ChannelName> {
        let mut found = Vec::new();
        for (text, place) in items {
            if let Some(name) = self.channel(reading, text, place)
                && !found.contains(&name)
            {
                found.push(name);
            }
        }
        found
    }

    /// True if there is an escalation of that name, else a fault at `place`.
    pub(crate) fn has_escalation(&self, reading: &Reading<'_>, text: &str, place: &Range<usize>) -> bool {
        let found = self.escalations.contains_key(text);
        if !found {
            let what = format!("no [escalation.{}] in this file", shown(text));
            let mut fault = reading.error(codes::UNKNOWN_NAME, place, what);
            match nearest(text, self.escalations.keys().map(String::as_str)) {
                Some(meant) => fault.help(format!("did you mean \"{meant}\"?")),
                None if self.escalations.is_empty() => {
                    fault.help("the file has no [escalation] table at all; add one".into());
                }
                None => {
                    let known: Vec<&str> = self.escalations.keys().map(String::as_str).take(10).collect();
                    fault.help(format!("the file has {}", known.join(", ")));
                }
            }
        }
        found
    }

    /// True if the peer that a check is to be made from can be asked, else a fault.
    pub(crate) fn is_callable(&self, section: &Section<'_>, name: &str) -> bool {
        if self.callable.contains(name) {
            return true;
        }
        let is_there = ExpectationId::of("peer", name).is_ok_and(|id| self.expectations.contains_key(&id));
        let place = section
            .items("from")
            .into_iter()
            .find(|(text, _)| text.strip_prefix("peer:") == Some(name))
            .map_or_else(|| section.place("from"), |(_, place)| place);
        let what = match is_there {
            true => format!("[peer.{}] has no `url`, so it cannot be asked to look", shown(name)),
            false => format!("no [peer.{}] in this file", shown(name)),
        };
        let mut fault = section.reading().error(codes::UNKNOWN_NAME, &place, what);
        match nearest(name, self.callable.iter().map(String::as_str)) {
            Some(meant) => fault.help(format!("did you mean \"peer:{meant}\"?")),
            None if is_there => fault.help("add its `url`, or look from the host".into()),
            None => fault.help("add a [peer.NAME] table with its `url` and `key`".into()),
        }
        false
    }

    /// Those that a table depends on, each once.
    pub(crate) fn parents(&self, section: &Section<'_>) -> Vec<ExpectationId> {
        let mut found = Vec::new();
        for (text, place) in section.items("depends_on") {
            found.extend(self.parent(section, &text, &place).filter(|parent| !found.contains(parent)));
        }
        found
    }

    fn parent(&self, section: &Section<'_>, text: &str, place: &Range<usize>) -> Option<ExpectationId> {
        let table = text.split_once('.').map_or("", |(table, _)| table);
        // Hosts are deployed to; nothing is known yet of how they are.
        if NOT_YET.contains(&table) || table == host::ROW.name {
            section.reading().not_yet(place, &format!("`depends_on` of a [{table}]"));
            return None;
        }
        self.expectation(section.reading(), text, place)
    }

    /// The job or check of that name, or a fault at `place`.
    pub(crate) fn expectation(
        &self,
        reading: &Reading<'_>,
        text: &str,
        place: &Range<usize>,
    ) -> Option<ExpectationId> {
        let found = ExpectationId::new(text).ok().filter(|id| self.expectations.contains_key(id));
        if found.is_none() {
            let mut fault = reading.error(
                codes::UNKNOWN_NAME,
                place,
                format!("no job, check or peer is called `{}`", shown(text)),
            );
            // Nearness is judged by the name alone: "job.c" is no slip of "job.a".
            let name = text.split_once('.').map_or(text, |(_, name)| name);
            let known = || self.expectations.keys();
            let same = known().find(|id| id.name() == name);
            let near = || nearest(name, known().map(ExpectationId::name));
            match same.or_else(|| near().and_then(|near| known().find(|id| id.name() == near))) {
                Some(meant) => fault.help(format!("did you mean \"{meant}\"?")),
                None => fault.help("write table and name, such as \"check.uplink\"".into()),
            }
        }
        found
    }
}

/// Finds the names that lead back to themselves; each circle is given once, beginning with its first name.
pub(crate) fn circles<K: Ord + Clone>(next: &BTreeMap<K, Vec<K>>) -> Vec<Vec<K>> {
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for first in next.keys().filter(|first| !done.contains(*first)).collect::<Vec<_>>() {
        // The way from the first name, each with those that are still to be followed from it.
        let mut way: Vec<(&K, std::slice::Iter<'_, K>)> = Vec::new();
        let mut step = Some(first);
        loop {
            if let Some(name) = step.take() {
                if let Some(start) = way.iter().position(|(seen, _)| *seen == name) {
                    found.push(way[start..].iter().map(|(seen, _)| (*seen).clone()).collect());
                } else if done.insert(name.clone()) {
                    way.push((name, next.get(name).map(|names| names.iter()).unwrap_or_default()));
                }
            }
            match way.last_mut().map(|(_, rest)| rest.next()) {
                Some(Some(name)) => step = Some(name),
                Some(None) => drop(way.pop()),
                None => break,
            }
        }
    }
    found
}

/// Reports names that lead back to themselves.
pub(crate) fn circle_fault(
    reading: &Reading<'_>,
    what: &str,
    mut words: Vec<&str>,
    place: Option<&&Range<usize>>,
) {
    if let Some(first) = words.first().copied() {
        words.push(first);
    }
    let place = place.map_or(0..0, |place| (*place).clone());
    reading
        .error(codes::CYCLE, &place, format!("{what} lead in a circle: {}", words.join(" → ")))
        .help("take one of them out".into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_circle_is_found_once() {
        let next: BTreeMap<&str, Vec<&str>> = [
            ("a", vec!["b"]),
            ("b", vec!["x", "c"]),
            ("c", vec!["b"]),
            ("d", vec!["d"]),
            ("e", vec!["f"]),
            ("g", vec!["a", "b"]),
        ]
        .into();
        assert_eq!(circles(&next), [vec!["b", "c"], vec!["d"]]);
    }

    #[test]
    fn two_ways_to_the_same_name_are_no_circle() {
        let next: BTreeMap<&str, Vec<&str>> =
            [("a", vec!["b", "c"]), ("b", vec!["d"]), ("c", vec!["d"]), ("d", vec!["e"])].into();
        assert!(circles(&next).is_empty());
    }

    #[test]
    fn a_long_chain_is_no_circle() {
        let next: BTreeMap<u32, Vec<u32>> = (0..5000).map(|n| (n, vec![n + 1])).collect();
        assert!(circles(&next).is_empty());
    }
}
