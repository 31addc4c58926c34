//! One value judged by its row. What passes here can be fetched by [`crate::section::Section`] without a second look.

use std::net::SocketAddr;

use muster_core::time::{Span, SpanError};

use crate::codes::{self, Code};
use crate::field::{Duty, Field, Shape};
use crate::glob::Glob;
use crate::nearest::nearest;
use crate::pattern::{self, Mistake};
use crate::section::Reading;
use crate::tree::{self, Entry, Node, Table, Value};

pub(crate) mod assertions;
mod gathered;
pub(crate) mod moment;

/// Judges the keys of a table by its rows and reports every fault. `path` is the dotted name of the table, `at` the
/// place that a missing key is blamed on.
pub(crate) fn check_table(
    reading: &Reading<'_>,
    table: &Table,
    fields: &[&[Field]],
    path: &str,
    at: &std::ops::Range<usize>,
) {
    let rows = || fields.iter().flat_map(|part| part.iter());
    for entry in &table.entries {
        match rows().find(|row| row.key == entry.key) {
            Some(row) if row.duty == Duty::NotYet => reading.not_yet(&entry.span, &format!("`{}`", row.key)),
            Some(row) => check_value(reading, &entry.node, &row.shape, &format!("{path}.{}", row.key)),
            None => unknown_key(reading, entry, rows(), path),
        }
    }
    for row in rows().filter(|row| row.duty == Duty::Required && table.get(row.key).is_none()) {
        reading
            .error(codes::MISSING, at, format!("[{path}] lacks `{}`", row.key))
            .help(format!("add `{} = {}`", row.key, row.example));
    }
}

fn unknown_key<'f>(
    reading: &Reading<'_>,
    entry: &Entry,
    rows: impl Iterator<Item = &'f Field> + Clone,
    path: &str,
) {
    let meant = nearest(&entry.key, rows.clone().map(|row| row.key));
    let inner = rows.clone().find_map(|row| match row.shape {
        Shape::Table(fields) => fields.iter().find(|field| field.key == entry.key).map(|_| row.key),
        _ => None,
    });
    // The misspelt key of a secret most likely stands before the secret itself.
    if looks_secret(&entry.key) || rows.clone().any(|row| Some(row.key) == meant && is_secret(&row.shape)) {
        reading.hide(&entry.node.span);
    }
    let help = match (meant, inner) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, Some(outer)) => {
            format!("`{}` belongs into `{outer}`: {outer} = {{ {} = … }}", entry.key, entry.key)
        }
        (None, None) => {
            let keys: Vec<&str> = rows.filter(|row| row.duty != Duty::NotYet).map(|row| row.key).collect();
            format!("[{path}] knows {}", keys.join(", "))
        }
    };
    reading
        .error(codes::UNKNOWN_KEY, &entry.span, format!("[{path}] has no key `{}`", shown(&entry.key)))
        .help(help);
}

/// A key or name as a message may quote it: cut where it is endless.
pub(crate) fn shown(word: &str) -> String {
    match word.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

/// True for a key that most likely has a secret behind it.
pub(crate) fn looks_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pass", "secret", "token", "key"].iter().any(|part| key.contains(part))
}

fn is_secret(shape: &Shape) -> bool {
    matches!(shape, Shape::Secret | Shape::OrSecret(_))
}

