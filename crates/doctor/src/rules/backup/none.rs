//! BAK001: data that nothing copies.

use super::{covers, keeper, place, stores, tools};
use crate::facts::Facts;
use crate::facts::database::{Act, Store};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, folder, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "BAK001",
    severity: Severity::Critical,
    outlook: Outlook::Waiting,
    title: "nothing copies this data",
    silent: "A copy that was never made fails nowhere. That there is none shows on the day when it is needed.",
    cure: "Dump it every night (pg_dump, mariadb-dump, `sqlite3 FILE .backup`), take the dump to another machine, and let both \
           report in: `muster run`.",
    fix: Fix::Told,
    unless: "It is copied from elsewhere: by the provider's snapshots, or by another host that fetches it. Nobody can see that \
             from here: then allow it. A cluster or server without a database of anybody's is passed over.",
    judge,
    bad: Fixture::files(
        "a cluster with a database, and jobs that do other things",
        &[
            folder("/var/lib/postgresql/15/main/base/5/"),
            folder("/var/lib/postgresql/15/main/base/16384/"),
            file("/etc/cron.d/clean", "0 2 * * * root find /tmp/x -mtime +7 -delete\n"),
        ],
    ),
    good: [
        Fixture::files(
            "a script that dumps it, started by another",
            &[
                folder("/var/lib/postgresql/15/main/base/16384/"),
                file("/etc/cron.d/dump", "0 2 * * * root muster run dump -- /opt/shop/nightly.sh\n"),
                program("/opt/shop/nightly.sh", "#!/bin/sh\n/opt/shop/dump.sh\n"),
                program("/opt/shop/dump.sh", "#!/bin/sh\npg_dump -Fc -f /backup/shop shop\n"),
            ],
        ),
        Fixture::files(
            "a cluster as it is installed, and MariaDB that a timer's service copies by its folder",
            &[
                folder("/var/lib/postgresql/15/main/base/1/"),
                folder("/var/lib/postgresql/15/main/base/5/"),
                folder("/var/lib/mysql/shop/"),
                file(
                    "/etc/systemd/system/copy.service",
                    "[Service]\nType=oneshot\nExecStart=/usr/bin/rsync -a /var/lib/ backup@store:/web1/\n",
                ),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    let mut answer = Answer::default();
    let stores = stores(facts, &mut answer);
    if stores.is_empty() {
        if answer.unknown.is_empty() {
            answer.nothing = Some("there is no data of a database".to_owned());
        }
        return answer;
    }
    let Some(tools) = tools(facts, &mut answer) else { return answer };
    if keeper(facts).is_some() {
        return answer;
    }
    let named = tools.iter().find(|tool| tool.act == Act::Named);
    for store in stores.iter().filter(|store| !tools.iter().any(|tool| covers(tool, store))) {
        match named {
            // Somebody meant it to be copied; whether it is, nobody can tell from here.
            Some(tool) => answer.blind(format!(
                "{}: {} is called a backup, and what it copies is not understood",
                place(tool),
                tool.program
            )),
            None => answer.find(found(store)),
        }
    }
    answer
}

fn found(store: &Store) -> Finding {
    let observed = format!(
        "{} keeps {} here, and nothing that this host starts by itself copies it",
        store.kind.word(),
        store.holds
    );
    Finding::new(&store.path, Place::of(&store.path), observed)
}
