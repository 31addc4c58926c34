//! TLS004: a key of another certificate, or a chain with a part missing.

use super::{place, tls};
use crate::facts::{Fact, Facts};
use crate::rules::answer::{Answer, Finding};
use crate::rules::fixture::{Fixture, file};
use crate::rules::tls::example::{CHAIN, LEAF, LONG};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "TLS004",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "a key or a chain does not fit its certificate",
    silent: "The running server still has the old pair in memory and fails at its next start. Browsers fetch a missing link of the \
             chain or remember it, so the site looks right; other programs refuse it.",
    cure: "Name the file that holds the whole chain (fullchain.pem, not cert.pem), and the key that was made with it.",
    fix: Fix::Told,
    unless: "The rest of the chain is in a file of its own, or the certificate is signed with its own key or by a private root.",
    judge,
    bad: Fixture::files(
        "a certificate without that of its issuer",
        &[
            file("/etc/nginx/sites-enabled/shop", "server {\n  ssl_certificate /etc/ssl/shop.pem;\n}\n"),
            file("/etc/ssl/shop.pem", LEAF),
        ],
    ),
    good: [
        Fixture::files(
            "the same with that of its issuer",
            &[
                file("/etc/nginx/sites-enabled/shop", "server {\n  ssl_certificate /etc/ssl/shop.pem;\n}\n"),
                file("/etc/ssl/shop.pem", CHAIN),
            ],
        ),
        Fixture::files(
            "one that is signed with its own key, and a chain in a file of its own",
            &[
                file("/etc/postfix/main.cf", "smtpd_tls_cert_file = /etc/ssl/mail.pem\n"),
                file("/etc/ssl/mail.pem", LONG),
                file(
                    "/etc/apache2/sites-enabled/shop.conf",
                    "SSLCertificateFile /etc/ssl/shop.pem\nSSLCertificateChainFile /etc/ssl/chain.pem\n",
                ),
                file("/etc/ssl/shop.pem", LEAF),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    tls(facts, |tls, answer| {
        for file in &tls.certificates {
            match (&file.key_fits, &file.key) {
                (Fact::Known(false), Some(key)) => {
                    let observed = format!("{key} is not the key of {}", file.path);
                    answer.find(
                        Finding::new(format!("{}: key", file.path), place(file), observed)
                            .forecast("what shows it fails at its next start or reload"),
                    );
                }
                (Fact::Unknown { why }, _) => answer.blind(why),
                _ => {}
            }
            if let Fact::Known(certificate) = &file.first
                && file.count == 1
                && certificate.names_issuer
                && !certificate.self_signed
                && !file.chain_elsewhere
                && !file.named.is_empty()
            {
                let observed = format!(
                    "{} holds the certificate for {} alone; that of its issuer is missing",
                    file.path, certificate.subject
                );
                answer.find(Finding::new(format!("{}: chain", file.path), place(file), observed));
            }
        }
    })
}
