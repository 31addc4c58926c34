//! CRON002: what jobs say goes to mail that nobody takes.

use super::{has_programs, is_covered, is_debian, place, shell_part};
use crate::facts::cron::{Line, Table};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file, program};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON002",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "what jobs say is thrown away",
    silent: "Cron mails what a job writes. Without a program that takes mail it discards the text and writes one line to the log.",
    cure: "Wrap the jobs with `muster run NAME -- …`, which keeps their output, or install a mail program such as msmtp-mta.",
    fix: Fix::Told,
    unless: "The jobs write to files, MAILTO is empty on purpose, or another cron runs: cronie writes to the log instead.",
    judge,
    bad: Fixture::files(
        "a job that speaks, and no sendmail",
        &[
            program("/bin/sh", ""),
            file("/etc/cron.d/shop", "MAILTO=ops@example.com\n0 2 * * * root /opt/shop/nightly.sh\n"),
        ],
    ),
    good: [
        Fixture::files(
            "the same job with a sendmail",
            &[
                program("/bin/sh", ""),
                program("/usr/sbin/sendmail", ""),
                file("/etc/cron.d/shop", "0 2 * * * root /opt/shop/nightly.sh\n"),
            ],
        ),
        Fixture::files(
            "a job that writes to a file",
            &[
                program("/bin/sh", ""),
                file("/etc/cron.d/shop", "0 2 * * * root /opt/shop/nightly.sh >> /var/log/shop.log 2>&1\n"),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    Answer::of(&facts.cron, |cron, answer| {
        cron.unseen.iter().for_each(|(what, why)| answer.blind(format!("{what}: {why}")));
        match &cron.sendmail {
            Fact::Known(_) => return,
            Fact::Unknown { why } => return answer.blind(why.clone()),
            Fact::Nothing { .. } => {}
        }
        if !is_debian(cron) || !has_programs(facts) {
            answer.nothing = Some("no programs to look for, or a cron that does not lose mail".to_owned());
            return;
        }
        let lines = cron.tables.iter().flat_map(|table| table.lines.iter().map(move |line| (table, line)));
        let mute: Vec<(&Table, &Line)> = lines.filter(|(table, line)| mails(table, line)).collect();
        let Some((table, line)) = mute.first() else { return };
        let jobs =
            if mute.len() == 1 { "1 job writes".to_owned() } else { format!("{} jobs write", mute.len()) };
        let observed =
            format!("{jobs} to mail, and there is neither /usr/sbin/sendmail nor /usr/lib/sendmail");
        answer.find(Finding::new("mail of cron jobs", place(table, line), observed));
    })
}

/// What the line writes would be mailed.
fn mails(table: &Table, line: &Line) -> bool {
    let redirected = |command: &crate::shell::Command| {
        let to = &command.redirections;
        let both = to.iter().any(|to| to.sign.starts_with("&>"));
        let out = to.iter().any(|to| to.sign.starts_with('>') && matches!(to.stream, None | Some(1)));
        both || (out && to.iter().any(|to| to.stream == Some(2)))
    };
    table.package.is_none()
        && !is_covered(line)
        && table.setting("MAILTO", line.line) != Some("")
        && !shell_part(line).iter().any(redirected)
}
