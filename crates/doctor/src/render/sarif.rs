//! The report as SARIF 2.1.0 (OASIS), which code hosts show beside the files.

use serde_json::{Value, json};

use crate::report::{Judged, Report};
use crate::rules::{RULES, Rule, Severity};

/// The whole report, ended by a newline.
pub fn sarif(report: &Report, version: &str) -> String {
    let asked: Vec<&Rule> =
        RULES.iter().copied().filter(|rule| report.rules().any(|id| id == rule.id)).collect();
    let rules: Vec<Value> = asked.iter().map(|rule| described(rule)).collect();
    let place = |judged: &Judged| asked.iter().position(|rule| rule.id == judged.rule.id);
    let mut results: Vec<Value> =
        report.findings.iter().map(|judged| result(judged, place(judged), None)).collect();
    results.extend(
        report
            .allowed
            .iter()
            .map(|allowed| result(&allowed.judged, place(&allowed.judged), Some(&allowed.by.reason))),
    );
    let unseen: Vec<Value> = report
        .unknown
        .iter()
        .map(|unseen| json!({ "level": "warning", "message": { "text": format!("not seen: {} ({})", unseen.why, unseen.rules.join(", ")) } }))
        .collect();
    let whole = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "muster doctor", "version": version, "rules": rules } },
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": unseen }],
            "results": results,
        }],
    });
    format!("{whole:#}\n")
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.silent },
        "help": { "text": format!("{}\n\nIt does not apply: {}", rule.cure, rule.unless) },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

fn result(judged: &Judged, rule: Option<usize>, allowed: Option<&str>) -> Value {
    let finding = &judged.finding;
    let mut location = json!({ "artifactLocation": { "uri": uri(&finding.place.source) } });
    if let Some(line) = finding.place.line {
        location["region"] = json!({ "startLine": line.max(1) });
    }
    let mut result = json!({
        "ruleId": judged.rule.id,
        "level": level(judged.rule.severity),
        "message": { "text": format!("{}: {}", judged.rule.title, finding.observed) },
        "locations": [{ "physicalLocation": location }],
        "partialFingerprints": { "subject/v1": finding.subject },
    });
    if let Some(rule) = rule {
        result["ruleIndex"] = json!(rule);
    }
    if let Some(reason) = allowed {
        result["suppressions"] = json!([{ "kind": "inSource", "justification": reason }]);
    }
    result
}

/// A path as a relative reference (RFC 3986): what is not plain is written in percent.
fn uri(source: &str) -> String {
    let mut text = String::new();
    for byte in source.trim_start_matches('/').bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' => {
                text.push(char::from(byte))
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}
