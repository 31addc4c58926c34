//! SEC004: a user who may not write where a line or a unit tells it to.

use crate::collect::targets::{is_file_of_host, written};
use crate::facts::files::{Entry, User};
use crate::facts::services::{Setting, Unit, UnitFile, is_yes};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, folder, moded};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "SEC004",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a job or a service may not write its own log",
    silent: "The shell of cron opens the log first: where it may not, the command is not run at all, and the complaint goes to mail. A \
             service passes over the error, or dies at its first line.",
    cure: "Give the file or its folder to the user: `install -d -o USER -g USER /var/log/NAME`. For a unit, LogsDirectory=NAME makes \
           the folder at each start.",
    fix: Fix::Told,
    unless: "The user is root, or a group that may write is one whose members nobody can see from files. StandardOutput=append: is opened \
             by systemd itself, folders of LogsDirectory= and its kin are made for the user, and a unit with ExecStartPre= may mend it.",
    judge,
    bad: Fixture::with(
        "a log in a folder of root's",
        &[
            folder("/var/log/"),
            file("/etc/cron.d/shop", "0 2 * * * app /opt/shop/nightly.sh >> /var/log/shop.log 2>&1\n"),
        ],
        of_root,
    ),
    good: [
        Fixture::with(
            "a folder of the group that the user is in",
            &[
                file("/etc/group", "root:x:0:\napp:x:1000:\nlogs:x:50:backup,app\n"),
                moded("/var/log/shop/", 0o775, ""),
                file(
                    "/etc/cron.d/shop",
                    "0 2 * * * app /opt/shop/nightly.sh >> /var/log/shop/nightly.log 2>&1\n",
                ),
            ],
            |facts| {
                of_root(facts);
                if let Some(Fact::Known(entry)) = facts.entries.get_mut("/var/log/shop") {
                    entry.gid = 50;
                }
            },
        ),
        Fixture::with(
            "the same log, written by root and by systemd",
            &[
                folder("/var/log/"),
                file("/etc/cron.d/shop", "0 2 * * * root /opt/shop/nightly.sh >> /var/log/shop.log 2>&1\n"),
                file(
                    "/etc/systemd/system/api.service",
                    "[Service]\nUser=app\nLogsDirectory=api\nExecStart=/opt/api --log-file /var/log/api/a.log\nStandardOutput=append:/var/log/api.log\n",
                ),
            ],
            of_root,
        ),
    ],
};

/// Gives everything in a fixture to root: whoever runs the tests owns it.
fn of_root(facts: &mut Facts) {
    for entry in facts.entries.values_mut() {
        if let Fact::Known(entry) = entry {
            (entry.uid, entry.gid) = (0, 0);
        }
    }
}

fn judge(facts: &Facts) -> Answer {
    let mut answer = Answer::default();
    match (&facts.cron, &facts.services) {
        (Fact::Nothing { why }, Fact::Nothing { .. }) => return Answer::nothing(why.clone()),
        (Fact::Unknown { why }, _) | (_, Fact::Unknown { why }) => answer.blind(why.clone()),
        _ => {}
    }
    let Some(users) = facts.users.known() else {
        answer.blind("the users of the host are not known");
        return answer;
    };
    for table in facts.cron.known().into_iter().flat_map(|cron| &cron.tables) {
        for line in table.lines.iter().filter(|_| table.package.is_none()) {
            let Some(user) = users.iter().find(|user| user.name == table.user(line)) else { continue };
            for path in written(&line.shell) {
                if let Some(why) = Who::of(facts, user).refused(facts, &path) {
                    let text = format!("{} {}", line.schedule, line.command);
                    let place = Place::line(&table.path, line.line, text);
                    let subject = format!("{}: {path}", user.name);
                    let observed =
                        format!("{} may not write {path}: {why}, so the command is not run", user.name);
                    answer.find(Finding::new(subject, place, observed));
                }
            }
        }
    }
    for unit in facts.services.known().into_iter().flat_map(|services| &services.units) {
        let Some(named) = unit.last("Service", "User") else { continue };
        let is_named = |user: &&User| user.name == named || user.uid.to_string() == named;
        let Some(user) = users.iter().find(is_named) else { continue };
        for ((file, setting), path) in written_by(unit) {
            if let Some(why) = Who::of_unit(facts, user, unit).refused(facts, &path) {
                let place =
                    Place::line(&file.path, setting.line, format!("{}={}", setting.key, setting.value));
                let observed = format!("its user {} may not write {path}: {why}", user.name);
                answer.find(Finding::new(format!("{}: {path}", unit.name), place, observed));
            }
        }
    }
    answer
}

/// Options whose value is a file that a program writes.
const OPTIONS: [&str; 10] = [
    "--log-file",
    "--logfile",
    "--log-to",
    "--access-logfile",
    "--error-logfile",
    "--access-log",
    "--error-log",
    "--errorlog",
    "--pidfile",
    "--pid-file",
];
/// Folders that systemd makes for the user of a unit.
const MADE: [(&str, &str); 4] = [
    ("LogsDirectory", "/var/log"),
    ("StateDirectory", "/var/lib"),
    ("CacheDirectory", "/var/cache"),
    ("RuntimeDirectory", "/run"),
];

