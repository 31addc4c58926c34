//! The targets of iptables rules.

use std::net::{IpAddr, SocketAddr};

use super::rule::{Action, number};

/// What a rule does.
pub(crate) fn target(name: &str, words: &[&str]) -> Action {
    let value = |option: &str| {
        words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1)).copied()
    };
    let has = |option: &str| words.contains(&option);
    let understood = match name {
        "ACCEPT" => Some(Action::Accept),
        "DROP" => Some(Action::Drop),
        "REJECT" => Some(Action::Reject),
        "RETURN" => Some(Action::Return),
        "LOG" | "NFLOG" | "ULOG" | "TRACE" | "AUDIT" | "TCPMSS" | "TOS" | "DSCP" | "ECN" | "CHECKSUM"
        | "TTL" | "HL" | "SET" | "CLASSIFY" | "SECMARK" | "CONNSECMARK" | "IDLETIMER" | "LED" | "RATEEST"
        | "TEE" | "TCPOPTSTRIP" => Some(Action::Watch),
        "MARK" => marks(
            value("--set-xmark"),
            value("--set-mark"),
            [value("--and-mark"), value("--or-mark"), value("--xor-mark")],
        )
        .map(|(keep, flip)| Action::Mark { keep, flip }),
        "CONNMARK" => connection_mark(&value, &has),
        "MASQUERADE" => Some(Action::Source { address: None }),
        "SNAT" => value("--to-source").and_then(place).map(|(address, _)| Action::Source { address }),
        "DNAT" => value("--to-destination").and_then(place).map(|(address, port)| Action::Target {
            address,
            port,
            here: false,
        }),
        "REDIRECT" => match value("--to-ports") {
            None => Some(Action::Target { address: None, port: None, here: true }),
            Some(port) => {
                port.parse().ok().map(|port| Action::Target { address: None, port: Some(port), here: true })
            }
        },
        "NOTRACK" => Some(Action::Untrack),
        "CT" if has("--notrack") => Some(Action::Untrack),
        "CT" if has("--helper") && !has("--zone") => Some(Action::Watch),
        // Targets of the kernel are in capitals; a chain may be too, and then its name is none of those that stop here.
        "NFQUEUE" | "QUEUE" | "TPROXY" | "NETMAP" | "CT" | "SYNPROXY" | "CLUSTERIP" | "HMARK" | "MASK"
        | "DNPT" | "SNPT" => None,
        chain => Some(Action::Jump(chain.to_owned())),
    };
    understood.unwrap_or_else(|| Action::Unclear(format!("-j {name} {}", words.join(" "))))
}

/// `keep` and `flip` of a change of marks.
fn marks(xmark: Option<&str>, mark: Option<&str>, bits: [Option<&str>; 3]) -> Option<(u32, u32)> {
    let read = |word: &str| number(word).and_then(|number| u32::try_from(number).ok());
    let pair = |word: &str| {
        let (value, mask) = word.split_once('/').unwrap_or((word, "0xffffffff"));
        Some((read(value)?, read(mask)?))
    };
    match (xmark, mark, bits) {
        (Some(word), ..) => pair(word).map(|(value, mask)| (!mask, value)),
        (_, Some(word), _) => pair(word).map(|(value, mask)| (!(mask | value), value)),
        (.., [Some(and), ..]) => read(and).map(|and| (and, 0)),
        (.., [_, Some(or), _]) => read(or).map(|or| (!or, or)),
        (.., [_, _, Some(xor)]) => read(xor).map(|xor| (u32::MAX, xor)),
        _ => None,
    }
}

fn connection_mark<'a>(
    value: &impl Fn(&str) -> Option<&'a str>,
    has: &impl Fn(&str) -> bool,
) -> Option<Action> {
    let mask = |option: &str| match value(option).or_else(|| value("--mask")) {
        None => Some(u32::MAX),
        Some(word) => number(word).and_then(|number| u32::try_from(number).ok()),
    };
    let (ours, theirs) = (mask("--nfmask")?, mask("--ctmask")?);
    if has("--save-mark") {
        return Some(Action::SaveMark { keep: !theirs, take: ours });
    }
    if has("--restore-mark") {
        return Some(Action::RestoreMark { keep: !ours, take: theirs });
    }
    let bits = [value("--and-mark"), value("--or-mark"), value("--xor-mark")];
    marks(value("--set-xmark"), value("--set-mark"), bits)
        .map(|(keep, flip)| Action::ConnectionMark { keep, flip })
}

/// An address and a port, either of which may be missing; ranges are not understood.
fn place(word: &str) -> Option<(Option<IpAddr>, Option<u16>)> {
    if let Ok(place) = word.parse::<SocketAddr>() {
        return Some((Some(place.ip()), Some(place.port())));
    }
    if let Some(port) = word.strip_prefix(':') {
        return Some((None, Some(port.parse().ok()?)));
    }
    let bare = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).unwrap_or(word);
    Some((Some(bare.parse().ok()?), None))
}
