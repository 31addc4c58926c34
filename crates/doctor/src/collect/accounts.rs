//! How long accounts are good for (`/etc/shadow`), groups, and who else knows users. Digests of passwords are passed over.

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::accounts::{Accounts, Term};

pub(super) const COLLECTOR: Collector = Collector {
    name: "accounts",
    within: WITHIN,
    read,
    blind: |facts, why| facts.accounts = Fact::unknown(why),
};

fn read(ground: &Ground) -> Put {
    let text = |path: &str| ground.read(path).ok().flatten().map(|text| text.lossy()).unwrap_or_default();
    let terms = match ground.read("/etc/shadow") {
        Ok(Some(text)) => Fact::Known(text.lossy().lines().filter_map(term).collect()),
        Ok(None) => Fact::nothing("there is no /etc/shadow"),
        Err(why) => Fact::unknown(format!("/etc/shadow: {why}")),
    };
    let accounts = Accounts {
        directories: directories(&text("/etc/nsswitch.conf")),
        groups: text("/etc/group").lines().filter_map(group).collect(),
        members: text("/etc/group").lines().filter_map(members).collect(),
        terms,
    };
    Box::new(|facts| facts.accounts = Fact::Known(accounts))
}

/// Who is asked for users besides `/etc/passwd`.
fn directories(text: &str) -> Vec<String> {
    let asked = text.lines().find_map(|line| line.trim().strip_prefix("passwd:")).unwrap_or_default();
    asked
        .split_whitespace()
        .filter(|word| !word.starts_with('[') && !["files", "systemd", "compat"].contains(word))
        .map(str::to_owned)
        .collect()
}

fn group(line: &str) -> Option<(u32, String)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
}

/// Those whose own group it is are not named there.
fn members(line: &str) -> Option<(u32, Vec<String>)> {
    let (gid, names) = (group(line)?.0, line.split(':').nth(3)?);
    let names: Vec<String> =
        names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    (!names.is_empty()).then_some((gid, names))
}

fn term(line: &str) -> Option<Term> {
    let fields: Vec<&str> = line.split(':').collect();
    let day = |at: usize| fields.get(at).and_then(|field: &&str| field.parse().ok());
    (fields.len() >= 8).then(|| Term {
        user: fields[0].to_owned(),
        expires: day(7),
        changed: day(2),
        lasts: day(4),
    })
}
