//! CRON009: a bare `%` in a command.

use muster_host::discover::command::basename;

use super::{each_line, place, subject};
use crate::facts::Facts;
use crate::facts::cron::{Line, Table};
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};
use crate::shell;

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON009",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a bare % cuts a command short",
    silent: "Cron ends the command at the first % and gives what follows to it as input. In a terminal the same line works.",
    cure: r"Write \% for the sign.",
    fix: Fix::Safe,
    unless: "What stands before it is whole and reads its input, such as `mail -s Subject root%Text`. Only dates and the %20 of \
             addresses are escaped without asking.",
    judge,
    bad: Fixture::files(
        "a date in a file's name",
        &[file(
            "/etc/cron.d/dump",
            "0 2 * * * root muster run dump -- sh -c 'pg_dump app > /srv/$(date +%Y-%m-%d).sql'\n",
        )],
    ),
    good: [
        Fixture::files(
            "the sign escaped",
            &[file(
                "/etc/cron.d/dump",
                "0 2 * * * root muster run dump -- sh -c 'pg_dump app > /srv/$(date +\\%F).sql'\n",
            )],
        ),
        Fixture::files(
            "a % in a comment and in a setting, and the text of a letter",
            &[file(
                "/etc/cron.d/dump",
                "# keeps 10% free\nNAME=a%b\n0 2 * * * root muster run dump -- /bin/true\n\
                 0 6 * * 1 root muster run letter -- mail -s Monday root%Good morning,%it is Monday.\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_line(facts, |_, table, line, answer| {
        if line.percents.is_empty() || is_input(&line.shell) {
            return;
        }
        let kept = line.shell.trim_end();
        let observed = format!("cron runs {kept:?} and gives it the rest as input");
        let finding = Finding::new(subject(table, line), place(table, line), observed);
        answer.find(finding.mended(escaped(table, line)));
    })
}

/// Programs that read a text from their input.
const READERS: [&str; 10] =
    ["at", "batch", "bc", "mail", "mailx", "msmtp", "s-nail", "sendmail", "tee", "wall"];

/// The part before the sign is a whole command that reads its input: what follows is a letter, not an accident.
fn is_input(kept: &str) -> bool {
    let is_open = |quote: char| kept.matches(quote).count() % 2 == 1;
    if ['"', '\'', '`'].into_iter().any(is_open) || kept.matches('(').count() != kept.matches(')').count() {
        return false;
    }
    let commands = shell::commands(kept);
    let words: Vec<&str> =
        commands.last().map_or(Vec::new(), |last| last.words.iter().map(|word| word.text.as_str()).collect());
    let behind = words.iter().position(|word| *word == "--").map_or(0, |at| at + 1);
    match words.get(behind..) {
        Some([program]) => basename(program) == "cat" || READERS.contains(&basename(program)),
        Some([program, ..]) => READERS.contains(&basename(program)),
        _ => false,
    }
}

/// Each bare sign with its backslash, where all of them belong to dates or addresses.
fn escaped(table: &Table, line: &Line) -> Option<Mend> {
    let (first, last) = (*line.percents.first()?, *line.percents.last()?);
    let from = usize::try_from(first.checked_sub(line.at)?).ok()?;
    let to = usize::try_from(last.checked_sub(line.at)?).ok()? + 1;
    let before = line.command.get(..from)?;
    let old = line.command.get(from..to)?;
    let after = line.command.get(to..)?;
    // What was blotted has another length than what stands in the file.
    if !table.path.starts_with('/') || before.contains("***") || old.contains("***") {
        return None;
    }
    let in_date = |c: char| c.is_ascii_alphanumeric() || "%_:.-+/T\\".contains(c);
    let is_date = before.trim_end_matches(['"', '\'']).ends_with('+') && old.chars().all(in_date);
    let is_byte = |rest: &str| rest.len() >= 2 && rest.chars().take(2).all(|c| c.is_ascii_hexdigit());
    let all_bytes = old.split('%').skip(1).filter(|rest| !rest.is_empty()).all(is_byte) && is_byte(after);
    let is_address = before.contains("://") && all_bytes;
    if !is_date && !is_address {
        return None;
    }
    let mut new = String::with_capacity(old.len() + line.percents.len());
    for (at, c) in old.char_indices() {
        if line.percents.contains(&(first + at as u64)) {
            new.push('\\');
        }
        new.push(c);
    }
    Some(Mend::Splice { file: table.path.clone(), at: first, old: old.to_owned(), new })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_told_from_an_accident() {
        for (kept, is) in [
            ("mail -s Monday root", true),
            ("cat > /tmp/letter", true),
            ("muster run letter -- /usr/bin/mail root", true),
            ("tar -czf /srv/etc-$(date +", false),
            ("sh -c 'pg_dump app > /srv/$(date +", false),
            ("curl -s https://example.org/a", false),
            ("cat /etc/motd /srv/", false),
            ("echo \"mail", false),
            ("", false),
        ] {
            assert_eq!(is_input(kept), is, "{kept}");
        }
    }
}
