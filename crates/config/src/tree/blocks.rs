//! A document cut at its table headers, for one that is broken: a slip in one table says nothing about the others.

use std::collections::BTreeSet;
use std::ops::Range;

/// One table header and the lines below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The names in the header; empty for the lines before the first one.
    pub(super) path: Vec<String>,
    /// The bytes.
    pub(super) span: Range<usize>,
}

/// Cuts at every line that is a header by itself. A line of a multi-line string that looks like one is taken for one,
/// which is why only broken documents are cut.
pub(super) fn split(text: &str) -> Vec<Block> {
    let mut blocks = vec![Block { path: Vec::new(), span: 0..text.len() }];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(path) = header(line) {
            if let Some(last) = blocks.last_mut() {
                last.span.end = start;
            }
            blocks.push(Block { path, span: start..text.len() });
        }
        start += line.len();
    }
    blocks
}

/// The headers of tables that are there already.
pub(super) fn twice<'t>(text: &'t str, blocks: &'t [Block]) -> impl Iterator<Item = Range<usize>> + 't {
    let mut seen = BTreeSet::new();
    blocks.iter().filter_map(move |block| {
        let lines = text.get(block.span.clone())?;
        let header = lines.lines().next()?;
        let single = header.trim_start().starts_with('[') && !header.trim_start().starts_with("[[");
        let known = single && !seen.insert(block.path.as_slice());
        known.then(|| block.span.start..block.span.start + header.trim_end().len())
    })
}

/// The names of a header line.
fn header(line: &str) -> Option<Vec<String>> {
    if !line.trim_start().starts_with('[') {
        return None;
    }
    let (table, errors) = super::read(line);
    if !errors.is_empty() {
        return None;
    }
    let mut path = Vec::new();
    let mut at = Some(&table);
    while let Some(entry) = at.and_then(|table| table.entries.first()) {
        path.push(entry.key.clone());
        at = match &entry.node.value {
            super::Value::Table(inner) => Some(inner),
            _ => None,
        };
    }
    Some(path)
}
