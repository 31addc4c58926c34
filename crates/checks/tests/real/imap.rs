//! `imap` against Dovecot, and against servers that behave badly.

use std::io::{Read as _, Write as _};

use muster_checks::probe::Class;
use muster_config::assertion::facts::Value;
use muster_testkit::mailhost::{MailHost, PASSWORD};
use muster_testkit::raw::Raw;
use muster_testkit::suite::Part;

use crate::looking::{LONG, SHORT, Test, faults, look};
use crate::smtp::login;

const HOST: &[Part] = &[Part::Dovecot, Part::Smtpd];

fn table(address: impl std::fmt::Display, rest: &str) -> String {
    format!("[check.x]\nkind = \"imap\"\naddress = \"{address}\"\n{rest}\n")
}

pub(crate) const TESTS: &[Test] = &[
    ("imap::a_real_mailbox_is_opened_and_counted_and_left_as_it_is", HOST, || {
        let host = MailHost::start().expect("a mail host");
        for n in 0..3 {
            host.put("INBOX", 1, &format!("Subject: {n}\r\n\r\nhi\r\n")).expect("put");
        }
        let rest = format!(
            "ca = \"{}\"\nfolder = \"INBOX\"\n{}\nexpect = [\"messages == 3\", \"capabilities contains 'UIDPLUS'\", \"cert.expires_in > 14d\", \"tls.version == '1.3'\", \"banner contains 'Dovecot'\"]",
            host.ca().display(),
            login(PASSWORD)
        );
        look(&table(host.imaps, &format!("tls = \"tls\"\n{rest}")), LONG).good().hides(PASSWORD);
        look(&table(host.imap, &rest), LONG).good().hides(PASSWORD);
        assert_eq!(host.count("INBOX"), 3);
        let wrong = rest.replace(PASSWORD, "wrong-words");
        look(&table(host.imap, &wrong), LONG).down(Class::Refused, "the login").hides("wrong-words");
        let absent = rest.replace("\"INBOX\"", "\"No such folder\"");
        look(&table(host.imap, &absent), LONG).down(Class::Refused, "No such folder");
        look(&table(host.imap, &login(PASSWORD)), LONG).down(Class::Tls, "signed");
        let open = format!("tls = \"none\"\n{}", login(PASSWORD));
        look(&table(host.imap, &open), LONG).good();
    }),
    ("imap::without_a_login_the_greeting_and_what_it_offers_are_seen", HOST, || {
        let host = MailHost::start().expect("a mail host");
        let rest =
            format!("ca = \"{}\"\nexpect = [\"capabilities contains 'IMAP4REV1'\"]", host.ca().display());
        look(&table(host.imap, &rest), LONG).good();
    }),
    ("imap::servers_that_are_none_are_told_apart", &[], || {
        for (said, class, words) in [
            ("* BYE too many connections\r\n", Class::Refused, "too many connections"),
            ("220 mail ESMTP\r\n", Class::Protocol, "not IMAP"),
            ("* OK hi\r\n* CAPABILITY IMAP4rev1\r\nm1 OK done\r\n", Class::Tls, "STARTTLS"),
            ("* OK hi\r\nm1 BAD what\r\n", Class::Refused, "BAD"),
            ("* OK hi\r\n* BYE gone\r\n", Class::Refused, "gone"),
            ("* OK hi\r\n* X ((((\r\n", Class::Protocol, "not IMAP"),
            ("* OK hi\r\n* X {99999999999}\r\n", Class::Protocol, "99999999999 bytes"),
            ("* OK hi\r\n* X {300000}\r\n", Class::Protocol, "300000 bytes"),
        ] {
            let server = Raw::start(move |stream| {
                stream.write_all(said.as_bytes())?;
                if said.contains("gone") {
                    return Ok(());
                }
                let mut buffer = [0; 512];
                while stream.read(&mut buffer)? > 0 {}
                Ok(())
            })
            .expect("a server");
            let words = if words == "BAD" { "what" } else { words };
            look(&table(server.address(), ""), LONG).down(class, words);
        }
    }),
    ("imap::a_server_that_is_silent_endless_or_cut_off_ends_by_itself", &[], || {
        let silent = Raw::says("* OK hi\r\n").expect("a server");
        let looked = look(&table(silent.address(), ""), SHORT).down(Class::Timeout, "CAPABILITY");
        assert!(looked.took < SHORT);
        let endless = Raw::floods("* OK hi\r\n", "* X {100000}\r\n").expect("a server");
        look(&table(endless.address(), ""), LONG).down(Class::Protocol, "");
        let endless = Raw::floods("* OK hi\r\n", "* 1 EXISTS\r\n").expect("a server");
        look(&table(endless.address(), ""), LONG).down(Class::Protocol, "an answer of more than");
        let cut = Raw::start(|stream| stream.write_all(b"* OK hi\r\n* CAPABIL")).expect("a server");
        look(&table(cut.address(), ""), LONG).down(Class::Protocol, "");
    }),
    ("imap::a_preauthenticated_count_is_read", &[], || {
        let server = Raw::says(
            "* OK hi\r\n* CAPABILITY IMAP4rev1\r\nm1 OK x\r\nm2 OK in\r\n* CAPABILITY IMAP4rev1\r\nm3 OK x\r\n* FLAGS (\\Seen)\r\n* 17 EXISTS\r\nm4 OK [READ-ONLY] done\r\n",
        )
        .expect("a server");
        let rest = format!("tls = \"none\"\nfolder = \"INBOX\"\n{}", login("x-y-z-w"));
        let looked = look(&table(server.address(), &rest), LONG).good();
        assert_eq!(looked.value("messages"), Value::Number(17.0));
    }),
    ("imap::what_cannot_be_right_is_refused_in_the_file", &[], || {
        for (rest, words) in [
            ("folder = \"INBOX\"", "after a login only"),
            ("user = \"x\"\npassword = { env = \"X\" }\nexpect = [\"messages > 1\"]", "no folder is opened"),
            ("user = \"x\"\npassword = { env = \"X\" }\nfolder = \"Entwürfe\"", "UTF-7"),
        ] {
            let found = faults(&table("imap.example.com:993", rest));
            assert!(found.contains(words), "{rest}: {found}");
        }
    }),
];
