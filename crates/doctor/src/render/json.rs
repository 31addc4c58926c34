//! The report as JSON. Its `version` rises when a field changes its meaning or goes.

use muster_core::time::Timestamp;
use serde::Serialize;

use crate::allow::Allowance;
use crate::facts::Vantage;
use crate::report::{Judged, Report};
use crate::rules::{Finding, Fix, Outlook, Severity};

/// The version of the format.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Whole<'r> {
    version: u32,
    host: &'r str,
    at: Timestamp,
    vantage: &'r Vantage,
    rules: Vec<&'static str>,
    findings: Vec<One<'r>>,
    unknown: Vec<Unseen<'r>>,
    allowed: Vec<Allowed<'r>>,
    fine: Vec<&'static str>,
    inapplicable: Vec<Inapplicable<'r>>,
}

#[derive(Serialize)]
struct One<'r> {
    id: &'static str,
    severity: Severity,
    outlook: Outlook,
    title: &'static str,
    subject: &'r str,
    source: &'r str,
    line: Option<u32>,
    text: &'r str,
    observed: &'r str,
    forecast: Option<&'r str>,
    silent: &'static str,
    cure: &'static str,
    fix: Fix,
}

#[derive(Serialize)]
struct Unseen<'r> {
    why: &'r str,
    rules: &'r [&'static str],
}

#[derive(Serialize)]
struct Allowed<'r> {
    finding: One<'r>,
    by: &'r Allowance,
}

#[derive(Serialize)]
struct Inapplicable<'r> {
    id: &'static str,
    why: &'r str,
}

/// The whole report, ended by a newline.
pub fn json(report: &Report) -> String {
    let whole = Whole {
        version: VERSION,
        host: &report.host,
        at: report.at,
        vantage: &report.vantage,
        rules: report.rules().collect(),
        findings: report.findings.iter().map(one).collect(),
        unknown: report
            .unknown
            .iter()
            .map(|unseen| Unseen { why: &unseen.why, rules: &unseen.rules })
            .collect(),
        allowed: report
            .allowed
            .iter()
            .map(|one_| Allowed { finding: one(&one_.judged), by: &one_.by })
            .collect(),
        fine: report.fine.iter().map(|rule| rule.id).collect(),
        inapplicable: report
            .inapplicable
            .iter()
            .map(|(rule, why)| Inapplicable { id: rule.id, why })
            .collect(),
    };
    // Our own types have no map with keys that are not text, the one thing that JSON refuses.
    serde_json::to_string_pretty(&whole)
        .map_or_else(|error| format!("{{\"error\":\"{error}\"}}\n"), |text| text + "\n")
}

fn one(judged: &Judged) -> One<'_> {
    let Finding { subject, place, observed, forecast, mend: _ } = &judged.finding;
    let rule = judged.rule;
    One {
        id: rule.id,
        severity: rule.severity,
        outlook: rule.outlook,
        title: rule.title,
        subject,
        source: &place.source,
        line: place.line,
        text: &place.text,
        observed,
        forecast: forecast.as_deref(),
        silent: rule.silent,
        cure: rule.cure,
        fix: rule.fix,
    }
}
