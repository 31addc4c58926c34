//! The comparisons of nftables rules: what is compared, and with what.

use serde_json::Value;

use super::modules::tcp_flags;
use super::nft::Members;
use super::nft_text;
use super::rule::{Field, Pattern, Side, Test, interface, kind, network, protocol_number, state, status};

/// Properties that are compared, and what must hold for them to be there.
pub(crate) struct Compared {
    pub(crate) fields: Vec<Field>,
    pub(crate) needs: Vec<Test>,
}

/// The tests of one `match`.
pub(crate) fn test(body: &Value, members: &Members<'_>) -> Vec<Test> {
    let unclear = || Test::Unclear(nft_text::statement("match", body));
    let (Some(left), Some(right)) = (body.get("left"), body.get("right")) else { return vec![unclear()] };
    let op = body.get("op").and_then(Value::as_str).unwrap_or("==");
    let Some(Compared { fields, mut needs }) = fields(left) else {
        let mut tests: Vec<Test> = needs_of(left).into_iter().collect();
        tests.push(unclear());
        return tests;
    };
    needs.push(compared(&fields, op, right, members).unwrap_or_else(unclear));
    needs
}

fn compared(fields: &[Field], op: &str, right: &Value, members: &Members<'_>) -> Option<Test> {
    let many_bits = matches!(right, Value::Array(_)) || right.get("|").is_some();
    let any = match op {
        "in" => alternatives(fields, right, members)?,
        "==" if many_bits && !matches!(fields, [Field::TcpFlags(_)]) => return None,
        // Which of two meanings it has differs between versions of nft.
        "!=" if many_bits || matches!(fields, [Field::Status]) => return None,
        "==" | "!=" => match (fields, tcp_bits(right)) {
            ([Field::TcpFlags(_)], Some(bits)) => vec![vec![Pattern::Numbers(bits, bits)]],
            _ => alternatives(fields, right, members)?,
        },
        _ => {
            let bound = right.as_u64()?;
            let (first, last) = match op {
                "<" => (0, bound.checked_sub(1)?),
                "<=" => (0, bound),
                ">" => (bound.checked_add(1)?, u64::MAX),
                ">=" => (bound, u64::MAX),
                _ => return None,
            };
            vec![vec![Pattern::Numbers(first, last)]]
        }
    };
    Some(Test::Among { fields: fields.to_vec(), not: op == "!=", any })
}

fn tcp_bits(value: &Value) -> Option<u64> {
    match value {
        Value::String(name) => tcp_flags(name).map(u64::from),
        Value::Number(number) => number.as_u64(),
        Value::Array(names) => names.iter().map(tcp_bits).try_fold(0, |all, one| Some(all | one?)),
        Value::Object(object) => tcp_bits(object.get("|")?),
        _ => None,
    }
}

fn family(number: u64) -> Test {
    Test::one(Field::Family, false, Pattern::Numbers(number, number))
}

fn protocol(name: &str) -> Option<Test> {
    let number = protocol_number(name)?;
    Some(Test::one(Field::Protocol, false, Pattern::Numbers(number, number)))
}

/// What must hold for a property that is not understood to be there at all.
fn needs_of(left: &Value) -> Option<Test> {
    match left.get("payload")?.get("protocol")?.as_str()? {
        "ip" => Some(family(4)),
        "ip6" => Some(family(6)),
        name => protocol(name),
    }
}

