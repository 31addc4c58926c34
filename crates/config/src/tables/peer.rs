//! `[peer.NAME]`: another agent that watches this one and is watched by it.

use muster_core::expectation::{Expectation, Hearing, Rhythm};
use muster_core::ids::ExpectationId;
use muster_core::time::Span;

use crate::field::{Field, SECOND, Shape};
use crate::plan::PeerPlan;
use crate::section::Section;
use crate::tables::{Form, TableRow, check};

/// The row of the table.
pub const ROW: TableRow = TableRow {
    name: "peer",
    doc: "Another agent that watches this one and is watched by it. Each has such a table about the other, with the same \
          key; every few seconds they exchange beats with proof that they work.",
    form: Form::Named,
    fields: FIELDS,
    example: "[peer.fra1]\nurl = \"https://fra1.example.com:7077\"\nkey = { file = \"/etc/muster/peer.key\" }\n\
              certificate = \"/etc/muster/fra1.crt\"\nnotify = [\"ops\"]\n",
};

/// The most peers of one agent: each has two connections a period.
pub const PEER_LIMIT: usize = 32;

/// The keys of the table.
pub const FIELDS: &[Field] = &[
    Field::new(
        "url",
        Shape::Url,
        "Where the other agent listens (`listen` of its [muster]); `http://` on this machine only. Without it nobody is \
         called: that is for a peer that only calls us, because it cannot be reached from outside.",
        "\"https://fra1.example.com:7077\"",
    ),
    Field::new(
        "key",
        Shape::Secret,
        "The secret that both sides share, at least 32 bytes: `openssl rand -hex 32` makes one. Each pair has a key of its \
         own.",
        "{ file = \"/etc/muster/peer.key\" }",
    )
    .required(),
    Field::new("every", Shape::Duration(2 * SECOND, 3600 * SECOND), "From one beat to the next.", "\"20s\"")
        .default("\"20s\""),
    Field::new("after", Shape::Whole(1, 100), "So many missed beats in a row are an alarm.", "3").default("3"),
    Field::new(
        "certificate",
        Shape::Path,
        "The certificate that the other side shows, as PEM, where it made one for itself: exactly this one is trusted, \
         whatever name it is for; or the authority that signs it. Else what this host trusts.",
        "\"/etc/muster/fra1.crt\"",
    ),
    Field::new(
        "looks",
        Shape::Flag,
        "We look for this peer, from here, at what its checks with `from = [\"peer:NAME\"]` name.",
        "true",
    )
    .default("false"),
    Field::new(
        "notify",
        Shape::List(&Shape::Text, 0),
        "Whom to tell; else `notify` of [defaults].",
        "[\"ops\"]",
    ),
    Field::new(
        "escalate",
        Shape::Text,
        "The [escalation] table that says who is told, in place of `notify`; as for jobs and checks.",
        "\"default\"",
    ),
];

/// How much longer than its beats may be missed the roll call waits: the agent itself counts them and says what it tried,
/// and this is for the agent that no longer counts.
const SLACK: Span = Span::seconds(30);

/// Reads the table; names are resolved later.
pub(crate) fn read(section: &Section<'_>, name: &str, id: &ExpectationId) -> Option<(PeerPlan, Expectation)> {
    let url = match section.has("url") {
        true => Some(section.text("url")?),
        false => None,
    };
    if let Some(url) = &url
        && !is_private(url)
    {
        section.refuse(
            "url",
            "a peer on another machine is called over https only",
            "write https://; with a certificate that the peer made for itself, name it as `certificate`",
        );
        return None;
    }
    let (key, every, after) = (section.secret("key")?, section.duration("every")?, section.count("after")?);
    let mut expectation =
        Expectation::new(id.clone(), Rhythm::Every(every), every.times(u64::from(after)) + SLACK);
    expectation.hearing = Hearing::Direct;
    expectation.target = check::target(section);
    let plan = PeerPlan {
        name: name.to_owned(),
        id: id.clone(),
        url: url.map(|url| url.trim_end_matches('/').to_owned()),
        key,
        every,
        after,
        certificate: section.path_to("certificate"),
        looks: section.flag("looks")?,
    };
    Some((plan, expectation))
}

/// True for an address that no other machine can overhear.
fn is_private(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return true };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let host = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => place.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn clear_text_stays_on_this_machine() {
        for url in ["https://fra1:7077", "http://127.0.0.1:7077", "http://[::1]:7077/", "http://localhost/x"]
        {
            assert!(is_private(url), "{url}");
        }
        for url in ["http://fra1:7077", "http://10.0.0.1", "http://127.0.0.1@fra1/", "http://localhost.fra1"]
        {
            assert!(!is_private(url), "{url}");
        }
    }
}
