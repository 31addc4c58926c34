//! What the keys demand of a file or an object, judged by what was found. Pure.

use muster_config::section::Section;
use muster_core::time::{Span, Timestamp};
use muster_core::words::{length, size};

use super::{BODY, Body, Lot, One, Which};

/// How far ahead of this host's clock one may be: other machines write them too.
const AHEAD: Span = Span::minutes(1);
/// Letters of a text that is looked for, as they are shown.
const SHOWN: usize = 60;

/// How the things of a sort are called.
#[derive(Debug)]
pub(crate) struct Sort {
    /// One of them.
    pub(crate) thing: &'static str,
    /// Behind it comes the pattern that none of them has.
    pub(crate) none: &'static str,
    /// The same of one.
    pub(crate) single: &'static str,
    /// The same of several, behind their number.
    pub(crate) several: &'static str,
}

/// The keys of the kind that demand something.
#[derive(Debug)]
pub(crate) struct Rules {
    sort: &'static Sort,
    which: Which,
    is_several: bool,
    name: String,
    min_count: u32,
    max_count: Option<u32>,
    max_age: Option<Span>,
    min_size: Option<u64>,
    max_size: Option<u64>,
    max_growth: Option<(u64, Span)>,
    contains: Vec<String>,
    lacks: Vec<String>,
}

/// What the rules found.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// What is bad, a sentence each.
    pub(crate) unmet: Vec<String>,
    /// Why a rule could not be judged.
    pub(crate) blind: Option<String>,
}

impl Rules {
    /// Reads them, and reports those that cannot hold together. `name` is what is looked for; `is_several` if that is a
    /// pattern.
    pub(crate) fn read(section: &Section<'_>, sort: &'static Sort, name: String, is_several: bool) -> Self {
        let max_count = section.count("max_count");
        // Who allows none asks for none.
        let none = max_count == Some(0) && !section.has("min_count");
        let rules = Self {
            sort,
            which: Which::of(section.choice("which").unwrap_or_default()),
            is_several,
            name,
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
        };
        let thing = sort.thing;
        let clash = |key: &str, what: String, other: &str| {
            section.contradiction(key, what, format!("change `{key}` or `{other}`"));
        };
        if rules.max_count.is_some_and(|most| most < rules.min_count) {
            clash("max_count", format!("at least {} {thing}s must be there", rules.min_count), "min_count");
        }
        if matches!((rules.min_size, rules.max_size), (Some(least), Some(most)) if most < least) {
            clash(
                "max_size",
                format!("no {thing} is as large as `min_size` and as small as this"),
                "min_size",
            );
        }
        if let Some(text) = rules.lacks.iter().find(|text| rules.contains.contains(text)) {
            clash("lacks", format!("no {thing} contains \"{text}\" and lacks it"), "contains");
        }
        rules
    }

    /// True if the content is needed.
    pub(crate) fn reads(&self) -> bool {
        !self.contains.is_empty() || !self.lacks.is_empty()
    }

    /// Judges what was found; `growth` is in bytes for each minute.
    pub(crate) fn judge(&self, found: &Lot<'_>, growth: Option<f64>, now: Timestamp) -> Judged {
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
        let shown = self.shown(one, found.count);
        if let Some(most) = self.max_age {
            match age(one.modified, now) {
                Ok(age) if age > most => {
                    judged
                        .unmet
                        .push(format!("{shown} is {} old, and should be {most} at most", length(age)));
                }
                Ok(_) => {}
                Err(by) => judged.unmet.push(ahead(&one.name, by)),
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
        if let Some(body) = one.body {
            self.content(&shown, body, found.template, &mut judged);
        }
        judged
    }

    fn count(&self, found: &Lot<'_>, judged: &mut Judged) {
        let (count, name) = (found.count, &self.name);
        if count < u64::from(self.min_count) {
            judged.unmet.push(match (count, self.is_several) {
                (0, true) => format!("{} {name}{}", self.sort.none, found.hint),
                (0, false) => format!("{name} is not there{}", found.hint),
                _ => format!("{} {name}, and at least {} should", self.matching(count), self.min_count),
            });
        }
        if let Some(most) = self.max_count.filter(|most| count > u64::from(*most)) {
            judged.unmet.push(format!("{} {name}, and at most {most} should", self.matching(count)));
        }
    }

    fn matching(&self, count: u64) -> String {
        if count == 1 { self.sort.single.to_owned() } else { format!("{count} {}", self.sort.several) }
    }

    /// The one as people read it: with its rank where there are several.
    fn shown(&self, one: &One<'_>, count: u64) -> String {
        let name = &one.name;
        if count > 1 { format!("{name}, the {} of {count},", self.which.word()) } else { name.clone() }
    }

    fn content(&self, shown: &str, body: &Body, template: Option<(&str, &Body)>, judged: &mut Judged) {
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
        let Some((name, template)) = template else { return };
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
pub(crate) fn age(modified: Timestamp, now: Timestamp) -> Result<Span, Span> {
    let ahead = modified.since(now);
    if ahead > AHEAD { Err(ahead) } else { Ok(now.since(modified)) }
}

/// What is said of one from the future.
pub(crate) fn ahead(name: &str, by: Span) -> String {
    format!(
        "{name} was modified {} from now by its own time: a clock is wrong, and its age is not known",
        length(by)
    )
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
