//! Mail to people outside of the house, against a server on loopback.

use std::sync::Arc;
use std::time::Duration;

use muster_config::secret::SecretRef;
use muster_notify::kinds::email::{Email, Security};
use muster_notify::mailing::{Down, Mail, Mailer, Sent};
use muster_testkit::port;
use muster_testkit::smtp::{Mode, Security as Offer, Sink};
use muster_testkit::tls::Identity;

use crate::mail::through;

const SOON: Duration = Duration::from_secs(5);

fn mail(to: &str) -> Mail {
    Mail {
        to: to.to_owned(),
        subject: "[Acme] Identified: größer".to_owned(),
        body: "A disk is full.\n.\nhttps://status.example.com/\n".to_owned(),
        id: "b.0123456789abcdef".to_owned(),
        unsubscribe: Some("https://status.example.com/status/unsubscribe?a=61&t=62".to_owned()),
    }
}

/// Sends them over one connection, as far as there is one.
fn send(email: Email, mails: &[Mail]) -> Vec<Result<Sent, Down>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut mailer = Mailer::new(Arc::new(email));
        let mut sent = Vec::new();
        for mail in mails {
            sent.push(mailer.send(mail).await);
        }
        mailer.close().await;
        sent
    })
}

fn start(mode: Mode) -> Sink {
    Sink::start(mode, Offer::Plain).expect("a server")
}

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("mailing::several_go_over_one_connection_and_each_has_one_recipient", || {
        let sink = start(Mode::Take);
        let sent = send(through(sink.port()), &[mail("ann@example.com"), mail("bob@example.com")]);
        assert_eq!(sent, [Ok(Sent::Taken), Ok(Sent::Taken)]);
        let mails = sink.wait_for(2, SOON);
        assert_eq!(mails[0].to, ["ann@example.com"]);
        assert_eq!(mails[1].to, ["bob@example.com"]);
        let hellos = sink.heard().iter().filter(|line| line.to_uppercase().starts_with("EHLO")).count();
        assert_eq!(hellos, 1, "{:?}", sink.heard());
        for (name, value) in [
            ("from", "muster <muster@example.com>"),
            ("message-id", "<b.0123456789abcdef@example.com>"),
            ("auto-submitted", "auto-generated"),
            ("list-unsubscribe", "<https://status.example.com/status/unsubscribe?a=61&t=62>"),
            ("list-unsubscribe-post", "List-Unsubscribe=One-Click"),
        ] {
            assert_eq!(mails[0].header(name).as_deref(), Some(value), "{}", mails[0].text);
        }
        let text = &mails[0].text;
        assert!(!text.contains("bob@") && !text.contains("to: ann <"), "{text}");
    }),
    ("mailing::a_long_link_stays_on_one_line", || {
        let sink = start(Mode::Take);
        let link = format!("https://status.example.com/status/unsubscribe?a={}&t=62", "61".repeat(254));
        let one = Mail { unsubscribe: Some(link.clone()), ..mail("ann@example.com") };
        assert_eq!(send(through(sink.port()), &[one]), [Ok(Sent::Taken)]);
        let text = sink.wait_for(1, SOON).remove(0).text;
        assert!(text.contains(&format!("List-Unsubscribe: <{link}>\r\n")), "{text}");
    }),
    ("mailing::a_recipient_that_is_gone_is_told_from_a_server_that_does_not_like_us", || {
        for (answer, sent) in [
            ("550 5.1.1 no ann@example.com here", Some(true)),
            ("550 nobody here", Some(true)),
            ("550 5.7.1 relaying denied", Some(false)),
            ("554 5.7.0 your address is on a list", Some(false)),
            ("553 5.1.8 sender is not known", Some(false)),
            ("451 4.7.1 greylisted", None),
            ("452 4.2.2 mailbox full", None),
        ] {
            let sink = start(Mode::RefuseOne("ann@example.com".to_owned(), answer.to_owned()));
            let mut all =
                send(through(sink.port()), &[mail("ann@example.com"), mail("bob@example.com")]).into_iter();
            match (all.next(), sent) {
                (Some(Ok(Sent::Refused { why, recipient })), Some(gone)) => {
                    assert_eq!(recipient, gone, "{answer}");
                    assert!(!why.contains("ann@"), "{why}");
                }
                (Some(Ok(Sent::Later(why))), None) => assert!(why.contains("4."), "{why}"),
                (other, _) => panic!("{answer}: {other:?}"),
            }
            assert_eq!(all.next(), Some(Ok(Sent::Taken)), "{answer}: the next one goes on");
        }
    }),
    ("mailing::a_server_that_is_away_closes_or_wants_another_login_is_down", || {
        let gone = send(through(port::refusing().expect("a port").port()), &[mail("ann@example.com")]);
        assert!(gone[0].is_err(), "{gone:?}");
        let sink = start(Mode::CloseAfterMail);
        let broken = send(through(sink.port()), &[mail("ann@example.com")]);
        assert!(matches!(broken[0], Err(Down { midway: true, .. })), "{broken:?}");
        let sink = start(Mode::Refuse("421 4.3.2 going down".to_owned()));
        assert!(send(through(sink.port()), &[mail("ann@example.com")])[0].is_err());
        let sink = start(Mode::Take);
        let words = ["printf", "wrong"].map(str::to_owned).to_vec();
        let login = Some(("ops".to_owned(), SecretRef::Command(words)));
        let refused = send(Email { login, ..through(sink.port()) }, &[mail("ann@example.com")]);
        let Err(Down { why, midway: false }) = &refused[0] else { panic!("{refused:?}") };
        assert!(why.contains("535") && !why.contains("AG9wcwB3cm9uZw"), "{why}");
        assert!(sink.mails().is_empty());
    }),
    ("mailing::starttls_and_tls_are_not_done_without", || {
        for (security, offer) in [
            (Security::StartTls, Offer::StartTls as fn(Identity) -> Offer),
            (Security::Implicit, Offer::Implicit),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let ca = folder.path().join("ca.pem");
            let identity = Identity::new().expect("an identity");
            identity.write_certificate(&ca).expect("written");
            let sink = Sink::start(Mode::Take, offer(identity)).expect("a server");
            let email = Email { security, ca: Some(ca), ..through(sink.port()) };
            assert_eq!(send(email, &[mail("ann@example.com")]), [Ok(Sent::Taken)], "{security:?}");
            assert!(sink.wait_for(1, SOON)[0].secured);
        }
        let plain = start(Mode::Take);
        let email = Email { security: Security::StartTls, ..through(plain.port()) };
        assert!(send(email, &[mail("ann@example.com")])[0].is_err());
        assert!(plain.mails().is_empty());
    }),
    ("mailing::nothing_can_be_put_into_the_headers", || {
        let sink = start(Mode::Take);
        for to in ["ann@example.com\r\nBcc: eve@example.com", "ann@example.com> SIZE=1", "ann", ""] {
            let sent = send(through(sink.port()), &[mail(to)]);
            assert!(matches!(sent[0], Ok(Sent::Refused { .. })), "{to:?}: {sent:?}");
        }
        let subject = "Slow\r\nBcc: eve@example.com".to_owned();
        let unsubscribe = Some("https://a.example/\r\nBcc: eve@example.com".to_owned());
        let sent = send(through(sink.port()), &[Mail { subject, unsubscribe, ..mail("ann@example.com") }]);
        assert_eq!(sent, [Ok(Sent::Taken)]);
        let taken = sink.wait_for(1, SOON).remove(0);
        assert_eq!((taken.to.len(), taken.header("bcc")), (1, None), "{}", taken.text);
    }),
];