/// The properties on the left of a comparison.
pub(crate) fn fields(left: &Value) -> Option<Compared> {
    let (sort, body) = left.as_object()?.iter().next()?;
    let word = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut needs = Vec::new();
    let field = match sort.as_str() {
        "concat" => {
            let mut all = Compared { fields: Vec::new(), needs };
            for part in body.as_array()? {
                let part = fields(part)?;
                all.fields.extend(part.fields);
                all.needs.extend(part.needs);
            }
            return Some(all);
        }
        "payload" => payload(word("protocol"), word("field"), &mut needs)?,
        "meta" => match word("key") {
            "iifname" | "iif" => Field::Enters,
            "oifname" | "oif" => Field::Leaves,
            "l4proto" => Field::Protocol,
            "nfproto" | "protocol" => Field::Family,
            "mark" => Field::Mark(u32::MAX),
            "pkttype" => Field::Unicast,
            _ => return None,
        },
        "ct" => match (word("key"), word("dir")) {
            ("state", _) => Field::State,
            ("status", _) => Field::Status,
            ("mark", _) => Field::ConnectionMark(u32::MAX),
            ("direction", _) => Field::Direction,
            ("ip daddr" | "ip6 daddr" | "daddr", "original") => Field::FirstTarget,
            ("ip saddr" | "ip6 saddr" | "saddr", "original") => Field::FirstSource,
            ("proto-dst", "original") => Field::FirstTargetPort,
            _ => return None,
        },
        "fib" => route(body)?,
        "&" => match body.as_array()?.as_slice() {
            [left, mask] => masked(fields(left)?, mask)?,
            _ => return None,
        },
        _ => return None,
    };
    Some(Compared { fields: vec![field], needs })
}

fn masked(left: Compared, mask: &Value) -> Option<Field> {
    match left.fields.as_slice() {
        [Field::Mark(_)] => Some(Field::Mark(u32::try_from(mask.as_u64()?).ok()?)),
        [Field::ConnectionMark(_)] => Some(Field::ConnectionMark(u32::try_from(mask.as_u64()?).ok()?)),
        [Field::TcpFlags(_)] => Some(Field::TcpFlags(u8::try_from(tcp_bits(mask)?).ok()?)),
        _ => None,
    }
}

fn payload(header: &str, name: &str, needs: &mut Vec<Test>) -> Option<Field> {
    match header {
        "ip" => needs.push(family(4)),
        "ip6" => needs.push(family(6)),
        _ => {}
    }
    let port = |target| {
        let protocol = u8::try_from(protocol_number(header)?).ok()?;
        Some(Field::PortOf { protocol, target })
    };
    match (header, name) {
        ("ip" | "ip6", "saddr") => Some(Field::Source),
        ("ip" | "ip6", "daddr") => Some(Field::Target),
        ("ip", "protocol") | ("ip6", "nexthdr") => Some(Field::Protocol),
        ("th", "sport") => Some(Field::SourcePort),
        ("th", "dport") => Some(Field::TargetPort),
        ("tcp", "flags") => Some(Field::TcpFlags(u8::MAX)),
        ("icmp", "type") => Some(Field::IcmpType),
        ("icmpv6", "type") => Some(Field::Icmp6Type),
        (_, "sport") => port(false),
        (_, "dport") => port(true),
        _ => None,
    }
}

fn route(body: &Value) -> Option<Field> {
    let flags: Vec<&str> = match body.get("flags")? {
        Value::Array(flags) => flags.iter().filter_map(Value::as_str).collect(),
        one => vec![one.as_str()?],
    };
    let has = |flag: &str| flags.contains(&flag);
    match body.get("result")?.as_str()? {
        "type" => {
            let on = match (has("iif"), has("oif")) {
                (true, _) => Some(Side::Enters),
                (_, true) => Some(Side::Leaves),
                _ => None,
            };
            Some(Field::Kind { target: has("daddr"), on })
        }
        "oif" | "oifname" if has("saddr") => Some(Field::ReversePath { loose: !has("iif") }),
        _ => None,
    }
}