/// Judges one value and reports every fault in it.
pub(crate) fn check_value(reading: &Reading<'_>, node: &Node, shape: &Shape, path: &str) {
    match (shape, &node.value) {
        (Shape::Secret, _) => check_secret(reading, node, path),
        (Shape::OrSecret(_), Value::Table(_)) => check_secret(reading, node, path),
        (Shape::OrSecret(open), _) => {
            reading.hide(&node.span);
            check_value(reading, node, open, path);
        }
        (Shape::Flag, Value::Flag(_)) => {}
        (Shape::Whole(least, most) | Shape::WholeOr(least, most, _), Value::Whole(number)) => {
            if number < least || number > most {
                bad_value(reading, node, format!("expected {}", shape.expecting()));
            }
        }
        (Shape::WordOr(word, _), Value::Text(text)) if text == word => {}
        (Shape::WordOr(word, _), Value::Text(text)) if !text.starts_with(|c: char| c.is_ascii_digit()) => {
            let what = format!("expected {}", shape.expecting());
            let mut fault = reading.error(codes::BAD_VALUE, &node.span, what);
            if nearest(text, [*word]).is_some() {
                fault.help(format!("did you mean \"{word}\"?"));
            }
        }
        (Shape::WordOr(_, of), Value::Text(_)) => check_value(reading, node, of, path),
        (Shape::OneOrMany(of), Value::List(items)) => {
            if items.is_empty() {
                bad_value(reading, node, format!("expected {}, and at least one of them", shape.expecting()));
            }
            for item in items {
                check_value(reading, item, of, path);
            }
        }
        (Shape::OneOrMany(of), Value::Text(_) | Value::Whole(_)) => check_value(reading, node, of, path),
        (Shape::Factor(least, most), value @ (Value::Whole(_) | Value::Float(_))) => {
            if !thousandths(value).is_some_and(|number| (*least..=*most).contains(&number)) {
                bad_value(reading, node, format!("expected {}", shape.expecting()));
            }
        }
        (Shape::List(of, least), Value::List(items)) => {
            if items.len() < *least {
                bad_value(
                    reading,
                    node,
                    format!("expected {}, and at least {least} of them", shape.expecting()),
                );
            }
            for item in items {
                check_value(reading, item, of, path);
            }
        }
        (Shape::Assertions(terms), Value::List(items)) => {
            assertions::check(reading, node, items, terms, path);
        }
        (Shape::Table(fields) | Shape::WholeOr(_, _, fields), Value::Table(table)) => {
            check_table(reading, table, &[fields], path, &node.span)
        }
        (Shape::Tables(fields, least), Value::List(items)) => {
            gathered::tables(reading, node, items, fields, *least, path);
        }
        (Shape::Json, Value::Table(_) | Value::List(_)) => gathered::json(reading, node, path),
        (Shape::Captures(terms), Value::Table(table)) => gathered::captures(reading, table, terms),
        (Shape::Map(of), Value::Table(table)) => {
            for entry in &table.entries {
                check_value(reading, &entry.node, of, &format!("{path}.{}", entry.key));
            }
        }
        (
            Shape::Text
            | Shape::Choice(_)
            | Shape::Duration(..)
            | Shape::Size(_)
            | Shape::Path
            | Shape::Url
            | Shape::Mailbox
            | Shape::Socket
            | Shape::Zone
            | Shape::Cron
            | Shape::Moment
            | Shape::Timer
            | Shape::Regex
            | Shape::Glob,
            Value::Text(text),
        ) => check_text(reading, node, text, shape),
        (_, found) => {
            let what = format!("expected {}, found {}", shape.expecting(), found.found());
            let mut fault = reading.error(codes::WRONG_TYPE, &node.span, what);
            match (shape, found) {
                (Shape::Duration(..), Value::Whole(number)) => {
                    fault.help(format!("a duration needs a unit: \"{number}s\" or \"{number}m\""));
                }
                (Shape::List(..), Value::Text(text)) => {
                    let shell = if text.contains(' ') {
                        "; a line for the shell is [\"sh\", \"-c\", \"…\"]"
                    } else {
                        ""
                    };
                    fault.help(format!("put it into brackets: […]{shell}"));
                }
                (Shape::Moment, Value::Date(_)) => fault.help("put it into quotes".into()),
                (Shape::Assertions(_), Value::Text(_)) => fault.help("put it into brackets: […]".into()),
                (Shape::Tables(..), Value::Table(_)) => {
                    fault.help(format!("one for each of them, with two brackets: [[{path}]]"));
                }
                _ => {}
            }
        }
    }
}

/// The name of a unit that can be there (systemd.unit(5)): a template such as `export@.timer` never is.
fn is_timer(text: &str) -> bool {
    let bare = text.strip_suffix(".timer").unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || ":_.\\@-".contains(c);
    !bare.is_empty()
        && text.len() <= 255
        && !bare.starts_with('-')
        && !bare.ends_with('@')
        && bare.chars().all(fits)
}

