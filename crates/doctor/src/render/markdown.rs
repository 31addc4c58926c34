//! The report as Markdown, for an issue or a chat.

use crate::report::Report;
use crate::rules::Outlook;

/// The whole report, ended by a newline.
pub fn markdown(report: &Report) -> String {
    let mut text = format!("# muster doctor: {}\n", plain(&report.host));
    for (outlook, title) in [
        (Outlook::Failing, "Failing now"),
        (Outlook::Waiting, "Will fail, and nothing will say so"),
        (Outlook::Hygiene, "Would make another fault worse"),
    ] {
        let found: Vec<_> = report.findings.iter().filter(|judged| judged.rule.outlook == outlook).collect();
        if found.is_empty() {
            continue;
        }
        text.push_str(&format!("\n## {title}\n"));
        for judged in found {
            let (rule, finding) = (judged.rule, &judged.finding);
            text.push_str(&format!("\n### {} ({}, {})\n\n", rule.title, rule.severity.word(), rule.id));
            text.push_str(&format!("{}: {}\n", code(&finding.place.to_string()), plain(&finding.observed)));
            if !finding.place.text.is_empty() {
                text.push_str(&format!("\n    {}\n", finding.place.text.replace('\n', " ")));
            }
            if let Some(forecast) = &finding.forecast {
                text.push_str(&format!("\n**{}**\n", plain(forecast)));
            }
            text.push_str(&format!(
                "\n- Why nothing says so: {}\n- What to do: {}\n",
                rule.silent, rule.cure
            ));
        }
    }
    if report.findings.is_empty() {
        text.push_str("\nNothing was found that is wrong.\n");
    }
    if !report.unknown.is_empty() {
        text.push_str("\n## Unknown, which is never good\n\n");
        for unseen in &report.unknown {
            text.push_str(&format!("- {} ({})\n", plain(&unseen.why), unseen.rules.join(", ")));
        }
    }
    if !report.allowed.is_empty() {
        text.push_str("\n## Allowed\n\n");
        for one in &report.allowed {
            text.push_str(&format!(
                "- {} {}: {}\n",
                one.judged.rule.id,
                code(&one.judged.finding.place.to_string()),
                plain(&one.by.reason)
            ));
        }
    }
    text
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

/// Text of strangers, so that it stays text.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => out.push(' '),
            '<' | '>' | '*' | '_' | '[' | ']' | '|' | '#' | '`' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            c => out.push(c),
        }
    }
    out
}
