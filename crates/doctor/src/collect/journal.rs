//! The journal's settings (`journald.conf(5)`), the last word on each.

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::logs::Journal;

pub(super) const COLLECTOR: Collector = Collector {
    name: "journal",
    within: WITHIN,
    read,
    blind: |facts, why| facts.journal = Fact::unknown(why),
};

fn read(ground: &Ground) -> Put {
    let main = "/etc/systemd/journald.conf";
    let is_there = [main, "/lib/systemd/systemd-journald", "/usr/lib/systemd/systemd-journald"];
    if !is_there.iter().any(|path| ground.exists(path)) {
        return Box::new(|facts| facts.journal = Fact::nothing("there is no journald"));
    }
    let mut paths = Vec::new();
    for folder in ["/usr/lib/systemd", "/run/systemd", "/etc/systemd"] {
        let folder = format!("{folder}/journald.conf.d");
        let names = ground.list(&folder).ok().flatten().unwrap_or_default();
        paths.extend(
            names.into_iter().filter(|name| name.ends_with(".conf")).map(|name| (name, folder.clone())),
        );
    }
    // By name, wherever they lie; of two with the same name the one below /etc counts, and it comes last.
    paths.sort_by(|one, other| one.0.cmp(&other.0));
    let drop_ins = paths.into_iter().map(|(name, folder)| format!("{folder}/{name}"));
    let mut settings = Vec::new();
    for path in std::iter::once(main.to_owned()).chain(drop_ins) {
        if let Ok(Some(text)) = ground.read(&path) {
            add(&mut settings, &path, &text.lossy());
        }
    }
    let journal = Journal {
        settings,
        folder: ground.exists("/var/log/journal"),
        syslog: ["/usr/sbin/rsyslogd", "/usr/sbin/syslog-ng"].iter().any(|path| ground.exists(path)),
    };
    Box::new(|facts| facts.journal = Fact::Known(journal))
}

fn add(settings: &mut Vec<(String, String, String)>, path: &str, text: &str) {
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some((name, value)) = line.split_once('=') {
            settings.retain(|(known, ..)| known != name.trim());
            settings.push((name.trim().to_owned(), value.trim().to_owned(), path.to_owned()));
        }
    }
}
