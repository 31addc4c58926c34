//! The report as JUnit XML, which pipelines show as tests: a rule is a case. What nobody could see is an error, never a pass.

use crate::report::Report;
use crate::rules::RULES;

/// The whole report, ended by a newline.
pub fn junit(report: &Report) -> String {
    let mut cases = String::new();
    let (mut tests, mut failures, mut errors, mut skipped) = (0, 0, 0, 0);
    for rule in RULES.iter().filter(|rule| report.rules().any(|id| id == rule.id)) {
        tests += 1;
        let found: Vec<String> = report
            .findings
            .iter()
            .filter(|judged| judged.rule.id == rule.id)
            .map(|judged| format!("{}: {}", judged.finding.place, judged.finding.observed))
            .collect();
        let unseen: Vec<&str> = report
            .unknown
            .iter()
            .filter(|unseen| unseen.rules.contains(&rule.id))
            .map(|unseen| unseen.why.as_str())
            .collect();
        let inapplicable = report.inapplicable.iter().find(|(other, _)| other.id == rule.id);
        let inner = if !found.is_empty() {
            failures += 1;
            element("failure", rule.title, &found.join("\n"))
        } else if !unseen.is_empty() {
            errors += 1;
            element("error", "not seen", &unseen.join("\n"))
        } else if let Some((_, why)) = inapplicable {
            skipped += 1;
            element("skipped", why, "")
        } else {
            String::new()
        };
        let head = format!(
            "<testcase classname=\"muster.doctor.{}\" name=\"{} {}\"",
            rule.group(),
            rule.id,
            escaped(rule.title)
        );
        match inner.is_empty() {
            true => cases.push_str(&format!("    {head}/>\n")),
            false => cases.push_str(&format!("    {head}>\n{inner}    </testcase>\n")),
        }
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"muster doctor\" hostname=\"{}\" \
         tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">\n{cases}  </testsuite>\n</testsuites>\n",
        escaped(&report.host)
    )
}

fn element(name: &str, message: &str, text: &str) -> String {
    format!("      <{name} message=\"{}\">{}</{name}>\n", escaped(message), escaped(text))
}

/// Text for XML 1.0: five signs are written out, and what no document may hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(letter),
            c if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
