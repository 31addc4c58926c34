//! Mail against a server that takes, refuses, hangs, and upgrades to TLS.

use std::path::PathBuf;
use std::time::Duration;

use muster_config::secret::SecretRef;
use muster_notify::kinds::email::{Email, Security};
use muster_testkit::port;
use muster_testkit::smtp::{Mode, Security as Offer, Sink};
use muster_testkit::tls::Identity;

use crate::letters::{carry, later, letter, receipt, refusal, timed};

const SOON: Duration = Duration::from_secs(5);

/// Mail through a port of this machine.
pub(crate) fn through(port: u16) -> Email {
    Email {
        to: vec!["Ann <ann@example.com>".parse().expect("an address")],
        from: "muster <muster@example.com>".parse().expect("an address"),
        host: "localhost".to_owned(),
        port: Some(port),
        security: Security::None,
        login: None,
        ca: None,
        deadline: Duration::from_secs(10),
    }
}

fn login(password: &str) -> Option<(String, SecretRef)> {
    let words = ["printf", password].map(str::to_owned).to_vec();
    Some(("ops".to_owned(), SecretRef::Command(words)))
}

fn start(mode: Mode) -> Sink {
    Sink::start(mode, Offer::Plain).expect("a server")
}

/// A server with TLS, and the file that vouches for it.
fn secured(folder: &tempfile::TempDir, offer: fn(Identity) -> Offer) -> (Sink, PathBuf) {
    let ca = folder.path().join("ca.pem");
    let identity = Identity::new().expect("an identity");
    identity.write_certificate(&ca).expect("written");
    (Sink::start(Mode::Take, offer(identity)).expect("a server"), ca)
}

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("email::a_letter_arrives_as_it_was_written", || {
        let sink = start(Mode::Take);
        let letter = letter();
        let words = receipt(carry(&through(sink.port()), &letter));
        assert_eq!(words, "250 2.0.0 taken as 1");
        let mail = sink.wait_for(1, SOON).remove(0);
        assert_eq!(
            (mail.from.as_str(), mail.to.as_slice()),
            ("muster@example.com", ["ann@example.com".to_owned()].as_slice())
        );
        assert_eq!(mail.header("subject").as_deref(), Some("FIRING job.nightly on web1: exit 2"));
        assert_eq!(mail.header("auto-submitted").as_deref(), Some("auto-generated"));
        assert_eq!(mail.header("x-priority").as_deref(), Some("1"));
        assert!(mail.header("date").is_some() && mail.header("references").is_some(), "{}", mail.text);
        let text = quoted_printable(&mail.text);
        for line in letter.body.lines() {
            assert!(text.contains(line), "{line:?} is missing in\n{text}");
        }
    }),
    ("email::every_try_has_the_same_message_id_and_other_letters_have_another", || {
        let sink = start(Mode::Take);
        let (medium, mut letter) = (through(sink.port()), letter());
        receipt(carry(&medium, &letter));
        receipt(carry(&medium, &letter));
        letter.key = "job.nightly:1795226400:0/1/ops".to_owned();
        receipt(carry(&medium, &letter));
        let ids: Vec<Option<String>> =
            sink.wait_for(3, SOON).iter().map(|mail| mail.header("message-id")).collect();
        assert_eq!(ids[0], ids[1]);
        assert_ne!(ids[1], ids[2]);
        let id = ids[0].clone().expect("an id");
        let bare = id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).expect("brackets");
        assert!(
            bare.chars().filter(|c| *c == '@').count() == 1 && !bare.contains(char::is_whitespace),
            "{id}"
        );
    }),
    ("email::a_temporary_refusal_is_not_now_and_a_lasting_one_is_for_good", || {
        let sink = start(Mode::Refuse("451 4.7.1 greylisted, come again".to_owned()));
        let why = later(carry(&through(sink.port()), &letter()));
        assert!(why.contains("451") && why.contains("greylisted"), "{why}");
        sink.set(Mode::Refuse("550 5.1.1 nobody here".to_owned()));
        let why = refusal(carry(&through(sink.port()), &letter()));
        assert!(why.contains("550") && why.contains("nobody here"), "{why}");
        assert!(sink.mails().is_empty());
    }),
    ("email::one_recipient_who_is_gone_does_not_keep_the_others_from_knowing", || {
        let gone = Mode::RefuseOne("bob@example.com".to_owned(), "550 5.1.1 no bob".to_owned());
        let sink = start(gone);
        let mut medium = through(sink.port());
        medium.to.insert(0, "bob@example.com".parse().expect("an address"));
        medium.to.push("eve@example.com".parse().expect("an address"));
        let words = receipt(carry(&medium, &letter()));
        assert!(words.contains("not taken for bob@example.com"), "{words}");
        let mut to: Vec<String> = sink.wait_for(2, SOON).into_iter().flat_map(|mail| mail.to).collect();
        to.sort();
        assert_eq!(to, ["ann@example.com", "eve@example.com"]);
        sink.set(Mode::Refuse("550 5.1.1 nobody here".to_owned()));
        assert!(refusal(carry(&medium, &letter())).contains("nobody here"));
    }),
    ("email::a_refused_login_is_not_now_and_the_password_stays_unsaid", || {
        let sink = start(Mode::Take);
        let mut medium = through(sink.port());
        medium.login = login("wrong");
        let why = later(carry(&medium, &letter()));
        assert!(why.contains("535") && !why.contains("AG9wcwB3cm9uZw"), "{why}");
        medium.login = login("right");
        receipt(carry(&medium, &letter()));
        assert_eq!(sink.wait_for(1, SOON).len(), 1);
    }),
    ("email::a_server_that_hangs_is_given_up_at_the_deadline", || {
        let sink = start(Mode::Hang);
        let mut medium = through(sink.port());
        medium.deadline = Duration::from_millis(800);
        let (delivery, took) = timed(&medium, &letter());
        later(delivery);
        assert!(took < Duration::from_secs(3), "{took:?}");
    }),
    ("email::a_server_that_breaks_off_or_is_not_there_is_not_now", || {
        let sink = start(Mode::CloseAfterMail);
        later(carry(&through(sink.port()), &letter()));
        later(carry(&through(port::refusing().expect("a port").port()), &letter()));
        let nowhere =
            Email { host: "muster-test.invalid".to_owned(), deadline: Duration::from_secs(5), ..through(25) };
        assert!(later(carry(&nowhere, &letter())).starts_with("muster-test.invalid"));
    }),
    ("email::starttls_and_tls_work_with_a_certificate_of_ones_own", || {
        for (security, offer) in [
            (Security::StartTls, Offer::StartTls as fn(Identity) -> Offer),
            (Security::Implicit, Offer::Implicit),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let (sink, ca) = secured(&folder, offer);
            let medium = Email { security, ca: Some(ca), login: login("right"), ..through(sink.port()) };
            receipt(carry(&medium, &letter()));
            assert!(sink.wait_for(1, SOON)[0].secured, "{security:?}");
        }
    }),
    ("email::a_certificate_that_nobody_vouches_for_gets_no_password", || {
        for (security, offer) in [
            (Security::StartTls, Offer::StartTls as fn(Identity) -> Offer),
            (Security::Implicit, Offer::Implicit),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let (sink, _ca) = secured(&folder, offer);
            let medium = Email { security, login: login("right"), ..through(sink.port()) };
            later(carry(&medium, &letter()));
            assert!(!sink.heard().iter().any(|line| line.starts_with("AUTH")), "{:?}", sink.heard());
            assert!(sink.mails().is_empty());
        }
    }),
    ("email::without_the_starttls_that_is_demanded_nothing_is_said", || {
        let sink = start(Mode::Take);
        let medium = Email { security: Security::StartTls, login: login("right"), ..through(sink.port()) };
        let why = later(carry(&medium, &letter()));
        assert!(why.contains("STARTTLS"), "{why}");
        let heard = sink.heard();
        assert!(!heard.iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")), "{heard:?}");
        assert!(sink.mails().is_empty());
    }),
    ("email::a_missing_password_is_not_now_and_nothing_is_said", || {
        let sink = start(Mode::Take);
        let missing = SecretRef::Env("MUSTER_TEST_NO_SUCH_VARIABLE".to_owned());
        let medium = Email { login: Some(("ops".to_owned(), missing)), ..through(sink.port()) };
        assert!(later(carry(&medium, &letter())).contains("MUSTER_TEST_NO_SUCH_VARIABLE"));
        assert!(sink.heard().is_empty());
    }),
];

/// The text of a mail, quoted-printable (RFC 2045, 6.7) or as it is.
pub(crate) fn quoted_printable(mail: &str) -> String {
    let (head, body) = mail.split_once("\r\n\r\n").expect("a body");
    if !head.to_ascii_lowercase().contains("quoted-printable") {
        return body.replace("\r\n", "\n");
    }
    let joined = body.replace("=\r\n", "").replace("\r\n", "\n");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'=' {
            let (hex, after) = rest.split_at(2);
            let hex = std::str::from_utf8(hex).expect("two digits");
            bytes.push(u8::from_str_radix(hex, 16).expect("a byte"));
            rest = after;
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).expect("text")
}
