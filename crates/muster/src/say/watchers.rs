//! Who watches this agent, for `muster status`: a line for each peer, and plain words where nobody does.

use muster_core::board::{Peer, Watchers};

use super::clock::Clock;
use super::paper::harmless;

/// The lines; none where an outside address alone hears from it.
pub(crate) fn notes(watchers: &Watchers, clock: &Clock) -> String {
    let mut text = String::new();
    if let Some(stranger) = &watchers.stranger {
        let (what, help) = (harmless(&stranger.what), harmless(&stranger.help));
        text.push_str(&format!("[{}] {what}: {help}.\n", stranger.code));
    }
    for peer in &watchers.peers {
        text.push_str(&format!("Peer {}\n", one(peer, clock)));
    }
    if watchers.is_nobody() {
        text.push_str(
            "Nobody watches this agent: if this host goes down, no page says so. Two hosts can watch each other with\n\
             [peer.NAME] in muster.toml; or an address outside hears from it: beat = { url = \"https://…\" } below [muster].\n",
        );
    }
    text
}

fn one(peer: &Peer, clock: &Clock) -> String {
    let mut parts = vec![match peer.last_heard {
        Some(at) => format!("{}: heard {}", harmless(&peer.name), clock.distance_or_never(Some(at))),
        None => format!("{}: never heard", harmless(&peer.name)),
    }];
    parts.push(match peer.hears_us {
        Some(at) => format!("took our beat {}", clock.distance_or_never(Some(at))),
        None => "has not said that it hears us".to_owned(),
    });
    parts.extend(peer.trouble.iter().map(|words| harmless(words).into_owned()));
    parts.extend(peer.clocks());
    format!("{}.", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use muster_core::time::Span;

    use super::super::clock::tests::{NOON, clock};
    use super::*;

    #[test]
    fn nobody_who_watches_is_said_plainly_and_what_to_write() {
        let text = notes(&Watchers::default(), &clock());
        assert!(text.starts_with("Nobody watches this agent: "), "{text}");
        assert!(text.contains("[peer.NAME]") && text.contains("beat = { url"), "{text}");
        assert_eq!(notes(&Watchers { beat: true, ..Watchers::default() }, &clock()), "");
    }

    #[test]
    fn each_peer_has_a_line_with_its_trouble_and_its_clock() {
        let well = Peer {
            name: "fra1".into(),
            last_heard: Some(NOON - Span::seconds(4)),
            hears_us: Some(NOON - Span::seconds(14)),
            ahead: Some(4_999),
            trouble: None,
        };
        let odd = Peer {
            name: "nyc1".into(),
            ahead: Some(-7_000),
            trouble: Some("the last try to reach it: TLS".into()),
            ..Peer::default()
        };
        let watchers = Watchers { beat: false, peers: vec![well, odd], stranger: None };
        assert_eq!(
            notes(&watchers, &clock()),
            "\
Peer fra1: heard 4s ago; took our beat 14s ago.
Peer nyc1: never heard; has not said that it hears us; the last try to reach it: TLS; its clock is 7s behind ours.
"
        );
    }
}
