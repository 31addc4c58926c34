//! `[drift]`: what of this host is held against the state that somebody accepted.

use std::collections::BTreeMap;
use std::ops::Range;

use muster_core::expectation::{Expectation, Hearing, Level, Rhythm};
use muster_core::ids::ExpectationId;
use muster_core::time::Span;

use crate::codes;
use crate::field::{Field, SECOND, Shape};
use crate::glob::Glob;
use crate::nearest::nearest;
use crate::plan::{DriftPlan, Watch, WatchItem};
use crate::section::Section;
use crate::tables::{Form, TableRow};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "drift",
    doc: "What of this host is held against the state that somebody accepted. The first look accepts what it sees; after \
          that each change is an alarm with the difference, until it is taken back or `muster drift accept` accepts it. \
          Secrets are blotted, and of `.env` files only the names of the keys are looked at.",
    form: Form::Single,
    fields: FIELDS,
    example: "[drift]\nwatch = [\"/etc/nginx\", \"/etc/systemd/system\", \"crontabs\", \"firewall\", \"sshd\", \
              \"env-keys:/opt/*/.env\"]\n",
};

/// Most items.
pub const ITEM_LIMIT: usize = 64;

/// How an item begins that is about the names of keys.
const KEYS: &str = "env-keys:";

/// The words that stand for more than one file.
const WORDS: [&str; 4] = ["crontabs", "firewall", "sshd", "env-keys"];

/// What people may write instead, and what they mean.
const MEANT: [(&str, &str); 11] = [
    ("nginx", "/etc/nginx"),
    ("systemd", "/etc/systemd/system"),
    ("cron", "crontabs"),
    ("crontab", "crontabs"),
    ("ssh", "sshd"),
    ("ufw", "firewall"),
    ("iptables", "firewall"),
    ("nftables", "firewall"),
    ("nft", "firewall"),
    ("env", "env-keys:/opt/*/.env"),
    ("env-keys", "env-keys:/opt/*/.env"),
];

/// Longest name made of an item, in bytes.
const NAME_LIMIT: usize = 60;

/// The time a look may take, and some for a host that is short of breath.
const GRACE: Span = Span::seconds(120);

const FIELDS: &[Field] = &[
    Field::new(
        "watch",
        Shape::List(&Shape::Text, 1),
        "Absolute paths of files and of folders with all below them, also with wildcards; `crontabs`: what cron reads; \
         `firewall`: the rules in force, without those that containers and bans change all the time, and the files they are \
         made of; `sshd`: what the SSH server reads; `env-keys:GLOB`: the names of the keys in these files. 2000 files of at \
         most 256 KiB, and 8 MiB in all: an item that goes beyond is unknown.",
        "[\"/etc/nginx\", \"crontabs\", \"env-keys:/opt/*/.env\"]",
    )
    .required(),
    Field::new(
        "every",
        Shape::Duration(10 * SECOND, 24 * 3600 * SECOND),
        "From one look to the next. What was accepted counts within seconds.",
        "\"5m\"",
    )
    .default("\"5m\""),
    Field::new(
        "notify",
        Shape::List(&Shape::Text, 0),
        "Whom to tell; else `notify` of [defaults].",
        "[\"ops\"]",
    ),
    Field::new(
        "escalate",
        Shape::Text,
        "The [escalation] table that says who is told, in place of `notify`; as for jobs and checks.",
        "\"default\"",
    ),
];

/// Reads the table; whom to tell is resolved later. Each item is an expectation of its own.
pub(crate) fn read(section: &Section<'_>) -> Option<(DriftPlan, Vec<Expectation>)> {
    let every = section.duration("every")?;
    let items = section.items("watch");
    if let Some((_, place)) = items.get(ITEM_LIMIT) {
        let what = format!("{} items, and at most {ITEM_LIMIT} are watched", items.len());
        refuse(section, place, what, "name the folder that several of them lie in".to_owned());
        return None;
    }
    let mut seen: Vec<&str> = Vec::new();
    let mut named: Vec<(&str, Watch)> = Vec::new();
    for (text, place) in &items {
        let text = text.as_str();
        if seen.contains(&text) {
            refuse(section, place, format!("{text:?} stands here twice"), "take one of them out".to_owned());
            continue;
        }
        seen.push(text);
        match item(text) {
            Ok(watch) => named.push((text, watch)),
            Err((what, help)) => refuse(section, place, what, help),
        }
    }
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for (text, _) in &named {
        *count.entry(plain_name(text)).or_default() += 1;
    }
    let watch: Vec<WatchItem> = named
        .into_iter()
        .filter_map(|(text, what)| {
            let name = plain_name(text);
            let is_own = name.len() <= NAME_LIMIT && count.get(&name) == Some(&1);
            let name = if is_own { name } else { marked(&name, text) };
            Some(WatchItem { id: ExpectationId::of("drift", &name).ok()?, text: text.to_owned(), what })
        })
        .collect();
    let expectations = watch.iter().map(|one| expectation(&one.id, every)).collect();
    Some((DriftPlan { watch, every }, expectations))
}

fn refuse(section: &Section<'_>, place: &Range<usize>, what: String, help: String) {
    section.reading().error(codes::BAD_VALUE, place, what).help(help);
}