fn bad_value(reading: &Reading<'_>, node: &Node, what: String) {
    reading.error(codes::BAD_VALUE, &node.span, what);
}

fn check_text(reading: &Reading<'_>, node: &Node, text: &str, shape: &Shape) {
    let refuse = |why: &str| bad_value(reading, node, format!("expected {}{why}", shape.expecting()));
    match shape {
        Shape::Choice(words) if !words.contains(&text) => {
            let what = format!("expected {}", shape.expecting());
            let mut fault = reading.error(codes::BAD_VALUE, &node.span, what);
            if let Some(meant) = nearest(text, words.iter().copied()) {
                fault.help(format!("did you mean \"{meant}\"?"));
            }
        }
        Shape::Duration(least, most) => match text.parse::<Span>() {
            Err(SpanError::Unit(unit)) if unit.is_empty() => {
                let number = text.trim();
                let what = format!("expected {}: the unit is missing", shape.expecting());
                reading
                    .error(codes::BAD_VALUE, &node.span, what)
                    .help(format!("write \"{0}s\" or \"{0}m\"", shown(number)));
            }
            Err(error) => refuse(&format!(": {error}")),
            Ok(span) if span.as_millis() < *least => {
                refuse(&format!(", and at least {}", Span::millis(*least)));
            }
            Ok(span) if span.as_millis() > *most => {
                refuse(&format!(", and at most {}", Span::millis(*most)));
            }
            Ok(_) => {}
        },
        Shape::Size(least) => match parse_size(text) {
            None => refuse(": a whole number and one of B, KiB, MiB, GiB, TiB"),
            Some(bytes) if bytes < *least => match least / 1024 {
                0 => refuse(&format!(", and at least {least} B")),
                kib => refuse(&format!(", and at least {kib} KiB")),
            },
            Some(_) => {}
        },
        Shape::Path if text.starts_with('~') => refuse(": `~` is not expanded"),
        Shape::Path if !text.starts_with('/') => refuse(": muster and cron start in different directories"),
        Shape::Path if text.contains('\0') => refuse(""),
        Shape::Url if !is_url(text) => refuse(""),
        Shape::Mailbox if !is_mailbox(text) => refuse(""),
        Shape::Socket if text.parse::<SocketAddr>().is_err() => refuse(""),
        Shape::Text | Shape::Cron | Shape::Zone | Shape::Regex if text.trim().is_empty() => {
            refuse(", found an empty one")
        }
        Shape::Text if text.contains('\0') => refuse(" without NUL characters"),
        Shape::Moment if moment::read(text).is_none() => refuse(", without a zone"),
        Shape::Timer if !is_timer(text) => refuse(""),
        Shape::Zone => reading.check_zone(node, text),
        Shape::Regex => refuse_inside(reading, node, pattern::check(text).err(), codes::PATTERN),
        Shape::Glob => refuse_inside(reading, node, Glob::parse(text).err(), codes::PATTERN),
        _ => {}
    }
}

/// A number in thousandths, if it can be one.
pub(crate) fn thousandths(value: &Value) -> Option<u32> {
    let number = match value {
        Value::Whole(number) => *number as f64,
        Value::Float(text) => text.replace('_', "").parse::<f64>().ok()?,
        _ => return None,
    };
    let scaled = (number * 1000.0).round();
    (0.0..=f64::from(u32::MAX)).contains(&scaled).then_some(scaled as u32)
}

/// Blames the part of a text in which the mistake is.
fn refuse_inside(reading: &Reading<'_>, node: &Node, error: Option<Mistake>, code: Code) {
    let Some(mistake) = error else { return };
    let place = tree::inside(reading.source().text, node, &mistake.span);
    let mut fault = reading.error(code, &place, mistake.what);
    if let Some(help) = mistake.help {
        fault.help(help);
    }
}

