//! Every rule with its example, as a page of the reference.

use crate::rules::fixture::{Fixture, LINK};
use crate::rules::{Fix, Outlook, RULES, Rule, groups};

/// The whole page.
pub fn reference() -> String {
    let mut text = format!(
        "# What the doctor looks for\n\nGenerated from the rules: do not edit. {} rules; `muster doctor explain ID` says the same offline.\n\
         Each example is a test: the trap is found in the first host and not in the other two.\n",
        RULES.len()
    );
    for group in groups() {
        text.push_str(&format!("\n## {group}\n"));
        for rule in RULES.iter().filter(|rule| rule.group() == group) {
            text.push_str(&one(rule));
        }
    }
    text
}

fn one(rule: &Rule) -> String {
    let outlook = match rule.outlook {
        Outlook::Failing => "fails now",
        Outlook::Waiting => "will fail, and nothing will say so",
        Outlook::Hygiene => "would make another fault worse",
    };
    let by = match rule.fix {
        Fix::Safe => " `muster doctor --fix` does it.",
        Fix::Disruptive => {
            " It disturbs something that runs: only `--fix --allow-disruptive` does it, where it can be given back."
        }
        Fix::Told => "",
    };
    let mut text = format!(
        "\n### {}: {}\n\n*{}; {outlook}.* {}\n\n- **What to do.** {}{by}\n- **Does not apply.** {}\n",
        rule.id,
        rule.title,
        rule.severity.word(),
        rule.silent,
        rule.cure,
        rule.unless
    );
    text.push_str(&example("Found", &rule.bad));
    for good in &rule.good {
        text.push_str(&example("Not found", good));
    }
    text
}

fn example(word: &str, fixture: &Fixture) -> String {
    let mut text = format!("- {word}: {}\n", fixture.says);
    for file in fixture.files.iter().filter(|file| !file.text.starts_with('\0') && !file.path.ends_with('/'))
    {
        if file.mode == LINK {
            text.push_str(&format!("  ```text\n  # {} -> {}\n  ```\n", file.path, file.text));
            continue;
        }
        let lines: Vec<String> =
            file.text.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
        text.push_str(&format!(
            "  ```text\n  # {} (mode {:04o})\n{}\n  ```\n",
            file.path,
            file.mode,
            lines.join("\n")
        ));
    }
    text
}
