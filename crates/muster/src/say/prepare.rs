//! `muster host prepare`: how a host stands, what was made, and what is left to people.

use muster_config::plan::{HostPlan, ServicePlan};
use muster_deploy::base::{Fate, Standing, Wanted};
use muster_deploy::trouble::Trouble;

use super::paper::harmless;

/// Every piece with a mark, and what would be done about it.
pub(crate) fn plan(host: &HostPlan, wanted: &[Wanted], seen: &[Standing]) -> String {
    let way = host.ssh.as_deref().unwrap_or("this machine");
    let mut text = format!("{} ({way})\n\n", host.name);
    let width = wanted.iter().map(|one| one.piece.name().chars().count()).max().unwrap_or_default();
    for (one, seen) in wanted.iter().zip(seen) {
        let (mark, about) = match seen {
            Standing::There => ('=', of(one)),
            Standing::Missing(what) => ('+', format!("{}{what}", with_colon(&of(one)))),
            Standing::Waits(trouble) | Standing::Barred(trouble) => {
                ('!', format!("{}{}", with_colon(&of(one)), told(trouble)))
            }
        };
        let line = format!("  {mark} {:<width$}  {}", one.piece.name(), harmless(&about));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str("\n+ is done, = is there already, ! waits for you\n");
    text
}

/// Nothing is missing.
pub(crate) fn nothing_to_do(host: &HostPlan) -> String {
    format!("\n{} has all that can be made; nothing to do.\n", host.name)
}

/// One step is done.
pub(crate) fn made(names: &[String]) -> String {
    names.iter().map(|name| format!("  done  {}\n", harmless(name))).collect()
}

/// What came of it, and what comes next.
pub(crate) fn end(
    host: &HostPlan,
    services: &[&ServicePlan],
    wanted: &[Wanted],
    seen: &[Standing],
) -> String {
    let mut text = String::new();
    let mut is_whole = true;
    for (one, seen) in wanted.iter().zip(seen) {
        let name = one.piece.name();
        match seen {
            Standing::There => {}
            Standing::Waits(trouble) => {
                text.push_str(&format!("  ! {name}: {}\n", harmless(&told(trouble))));
            }
            Standing::Missing(what) => {
                is_whole = false;
                text.push_str(&format!("  ! {name} is still missing: {}\n", harmless(what)));
            }
            Standing::Barred(trouble) => {
                is_whole = false;
                text.push_str(&format!("  ! {name} is still missing: {}\n", harmless(&told(trouble))));
            }
        }
    }
    let name = &host.name;
    let first = match (is_whole, text.is_empty()) {
        (true, true) => format!("\n{name} is prepared.\n"),
        (true, false) => format!("\n{name} is prepared. Left to you:\n"),
        (false, _) => format!("\n{name} is not as it should be:\n"),
    };
    let deploys =
        services.iter().filter(|_| is_whole).map(|service| format!("`muster deploy {}`", service.name));
    let deploys: Vec<String> = deploys.collect();
    let next = match deploys.is_empty() {
        true => String::new(),
        false => format!(
            "Next: {}. `muster host prepare {name} --undo` takes back what was made.\n",
            deploys.join(", ")
        ),
    };
    format!("{first}{text}{next}")
}

/// What becomes, or became, of what was made, and whether there is anything to take back.
pub(crate) fn fates(host: &HostPlan, fates: &[Fate], is_done: bool) -> (String, bool) {
    let has_any = fates.iter().any(|fate| matches!(fate, Fate::Back(_)));
    let mut text = match is_done {
        true => "\n".to_owned(),
        false => format!("{}: what muster made there, the last one first\n\n", host.name),
    };
    for fate in fates {
        let line = match fate {
            Fate::Back(what) => format!("  - {}\n", harmless(what)),
            Fate::Stays(what, trouble) => {
                format!("  = {}  stays: {}\n", harmless(what), harmless(&told(trouble)))
            }
        };
        text.push_str(&line);
    }
    text.push_str(match (is_done, has_any) {
        (true, _) => "\nTaken back. What stays is on record still.\n",
        (false, true) => "\n- is taken back, = stays\n",
        (false, false) => "\nNothing to take back.\n",
    });
    (text, has_any)
}

fn of(wanted: &Wanted) -> String {
    match wanted.of.is_empty() {
        true => String::new(),
        false => format!("for {}", wanted.of.join(", ")),
    }
}

fn with_colon(of: &str) -> String {
    if of.is_empty() { String::new() } else { format!("{of}: ") }
}

fn told(trouble: &Trouble) -> String {
    match &trouble.help {
        Some(help) => format!("{}; {help}", trouble.what),
        None => trouble.what.clone(),
    }
}
