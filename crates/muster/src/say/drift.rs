//! `muster drift`: what is no longer as it was accepted.

use super::clock::Clock;
use super::count::counted;
use super::paper::{Paper, harmless};
use crate::cli::drift::Standing;

/// How each item stands, with every difference as a patch.
pub(crate) fn standings(items: &[Standing], clock: &Clock, paper: &Paper) -> String {
    let mut text = String::new();
    for one in items {
        let by = one.accepted.as_ref().map_or_else(String::new, |last| {
            format!(", {} by {}: {}", clock.both(last.at), harmless(&last.by), harmless(&last.why))
        });
        let words = match one.state {
            "same" => format!("as it was accepted{by}"),
            "differs" => format!("{} not as accepted{by}", are(one.differences.len())),
            "new" => format!(
                "{}, not accepted yet; the agent's first look accepts it",
                counted(one.things, "thing")
            ),
            _ => format!("unknown: {}", harmless(one.why.as_deref().unwrap_or("nobody could see"))),
        };
        text.push_str(&format!("{}  {words}\n", paper.strong(&one.id)));
        if one.state == "differs" {
            patches(&mut text, one, paper);
        }
    }
    if items.iter().any(|one| one.state == "differs") {
        text.push_str("\n`muster drift accept --why \"…\"` accepts all of it; with names or paths before --why, only those.\n");
    }
    text
}

/// What was accepted.
pub(crate) fn accepted(items: &[Standing], paper: &Paper) -> String {
    if items.is_empty() {
        return "Nothing to accept: all that could be seen is as it was accepted.\n".to_owned();
    }
    let mut text = String::new();
    for one in items {
        match one.state {
            "new" => text.push_str(&format!(
                "{}  accepted, {}\n",
                paper.strong(&one.id),
                counted(one.differences.len(), "thing")
            )),
            _ => {
                patches(&mut text, one, paper);
                text.push_str(&format!("{}  accepted as shown\n", paper.strong(&one.id)));
            }
        }
    }
    text
}

fn are(count: usize) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(count, "thing"))
}

fn patches(text: &mut String, one: &Standing, paper: &Paper) {
    for line in one.differences.iter().flat_map(|shown| shown.patch.lines()) {
        let colour = match line.as_bytes().first() {
            Some(b'-') if paper.bold => "\x1b[31m",
            Some(b'+') if paper.bold => "\x1b[32m",
            _ => "",
        };
        let (line, end) = (visible(line), if colour.is_empty() { "" } else { "\x1b[0m" });
        text.push_str(&format!("{colour}{line}{end}\n"));
    }
}

/// Tabs stay; what is left of other control characters would steer the terminal.
fn visible(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}
