//! The files of ufw (ufw-framework(8)).

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::ufw::Ufw;

pub(super) const COLLECTOR: Collector =
    Collector { name: "ufw", within: WITHIN, read, blind: |facts, why| facts.ufw = Fact::unknown(why) };

fn read(ground: &Ground) -> Put {
    let ufw = files(ground);
    Box::new(|facts| facts.ufw = ufw)
}

fn files(ground: &Ground) -> Fact<Ufw> {
    let text = |path: &str| match ground.read(path) {
        Ok(Some(text)) => Ok(Some(text.lossy())),
        Ok(None) => Ok(None),
        Err(why) => Err(format!("{path}: {why}")),
    };
    match (text("/etc/ufw/ufw.conf"), text("/etc/default/ufw")) {
        (Err(why), _) | (_, Err(why)) => Fact::unknown(why),
        (Ok(None), _) => Fact::nothing("there is no ufw"),
        (Ok(Some(own)), Ok(defaults)) => {
            let defaults = defaults.unwrap_or_default();
            Fact::Known(Ufw {
                enabled: setting(&own, "ENABLED").eq_ignore_ascii_case("yes"),
                manages_builtins: setting(&defaults, "MANAGE_BUILTINS").eq_ignore_ascii_case("yes"),
                forward: setting(&defaults, "DEFAULT_FORWARD_POLICY"),
                forward_line: line(&defaults, "DEFAULT_FORWARD_POLICY"),
            })
        }
    }
}

/// The last `NAME=value`, without quotes.
fn setting(text: &str, name: &str) -> String {
    let lines = text.lines().rev().map(str::trim);
    let value = lines.filter_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('=')).next();
    value.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
}

/// The line of the last `NAME=`.
fn line(text: &str, name: &str) -> Option<u32> {
    let says =
        |line: &str| line.trim().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='));
    (1..).zip(text.lines()).filter(|(_, line)| says(line)).last().map(|(number, _)| number)
}
