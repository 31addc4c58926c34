//! One table being read: typed getters over values that their rows have already judged, and a place to report what
//! the rows cannot see.
//!
//! A getter gives `None` for a key that is absent (and has no default) or faulty; the fault is reported already, so a
//! reader goes on with `?` and never reports twice.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use muster_core::time::Span;

use crate::assertion::Assertion;
use crate::codes::{self, Code};
use crate::fault::{Count, FAULT_LIMIT, Fault, Faults, Level};
use crate::field::{Field, Shape};
use crate::nearest::nearest;
use crate::secret::{MaybeSecret, SecretRef};
use crate::shape;
use crate::source::{Lines, Source};
use crate::tree::{self, Node, Table, Value};

mod gathered;

/// The name and version that refusals speak of.
pub(crate) const RELEASE: &str =
    concat!("muster ", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

/// One reading of one file: collects what is found wrong.
#[derive(Debug)]
pub struct Reading<'a> {
    source: Source<'a>,
    file: Arc<str>,
    lines: Lines,
    faults: RefCell<Vec<Fault>>,
    hidden: RefCell<Vec<Range<usize>>>,
    more: Cell<Count>,
}

impl<'a> Reading<'a> {
    /// Nothing read, nothing wrong.
    pub fn new(source: &Source<'a>) -> Self {
        Self {
            source: *source,
            file: Arc::from(source.file),
            lines: Lines::of(source.text),
            faults: RefCell::default(),
            hidden: RefCell::default(),
            more: Cell::default(),
        }
    }

    /// What is being read.
    pub fn source(&self) -> &Source<'a> {
        &self.source
    }

    /// Reports an error.
    pub fn error(&self, code: Code, span: &Range<usize>, what: String) -> Reported<'_> {
        self.report(code, Level::Error, span, what)
    }

    /// Reports a warning.
    pub fn warning(&self, code: Code, span: &Range<usize>, what: String) -> Reported<'_> {
        self.report(code, Level::Warning, span, what)
    }

    /// Reports that this release does not do something.
    pub(crate) fn not_yet(&self, span: &Range<usize>, subject: &str) {
        self.error(codes::NOT_YET, span, format!("{RELEASE} does not do {subject} yet"))
            .help("take it out: ignoring it would leave unwatched what you asked to be watched".into());
    }

    /// No excerpt may show these bytes.
    pub fn hide(&self, span: &Range<usize>) {
        self.hidden.borrow_mut().push(span.clone());
    }

    /// Reports a text that is no time zone.
    pub(crate) fn check_zone(&self, node: &Node, text: &str) {
        if jiff::tz::TimeZone::get(text).is_err() {
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let mut fault = self.error(codes::ZONE, &node.span, format!("no time zone is called {text:?}"));
            match nearest(text, known.iter().map(String::as_str)) {
                Some(meant) => fault.help(format!("did you mean \"{meant}\"?")),
                None => fault.help("write an IANA name such as \"Europe/Berlin\" or \"UTC\"".into()),
            };
        }
    }

    fn report(&self, code: Code, level: Level, span: &Range<usize>, what: String) -> Reported<'_> {
        let mut faults = self.faults.borrow_mut();
        if faults.len() >= FAULT_LIMIT {
            let mut more = self.more.get();
            more.add(level);
            self.more.set(more);
            return Reported { faults: &self.faults, at: usize::MAX };
        }
        let (line, column) = self.lines.place(self.source.text, span.start);
        let file = self.file.clone();
        let fault = Fault { code, level, what, file, span: span.clone(), line, column, help: None };
        faults.push(fault);
        Reported { faults: &self.faults, at: faults.len() - 1 }
    }

    /// Everything that was reported.
    pub fn finish(self) -> Faults {
        Faults::new(self.faults.into_inner(), self.hidden.into_inner(), self.more.get())
    }
}

/// A fault that was just reported, so that help can be added.
#[derive(Debug)]
pub struct Reported<'r> {
    faults: &'r RefCell<Vec<Fault>>,
    at: usize,
}

impl Reported<'_> {
    /// Says what to write or do instead.
    pub fn help(&mut self, help: String) {
        if let Some(fault) = self.faults.borrow_mut().get_mut(self.at) {
            fault.help = Some(help);
        }
    }
}

/// One table being read.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    reading: &'a Reading<'a>,
    table: Cow<'a, Table>,
    rows: Vec<&'static [Field]>,
    path: String,
    place: Range<usize>,
}

impl<'a> Section<'a> {
    /// Judges all keys of a table by their rows and opens it. `path` is its dotted name, `place` its header.
    pub(crate) fn open(
        reading: &'a Reading<'a>,
        table: &'a Table,
        rows: Vec<&'static [Field]>,
        path: String,
        place: Range<usize>,
    ) -> Self {
        shape::check_table(reading, table, &rows, &path, &place);
        Self { reading, table: Cow::Borrowed(table), rows, path, place }
    }

