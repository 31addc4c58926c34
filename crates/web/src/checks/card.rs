//! One check as the screen shows it, beside the same check from other vantages, and all of them in the order in which
//! they need an eye.

use std::collections::HashMap;
use std::sync::Arc;

use muster_core::board::Line;
use muster_core::effect::{Condition, Verdict};
use muster_core::ids::ExpectationId;
use muster_core::look::Last;
use serde::Deserialize;

use crate::router::Web;

/// Checks on one page; those of one table stay together.
pub const PAGE: usize = 50;

/// Which checks are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Wanted {
    /// `unwell` for those that are not known to be well.
    pub show: Option<String>,
    /// Of one kind only.
    pub kind: Option<String>,
    /// The page, from 1.
    pub page: Option<usize>,
}

impl Wanted {
    /// True if only those are wanted that are not known to be well.
    pub fn is_unwell(&self) -> bool {
        self.show.as_deref() == Some("unwell")
    }

    /// The query of an address that wants these on another page.
    pub fn query(&self, page: usize) -> String {
        let mut parts = Vec::new();
        if self.is_unwell() {
            parts.push("show=unwell".to_owned());
        }
        // A kind is a word of ours; anything else asks for nothing and is not repeated.
        let is_word = |kind: &&String| kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        parts.extend(self.kind.as_ref().filter(is_word).map(|kind| format!("kind={kind}")));
        if page > 1 {
            parts.push(format!("page={page}"));
        }
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }

    fn wants(&self, card: &Card<'_>) -> bool {
        (!self.is_unwell() || card.line.condition != Condition::Ok)
            && self.kind.as_ref().is_none_or(|kind| card.last.kind == *kind)
    }
}

/// One check from one place.
#[derive(Debug, Clone)]
pub struct Card<'a> {
    /// How it stands on the roll.
    pub line: &'a Line,
    /// What it looks at, and how it looked last.
    pub last: Arc<Last>,
}

impl Card<'_> {
    /// The name of its table, without the place it looks from.
    pub fn table(&self) -> &str {
        let name = self.line.id.name();
        name.strip_suffix(self.last.from.as_str()).and_then(|rest| rest.strip_suffix('@')).unwrap_or(name)
    }
}

/// The checks of one table: one for each place it looks from.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The name of the table.
    pub name: String,
    /// From each place, in the order of the names.
    pub cards: Vec<Card<'a>>,
}

impl Group<'_> {
    /// What its places say when they do not say the same: `host cannot, container:api can`.
    pub fn differ(&self) -> Option<String> {
        let can = |card: &Card<'_>| match card.last.look.as_ref().map(|look| look.verdict) {
            Some(Verdict::Ok) => "can",
            Some(Verdict::Failed) => "cannot",
            Some(Verdict::Unknown | Verdict::Missed | Verdict::Skipped) | None => "is not known",
        };
        let words: Vec<_> = self.cards.iter().map(can).collect();
        if words.iter().all(|word| Some(word) == words.first()) {
            return None;
        }
        let said = self.cards.iter().zip(&words).map(|(card, word)| match card.last.from.as_str() {
            "host" => format!("the host {word}"),
            from => format!("{from} {word}"),
        });
        Some(said.collect::<Vec<_>>().join(", "))
    }
}

/// All checks that are looked at, by name.
pub fn cards<'a>(web: &Web, lines: &'a [Line]) -> Vec<Card<'a>> {
    let lines: HashMap<&ExpectationId, &Line> = lines.iter().map(|line| (&line.id, line)).collect();
    let seen = web.parts.eye.all().into_iter();
    seen.filter_map(|last| Some(Card { line: lines.get(&last.about)?, last })).collect()
}

/// One page of checks.
#[derive(Debug)]
pub struct Sheet<'a> {
    /// What is on it, what needs an eye first.
    pub groups: Vec<Group<'a>>,
    /// Its number, from 1.
    pub page: usize,
    /// How many there are.
    pub pages: usize,
}

/// Puts the wanted ones in order and on pages.
pub fn sheet<'a>(cards: &[Card<'a>], wanted: &Wanted) -> Sheet<'a> {
    let mut by_table: HashMap<&str, Vec<Card<'a>>> = HashMap::new();
    for card in cards.iter().filter(|card| wanted.wants(card)) {
        by_table.entry(card.table()).or_default().push(card.clone());
    }
    let mut groups: Vec<Group<'a>> =
        by_table.into_iter().map(|(name, cards)| Group { name: name.to_owned(), cards }).collect();
    groups.sort_by_cached_key(|group| {
        (group.cards.iter().map(|card| urgency(card.line)).min(), group.name.clone())
    });
    let mut pages: Vec<Vec<Group<'a>>> = vec![Vec::new()];
    let mut filled = 0;
    for group in groups {
        let size = group.cards.len();
        if filled > 0 && filled + size > PAGE {
            pages.push(Vec::new());
            filled = 0;
        }
        filled += size;
        if let Some(page) = pages.last_mut() {
            page.push(group);
        }
    }
    let page = wanted.page.unwrap_or(1).clamp(1, pages.len());
    let count = pages.len();
    Sheet { groups: pages.swap_remove(page - 1), page, pages: count }
}

/// What sorts first is what needs an eye first.
fn urgency(line: &Line) -> (u8, bool) {
    let answered =
        line.is_quiet() || line.incident.as_ref().is_some_and(|incident| incident.acknowledged.is_some());
    let rank = match &line.condition {
        Condition::Firing { .. } => 0,
        Condition::Pending { .. } => 1,
        Condition::Unknown { .. } => 2,
        Condition::New => 3,
        Condition::Ok => 4,
    };
    (rank, answered)
}
