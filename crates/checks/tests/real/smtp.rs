//! `smtp` against Dovecot's submission, OpenSMTPD, and servers that behave badly.

use std::io::{Read as _, Write as _};

use muster_checks::probe::{Class, Miss};
use muster_config::assertion::facts::Value;
use muster_testkit::mailhost::{MailHost, PASSWORD};
use muster_testkit::raw::Raw;
use muster_testkit::smtp::{Mode, Security, Sink};
use muster_testkit::suite::Part;
use muster_testkit::tls::Identity;

use crate::looking::{LONG, SHORT, Test, faults, look};

const HOST: &[Part] = &[Part::Dovecot, Part::Smtpd];

fn table(address: impl std::fmt::Display, rest: &str) -> String {
    format!("[check.x]\nkind = \"smtp\"\naddress = \"{address}\"\n{rest}\n")
}

/// Keys of a login with this password.
pub(crate) fn login(password: &str) -> String {
    format!("user = \"probe\"\npassword = {{ command = [\"printf\", \"{password}\"] }}")
}

pub(crate) const TESTS: &[Test] = &[
    ("smtp::a_real_submission_server_is_met_up_to_the_recipient_and_nothing_is_sent", HOST, || {
        let host = MailHost::start().expect("a mail host");
        let rest = format!(
            "ca = \"{}\"\nrcpt = \"Probe <probe@example.com>\"\nsender = \"probe@example.com\"\n{}\nexpect = [\"banner contains 'mail.example.com'\", \"cert.expires_in > 300d\", \"tls.version == '1.3'\", \"extensions contains 'AUTH PLAIN LOGIN'\", \"time.total < 20s\", \"time.tls < 20s\"]",
            host.ca().display(),
            login(PASSWORD)
        );
        look(&table(host.submission, &rest), LONG).good().hides(PASSWORD);
        look(&table(host.submissions, &format!("tls = \"tls\"\n{rest}")), LONG).good().hides(PASSWORD);
        assert!(!host.log().contains("accepted for delivery"), "{}", host.log());

        let wrong = rest.replace(PASSWORD, "wrong-words");
        look(&table(host.submission, &wrong), LONG).down(Class::Refused, "the login").hides("wrong-words");
        let foreign = rest.replace("Probe <probe@example.com>", "nobody@elsewhere.example");
        look(&table(host.submission, &foreign), LONG).down(Class::Refused, "the recipient");
        look(&table(host.submission, &login(PASSWORD)), LONG).down(Class::Tls, "signed");
        look(&table(host.submission, &format!("tls = \"tls\"\n{rest}")), LONG)
            .down(Class::Tls, "not speak TLS");
        look(&table(host.submissions, &rest), SHORT).down(Class::Timeout, "the greeting");
    }),
    ("smtp::opensmtpd_without_tls_is_met_and_its_lack_of_starttls_is_told", HOST, || {
        let host = MailHost::start().expect("a mail host");
        let open = "tls = \"none\"\nrcpt = \"probe@example.com\"\nexpect = [\"banner contains 'OpenSMTPD'\", \"extensions contains '8BITMIME'\"]";
        look(&table(host.relay, open), LONG).good();
        look(&table(host.relay, ""), LONG).down(Class::Tls, "does not offer STARTTLS");
        look(&table(host.relay, &open.replace("probe@", "stranger@")), LONG)
            .down(Class::Refused, "524 5.2.4");
    }),
    ("smtp::a_certificate_that_runs_out_is_seen_and_one_that_has_is_down", &[], || {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = folder.path().join("ca.pem");
        for (days, words) in [(3, None), (-1, Some("expired"))] {
            let (identity, root) = Identity::signed(&["localhost"], -10, days).expect("an identity");
            std::fs::write(&ca, root).expect("written");
            let sink = Sink::start(Mode::Take, Security::StartTls(identity)).expect("a server");
            let rest = format!("ca = \"{}\"\nexpect = [\"cert.expires_in > 14d\"]", ca.display());
            let looked = look(&table(format!("localhost:{}", sink.port()), &rest), LONG);
            match words {
                None => assert!(looked.ended.is_ok() && looked.unmet.len() == 1, "{looked:#?}"),
                Some(words) => drop(looked.down(Class::Tls, words)),
            }
            assert!(sink.mails().is_empty());
        }
    }),
    ("smtp::a_server_that_says_no_is_quoted", &[], || {
        for (said, class, words) in [
            ("554 5.3.2 go away\r\n", Class::Refused, "554 5.3.2 go away"),
            ("421-busy\r\n421 later\r\n", Class::Refused, "421 busy later"),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", Class::Protocol, "not SMTP"),
            ("* OK IMAP4rev1\r\n", Class::Protocol, "not SMTP"),
            ("220-hi\r\n250 what\r\n", Class::Protocol, "not SMTP"),
            ("\x16\x03\x01\r\n", Class::Protocol, "not SMTP"),
        ] {
            let server = Raw::says(said).expect("a server");
            look(&table(server.address(), "tls = \"none\""), LONG).down(class, words);
        }
    }),
    ("smtp::a_server_that_is_slow_silent_endless_or_gone_ends_by_itself", &[], || {
        let silent = Raw::says("").expect("a server");
        let looked =
            look(&table(silent.address(), "tls = \"none\""), SHORT).down(Class::Timeout, "the greeting");
        assert!(looked.took < SHORT);
        let sink = Sink::start(Mode::Hang, Security::Plain).expect("a server");
        let looked = look(&table(format!("127.0.0.1:{}", sink.port()), "tls = \"none\""), SHORT);
        assert!(
            looked
                .down(Class::Timeout, "EHLO")
                .seen
                .trace
                .iter()
                .any(|line| line == "< 220 localhost ESMTP test")
        );
        let endless = Raw::floods("220 ", "x").expect("a server");
        look(&table(endless.address(), "tls = \"none\""), LONG).down(Class::Protocol, "a line of more than");
        let endless = Raw::floods("", "220-hi\r\n").expect("a server");
        look(&table(endless.address(), "tls = \"none\""), LONG)
            .down(Class::Protocol, "an answer of more than");
        let cut = Raw::start(|stream| stream.write_all(b"220 mail.exam")).expect("a server");
        look(&table(cut.address(), "tls = \"none\""), LONG)
            .down(Class::Protocol, "closed in the middle of a line");
        let gone = muster_testkit::port::refusing().expect("a port");
        look(&table(gone, "tls = \"none\""), LONG).down(Class::Connect, "refused");
    }),
    ("smtp::what_is_smuggled_behind_the_consent_to_tls_is_refused", &[], || {
        let server = Raw::start(|stream| {
            stream.write_all(b"220 hi\r\n")?;
            let mut buffer = [0; 512];
            let _ = stream.read(&mut buffer)?;
            stream.write_all(b"250-hi\r\n250 STARTTLS\r\n")?;
            let _ = stream.read(&mut buffer)?;
            stream.write_all(b"220 go ahead\r\n250-hi\r\n250 AUTH PLAIN\r\n")?;
            stream.read(&mut buffer).map(drop)
        })
        .expect("a server");
        look(&table(server.address(), ""), LONG).down(Class::Tls, "in the open behind its consent to TLS");
    }),
    ("smtp::a_server_that_repeats_the_login_does_not_leak_it", &[], || {
        let server = Raw::start(|stream| {
            stream.write_all(b"220 hi\r\n")?;
            let mut buffer = [0; 512];
            let _ = stream.read(&mut buffer)?;
            stream.write_all(b"250-hi\r\n250 AUTH PLAIN\r\n")?;
            let length = stream.read(&mut buffer)?;
            stream.write_all(b"500 what is ")?;
            stream.write_all(&buffer[..length])?;
            stream.read(&mut buffer).map(drop)
        })
        .expect("a server");
        let rest = format!("tls = \"none\"\n{}", login("hunter2hunter2"));
        let looked = look(&table(server.address(), &rest), LONG);
        // Whoever asks cleans the reason as well; the trace is clean already.
        assert!(!looked.seen.trace.join("\n").contains("AHByb2Jl"), "{looked:#?}");
        assert!(
            matches!(&looked.ended, Err(Miss::Down { why, .. }) if !looked.seen.blot(why).contains("AHByb2Jl"))
        );
    }),
    ("smtp::a_secret_that_is_not_there_is_blind", &[], || {
        let sink = Sink::start(Mode::Take, Security::Plain).expect("a server");
        let rest = "tls = \"none\"\nuser = \"probe\"\npassword = { env = \"MUSTER_TEST_NO_SUCH_VARIABLE\" }";
        let looked = look(&table(format!("127.0.0.1:{}", sink.port()), rest), LONG);
        assert!(matches!(looked.ended, Err(Miss::Blind { .. })), "{looked:#?}");
        let rest = "ca = \"/nonexistent/ca.pem\"\ntls = \"tls\"";
        let looked = look(&table(format!("127.0.0.1:{}", sink.port()), rest), LONG);
        assert!(
            matches!(&looked.ended, Err(Miss::Blind { why }) if why.contains("/nonexistent")),
            "{looked:#?}"
        );
    }),
    ("smtp::the_name_of_this_host_is_said_and_a_banner_is_kept", &[], || {
        let sink = Sink::start(Mode::Take, Security::Plain).expect("a server");
        let looked = look(&table(format!("127.0.0.1:{}", sink.port()), "tls = \"none\""), LONG).good();
        assert_eq!(looked.value("banner"), Value::Text("localhost ESMTP test".into()));
        assert_eq!(sink.heard().first().map(String::as_str), Some("EHLO web1.example.com"));
    }),
    ("smtp::what_cannot_be_right_is_refused_in_the_file", &[], || {
        for (rest, words) in [
            ("address = \"mail.example.com\"", "the port is missing"),
            ("address = \"mail.example.com:587\"\nuser = \"x\"", "go together"),
            ("address = \"mail.example.com:587\"\npassword = { env = \"X\" }", "go together"),
            (
                "address = \"mail.example.com:25\"\ntls = \"none\"\nuser = \"x\"\npassword = { env = \"X\" }",
                "in the open",
            ),
            (
                "address = \"mail.example.com:587\"\npassword = \"hunter2hunter2\"\nuser = \"x\"",
                "must not stand",
            ),
            ("address = \"mail.example.com:587\"\nexpect = [\"messages > 1\"]", "messages"),
        ] {
            let found = faults(&format!("[check.x]\nkind = \"smtp\"\n{rest}\n"));
            assert!(found.contains(words), "{rest}: {found}");
        }
    }),
];