    /// The dotted name, such as `notify.ops`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The reading that it belongs to.
    pub fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    /// True if the key is written in the file, well or badly.
    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// The table as it is written.
    pub(crate) fn written(&self) -> &Table {
        &self.table
    }

    /// The place of a key's value, or of the table's header where the key is not written.
    pub fn place(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.place.clone(), |entry| entry.node.span.clone())
    }

    /// The place of the key itself, or of the table's header.
    pub fn key_place(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or_else(|| self.place.clone(), |entry| entry.span.clone())
    }

    /// The texts of an array that is written in the file, each with its place.
    pub fn items(&self, key: &str) -> Vec<(String, Range<usize>)> {
        match self.table.get(key).map(|entry| &entry.node.value) {
            Some(Value::List(items)) => {
                items.iter().filter_map(|item| Some((text_of(item)?, item.span.clone()))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Refuses the value of a key.
    pub fn refuse(&self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        self.reading.error(codes::BAD_VALUE, &self.place(key), what.into()).help(help.into());
    }

    /// Refuses two keys that cannot both hold; the second is blamed.
    pub fn contradiction(&self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        self.reading.error(codes::CONTRADICTION, &self.place(key), what.into()).help(help.into());
    }

    /// Reports that a key's absence is a fault after all.
    pub fn missing(&self, what: impl Into<String>, help: impl Into<String>) {
        self.reading.error(codes::MISSING, &self.place, what.into()).help(help.into());
    }

    /// Warns that a key does nothing here.
    pub fn no_effect(&self, key: &str, what: impl Into<String>) {
        self.reading
            .warning(codes::NO_EFFECT, &self.key_place(key), what.into())
            .help(format!("take `{key}` out"));
    }

    /// The part of a text value, as bytes of the file.
    pub(crate) fn inside(&self, key: &str, part: &Range<usize>) -> Range<usize> {
        match self.table.get(key) {
            Some(entry) => tree::inside(self.reading.source.text, &entry.node, part),
            None => self.place.clone(),
        }
    }

    fn row(&self, key: &str) -> Option<&'static Field> {
        self.rows.iter().flat_map(|part| part.iter()).find(|row| row.key == key)
    }

    /// The written value, else the row's default.
    pub fn node(&self, key: &str) -> Option<Cow<'_, Node>> {
        match self.table.get(key) {
            Some(entry) => Some(Cow::Borrowed(&entry.node)),
            None => self.row(key)?.default.and_then(tree::parse_value).map(Cow::Owned),
        }
    }

    /// A text, or any value that is written as one.
    pub fn text(&self, key: &str) -> Option<String> {
        text_of(&*self.node(key)?)
    }

    /// A whole number within the bounds of its row.
    pub fn whole(&self, key: &str) -> Option<i64> {
        let (node, row) = (self.node(key)?, self.row(key)?);
        match (&node.value, row.shape) {
            (Value::Whole(number), Shape::Whole(least, most) | Shape::WholeOr(least, most, _))
                if (least..=most).contains(number) =>
            {
                Some(*number)
            }
            _ => None,
        }
    }

    /// A whole number of at least zero, cut to what a count needs.
    pub fn count(&self, key: &str) -> Option<u32> {
        self.whole(key).and_then(|number| u32::try_from(number).ok())
    }

    /// A number in thousandths, within the bounds of its row.
    pub fn factor(&self, key: &str) -> Option<u32> {
        let Shape::Factor(least, most) = self.row(key)?.shape else { return None };
        shape::thousandths(&self.node(key)?.value).filter(|number| (least..=most).contains(number))
    }

    /// True or false.
    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.node(key)?.value {
            Value::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// A duration within the bounds of its row.
    pub fn duration(&self, key: &str) -> Option<Span> {
        let span: Span = self.text(key)?.parse().ok()?;
        let (Shape::WordOr(_, &shape) | shape) = self.row(key)?.shape;
        match shape {
            Shape::Duration(least, most) if (least..=most).contains(&span.as_millis()) => Some(span),
            _ => None,
        }
    }

    /// A size in bytes within the bound of its row.
    pub fn size(&self, key: &str) -> Option<u64> {
        let Shape::Size(least) = self.row(key)?.shape else { return None };
        shape::parse_size(&self.text(key)?).filter(|bytes| *bytes >= least)
    }

    /// An absolute path.
    pub fn path_to(&self, key: &str) -> Option<PathBuf> {
        self.text(key).filter(|text| text.starts_with('/')).map(PathBuf::from)
    }

    /// An address and a port.
    pub fn socket(&self, key: &str) -> Option<SocketAddr> {
        self.text(key)?.parse().ok()
    }

    /// One of the words of its row.
    pub fn choice(&self, key: &str) -> Option<&'static str> {
        let text = self.text(key)?;
        match self.row(key)?.shape {
            Shape::Choice(words) => words.iter().copied().find(|word| *word == text),
            _ => None,
        }
    }

    /// A reference to a secret.
    pub fn secret(&self, key: &str) -> Option<SecretRef> {
        secret_of(&*self.node(key)?)
    }

    /// A value or a reference to a secret.
    pub fn maybe_secret(&self, key: &str) -> Option<MaybeSecret> {
        maybe_secret_of(&*self.node(key)?)
    }

    /// The texts of an array; empty if there is none.
    pub fn texts(&self, key: &str) -> Vec<String> {
        match self.node(key).as_deref() {
            Some(Node { value: Value::List(items), .. }) => items.iter().filter_map(text_of).collect(),
            _ => Vec::new(),
        }
    }

    /// The texts of an array, or the only one; empty if there is none.
    pub fn one_or_many(&self, key: &str) -> Vec<String> {
        self.text(key).map_or_else(|| self.texts(key), |text| vec![text])
    }

    /// The assertions of an array; empty if there is none.
    pub fn assertions(&self, key: &str) -> Vec<Assertion> {
        match (self.node(key).as_deref(), self.row(key).map(|row| row.shape)) {
            (Some(Node { value: Value::List(items), .. }), Some(Shape::Assertions(terms))) => {
                shape::assertions::read(items, terms)
            }
            _ => Vec::new(),
        }
    }

    /// The whole numbers of an array; empty if there is none.
    pub fn wholes(&self, key: &str) -> Vec<i64> {
        match self.node(key).as_deref() {
            Some(Node { value: Value::List(items), .. }) => items
                .iter()
                .filter_map(|item| match item.value {
                    Value::Whole(number) => Some(number),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The entries of a table with free keys, in the order of the file.
    pub fn map(&self, key: &str) -> Vec<(String, MaybeSecret)> {
        match self.node(key).as_deref() {
            Some(Node { value: Value::Table(table), .. }) => table
                .entries
                .iter()
                .filter_map(|entry| Some((entry.key.clone(), maybe_secret_of(&entry.node)?)))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The entries of a table with free keys whose values are texts, in the order of the file: each key with its place, each
    /// value with its.
    pub(crate) fn plain(&self, key: &str) -> Vec<(String, Range<usize>, String, Range<usize>)> {
        match self.node(key).as_deref() {
            Some(Node { value: Value::Table(table), .. }) => table
                .entries
                .iter()
                .filter_map(|entry| {
                    let text = text_of(&entry.node)?;
                    Some((entry.key.clone(), entry.span.clone(), text, entry.node.span.clone()))
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The table below a key; its rows have judged it already.
    pub fn table(&self, key: &str) -> Option<Section<'a>> {
        let (Shape::Table(fields) | Shape::WholeOr(_, _, fields)) = self.row(key)?.shape else { return None };
        let node = self.node(key)?.into_owned();
        let Value::Table(table) = node.value else { return None };
        let place = if self.has(key) { node.span } else { self.place.clone() };
        Some(Section {
            reading: self.reading,
            table: Cow::Owned(table),
            rows: vec![fields],
            path: format!("{}.{key}", self.path),
            place,
        })
    }
}

fn text_of(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// The reference to a secret that a value is, if it is one.
pub fn secret_of(node: &Node) -> Option<SecretRef> {
    let Value::Table(table) = &node.value else { return None };
    let [entry] = table.entries.as_slice() else { return None };
    match (entry.key.as_str(), &entry.node.value) {
        ("env", Value::Text(name)) => Some(SecretRef::Env(name.clone())),
        ("file", Value::Text(path)) => Some(SecretRef::File(PathBuf::from(path))),
        ("command", Value::List(words)) if !words.is_empty() => {
            Some(SecretRef::Command(words.iter().filter_map(text_of).collect()))
        }
        _ => None,
    }
}

fn maybe_secret_of(node: &Node) -> Option<MaybeSecret> {
    text_of(node).map(MaybeSecret::Plain).or_else(|| secret_of(node).map(MaybeSecret::Secret))
}

/// Judges one value by its row, for the tests that hold examples and defaults to their rows.
pub fn judge_alone(field: &Field, toml: &str) -> Faults {
    let text = format!("{} = {toml}", field.key);
    let source = Source { file: "row", text: &text, zone: "UTC", host: "row" };
    let reading = Reading::new(&source);
    let (table, errors) = tree::parse(&text);
    for error in errors {
        reading.error(codes::SYNTAX, &error.span, error.what);
    }
    for entry in &table.entries {
        shape::check_value(&reading, &entry.node, &field.shape, field.key);
    }
    reading.finish()
}
