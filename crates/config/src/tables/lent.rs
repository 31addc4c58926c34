//! A check that a peer makes for us, and one that we make for a peer: its table as text, and what may stand in it.
//!
//! Only kinds that look over the network are lent, and nothing that names something of one host: no secret, no file. The
//! other side reads the text with its own catalogue and judges it again, because it may come from anybody who has the key.

use muster_core::time::Span;

use crate::kind::Kind;
use crate::section::{Section, secret_of};
use crate::source::Source;
use crate::tree::{self, Node, Table, Value};

/// The kinds that may be lent.
pub const KINDS: &[&str] = &["http", "tcp", "tls", "certificate", "domain", "dns", "ping", "smtp"];

/// The longest table, in bytes.
pub const LIMIT: usize = 8 * 1024;

/// The longest look.
pub const LONGEST: Span = Span::seconds(60);

/// Keys that name a file of the host on which the check is written.
const FILES: &[&str] = &["file", "ca"];

/// The table as a peer is given it: the kind and the kind's own keys. `None` after a fault was reported.
pub(crate) fn lend<K>(section: &Section<'_>, kind: &Kind<K>, timeout: Span) -> Option<String> {
    let refuse = |key: &str, what: String, help: &str| {
        section.refuse(key, what, help);
        None
    };
    if !KINDS.contains(&kind.name) {
        let what = format!("a peer cannot look for a check of kind \"{}\"", kind.name);
        return refuse("from", what, &format!("it looks over the network only: {}", KINDS.join(", ")));
    }
    if timeout > LONGEST {
        let what = format!("a peer looks for {LONGEST} at most, and `timeout` is {timeout}");
        return refuse("timeout", what, "make it shorter, or look from the host");
    }
    let mut text = format!("[check.lent]\nkind = {}\n", quoted(kind.name));
    for field in kind.fields {
        let Some(entry) = section.written().get(field.key) else { continue };
        if let Some(what) = objection(field.key, &entry.node) {
            return refuse(field.key, what, "take it out, or look from the host");
        }
        text.push_str(&format!("{} = {}\n", quoted(field.key), toml_of(&entry.node.value)));
    }
    if text.len() > LIMIT {
        let what = format!("a check that a peer makes has at most {LIMIT} bytes");
        return refuse("from", what, "make it shorter, or look from the host");
    }
    Some(text)
}

/// Reads a table that somebody else lends: its kind and what that makes of it.
///
/// # Errors
/// In words, for what may not be lent and for what cannot be read.
pub fn borrow<K>(text: &str, kinds: &'static [Kind<K>]) -> Result<(&'static str, K), String> {
    if text.len() > LIMIT {
        return Err(format!("it has more than {LIMIT} bytes"));
    }
    let (document, errors) = tree::parse(text);
    let table = document.table("check").and_then(|table| table.table("lent"));
    let (true, Some(table)) = (errors.is_empty(), table) else { return Err("it is no table".to_owned()) };
    let kind = match table.get("kind").map(|entry| &entry.node.value) {
        Some(Value::Text(word)) if KINDS.contains(&word.as_str()) => {
            kinds.iter().find(|kind| kind.name == word).ok_or("its kind is not known here")?
        }
        _ => return Err("its kind is not one that is lent".to_owned()),
    };
    if let Some(what) = table.entries.iter().find_map(|entry| objection(&entry.key, &entry.node)) {
        return Err(what);
    }
    let source = Source { file: "lent", text, zone: "UTC", host: "lent" };
    match kind.read_text(&source, &[]) {
        Ok(part) => Ok((kind.name, part)),
        Err(faults) => Err(faults
            .list()
            .first()
            .map_or_else(|| "it cannot be read".to_owned(), |fault| fault.what.clone())),
    }
}

/// Why a value may not be lent.
fn objection(key: &str, node: &Node) -> Option<String> {
    if FILES.contains(&key) {
        return Some(format!("`{key}` names a file of this host, which a peer does not have"));
    }
    holds_secret(node).then(|| format!("`{key}` refers to a secret of this host, which no peer is given"))
}

fn holds_secret(node: &Node) -> bool {
    match &node.value {
        Value::Table(Table { entries }) => {
            secret_of(node).is_some() || entries.iter().any(|entry| holds_secret(&entry.node))
        }
        Value::List(items) => items.iter().any(holds_secret),
        Value::Text(_) | Value::Whole(_) | Value::Float(_) | Value::Flag(_) | Value::Date(_) => false,
    }
}

/// A value as TOML on one line.
fn toml_of(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Whole(number) => number.to_string(),
        Value::Float(text) | Value::Date(text) => text.clone(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| toml_of(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let pairs: Vec<String> = table
                .entries
                .iter()
                .map(|entry| format!("{} = {}", quoted(&entry.key), toml_of(&entry.node.value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// A basic string: what JSON escapes TOML does as well, and one character more.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
