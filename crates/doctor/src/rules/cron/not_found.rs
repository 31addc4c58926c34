//! CRON014: a program that cron does not find.

use muster_host::discover::command::Reading;

use super::{each_table, has_programs, place, replaced_word, subject};
use crate::collect::targets::{ELSEWHERE, below, is_plain_name, search_path};
use crate::facts::cron::{Line, Table};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON014",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "cron does not find a job's program",
    silent: "Cron's PATH is /usr/bin:/bin and it expands no variables in settings; in a terminal the same line works. The shell \
             answers 127 into the void.",
    cure: "Write the program's whole path, or set PATH in the crontab without `$`.",
    fix: Fix::Safe,
    unless: "The line looks for the program first (`command -v`, `test -x`), or sets its own PATH.",
    judge,
    bad: Fixture::files(
        "a program of the administrator's own",
        &[
            program("/bin/sh", ""),
            program("/usr/local/bin/muster", ""),
            file("/etc/cron.d/shop", "0 2 * * * root muster run n -- /bin/sh -c true\n"),
        ],
    ),
    good: [
        Fixture::files(
            "the same with a PATH of its own",
            &[
                program("/bin/sh", ""),
                program("/usr/local/bin/muster", ""),
                file(
                    "/etc/cron.d/shop",
                    "PATH=/usr/local/bin:/usr/bin:/bin\n0 2 * * * root muster run n -- /bin/sh -c true\n",
                ),
            ],
        ),
        Fixture::files(
            "a line that looks first, and what the shell does itself",
            &[
                program("/bin/sh", ""),
                file(
                    "/etc/cron.d/shop",
                    "0 2 * * * root command -v certbot && certbot -q renew\n5 * * * * root cd /srv && umask 077\n",
                ),
            ],
        ),
    ],
};

/// What the shell does itself, and words of its grammar.
const BUILTINS: [&str; 46] = [
    "cd", "test", "[", "[[", ".", "source", "export", "set", "unset", "umask", "exit", "true", "false", ":",
    "ulimit", "echo", "printf", "read", "eval", "exec", "command", "type", "hash", "wait", "trap", "kill",
    "shift", "return", "local", "declare", "for", "in", "case", "esac", "select", "function", "done",
    "break", "continue", "pushd", "popd", "let", "shopt", "alias", "times", "time",
];

fn judge(facts: &Facts) -> Answer {
    let mut answer = each_table(facts, |_, table, answer| {
        if table.package.is_some() {
            return;
        }
        for (line, _, value) in
            table.settings.iter().filter(|(_, name, value)| name == "PATH" && value.contains('$'))
        {
            let place = Place::line(&table.path, *line, format!("PATH={value}"));
            let observed =
                "cron takes the $ as it stands: the folders that it should stand for are not searched";
            answer.find(Finding::new(format!("PATH of {}", table.path), place, observed));
        }
        if has_programs(facts) {
            table.lines.iter().for_each(|line| programs(facts, table, line, answer));
        }
    });
    if !has_programs(facts)
        && answer.findings.is_empty()
        && answer.unknown.is_empty()
        && answer.nothing.is_none()
    {
        answer.nothing = Some("the tree has no programs".to_owned());
    }
    answer
}

fn programs(facts: &Facts, table: &Table, line: &Line, answer: &mut Answer) {
    let whole = Reading::of(&line.shell);
    let looks =
        ["command -v", "which ", "type ", "hash ", "PATH="].iter().any(|word| line.shell.contains(word));
    // `root` in front of a user's own line is told by CRON008.
    let first = line.command.split_whitespace().next();
    let is_user = table.owner.is_some() && (first == table.owner.as_deref() || first == Some("root"));
    if looks || whole.is_guarded() || is_user {
        return;
    }
    let inner = whole.wrapped();
    let mut said: Vec<&str> = Vec::new();
    for words in whole.commands().iter().chain(inner.iter().flat_map(Reading::commands)) {
        let program = words[0].as_str();
        if !is_plain_name(program) || BUILTINS.contains(&program) || said.contains(&program) {
            continue;
        }
        said.push(program);
        let is_there = |folder: &&str| matches!(facts.entry(&below(folder, program)), Fact::Known(_));
        if search_path(table, line).any(|folder| is_there(&folder)) {
            continue;
        }
        if let Some(why) = search_path(table, line)
            .find_map(|folder| facts.entry(&below(folder, program)).why_unknown().map(str::to_owned))
        {
            answer.blind(format!("{program}: {why}"));
            continue;
        }
        let path = search_path(table, line).collect::<Vec<_>>().join(":");
        let elsewhere = ELSEWHERE.into_iter().find(is_there).map(|folder| below(folder, program));
        let observed = match &elsewhere {
            Some(place) => format!("{program} is not in {path}, but it is {place}"),
            None => format!("{program} is not in {path}"),
        };
        let begins = line.command.split_whitespace().next() == Some(program);
        let mend = elsewhere.filter(|_| begins).and_then(|place| replaced_word(table, line, program, &place));
        answer.find(Finding::new(subject(table, line), place(table, line), observed).mended(mend));
    }
}
