//! TLS001: a certificate that has expired, or is about to.

use super::{day, place, tls};
use crate::facts::tls::Certificate;
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::tls::example::{EXPIRED, LONG, SHORT};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "TLS001",
    severity: Severity::Critical,
    outlook: Outlook::Failing,
    title: "a certificate has expired or is about to",
    silent: "The server goes on showing it without a word; only those who connect see the error. Certbot renews 30 days ahead, so \
             that one with less than 14 days left has missed several turns already.",
    cure: "Renew it now (`certbot renew`), reload what shows it, and see why the renewal did not come: TLS003.",
    fix: Fix::Told,
    unless: "No configuration names it and certbot no longer renews it, or it is made to be short: then a third of its life \
             counts in place of 14 days.",
    judge,
    bad: Fixture::files(
        "nginx shows one that ended eleven days ago",
        &[
            file("/etc/nginx/sites-enabled/shop", "server {\n  ssl_certificate /etc/ssl/shop.pem;\n}\n"),
            file("/etc/ssl/shop.pem", EXPIRED),
        ],
    ),
    good: [
        Fixture::files(
            "one that lives for a week, with half of it left",
            &[
                file("/etc/nginx/sites-enabled/shop", "server {\n  ssl_certificate /etc/ssl/shop.pem;\n}\n"),
                file("/etc/ssl/shop.pem", SHORT),
            ],
        ),
        Fixture::files(
            "an old one that nothing names and nobody renews",
            &[
                file(
                    "/etc/nginx/sites-enabled/shop",
                    "server {\n  # ssl_certificate /etc/ssl/old.pem;\n  ssl_certificate /etc/ssl/shop.pem;\n}\n",
                ),
                file("/etc/ssl/shop.pem", LONG),
                file("/etc/ssl/old.pem", EXPIRED),
                file("/etc/letsencrypt/live/old.test/fullchain.pem", EXPIRED),
            ],
        ),
    ],
};

/// What is left when a renewal has been missed, in milliseconds.
const LATE: i64 = 14 * 86_400_000;

fn judge(facts: &Facts) -> Answer {
    tls(facts, |tls, answer| {
        for file in &tls.certificates {
            let certificate = match &file.first {
                Fact::Known(certificate) => certificate,
                Fact::Unknown { why } => {
                    answer.blind(format!("{}: {why}", file.path));
                    continue;
                }
                // nginx -t and its like complain of that.
                Fact::Nothing { .. } => continue,
            };
            let left = certificate.until.millis() - facts.at.millis();
            if left >= threshold(certificate) {
                continue;
            }
            let (subject, until) = (&certificate.subject, day(certificate.until));
            let finding = if left < 0 {
                let observed = format!(
                    "the certificate for {subject} ended on {until}, {} days ago",
                    -left / 86_400_000
                );
                Finding::new(&file.path, place(file), observed)
            } else {
                let observed = format!("the certificate for {subject} ends on {until}");
                Finding::new(&file.path, place(file), observed).forecast(format!("expires in {}", span(left)))
            };
            answer.find(finding);
        }
    })
}

fn threshold(certificate: &Certificate) -> i64 {
    let life = certificate.until.millis() - certificate.from.millis();
    LATE.min(life / 3)
}

fn span(millis: i64) -> String {
    match millis / 86_400_000 {
        0 => format!("{} hours", millis / 3_600_000),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
