//! BAK002: copies that lie on the disk of what they are copies of.

use super::{keeper, place, stores, tools};
use crate::facts::database::{Act, Store, StoreKind, Tool};
use crate::facts::disks::{Disks, Mount, Space};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file, folder};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "BAK002",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "the copies lie on the disk of what they are copies of",
    silent: "Each night ends well and there is a new file. What takes the disk, the host or the account takes both.",
    cure: "Take the dump to another machine once it is made, such as with restic, rclone or rsync, and let that report in too.",
    fix: Fix::Told,
    unless: "The copies are fetched from here by another host: then allow it. The dump lies on another file system, or anything \
             that is scheduled takes files elsewhere.",
    judge,
    bad: Fixture::with("a nightly dump beside the data", BESIDE, |facts| {
        one_disk(facts);
    }),
    good: [
        Fixture::with("a dump on a disk of its own", BESIDE, |facts| {
            let root = one_disk(facts);
            let own = Mount { place: "/backup".to_owned(), number: "254:17".to_owned(), ..root };
            if let Fact::Known(Disks { mounts: Fact::Known(mounts), .. }) = &mut facts.disks {
                mounts.push(own);
            }
        }),
        Fixture::with(
            "a dump that is taken away afterwards",
            &[
                folder("/var/lib/postgresql/15/main/base/16384/"),
                file(
                    "/etc/cron.d/dump",
                    "0 2 * * * postgres pg_dump -Fc -f /backup/shop shop\n0 4 * * * root rsync -a /backup/ store:/web1/\n",
                ),
            ],
            |facts| {
                one_disk(facts);
            },
        ),
    ],
};

const BESIDE: &[crate::rules::fixture::Planted] = &[
    folder("/var/lib/postgresql/15/main/base/16384/"),
    file("/etc/cron.d/dump", "0 2 * * * postgres pg_dump -Fc -f /backup/shop shop\n"),
];

fn one_disk(facts: &mut Facts) -> Mount {
    let root = Mount {
        place: "/".to_owned(),
        part: "/".to_owned(),
        kind: "ext4".to_owned(),
        device: "/dev/vda1".to_owned(),
        number: "254:1".to_owned(),
        read_only: false,
        sealed: false,
        space: Fact::Known(Space { used: 1 << 30, free: 1 << 34, inodes: 0, inodes_free: 0 }),
        faults: Some(0),
    };
    let wanted = Fact::nothing("there is no /etc/fstab");
    facts.disks = Fact::Known(Disks { mounts: Fact::Known(vec![root.clone()]), wanted });
    root
}

fn judge(facts: &Facts) -> Answer {
    let mut answer = Answer::default();
    let Some(tools) = tools(facts, &mut answer) else { return answer };
    let dumps = || {
        tools.iter().filter_map(|tool| match tool.act {
            Act::Dumps(kind) => Some((tool, kind)),
            _ => None,
        })
    };
    if dumps().next().is_none() {
        answer.nothing = Some("no dump is scheduled".to_owned());
        return answer;
    }
    let leaves = |tool: &Tool| matches!(tool.act, Act::Ships | Act::Keeps | Act::Named);
    if tools.iter().any(leaves) || keeper(facts).is_some() {
        return answer;
    }
    let stores = stores(facts, &mut answer);
    match &facts.disks {
        Fact::Known(disks) => match &disks.mounts {
            Fact::Known(_) => {
                dumps().for_each(|(tool, kind)| beside(disks, &stores, tool, kind, &mut answer))
            }
            Fact::Unknown { why } => answer.blind(why.clone()),
            Fact::Nothing { why } => answer.nothing = Some(why.clone()),
        },
        Fact::Unknown { why } => answer.blind(why.clone()),
        Fact::Nothing { why } => answer.nothing = Some(why.clone()),
    }
    answer
}

fn beside(disks: &Disks, stores: &[Store], tool: &Tool, kind: StoreKind, answer: &mut Answer) {
    let Some(into) = &tool.into else {
        return answer.blind(format!("{}: where {} writes to is not understood", place(tool), tool.program));
    };
    let number = |path: &str| disks.of(path).map(|mount| mount.number.as_str());
    let theirs = stores.iter().filter(|store| store.kind == kind && store.path != *into);
    let Some(store) =
        theirs.into_iter().find(|store| number(&store.path).is_some_and(|one| Some(one) == number(into)))
    else {
        return;
    };
    let observed = format!(
        "{} writes to {into}, on the file system of {}, and nothing that is scheduled takes it elsewhere",
        tool.program, store.path
    );
    answer.find(Finding::new(format!("{}: {into}", tool.source), place(tool), observed));
}
