//! CRON015: bash's own syntax under a plain shell.

use muster_host::discover::command::basename;

use super::{each_line, is_debian, place, subject};
use crate::facts::{Fact, Facts};
use crate::mend::Mend;
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};
use crate::shell::{self, Command};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "CRON015",
    severity: Severity::High,
    outlook: Outlook::Failing,
    title: "a job is written for bash and run by sh",
    silent: "Cron gives lines to /bin/sh, which is dash on Debian. It ends with an error, or reads the line otherwise: `&>` starts the \
             job in the background.",
    cure: "Set SHELL=/bin/bash above the line, or write it for a plain shell (`.` for source, `> f 2>&1` for `&> f`).",
    fix: Fix::Safe,
    unless: "SHELL is set to bash, /bin/sh is bash, or the text stands in quotes behind `bash -c`.",
    judge,
    bad: Fixture::files(
        "source and [[",
        &[file("/etc/cron.d/shop", "0 2 * * * app [[ -d /srv ]] && muster run n -- /opt/shop/nightly.sh\n")],
    ),
    good: [
        Fixture::files(
            "the same under bash",
            &[file(
                "/etc/cron.d/shop",
                "SHELL=/bin/bash\n0 2 * * * app [[ -d /srv ]] && muster run n -- /opt/shop/nightly.sh\n",
            )],
        ),
        Fixture::files(
            "bash asked for, and braces that sh leaves alone",
            &[file(
                "/etc/cron.d/shop",
                "0 2 * * * app muster run n -- bash -c '[[ -d /srv ]] && x &> /y'\n5 2 * * * app find /srv -name 'a*' -exec rm {} +\n",
            )],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    each_line(facts, |cron, table, line, answer| {
        let asked = table.setting("SHELL", line.line).unwrap_or("/bin/sh");
        if !is_debian(cron)
            || table.package.is_some()
            || !["sh", "dash"].contains(&basename(asked))
            || sh_is_bash(facts)
        {
            return;
        }
        let Some(what) = shell::commands(&line.shell).iter().find_map(bashism) else { return };
        let observed = format!("{what} is bash's, and {asked} reads the line");
        let has_bash =
            !matches!(facts.entry("/bin/bash"), Fact::Nothing { .. }) || !super::has_programs(facts);
        let mend = (table.path.starts_with('/') && has_bash).then(|| Mend::Splice {
            file: table.path.clone(),
            at: line.begins,
            old: String::new(),
            new: "SHELL=/bin/bash\n".to_owned(),
        });
        answer.find(Finding::new(subject(table, line), place(table, line), observed).mended(mend));
    })
}

/// One file under two names.
fn sh_is_bash(facts: &Facts) -> bool {
    match (facts.entry("/bin/sh"), facts.entry("/bin/bash")) {
        (Fact::Known(sh), Fact::Known(bash)) => {
            sh.size == bash.size && sh.modified == bash.modified && sh.size > 0
        }
        _ => false,
    }
}

fn bashism(command: &Command) -> Option<String> {
    let program = command.program();
    let words = command.arguments();
    if ["[[", "source", "pushd", "popd", "declare", "shopt", "function", "let"].contains(&program) {
        return Some(format!("`{program}`"));
    }
    if program == "set" && words.iter().any(|word| word.text == "pipefail") {
        return Some("`pipefail`".to_owned());
    }
    if program == "[" && words.iter().any(|word| word.raw == "==") {
        return Some("`==` in `[`".to_owned());
    }
    if command.after == "|&" {
        return Some("`|&`".to_owned());
    }
    if let Some(to) = command.redirections.iter().find(|to| to.sign.starts_with("&>") || to.sign == "<<<") {
        return Some(format!("`{}`", to.sign));
    }
    let odd = command.words.iter().chain(command.redirections.iter().map(|to| &to.target)).find(|word| {
        let plain = word.raw.as_str();
        !word.is_quoted()
            && (plain.starts_with("<(")
                || plain.starts_with(">(")
                || plain.contains("RANDOM")
                || is_brace_list(plain)
                || is_expansion(plain))
    })?;
    Some(format!("`{}`", odd.raw))
}

/// `a{b,c}` and `{1..5}`.
fn is_brace_list(word: &str) -> bool {
    let Some((before, rest)) = word.split_once('{') else { return false };
    let inner = rest.split('}').next().unwrap_or_default();
    !before.ends_with('$') && rest.contains('}') && (inner.contains(',') || inner.contains(".."))
}

/// `${x//a/b}`, `${x^^}` and `${x:0:3}`.
fn is_expansion(word: &str) -> bool {
    let Some((_, rest)) = word.split_once("${") else { return false };
    let inner = rest.split('}').next().unwrap_or_default();
    let tail = inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    tail.starts_with('/')
        || tail.starts_with("^^")
        || tail.starts_with(",,")
        || (tail.starts_with(':') && tail[1..].starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dash_takes_too_is_nobodys_bashism() {
        for (line, is_one) in [
            ("a &> b", true),
            ("a <<< b", true),
            ("diff <(a) <(b)", true),
            ("cp a{,.bak}", true),
            ("sleep $((RANDOM % 300))", true),
            ("echo ${x//a/b}", true),
            ("set -euo pipefail; a", true),
            ("[ $a == b ]", true),
            ("a > b 2>&1 &", false),
            ("awk '{print $1,$2}' f", false),
            ("find . -exec rm {} +", false),
            ("echo ${x:-1} ${x%.gz} ${x##*/}", false),
            ("bash -c 'source x'", false),
            ("curl -d '{\"a\":1,\"b\":2}' x", false),
            ("[ $a = b ] && . /x", false),
            ("a <<E\nsource b\nE\n", false),
        ] {
            assert_eq!(shell::commands(line).iter().any(|one| bashism(one).is_some()), is_one, "{line}");
        }
    }
}
