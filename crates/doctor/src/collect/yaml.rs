//! A YAML text as a small tree with lines. Everything is text; aliases stand for what they are of.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser};

/// Most values of one text, those that stand for others among them.
const NODES: usize = 20_000;
/// Deepest.
const DEPTH: usize = 40;

/// A value and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    List(Vec<Node>),
    /// Names, their lines and what they stand for.
    Map(Vec<(String, u32, Node)>),
}

/// A list or a map that goes on: its anchor, what is in it so far, and the name whose value comes next.
type Open = (usize, Node, Option<(String, u32)>);

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    pub(super) fn list(&self) -> &[Self] {
        if let Value::List(list) = &self.value { list } else { &[] }
    }

    pub(super) fn map(&self) -> &[(String, u32, Self)] {
        if let Value::Map(map) = &self.value { map } else { &[] }
    }

    /// The value of a name; one of its own before one that `<<` brings.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let own = self.map().iter().find(|(key, ..)| key == name).map(|(_, _, node)| node);
        own.or_else(|| {
            let brought = self.map().iter().filter(|(key, ..)| key == "<<");
            brought
                .flat_map(
                    |(_, _, node)| {
                        if node.list().is_empty() { std::slice::from_ref(node) } else { node.list() }
                    },
                )
                .find_map(|node| node.get(name))
        })
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Text(_) => 0,
            Value::List(list) => list.iter().map(Self::count).sum(),
            Value::Map(map) => map.iter().map(|(_, _, node)| node.count()).sum(),
        }
    }
}

/// Reads the first document of a text.
///
/// # Errors
/// In words, with the line: it is no YAML, or too much of it.
pub(super) fn parse(text: &str) -> Result<Option<Node>, String> {
    let mut anchors: BTreeMap<usize, Node> = BTreeMap::new();
    let mut open: Vec<Open> = Vec::new();
    let mut left = NODES;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let line = u32::try_from(span.start.line()).unwrap_or(u32::MAX);
        let done = match event {
            Event::Scalar(text, _, anchor, _) => {
                let node = Node { line, value: Value::Text(text.into_owned()) };
                if anchor > 0 {
                    anchors.insert(anchor, node.clone());
                }
                Some(node)
            }
            Event::Alias(anchor) => {
                let node = anchors.get(&anchor).ok_or_else(|| format!("line {line}: an alias of nothing"))?;
                left = left.saturating_sub(node.count());
                Some(Node { line, value: node.value.clone() })
            }
            Event::SequenceStart(anchor, _) => {
                open.push((anchor, Node { line, value: Value::List(Vec::new()) }, None));
                None
            }
            Event::MappingStart(anchor, _) => {
                open.push((anchor, Node { line, value: Value::Map(Vec::new()) }, None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|(anchor, node, _)| {
                if anchor > 0 {
                    left = left.saturating_sub(node.count());
                    anchors.insert(anchor, node.clone());
                }
                node
            }),
            Event::DocumentEnd | Event::StreamEnd => return Ok(None),
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => None,
        };
        left = left.saturating_sub(1);
        if left == 0 || open.len() > DEPTH {
            return Err(format!("line {line}: more than {NODES} values, or too deep"));
        }
        let Some(node) = done else { continue };
        match open.last_mut() {
            None => return Ok(Some(node)),
            Some((_, Node { value: Value::List(list), .. }, _)) => list.push(node),
            Some((_, Node { value: Value::Map(map), .. }, key)) => match key.take() {
                Some((name, line)) => map.push((name, line, node)),
                None => *key = Some((node.text().unwrap_or_default().to_owned(), node.line)),
            },
            Some(_) => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_lines_and_aliases() {
        let text = "x-base: &base\n  restart: always\n  image: a\nservices:\n  api:\n    <<: *base\n    image: 'b:1'\n    ports: [\"80:80\", 443]\n";
        let tree = parse(text).expect("read").expect("there");
        let api = tree.get("services").and_then(|all| all.get("api")).expect("a service");
        assert_eq!(api.get("image").map(|node| (node.line, node.text())), Some((7, Some("b:1"))));
        assert_eq!(api.get("restart").and_then(Node::text), Some("always"));
        assert_eq!(api.get("ports").expect("ports").list()[1].text(), Some("443"));
        assert_eq!(tree.get("services").expect("there").map()[0].1, 5);
    }

    #[test]
    fn any_text_comes_to_an_end() {
        let laughs = format!(
            "a: &a [x, x]\n{}",
            (1..30).fold(String::new(), |text, at| {
                let before = if at == 1 { "a".to_owned() } else { format!("b{}", at - 1) };
                format!("{text}b{at}: &b{at} [*{before}, *{before}, *{before}]\n")
            })
        );
        for text in
            ["", ":", "[", "{", "- - - -", "a: *b", "\t", "&a", "? x", "---\n...\n", "a: |\n  b\n", &laughs]
        {
            drop(parse(text));
        }
        assert!(parse(&laughs).is_err());
        assert!(parse(&"[".repeat(5_000)).is_err());
    }
}
