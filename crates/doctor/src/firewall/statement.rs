//! The statements of an nftables rule as tests and actions.

use std::net::IpAddr;

use serde_json::Value;

use super::compare::{self, Compared};
use super::nft::Members;
use super::nft_text;
use super::rule::{Action, Field, Pattern, Step, Test};

/// A rule's statements, in order.
pub(crate) fn steps(statements: &[Value], members: &Members<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for statement in statements {
        match statement {
            Value::Object(object) => {
                for (name, body) in object {
                    one(name, body, members, &mut steps);
                }
            }
            Value::String(name) => one(name, &Value::Null, members, &mut steps),
            other => steps.push(Step::Act(Action::Unclear(other.to_string()))),
        }
    }
    steps
}

fn one(name: &str, body: &Value, members: &Members<'_>, steps: &mut Vec<Step>) {
    let text = || nft_text::statement(name, body);
    let chain = || body.get("target").and_then(Value::as_str).map(str::to_owned);
    let action = match name {
        "match" => {
            steps.extend(compare::test(body, members).into_iter().map(Step::Test));
            return;
        }
        "limit" | "quota" | "ct count" | "meter" => {
            steps.push(Step::Test(Test::Unclear(text())));
            return;
        }
        "counter" | "log" | "comment" | "set" | "map" | "flow" | "dup" | "ct helper" | "ct timeout"
        | "ct expectation" | "secmark" | "last" | "continue" => return,
        "accept" => Some(Action::Accept),
        "drop" => Some(Action::Drop),
        "reject" => Some(Action::Reject),
        "return" => Some(Action::Return),
        "jump" => chain().map(Action::Jump),
        "goto" => chain().map(Action::Goto),
        "notrack" => Some(Action::Untrack),
        "masquerade" => Some(Action::Source { address: None }),
        "snat" => address(body.get("addr")).map(|address| Action::Source { address: Some(address) }),
        "redirect" => port(body.get("port")).map(|port| Action::Target { address: None, port, here: true }),
        "dnat" => target(body, members, steps),
        "vmap" => choose(body.get("key"), body.get("data"), members, steps, verdict),
        "mangle" => mangle(body),
        // A test or a target of iptables that nft does not know.
        "xt" => {
            steps.push(Step::Test(Test::Unclear(text())));
            None
        }
        _ => None,
    };
    steps.push(Step::Act(action.unwrap_or_else(|| Action::Unclear(text()))));
}

fn address(value: Option<&Value>) -> Option<IpAddr> {
    value?.as_str()?.parse().ok()
}

/// A port that may be missing; a range or a map is not understood.
#[expect(clippy::option_option, reason = "not understood, and not there, are different")]
fn port(value: Option<&Value>) -> Option<Option<u16>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(value) => Some(Some(u16::try_from(value.as_u64()?).ok()?)),
    }
}

fn target(body: &Value, members: &Members<'_>, steps: &mut Vec<Step>) -> Option<Action> {
    let to_port = port(body.get("port"))?;
    let family = match body.get("family").and_then(Value::as_str) {
        Some("ip") => Some(4),
        Some("ip6") => Some(6),
        _ => None,
    };
    if let Some(family) = family {
        steps.push(Step::Test(Test::one(Field::Family, false, Pattern::Numbers(family, family))));
    }
    let Some(to) = body.get("addr") else {
        return Some(Action::Target { address: None, port: to_port, here: false });
    };
    if let Some(map) = to.get("map") {
        return choose(map.get("key"), map.get("data"), members, steps, |value| {
            let parts = value.get("concat").and_then(Value::as_array);
            match parts.map(Vec::as_slice) {
                None => {
                    Some(Action::Target { address: Some(address(Some(value))?), port: to_port, here: false })
                }
                Some([to, to_port]) => Some(Action::Target {
                    address: Some(address(Some(to))?),
                    port: port(Some(to_port))?,
                    here: false,
                }),
                Some(_) => None,
            }
        });
    }
    Some(Action::Target { address: Some(address(Some(to))?), port: to_port, here: false })
}

fn verdict(value: &Value) -> Option<Action> {
    let (name, body) = value.as_object()?.iter().next()?;
    let chain = || body.get("target").and_then(Value::as_str).map(str::to_owned);
    match name.as_str() {
        "accept" => Some(Action::Accept),
        "drop" => Some(Action::Drop),
        "return" => Some(Action::Return),
        "jump" => chain().map(Action::Jump),
        "goto" => chain().map(Action::Goto),
        "continue" => Some(Action::Watch),
        _ => None,
    }
}

/// A map from properties of the packet to what happens.
fn choose(
    key: Option<&Value>,
    data: Option<&Value>,
    members: &Members<'_>,
    steps: &mut Vec<Step>,
    act: impl Fn(&Value) -> Option<Action>,
) -> Option<Action> {
    let Compared { fields, needs } = compare::fields(key?)?;
    let data = data?;
    let list: &[Value] = match data.as_str().and_then(|name| name.strip_prefix('@')) {
        Some(name) => members.get(name)?,
        None => data.get("set")?.as_array()?,
    };
    let mut entries = Vec::new();
    for entry in list {
        let [key, value] = entry.as_array()?.as_slice() else { return None };
        let action = act(value)?;
        for patterns in compare::alternatives(&fields, key, members)? {
            entries.push((patterns, action.clone()));
        }
    }
    // What stands for all the rest comes last.
    entries.sort_by_key(|(patterns, _)| patterns.iter().all(|one| *one == Pattern::Any));
    steps.extend(needs.into_iter().map(Step::Test));
    Some(Action::Choose { fields, entries })
}

fn mangle(body: &Value) -> Option<Action> {
    let key = body.get("key")?;
    let value = body.get("value")?;
    let which = |value: &Value| {
        let word = |sort: &str| value.get(sort).and_then(|one| one.get("key")).and_then(Value::as_str);
        (word("meta") == Some("mark"), word("ct") == Some("mark"))
    };
    let (packet, connection) = which(key);
    if !packet && !connection {
        // Addresses and ports that are written by hand go past the translation that is walked here.
        let field = key.get("payload").and_then(|one| one.get("field")).and_then(Value::as_str);
        let decides = matches!(field, Some("saddr" | "daddr" | "sport" | "dport"));
        return (!decides).then_some(Action::Watch);
    }
    let word = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    if let Some(flip) = word(value) {
        return Some(if packet {
            Action::Mark { keep: 0, flip }
        } else {
            Action::ConnectionMark { keep: 0, flip }
        });
    }
    for (sign, or) in [("&", false), ("|", true)] {
        if let Some([from, mask]) = value.get(sign).and_then(Value::as_array).map(Vec::as_slice) {
            let mask = word(mask)?;
            let (from_packet, from_connection) = which(from);
            let (keep, flip) = if or { (!mask, mask) } else { (mask, 0) };
            return match (packet, from_packet, from_connection) {
                (true, true, _) => Some(Action::Mark { keep, flip }),
                (false, _, true) => Some(Action::ConnectionMark { keep, flip }),
                (true, _, true) if !or => Some(Action::RestoreMark { keep: 0, take: mask }),
                (false, true, _) if !or => Some(Action::SaveMark { keep: 0, take: mask }),
                _ => None,
            };
        }
    }
    match (packet, which(value)) {
        (true, (_, true)) => Some(Action::RestoreMark { keep: 0, take: u32::MAX }),
        (false, (true, _)) => Some(Action::SaveMark { keep: 0, take: u32::MAX }),
        _ => None,
    }
}
