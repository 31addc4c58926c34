//! `[host.NAME]`: a machine that services are deployed to.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::codes;
use crate::field::{Field, Shape};
use crate::nearest::nearest;
use crate::plan::HostPlan;
use crate::section::{Reading, Section};
use crate::shape::shown;
use crate::tables::{Form, TableRow, named, safe};
use crate::tree::Table;

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "host",
    doc: "A machine that services are deployed to: by ssh, as the user's ssh_config and known_hosts say, or this machine.",
    form: Form::Named,
    fields: FIELDS,
    example: "[host.ams1]\naddress = \"203.0.113.10\"\nssh = \"deploy@203.0.113.10\"\n",
};

/// Most hosts of a file.
pub const HOST_LIMIT: usize = 100;

/// How this machine is called where no table is about it.
pub const HERE: &str = "localhost";

const FIELDS: &[Field] = &[
    Field::new(
        "address",
        Shape::Text,
        "The name or address where users reach it. Nothing uses it yet but people who read the file.",
        "\"203.0.113.10\"",
    ),
    Field::new(
        "ssh",
        Shape::Text,
        "How ssh(1) reaches it: `user@host`, `ssh://user@host:port` or a name from ssh_config. Without it, it is this \
         machine, and only one can be that.",
        "\"deploy@203.0.113.10\"",
    ),
];

/// The hosts of a file.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// Those without a fault, in the order of the file.
    pub(crate) plans: Vec<HostPlan>,
    /// All of them, so that a fault is not reported again by each table that refers to it.
    names: BTreeSet<String>,
}

impl Hosts {
    /// Reads every `[host.NAME]`.
    pub(crate) fn read(reading: &Reading<'_>, document: &Table) -> Self {
        let mut hosts = Self::default();
        let mut here: Option<String> = None;
        for (at, (entry, table)) in named(reading, document, ROW.name).into_iter().enumerate() {
            if at == HOST_LIMIT {
                let what = format!("more than {HOST_LIMIT} hosts");
                reading.error(codes::TOO_MANY, &entry.span, what);
                break;
            }
            hosts.names.insert(entry.key.clone());
            let path = format!("host.{}", shown(&entry.key));
            let section = Section::open(reading, table, vec![FIELDS], path, entry.node.span.clone());
            if !safe::is_name(&entry.key) {
                reading
                    .error(codes::BAD_NAME, &entry.span, "this is no usable name of a host".into())
                    .help(safe::NAME_HELP.into());
                continue;
            }
            let Some(plan) = host(&section, &entry.key) else { continue };
            if plan.ssh.is_none() {
                if let Some(first) = &here {
                    reading
                        .error(
                            codes::CONTRADICTION,
                            &entry.span,
                            format!("[host.{first}] is this machine already, having no `ssh`"),
                        )
                        .help("add `ssh = \"user@host\"` to the one that is another machine".into());
                    continue;
                }
                here = Some(plan.name.clone());
            }
            hosts.plans.push(plan);
        }
        hosts
    }

    /// This machine: the host without `ssh`, else one that no table is about.
    pub(crate) fn here(&self) -> HostPlan {
        self.plans.iter().find(|host| host.ssh.is_none()).cloned().unwrap_or_else(|| HostPlan {
            name: HERE.to_owned(),
            address: None,
            ssh: None,
        })
    }

    /// The hosts that a service names, in its order; none if one of them is unknown or faulty, which is reported.
    pub(crate) fn of(
        &self,
        reading: &Reading<'_>,
        items: &[(String, Range<usize>)],
    ) -> Option<Vec<HostPlan>> {
        let mut found: Vec<HostPlan> = Vec::new();
        for (at, (text, place)) in items.iter().enumerate() {
            if items[..at].iter().any(|(earlier, _)| earlier == text) {
                reading
                    .error(codes::BAD_VALUE, place, format!("\"{}\" stands here twice", shown(text)))
                    .help("take one of them out".into());
                continue;
            }
            if !self.names.contains(text) {
                self.unknown(reading, text, place);
                continue;
            }
            found.extend(self.plans.iter().find(|host| host.name == *text).cloned());
        }
        (found.len() == items.len()).then_some(found)
    }

    fn unknown(&self, reading: &Reading<'_>, text: &str, place: &Range<usize>) {
        let what = format!("no [host.{}] in this file", shown(text));
        let mut fault = reading.error(codes::UNKNOWN_NAME, place, what);
        match nearest(text, self.names.iter().map(String::as_str)) {
            Some(meant) => fault.help(format!("did you mean \"{meant}\"?")),
            None if self.names.is_empty() => fault.help(
                "add a [host.NAME] table with its `ssh`; without `hosts`, a service is deployed to this machine".into(),
            ),
            None => {
                let known: Vec<&str> = self.names.iter().map(String::as_str).take(10).collect();
                fault.help(format!("the file has {}", known.join(", ")));
            }
        }
    }
}

fn host(section: &Section<'_>, name: &str) -> Option<HostPlan> {
    let mut host = HostPlan { name: name.to_owned(), address: None, ssh: None };
    if section.has("address") {
        let address = section.text("address")?;
        if !safe::is_address(&address) {
            section.refuse(
                "address",
                "this is no name or address of a host",
                "write it without scheme, port and path: \"203.0.113.10\" or \"ams1.example.com\"",
            );
            return None;
        }
        host.address = Some(address);
    }
    if section.has("ssh") {
        let ssh = section.text("ssh")?;
        if let Some((what, help)) = safe::ssh_objection(&ssh) {
            section.refuse("ssh", what, help);
            return None;
        }
        host.ssh = Some(ssh);
    }
    Some(host)
}
