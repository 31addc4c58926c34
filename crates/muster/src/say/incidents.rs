//! `muster incident list` and `subscribers`: what customers are told, and who has it mailed to them.

use super::clock::Clock;
use super::paper::{Paper, harmless};
use super::table::Table;
use crate::cli::incident::{Item, Mails, Subscribers};

/// A table, and below it what was said about each that goes on.
pub(crate) fn list(items: &[Item], clock: &Clock, paper: &Paper) -> String {
    if items.is_empty() {
        return "Customers were told of nothing in the last 90 days.\n".to_owned();
    }
    let mut table = Table::new(&["ID", "STAGE", "BEGAN", "ENDED", "COMPONENTS", "PAGE", "TITLE"]);
    for Item { notice, stage } in items {
        let names: Vec<&str> = notice.touched.iter().map(|touched| touched.component.as_str()).collect();
        table.row([
            notice.id.to_string(),
            stage.clone(),
            clock.stamp(notice.began),
            notice.ended.map(|ended| clock.stamp(ended)).unwrap_or_default(),
            names.join(", "),
            if notice.hidden { "hidden".to_owned() } else { String::new() },
            notice.title.clone().unwrap_or_default(),
        ]);
    }
    let mut text = table.lines(paper, 0);
    for Item { notice, .. } in items.iter().filter(|item| item.notice.ended.is_none()) {
        text.push_str(&format!("\n{}\n", paper.strong(notice.id.as_str())));
        for update in &notice.updates {
            let by = update.by.as_deref().map(|by| format!(" ({})", harmless(by))).unwrap_or_default();
            let (at, stage) = (clock.stamp(update.at), update.stage.word());
            text.push_str(&format!("  {at}  {stage}: {}{by}\n", harmless(&update.words)));
        }
    }
    text
}

/// A table, and one line about the mails.
pub(crate) fn subscribers(all: &Subscribers, clock: &Clock, paper: &Paper) -> String {
    let Subscribers { items, mails: Mails { waiting, taken, given_up, dropped } } = all;
    let mut text = if items.is_empty() { "Nobody subscribed.\n".to_owned() } else { String::new() };
    if !items.is_empty() {
        let mut table = Table::new(&["SINCE", "REFUSED", "ADDRESS"]);
        for one in items {
            let refused = if one.refused == 0 { String::new() } else { format!("{} in a row", one.refused) };
            table.row([clock.stamp(one.since), refused, harmless(&one.address).into_owned()]);
        }
        text = table.lines(paper, 0);
        text.push_str(&format!("\n{}. ", super::count::counted(items.len(), "subscriber")));
    }
    text.push_str(&format!("Mails: {taken} sent, {waiting} waiting, {given_up} given up.\n"));
    if *dropped > 0 {
        let bulletins = super::count::counted(usize::try_from(*dropped).unwrap_or(usize::MAX), "bulletin");
        text.push_str(&format!("{bulletins} did not reach everybody.\n"));
    }
    text
}