/// What is expected of an item: that it is looked at, and is as it was accepted.
fn expectation(id: &ExpectationId, every: Span) -> Expectation {
    let mut expectation = Expectation::new(id.clone(), Rhythm::Every(every), GRACE);
    expectation.hearing = Hearing::Direct;
    expectation.severity.odd = Level::Ignore;
    expectation
}

/// What a text means; else what is wrong with it, and what to write.
fn item(text: &str) -> Result<Watch, (String, String)> {
    let globbed = |text: &str| {
        Glob::parse(text)
            .map_err(|mistake| (mistake.what, mistake.help.unwrap_or_else(|| "correct the path".to_owned())))
    };
    match text {
        "crontabs" => return Ok(Watch::Crontabs),
        "firewall" => return Ok(Watch::Firewall),
        "sshd" => return Ok(Watch::Sshd),
        _ => {}
    }
    if let Some(glob) = text.strip_prefix(KEYS) {
        return globbed(glob).map(Watch::Keys);
    }
    if !text.starts_with('/') {
        return Err(unknown(text));
    }
    if text.split('/').any(|name| name == "..") || text.chars().any(char::is_control) {
        return Err((
            format!("{text:?} is no plain path"),
            "write the path without `..` and control characters".to_owned(),
        ));
    }
    if text.contains(['*', '?', '[']) {
        return globbed(text.trim_end_matches('/')).map(Watch::Glob);
    }
    let path: Vec<&str> = text.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    if path.is_empty() {
        return Err((
            "the whole host is more than can be held against anything".to_owned(),
            "name the folders that matter, such as \"/etc/nginx\"".to_owned(),
        ));
    }
    Ok(Watch::Path(format!("/{}", path.join("/"))))
}

fn unknown(text: &str) -> (String, String) {
    let what = format!("{text:?} is neither an absolute path nor one of the words");
    if text.starts_with('~') {
        return (what, "`~` is not expanded here; write the path of the home directory".to_owned());
    }
    let word = text.split_once(':').map_or(text, |(word, _)| word);
    let meant = MEANT.iter().find(|(written, _)| *written == word).map(|(_, meant)| (*meant).to_owned());
    let near = || {
        let near = nearest(word, WORDS.into_iter().chain(["nginx", "systemd"]))?;
        let glob = text.split_once(':').map(|(_, glob)| glob);
        Some(match (near, glob) {
            ("env-keys", Some(glob)) => format!("{KEYS}{glob}"),
            ("env-keys", None) => format!("{KEYS}/opt/*/.env"),
            ("nginx", _) => "/etc/nginx".to_owned(),
            ("systemd", _) => "/etc/systemd/system".to_owned(),
            (word, _) => word.to_owned(),
        })
    };
    let help = match meant.or_else(near) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None if text.contains('/') => format!("begin it with `/`, as in {:?}", format!("/{text}")),
        None => "the words are crontabs, firewall, sshd and env-keys:GLOB".to_owned(),
    };
    (what, help)
}

/// `/etc/nginx` as `etc-nginx`: letters and digits, and dashes in place of what lies between.
fn plain_name(text: &str) -> String {
    let parts: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// A name with a mark of its text, for one that is too long, or that two texts would have: the same in each file,
/// whatever else stands there.
fn marked(name: &str, text: &str) -> String {
    let mark =
        text.bytes().fold(0x811c_9dc5_u32, |mark, byte| (mark ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let cut = &name[..name.len().min(NAME_LIMIT)];
    format!("{}-{mark:08x}", if cut.is_empty() { "item" } else { cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_is_written() {
        for (text, name) in [
            ("/etc/nginx", "etc-nginx"),
            ("/etc/systemd/system/", "etc-systemd-system"),
            ("env-keys:/opt/*/.env", "env-keys-opt-env"),
            ("crontabs", "crontabs"),
            ("/", ""),
        ] {
            assert_eq!(plain_name(text), name);
        }
        assert_ne!(marked("etc-a-b", "/etc/a-b"), marked("etc-a-b", "/etc/a/b"));
        assert!(ExpectationId::of("drift", &marked("", "/*")).is_ok());
        assert!(marked(&"x".repeat(200), "x").len() < 80);
    }

    #[test]
    fn what_is_meant_is_suggested() {
        for (text, help) in [
            ("nginx", "did you mean \"/etc/nginx\"?"),
            ("crontap", "did you mean \"crontabs\"?"),
            ("firewal", "did you mean \"firewall\"?"),
            ("env-key:/opt/*/.env", "did you mean \"env-keys:/opt/*/.env\"?"),
            ("etc/nginx", "begin it with `/`, as in \"/etc/nginx\""),
            ("zebra", "the words are crontabs, firewall, sshd and env-keys:GLOB"),
        ] {
            assert_eq!(item(text).unwrap_err().1, help, "{text}");
        }
        for text in ["/", "/..", "/etc/../x", "env-keys:", "env-keys:opt/.env", "~/x", "/etc/[a", "/a\u{7}"] {
            assert!(item(text).is_err(), "{text}");
        }
        assert_eq!(item("/etc//nginx/."), Ok(Watch::Path("/etc/nginx".to_owned())));
        assert!(matches!(item("/etc/nginx/sites-*/"), Ok(Watch::Glob(_))));
    }
}