/// Reads `512MiB` and the like; none if it is no size or too large to count.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let factor: u64 = match text[digits..].trim_start() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty()
            && !host.starts_with(':')
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

fn is_mailbox(text: &str) -> bool {
    let address = match text.split_once('<') {
        Some((_, rest)) => match rest.strip_suffix('>') {
            Some(address) => address,
            None => return false,
        },
        None => text,
    };
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    !local.is_empty()
        && !domain.is_empty()
        && !address.contains(|c: char| c.is_whitespace() || c.is_control() || c == '<' || c == '>')
        && !text.contains(['\r', '\n'])
}

fn check_secret(reading: &Reading<'_>, node: &Node, path: &str) {
    let name = suggested_name(path);
    let Value::Table(table) = &node.value else {
        reading.hide(&node.span);
        reading
            .error(codes::INLINE_SECRET, &node.span, "a secret must not stand in the file".into())
            .help(format!("write {{ env = \"{name}\" }}, {{ file = \"/path\" }} or {{ command = […] }}"));
        return;
    };
    const FORMS: &[Field] = &[
        Field::new("env", Shape::Text, "Name of an environment variable.", "\"NAME\""),
        Field::new("file", Shape::Path, "File that holds it.", "\"/path\""),
        Field::new("command", Shape::List(&Shape::Text, 1), "Program that prints it.", "[\"pass\"]"),
    ];
    check_table(reading, table, &[FORMS], path, &node.span);
    let forms = table.entries.iter().filter(|entry| FORMS.iter().any(|form| form.key == entry.key)).count();
    if forms != 1 && table.entries.len() == forms {
        reading
            .error(
                codes::BAD_REFERENCE,
                &node.span,
                "a secret reference has one of env, file and command".into(),
            )
            .help(format!("{{ env = \"{name}\" }}"));
    }
    if let Some(Entry { node: Node { span, value: Value::Text(text) }, .. }) = table.get("env")
        && !is_variable(text)
    {
        // Somebody who writes { env = "hunter2!" } has misread what belongs there.
        reading.hide(span);
        reading.error(codes::BAD_REFERENCE, span, "this is no name of an environment variable".into()).help(
            format!("write the variable's name, such as \"{name}\", and set its value outside this file"),
        );
    }
}

/// True for the name of an environment variable.
pub(crate) fn is_variable(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `SMTP_PASSWORD` for `notify.ops.smtp.password`; what is the name of a variable already is suggested as it is.
fn suggested_name(path: &str) -> String {
    let last = path.rsplit('.').next().unwrap_or_default();
    if is_variable(last) && !last.contains(|c: char| c.is_ascii_lowercase()) {
        return last.to_owned();
    }
    let mut parts: Vec<&str> = path.rsplit('.').take(2).collect();
    parts.reverse();
    parts
        .join("_")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_binary_unit() {
        for (text, bytes) in [
            ("512MiB", Some(512 << 20)),
            ("1 GiB", Some(1 << 30)),
            ("7B", Some(7)),
            ("512", None),
            ("512MB", None),
            ("99999999999TiB", None),
            ("", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
    }

    #[test]
    fn addresses_are_told_from_other_text() {
        assert!(is_url("https://example.com/x") && is_url("http://[::1]:80"));
        assert!(
            !is_url("example.com") && !is_url("https://") && !is_url("https://a b") && !is_url("ftp://x")
        );
        assert!(is_mailbox("a@b.c") && is_mailbox("Ops <a@b.c>"));
        assert!(
            !is_mailbox("a@")
                && !is_mailbox("@b")
                && !is_mailbox("Ops a@b.c")
                && !is_mailbox("a@b\r\nBcc: x@y")
        );
    }

    #[test]
    fn the_suggested_variable_names_table_and_key() {
        assert_eq!(suggested_name("notify.ops.smtp.password"), "SMTP_PASSWORD");
        assert_eq!(suggested_name("notify.my-chat.url"), "MY_CHAT_URL");
        assert_eq!(suggested_name("service.api.secrets.DATABASE_URL"), "DATABASE_URL");
    }
}
