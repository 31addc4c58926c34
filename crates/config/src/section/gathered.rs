//! Getters for arrays of tables and tables of captures.

use std::borrow::Cow;
use std::ops::Range;

use super::Section;
use crate::assertion::Capture;
use crate::field::Shape;
use crate::tree::Value;

impl<'a> Section<'a> {
    /// The tables of an array, in the order of the file; their rows have judged them already.
    pub fn tables(&self, key: &str) -> Vec<Section<'a>> {
        let Some(Shape::Tables(fields, _)) = self.row(key).map(|row| row.shape) else { return Vec::new() };
        let Some(node) = self.node(key) else { return Vec::new() };
        let Value::List(items) = &node.value else { return Vec::new() };
        let one = |item: &crate::tree::Node| match &item.value {
            Value::Table(table) => Some(Section {
                reading: self.reading,
                table: Cow::Owned(table.clone()),
                rows: vec![fields],
                path: format!("{}.{key}", self.path),
                place: item.span.clone(),
            }),
            _ => None,
        };
        items.iter().filter_map(one).collect()
    }

    /// What is captured, each with its name and the place of the name; what is faulty is left out.
    pub fn captures(&self, key: &str) -> Vec<(String, Range<usize>, Capture)> {
        let Some(Shape::Captures(terms)) = self.row(key).map(|row| row.shape) else { return Vec::new() };
        let Some(node) = self.node(key) else { return Vec::new() };
        let Value::Table(table) = &node.value else { return Vec::new() };
        let one = |entry: &crate::tree::Entry| match &entry.node.value {
            Value::Text(text) => {
                let capture = Capture::compile(text, terms).ok()?;
                Some((entry.key.clone(), entry.span.clone(), capture))
            }
            _ => None,
        };
        table.entries.iter().filter_map(one).collect()
    }

    /// The keys of a table with free keys, each with its place, in the order of the file.
    pub fn table_keys(&self, key: &str) -> Vec<(String, Range<usize>)> {
        match self.node(key).as_deref().map(|node| &node.value) {
            Some(Value::Table(table)) => {
                table.entries.iter().map(|entry| (entry.key.clone(), entry.span.clone())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The place of the table's header.
    pub fn header(&self) -> Range<usize> {
        self.place.clone()
    }
}
