//! `mail` through a whole mail host: delivered, late, into junk, lost, refused.

use muster_checks::probe::Class;
use muster_config::assertion::facts::Value;
use muster_testkit::mailhost::{JUNK, MailHost, PASSWORD};
use muster_testkit::smtp::{Mode, Security, Sink};
use muster_testkit::suite::Part;

use crate::looking::{LONG, SHORT, Test, faults, look, read};

const HOST: &[Part] = &[Part::Dovecot, Part::Smtpd];

/// A loop through the host, to that address.
fn table(host: &MailHost, to: &str, rest: &str) -> String {
    let ca = host.ca().display().to_string();
    let login =
        format!("user = \"probe\", password = {{ command = [\"printf\", \"{PASSWORD}\"] }}, ca = \"{ca}\"");
    format!(
        "[check.loop]\nkind = \"mail\"\nsend = {{ smtp = \"{}\", address = \"probe@example.com\", {login} }}\nreceive = {{ imap = \"{}\", tls = \"tls\", address = \"{to}\", {login} }}\n{rest}\n",
        host.submission, host.imaps
    )
}

pub(crate) const TESTS: &[Test] = &[
    ("mail::a_mail_that_comes_in_is_seen_and_deleted", HOST, || {
        let host = MailHost::start().expect("a mail host");
        // Of an earlier look, of another check, of somebody else, and of an earlier look today.
        host.put("INBOX", 3, "Subject: old\r\nX-Muster-Probe: loop\r\n\r\nhi\r\n").expect("put");
        host.put(JUNK, 3, "Subject: old\r\nX-Muster-Probe: loop\r\n\r\nhi\r\n").expect("put");
        host.put("INBOX", 3, "Subject: other\r\nX-Muster-Probe: other\r\n\r\nhi\r\n").expect("put");
        host.put("INBOX", 3, "Subject: hi\r\n\r\nhi\r\n").expect("put");
        host.put("INBOX", 0, "Subject: new\r\nX-Muster-Probe: loop\r\n\r\nhi\r\n").expect("put");
        assert_eq!((host.count("INBOX"), host.count(JUNK)), (4, 1), "{}", host.log());
        let expect = "expect = [\"time.accepted_to_visible < 20s\", \"time.send < 20s\", \"not spam\", \"folder == 'INBOX'\", \"count(auth) == 0\", \"time.total < 20s\"]";
        let looked = look(&table(&host, "probe@example.com", expect), LONG).good().hides(PASSWORD);
        assert!(looked.seen.phases.iter().any(|(name, _)| name == "delivery"), "{looked:#?}");
        assert_eq!((host.count("INBOX"), host.count(JUNK)), (3, 0), "{}", host.log());
    }),
    ("mail::a_mail_that_is_late_is_waited_for", HOST, || {
        let host = MailHost::start().expect("a mail host");
        host.put("INBOX", 0, "Subject: so that the folder is there\r\n\r\nhi\r\n").expect("put");
        let looked = look(&table(&host, "late@example.com", ""), LONG).good();
        let Value::Time(millis) = looked.value("time.accepted_to_visible") else { panic!("{looked:#?}") };
        assert!((1000..15_000).contains(&millis), "{millis}");
    }),
    ("mail::a_mail_in_the_folder_for_junk_is_a_warning", HOST, || {
        let host = MailHost::start().expect("a mail host");
        let looked = look(&table(&host, &format!("probe+{JUNK}@example.com"), ""), LONG);
        assert!(looked.ended.is_ok() && looked.unmet.len() == 1, "{looked:#?}");
        assert_eq!(looked.value("spam"), Value::Flag(true));
        assert_eq!(looked.value("folder"), Value::Text(JUNK.into()));
        assert_eq!(host.count(JUNK), 0);
        let assertions = read(&table(&host, "probe@example.com", "")).assertions().to_vec();
        assert_eq!(assertions.len(), 1);
        assert_eq!(assertions[0].level, muster_core::expectation::Level::Warn);
        assert_eq!(read(&table(&host, "probe@example.com", "expect = [\"not spam\"]")).assertions().len(), 1);
    }),
    ("mail::a_mail_that_is_lost_is_told_with_the_receipt_of_the_server_that_took_it", HOST, || {
        let host = MailHost::start().expect("a mail host");
        let looked = look(&table(&host, "lost@example.com", ""), SHORT * 2);
        let looked = looked.down(Class::Absent, "Message accepted for delivery");
        let why = format!("{:?}", looked.ended);
        let log = host.log();
        let id = log.split("msgid=").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("an id");
        assert!(why.contains(id) && why.contains(&format!("none of INBOX, {JUNK}")), "{why}\n{log}");
        assert!(looked.took < SHORT * 2);
    }),
    ("mail::where_the_mailbox_cannot_be_read_nothing_is_sent", HOST, || {
        let host = MailHost::start().expect("a mail host");
        let text = table(&host, "probe@example.com", "");
        let (sending, receiving) = text.split_once("receive").expect("two tables");
        let text = format!("{sending}receive{}", receiving.replace(PASSWORD, "wrong-words"));
        look(&text, LONG).down(Class::Refused, "the login").hides("wrong-words");
        assert!(!host.log().contains("msgid="), "{}", host.log());
        look(&table(&host, "stranger@example.com", ""), LONG).down(Class::Refused, "524 5.2.4");
    }),
    ("mail::a_server_that_swallows_the_mail_without_a_verdict_has_not_taken_it", HOST, || {
        let host = MailHost::start().expect("a mail host");
        let sink = Sink::start(Mode::CloseAfterMail, Security::Plain).expect("a server");
        let text = table(&host, "probe@example.com", "");
        let text = text.replace(&host.submission.to_string(), &format!("127.0.0.1:{}", sink.port()));
        let text = text.replacen("send = { ", "send = { tls = \"none\", ", 1).replacen(
            &format!(", ca = \"{}\"", host.ca().display()),
            "",
            1,
        );
        look(&text, LONG).down(Class::Protocol, "the mail: the connection was closed");
        sink.set(Mode::Take);
        let looked = look(&text, SHORT).down(Class::Absent, "250 2.0.0 taken as 1");
        assert!(looked.took < SHORT);
        let mails = sink.mails();
        let mail = mails.first().expect("a mail");
        assert_eq!(
            (mail.from.as_str(), mail.to.as_slice()),
            ("probe@example.com", &["probe@example.com".to_owned()][..])
        );
        assert!(mail.header("message-id").is_some_and(|id| id.starts_with("<muster.")), "{mail:?}");
        assert_eq!(mail.header("auto-submitted").as_deref(), Some("auto-generated"));
    }),
    ("mail::addresses_are_made_of_user_and_server_where_none_is_written", &[], || {
        let text = |send: &str, receive: &str| {
            format!(
                "[check.loop]\nkind = \"mail\"\nsend = {{ smtp = \"{send}\", user = \"a\", password = {{ env = \"A\" }} }}\nreceive = {{ imap = \"{receive}\", user = \"b@example.org\", password = {{ env = \"B\" }} }}\n"
            )
        };
        let part = read(&text("smtp.example.com:587", "imap.example.com:993"));
        assert_eq!(part.target(), "b@example.org by smtp.example.com:587 to imap.example.com:993");
        let found = faults(&text("192.0.2.1:587", "imap.example.com:993"));
        assert!(found.contains("which mail address"), "{found}");
        let found = faults(&text("smtp.example.com:587", "imap.example.com"));
        assert!(found.contains("the port is missing"), "{found}");
    }),
];