/// Files that the command of a unit is told to write with its own rights.
pub(crate) fn written_by(unit: &Unit) -> Vec<((&UnitFile, &Setting), String)> {
    let set = |key: &str| unit.last("Service", key);
    let is_root = set("User").is_none_or(|user| user == "root" || user == "0" || user.contains('%'));
    let mended = set("ExecStartPre").is_some() || set("AmbientCapabilities").is_some();
    if is_root
        || mended
        || ["DynamicUser", "PermissionsStartOnly"].iter().any(|key| set(key).is_some_and(is_yes))
    {
        return Vec::new();
    }
    let is_made = |path: &str| {
        MADE.iter().any(|(key, place)| {
            let names = unit.all("Service", key);
            let mut names = names.iter().flat_map(|(_, setting)| setting.value.split_whitespace());
            names.any(|name| {
                let folder = format!("{place}/{}", name.split(':').next().unwrap_or(name));
                path.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('/'))
            })
        })
    };
    let mut found = Vec::new();
    for (file, setting) in unit.all("Service", "ExecStart") {
        if setting.value.trim_start_matches(['@', '-', ':']).starts_with(['+', '!']) {
            continue;
        }
        let words: Vec<&str> = setting.value.split([' ', '=']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            if let [option, path] = pair
                && OPTIONS.contains(option)
                && is_file_of_host(path)
                && !is_made(path)
            {
                found.push(((file, setting), (*path).to_owned()));
            }
        }
    }
    found
}

/// With whose rights.
struct Who {
    uid: u32,
    gids: Vec<u32>,
}

impl Who {
    fn of(facts: &Facts, user: &User) -> Self {
        let others = facts.accounts.known().into_iter().flat_map(|accounts| accounts.groups_of(&user.name));
        Self { uid: user.uid, gids: std::iter::once(user.gid).chain(others).collect() }
    }

    fn of_unit(facts: &Facts, user: &User, unit: &Unit) -> Self {
        let mut who = Self::of(facts, user);
        let named = |name: &str| {
            let groups = &facts.accounts.known()?.groups;
            groups.iter().find(|(gid, group)| group == name || gid.to_string() == name).map(|(gid, _)| *gid)
        };
        let settings = [unit.all("Service", "Group"), unit.all("Service", "SupplementaryGroups")].concat();
        let names = settings.iter().flat_map(|(_, setting)| setting.value.split_whitespace());
        who.gids.extend(names.filter_map(named));
        who
    }

    /// Why it may not write this file; none where it may, or nobody can tell.
    fn refused(&self, facts: &Facts, path: &str) -> Option<String> {
        if self.uid == 0 {
            return None;
        }
        let mut folder: Option<(&str, &Entry)> = None;
        for (at, _) in path.match_indices('/').filter(|(at, _)| *at > 0) {
            let above = path.get(..at)?;
            let Some(Fact::Known(entry)) = facts.entries.get(above) else { return None };
            if !self.may(entry, 1)? {
                return Some(format!("it may not enter {above} ({})", shown(entry)));
            }
            folder = Some((above, entry));
        }
        match facts.entries.get(path)? {
            Fact::Known(entry) => (!self.may(entry, 2)?).then(|| format!("the file has {}", shown(entry))),
            Fact::Nothing { .. } => {
                let (above, entry) = folder?;
                (!self.may(entry, 2)?).then(|| format!("it is not there, and {above} has {}", shown(entry)))
            }
            Fact::Unknown { .. } => None,
        }
    }

    /// Whether these permission bits let it; none where a list of further rights (ACL) might. Such a list can give no more
    /// than the bits of the group.
    fn may(&self, entry: &Entry, bit: u32) -> Option<bool> {
        let has = |shift: u32| entry.mode & (bit << shift) != 0;
        if entry.uid == self.uid {
            return Some(has(6));
        }
        if self.gids.contains(&entry.gid) {
            return Some(has(3));
        }
        match (has(0), has(3)) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        }
    }
}

fn shown(entry: &Entry) -> String {
    format!("mode {:04o} of user {} and group {}", entry.mode, entry.uid, entry.gid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::Planted;
    use crate::rules::tests::facts_of;

    #[test]
    fn a_unit_is_judged_by_what_it_is_told_to_write() {
        const FILES: &[Planted] = &[
            moded("/var/log/old/", 0o750, ""),
            file("/var/log/old.log", ""),
            file(
                "/etc/systemd/system/a.service",
                "[Service]\nUser=app\nExecStart=/opt/a --log-file=/var/log/old/a.log --pidfile /var/log/old.log\n",
            ),
            file(
                "/etc/systemd/system/b.service",
                "[Service]\nExecStart=/opt/a --log-file=/var/log/old.log\n",
            ),
            file(
                "/etc/systemd/system/c.service",
                "[Service]\nUser=app\nExecStartPre=+/bin/chown app /var/log/old.log\nExecStart=/opt/a --log-file=/var/log/old.log\n",
            ),
        ];
        let mut facts = facts_of(&Fixture::files("", FILES));
        of_root(&mut facts);
        let observed: Vec<String> =
            judge(&facts).findings.into_iter().map(|finding| finding.observed).collect();
        assert_eq!(observed.len(), 1, "group bits of /var/log/old leave it open: {observed:?}");
        assert!(observed[0].contains("/var/log/old.log") && observed[0].contains("0644"), "{observed:?}");
        if let Some(Fact::Known(entry)) = facts.entries.get_mut("/var/log/old") {
            entry.mode = 0o700;
        }
        assert_eq!(judge(&facts).findings.len(), 2);
    }
}
