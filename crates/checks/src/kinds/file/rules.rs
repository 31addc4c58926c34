//! What the keys demand of a file, judged by what was found. Pure.

use std::path::Path;

use muster_config::section::Section;
use muster_core::time::{Span, Timestamp};
use muster_core::words::{length, size};

use super::find::{BODY, Body, Found, One, Which};

/// How far ahead of this host's clock a file may be: other machines write files too.
const AHEAD: Span = Span::minutes(1);
/// Letters of a text that is looked for, as they are shown.
const SHOWN: usize = 60;

/// The keys of the kind that demand something.
#[derive(Debug)]
pub(super) struct Rules {
    which: Which,
    is_glob: bool,
    name: String,
    min_count: u32,
    max_count: Option<u32>,
    max_age: Option<Span>,
    min_size: Option<u64>,
    max_size: Option<u64>,
    max_growth: Option<(u64, Span)>,
    contains: Vec<String>,
    lacks: Vec<String>,
    template: Option<String>,
}

/// What the rules found.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// What is bad, a sentence each.
    pub(super) unmet: Vec<String>,
    /// Why a rule could not be judged.
    pub(super) blind: Option<String>,
}

impl Rules {
    /// Reads them, and reports those that cannot hold together.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let max_count = section.count("max_count");
        // Who allows none asks for none.
        let none = max_count == Some(0) && !section.has("min_count");
        let rules = Self {
            which: Which::of(section.choice("which").unwrap_or_default()),
            is_glob: section.has("glob"),
            name: section.text("path").or_else(|| section.text("glob")).unwrap_or_default(),
            min_count: if none { 0 } else { section.count("min_count").unwrap_or(1) },
            max_count,
            max_age: section.duration("max_age"),
            min_size: section.size("min_size"),
            max_size: section.size("max_size"),
            max_growth: section
                .table("max_growth")
                .and_then(|table| Some((table.size("size")?, table.duration("per")?))),
            contains: section.texts("contains"),
            lacks: section.texts("lacks"),
            template: section.text("not_same_as"),
        };
        let clash = |key: &str, what: String, other: &str| {
            section.contradiction(key, what, format!("change `{key}` or `{other}`"));
        };
        if rules.max_count.is_some_and(|most| most < rules.min_count) {
            clash("max_count", format!("at least {} files must be there", rules.min_count), "min_count");
        }
        if matches!((rules.min_size, rules.max_size), (Some(least), Some(most)) if most < least) {
            clash("max_size", "no file is as large as `min_size` and as small as this".into(), "min_size");
        }
        if let Some(text) = rules.lacks.iter().find(|text| rules.contains.contains(text)) {
            clash("lacks", format!("no file contains \"{text}\" and lacks it"), "contains");
        }
        if section.text("not_same_as").is_some_and(|path| Some(path) == section.text("path")) {
            section.refuse("not_same_as", "a file is always the same as itself", "name its template");
        }
        rules
    }

    /// True if the content is needed.
    pub(super) fn reads(&self) -> bool {
        !self.contains.is_empty() || !self.lacks.is_empty()
    }

    /// Judges what was found; `growth` is in bytes for each minute.
    pub(super) fn judge(&self, found: &Found, growth: Option<f64>, now: Timestamp) -> Judged {
        let mut judged = Judged::default();
        self.count(found, &mut judged);
        if let (Some((most, per)), Some(growth)) = (self.max_growth, growth) {
            let grew = growth * per.as_seconds() / 60.0;
            if grew > most as f64 {
                let (grew, most) = (size(grew as u64), size(most));
                let name = &self.name;
                judged.unmet.push(format!("{name} grows by {grew} in {per}, and should by {most} at most"));
            }
        }
        let Some(one) = &found.one else { return judged };
        let shown = self.shown(one, found.files);
        if let Some(most) = self.max_age {
            match age(one.modified, now) {
                Ok(age) if age > most => {
                    judged
                        .unmet
                        .push(format!("{shown} is {} old, and should be {most} at most", length(age)));
                }
                Ok(_) => {}
                Err(by) => judged.unmet.push(ahead(&one.path, by)),
            }
        }
        for (bound, is_bad, word) in [
            (self.min_size, self.min_size.is_some_and(|least| one.size < least), "at least"),
            (self.max_size, self.max_size.is_some_and(|most| one.size > most), "at most"),
        ] {
            if let (Some(bound), true) = (bound, is_bad) {
                let (has, bound) = (size(one.size), size(bound));
                judged.unmet.push(format!("{shown} has {has}, and should have {word} {bound}"));
            }
        }
        if let Some(body) = &one.body {
            self.content(&shown, body, found.template.as_ref(), &mut judged);
        }
        judged
    }

    fn count(&self, found: &Found, judged: &mut Judged) {
        let (files, name) = (found.files, &self.name);
        if files < u64::from(self.min_count) {
            judged.unmet.push(match (files, self.is_glob) {
                (0, true) => format!("no file matches {name}{}", found.hint),
                (0, false) => format!("{name} is not there{}", found.hint),
                _ => format!("{} {name}, and at least {} should", matching(files), self.min_count),
            });
        }
        if let Some(most) = self.max_count.filter(|most| files > u64::from(*most)) {
            judged.unmet.push(format!("{} {name}, and at most {most} should", matching(files)));
        }
    }

    /// The file as people read it: with its rank where there are several.
    fn shown(&self, one: &One, files: u64) -> String {
        let path = one.path.display();
        if files > 1 { format!("{path}, the {} of {files},", self.which.word()) } else { path.to_string() }
    }

    fn content(&self, shown: &str, body: &Body, template: Option<&Body>, judged: &mut Judged) {
        let has = |text: &str| find(&body.bytes, text.as_bytes());
        let cut =
            |what: String| format!("{what} is not known: only its first {} are read", size(BODY as u64));
        for text in &self.contains {
            match (has(text), body.is_cut) {
                (true, _) => {}
                (false, false) => judged.unmet.push(format!("{shown} does not contain {}", quoted(text))),
                (false, true) => {
                    let what = format!("whether {shown} contains {}", quoted(text));
                    judged.blind.get_or_insert(cut(what));
                }
            }
        }
        for text in &self.lacks {
            match (has(text), body.is_cut) {
                (true, _) => judged.unmet.push(format!("{shown} contains {}", quoted(text))),
                (false, false) => {}
                (false, true) => {
                    let what = format!("whether {shown} lacks {}", quoted(text));
                    judged.blind.get_or_insert(cut(what));
                }
            }
        }
        let (Some(template), Some(name)) = (template, &self.template) else { return };
        // Cut off at the same place, both are equal as far as they were read.
        if trimmed(&body.bytes).eq(trimmed(&template.bytes)) {
            if body.is_cut && template.is_cut {
                judged.blind.get_or_insert(cut(format!("whether {shown} differs from {name}")));
            } else {
                judged.unmet.push(format!("{shown} is the same as {name}: it was reset"));
            }
        }
    }
}

/// How old it is, or how far ahead of the clock.
pub(super) fn age(modified: Timestamp, now: Timestamp) -> Result<Span, Span> {
    let ahead = modified.since(now);
    if ahead > AHEAD { Err(ahead) } else { Ok(now.since(modified)) }
}

/// What is said of a file from the future.
pub(super) fn ahead(path: &Path, by: Span) -> String {
    format!(
        "{} was modified {} from now by its own time: a clock is wrong, and its age is not known",
        path.display(),
        length(by)
    )
}

fn matching(files: u64) -> String {
    if files == 1 { "1 file matches".to_owned() } else { format!("{files} files match") }
}

fn quoted(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("\"{}{more}\"", muster_core::words::harmless(&short))
}

fn find(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text)
}

/// The lines without white space at their ends, and without empty ones at the end.
fn trimmed(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.trim_ascii_end().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end)
}
