//! Texts with `{{name}}` in them. A name stands for a value, never for a part of the language that the text is written
//! in: whoever fills a text says how a value is written there.

use std::collections::BTreeMap;

use muster_config::codes;
use muster_config::nearest::nearest;
use muster_config::secret::SecretRef;
use muster_config::section::{Reading, secret_of};
use muster_config::tree::{self, Node, Value};

use crate::probe::{Miss, Scene};

/// The name that is there without being captured.
pub(super) const UNIQUE: &str = "unique";

/// The values of the names, as far as they are known.
pub(super) type Values = BTreeMap<String, String>;

/// A text, cut at its names.
#[derive(Debug, Clone, Default)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Name(String),
}

/// A name that has no value, because the step that captures it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown(pub(super) String);

impl Template {
    /// Cuts a text; names that are not among `known` are reported at their place.
    pub(super) fn read(reading: &Reading<'_>, node: &Node, known: &[String]) -> Option<Self> {
        let Value::Text(text) = &node.value else { return None };
        let place = |start: usize, end: usize| tree::inside(reading.source().text, node, &(start..end));
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(start) = text.get(at..)?.find("{{").map(|found| at + found) {
            let Some(end) = text.get(start..)?.find("}}").map(|found| start + found + 2) else {
                reading
                    .error(codes::BAD_VALUE, &place(start, start + 2), "`{{` is not closed".into())
                    .help("write {{name}}".into());
                return None;
            };
            let name = text.get(start + 2..end - 2)?.trim();
            if name != UNIQUE && !known.iter().any(|own| own == name) {
                let what = format!("no step before this one captures `{name}`");
                let mut fault = reading.error(codes::UNKNOWN_NAME, &place(start, end), what);
                match nearest(name, known.iter().map(String::as_str).chain([UNIQUE])) {
                    Some(meant) => fault.help(format!("did you mean {{{{{meant}}}}}?")),
                    None => fault
                        .help(format!("add `capture = {{ {name} = \"header('…')\" }}` to an earlier step")),
                }
                return None;
            }
            if start > at {
                parts.push(Part::Text(text.get(at..start)?.to_owned()));
            }
            parts.push(Part::Name(name.to_owned()));
            at = end;
        }
        if at < text.len() {
            parts.push(Part::Text(text.get(at..)?.to_owned()));
        }
        Some(Self { parts })
    }

    /// True if nothing is to be filled in.
    pub(super) fn is_plain(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// True if it is one name and nothing else.
    pub(super) fn is_one_name(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Name(_)])
    }

    /// The text in front of the first name.
    pub(super) fn start(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            Some(Part::Name(_)) | None => "",
        }
    }

    /// As it is written.
    pub(super) fn written(&self) -> String {
        let one = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Name(name) => format!("{{{{{name}}}}}"),
        };
        self.parts.iter().map(one).collect()
    }

    /// The texts between the names, and the names: one text more than names.
    pub(super) fn pieces(&self) -> (Vec<String>, Vec<String>) {
        let (mut texts, mut names) = (vec![String::new()], Vec::new());
        for part in &self.parts {
            match part {
                Part::Text(text) => texts.iter_mut().last().into_iter().for_each(|last| last.push_str(text)),
                Part::Name(name) => {
                    names.push(name.clone());
                    texts.push(String::new());
                }
            }
        }
        (texts, names)
    }

    /// Fills the names in, each value written by `write`.
    pub(super) fn fill(&self, values: &Values, write: fn(&str) -> String) -> Result<String, Unknown> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => {
                    filled.push_str(&write(values.get(name).ok_or_else(|| Unknown(name.clone()))?));
                }
            }
        }
        Ok(filled)
    }
}

/// A text with names, or a secret.
#[derive(Debug, Clone)]
pub(super) enum Words {
    Open(Template),
    Secret(SecretRef),
}

impl Words {
    /// Reads either.
    pub(super) fn read(reading: &Reading<'_>, node: &Node, known: &[String]) -> Option<Self> {
        match secret_of(node) {
            Some(reference) => Some(Self::Secret(reference)),
            None => Template::read(reading, node, known).map(Self::Open),
        }
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }

    /// The text for this look.
    pub(super) async fn fill(&self, scene: &Scene, values: &Values) -> Result<String, Stop> {
        self.fill_by(scene, values, str::to_owned).await
    }

    /// The same, with values written in this way.
    pub(super) async fn fill_by(
        &self,
        scene: &Scene,
        values: &Values,
        write: fn(&str) -> String,
    ) -> Result<String, Stop> {
        match self {
            Self::Open(template) => Ok(template.fill(values, write)?),
            Self::Secret(reference) => Ok(scene.secret(reference).await?.expose().to_owned()),
        }
    }
}

/// Why a step came to no good end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// What it looked at is bad, or could not be looked at.
    Missed(Miss),
    /// It needs something that was never captured.
    Lacking(String),
}

impl From<Miss> for Stop {
    fn from(miss: Miss) -> Self {
        Self::Missed(miss)
    }
}

impl From<Unknown> for Stop {
    fn from(unknown: Unknown) -> Self {
        Self::Lacking(unknown.0)
    }
}

/// A value inside of an address: all but letters, digits and `-._~` by their numbers (RFC 3986, section 2).
pub(super) fn in_address(value: &str) -> String {
    let mut written = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

/// A value in `application/x-www-form-urlencoded`, as browsers write it (WHATWG URL, section 5.2).
pub(super) fn in_form(value: &str) -> String {
    let mut written = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b' ' => written.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"*-._".contains(&byte) => written.push(char::from(byte)),
            byte => written.push_str(&format!("%{byte:02X}")),
        }
    }
    written
}