/// What stands on the right, as alternatives of one pattern for each property.
pub(crate) fn alternatives(
    fields: &[Field],
    right: &Value,
    members: &Members<'_>,
) -> Option<Vec<Vec<Pattern>>> {
    if let Some(name) = right.as_str().and_then(|word| word.strip_prefix('@')) {
        let list: &[Value] = members.get(name)?;
        return all(fields, list, members);
    }
    match right {
        Value::Object(object) if object.contains_key("set") => {
            return all(fields, object.get("set")?.as_array()?, members);
        }
        Value::Object(object) if object.contains_key("elem") => {
            return alternatives(fields, object.get("elem")?.get("val")?, members);
        }
        Value::Object(object) if object.contains_key("concat") => {
            let parts = object.get("concat")?.as_array()?;
            if parts.len() != fields.len() {
                return None;
            }
            let patterns = fields.iter().zip(parts).map(|(field, part)| pattern(field, part));
            return Some(vec![patterns.collect::<Option<_>>()?]);
        }
        _ => {}
    }
    if right == "*" {
        return Some(vec![vec![Pattern::Any; fields.len()]]);
    }
    match fields {
        [field] => Some(vec![vec![pattern(field, right)?]]),
        _ => None,
    }
}

fn all(fields: &[Field], list: &[Value], members: &Members<'_>) -> Option<Vec<Vec<Pattern>>> {
    let each: Option<Vec<_>> = list.iter().map(|one| alternatives(fields, one, members)).collect();
    Some(each?.into_iter().flatten().collect())
}

fn pattern(field: &Field, value: &Value) -> Option<Pattern> {
    if let Some([first, last]) = value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        return match (pattern(field, first)?, pattern(field, last)?) {
            (Pattern::Numbers(first, _), Pattern::Numbers(last, _)) => Some(Pattern::Numbers(first, last)),
            (Pattern::Network(first, _), Pattern::Network(last, _)) => Some(Pattern::Addresses(first, last)),
            _ => None,
        };
    }
    let exactly = |number: u64| Pattern::Numbers(number, number);
    let word = value.as_str();
    match field {
        Field::Family => match word? {
            "ipv4" | "ip" => Some(exactly(4)),
            "ipv6" | "ip6" => Some(exactly(6)),
            _ => Some(exactly(0)),
        },
        Field::Protocol => match word {
            Some(name) => protocol_number(name).map(exactly),
            None => value.as_u64().map(exactly),
        },
        Field::Source | Field::Target | Field::FirstTarget | Field::FirstSource => {
            match value.get("prefix") {
                Some(prefix) => {
                    let address = prefix.get("addr")?.as_str()?;
                    network(&format!("{address}/{}", prefix.get("len")?.as_u64()?))
                }
                None => network(word?),
            }
        }
        Field::Enters | Field::Leaves => Some(interface(word?, '*')),
        Field::State => bits(value, &state::named),
        Field::Status => bits(value, &|word| match word {
            "seen-reply" => Some(status::SEEN_REPLY),
            "assured" => Some(status::ASSURED),
            "confirmed" => Some(status::CONFIRMED),
            "snat" => Some(status::SNAT),
            "dnat" => Some(status::DNAT),
            _ => None,
        }),
        Field::Direction => Some(exactly(u64::from(word? == "reply"))),
        Field::Kind { .. } => Some(Pattern::Bits(kind::named(word?))),
        Field::TcpFlags(_) => tcp_bits(value).map(Pattern::Bits),
        Field::ReversePath { .. } => value.as_bool().map(|there| exactly(u64::from(there))),
        Field::IcmpType | Field::Icmp6Type => Some(exactly(match word {
            Some("nd-neighbor-solicit") => 135,
            Some("nd-neighbor-advert") => 136,
            // Other kinds are never walked.
            Some(_) => 255,
            None => value.as_u64()?,
        })),
        Field::Unicast => Some(exactly(u64::from(matches!(word?, "host" | "unicast")))),
        Field::SourcePort
        | Field::TargetPort
        | Field::PortOf { .. }
        | Field::FirstTargetPort
        | Field::Mark(_)
        | Field::ConnectionMark(_) => value.as_u64().map(exactly),
    }
}

fn bits(value: &Value, named: &impl Fn(&str) -> Option<u64>) -> Option<Pattern> {
    let one = |value: &Value| named(value.as_str()?);
    let list = value.as_array().or_else(|| value.get("|").and_then(Value::as_array));
    let bits = match list {
        Some(list) => list.iter().map(one).try_fold(0, |all, one| Some(all | one?)),
        None => one(value),
    };
    bits.map(Pattern::Bits)
}
