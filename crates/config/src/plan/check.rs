//! What is looked at, how often, and from where.

use muster_core::ids::ExpectationId;
use muster_core::time::Span;

/// One check from one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckPlan<K> {
    /// Its name on the roll: `check.mail-out`, and `check.mail-out@container:api` for each place after the first.
    pub id: ExpectationId,
    /// The name of its kind.
    pub kind: &'static str,
    /// From one look to the next.
    pub every: Span,
    /// A look that takes longer is cut off; shorter than `every`.
    pub timeout: Span,
    /// While it goes badly and nobody was told yet, the next look begins so long after the last one began; no longer than
    /// `every`.
    pub retry: Span,
    /// Bad looks in a row before a page.
    pub after: u32,
    /// From where it looks.
    pub from: Vantage,
    /// Its table as a peer is given it; none for a place of our own.
    pub lent: Option<String>,
    /// What its kind made of the table.
    pub part: K,
}

/// From where a check looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vantage {
    /// From this host.
    Host,
    /// From the network of this Docker container: its addresses, its routes, its name servers.
    Container(String),
    /// From the host of the peer of that name: it looks, and says what it saw.
    Peer(String),
}

impl Vantage {
    /// The words of a file: `host`, `container:api`, `peer:fra1`.
    pub fn word(&self) -> String {
        match self {
            Self::Host => "host".to_owned(),
            Self::Container(name) => format!("container:{name}"),
            Self::Peer(name) => format!("peer:{name}"),
        }
    }

    /// Reads those words; a container is named as Docker allows it, a peer as its table is.
    pub fn of_word(word: &str) -> Option<Self> {
        if word == "host" {
            return Some(Self::Host);
        }
        if let Some(name) = word.strip_prefix("peer:") {
            return ExpectationId::of("peer", name).ok().map(|_| Self::Peer(name.to_owned()));
        }
        let name = word.strip_prefix("container:")?;
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        (name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(good) && name.len() <= 64)
            .then(|| Self::Container(name.to_owned()))
    }
}
