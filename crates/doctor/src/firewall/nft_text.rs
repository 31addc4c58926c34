//! The text of an nftables rule, about as `nft list ruleset` writes it, for a person to find it again.

use serde_json::Value;

/// All statements of a rule.
pub(crate) fn rule(statements: &[Value]) -> String {
    let mut text = String::new();
    for statement in statements {
        let one = match statement {
            Value::Object(object) => {
                object.iter().map(|(name, body)| self::statement(name, body)).collect::<Vec<_>>().join(" ")
            }
            other => value(other),
        };
        if !one.is_empty() && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&one);
    }
    text
}

/// One statement.
pub(crate) fn statement(name: &str, body: &Value) -> String {
    match (name, body) {
        ("match", Value::Object(body)) => {
            let part = |key: &str| body.get(key).map(value).unwrap_or_default();
            match body.get("op").and_then(Value::as_str) {
                None | Some("==" | "in") => format!("{} {}", part("left"), part("right")),
                Some(op) => format!("{} {op} {}", part("left"), part("right")),
            }
        }
        ("counter", _) => String::new(),
        ("vmap", Value::Object(body)) => {
            let part = |key: &str| body.get(key).map(value).unwrap_or_default();
            format!("{} vmap {}", part("key"), part("data"))
        }
        ("mangle", Value::Object(body)) => {
            let part = |key: &str| body.get(key).map(value).unwrap_or_default();
            format!("{} set {}", part("key"), part("value"))
        }
        ("jump" | "goto", Value::Object(body)) => {
            format!("{name} {}", body.get("target").map(value).unwrap_or_default())
        }
        ("dnat" | "snat", Value::Object(body)) => {
            let part = |key: &str| body.get(key).map(value);
            let port = part("port").map(|port| format!(":{port}")).unwrap_or_default();
            format!("{name} to {}{port}", part("addr").unwrap_or_default())
        }
        (_, Value::Null) => name.to_owned(),
        _ => format!("{name} {}", value(body)),
    }
}

fn value(value: &Value) -> String {
    let list =
        |values: &[Value], between: &str| values.iter().map(self::value).collect::<Vec<_>>().join(between);
    match value {
        Value::Null => String::new(),
        Value::String(word) => word.clone(),
        Value::Array(values) => list(values, ","),
        Value::Object(object) => {
            let Some((sort, body)) = object.iter().next() else { return String::new() };
            let word = |key: &str| body.get(key).map(self::value).unwrap_or_default();
            let many = body.as_array().map(Vec::as_slice).unwrap_or_default();
            match sort.as_str() {
                "payload" => format!("{} {}", word("protocol"), word("field")),
                "meta" => word("key"),
                "ct" => format!("ct {} {}", word("dir"), word("key")).replace("  ", " "),
                "fib" => format!("fib {} {}", word("flags").replace(',', " . "), word("result")),
                "prefix" => format!("{}/{}", word("addr"), word("len")),
                "range" => list(many, "-"),
                "concat" => list(many, " . "),
                "set" => {
                    let entry = |one: &Value| match one.as_array().map(Vec::as_slice) {
                        Some([key, to]) => format!("{} : {}", self::value(key), self::value(to)),
                        _ => self::value(one),
                    };
                    format!("{{ {} }}", many.iter().map(entry).collect::<Vec<_>>().join(", "))
                }
                "&" | "|" => list(many, &format!(" {sort} ")),
                "map" => format!("{} map {}", word("key"), word("data")),
                "elem" => word("val"),
                _ => statement(sort, body),
            }
        }
        other => other.to_string(),
    }
}
