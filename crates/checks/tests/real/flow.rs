//! `flow` through an application of ours: login with a token against forged requests, a change that writes a row and
//! sends a mail through OpenSMTPD into Dovecot, and what goes wrong on the way.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use muster_checks::probe::{Class, Miss};
use muster_testkit::database::{Database, PASSWORD as DATABASE_PASSWORD, USER};
use muster_testkit::http::{Mode, Receiver};
use muster_testkit::mailhost::{MailHost, PASSWORD as MAIL_PASSWORD};
use muster_testkit::suite::Part;
use rusqlite::Connection;

use crate::looking::{LONG, Looked, SHORT, Test, look};
use crate::portal::{Fault, PASSWORD, Portal, SESSION, TOKEN};

const HOST: &[Part] = &[Part::Dovecot, Part::Smtpd];
const SUBJECT: &str = "Your profile changed";

/// Hands a mail over, as an application does.
fn send(relay: SocketAddr, city: &str) {
    let mut stream = TcpStream::connect(relay).expect("the relay");
    let mut answers = BufReader::new(stream.try_clone().expect("a copy")).lines();
    let mail = format!(
        "From: App <app@example.com>\r\nTo: probe@example.com\r\nSubject: =?utf-8?q?Your_profile_changed?=\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nNew city=3A {city}\r\n."
    );
    for line in [
        "EHLO app.example.com",
        "MAIL FROM:<app@example.com>",
        "RCPT TO:<probe@example.com>",
        "DATA",
        &mail,
        "QUIT",
    ] {
        loop {
            let answer = answers.next().expect("an answer").expect("well");
            assert!(answer.starts_with(['2', '3']), "{answer}");
            if answer.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        write!(stream, "{line}\r\n").expect("sent");
    }
}

struct World {
    host: MailHost,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let world = Self {
            host: MailHost::start().expect("a mail host"),
            folder: tempfile::tempdir().expect("a folder"),
        };
        let made = Connection::open(world.database()).expect("a database");
        made.execute("create table people (name text, city text)", []).expect("a table");
        // Of an earlier day: the mail that is waited for is none that was there before.
        world.host.put("INBOX", 0, &format!("Subject: {SUBJECT}\r\n\r\nNew city: old\r\n")).expect("put");
        assert_eq!(world.host.count("INBOX"), 1, "{}", world.host.log());
        world
    }

    fn database(&self) -> std::path::PathBuf {
        self.folder.path().join("app.db")
    }

    /// An application of this world that leaves out what it is told to.
    fn portal(&self, fault: Fault, writes: bool, sends: bool) -> Portal {
        let (database, relay) = (self.database(), self.host.relay);
        Portal::start(fault, move |city| {
            if writes {
                let open = Connection::open(&database).expect("the database");
                open.execute("insert into people values ('probe', ?1)", [city]).expect("a row");
            }
            if sends {
                send(relay, city);
            }
        })
    }

    fn flow(&self, portal: &Portal, password: &str, within: &str) -> String {
        table(portal, &self.host, &self.database(), password, within)
    }
}

fn table(portal: &Portal, host: &MailHost, database: &Path, password: &str, within: &str) -> String {
    let (login, home, out) = (portal.url("/login"), portal.url("/profile"), portal.url("/logout"));
    let person = portal.url("/people/{{id}}");
    let (imap, ca, database) = (host.imaps, host.ca().display().to_string(), database.display().to_string());
    format!(
        r#"[check.signup]
kind = "flow"
mailbox = {{ imap = "{imap}", tls = "tls", user = "probe", password = {{ command = ["printf", "{MAIL_PASSWORD}"] }}, ca = "{ca}" }}
[[check.signup.step]]
name = "open the form"
get = "{login}"
capture = {{ csrf = "body matches 'name=.csrf. value=.([^\"]+)'" }}
[[check.signup.step]]
name = "log in"
post = "{login}"
form = {{ user = "probe", password = {{ command = ["printf", "%s", "{password}"] }}, csrf = "{{{{csrf}}}}" }}
expect = ["status == 303"]
capture = {{ token = "header('x-csrf')" }}
[[check.signup.step]]
post = "{home}"
headers = {{ x-csrf = "{{{{token}}}}" }}
form = {{ city = "{{{{unique}}}}" }}
expect = ["status == 200"]
capture = {{ id = "json('$.id')", city = "json('$.city')" }}
[[check.signup.step]]
get = "{person}"
expect = ["status == 200"]
[[check.signup.step]]
sql = {{ dsn = "sqlite://{database}", query = "select count(*) from people where city = {{{{city}}}} and 4711 = {{{{id}}}} + 0", expect = ["value == 1"] }}
[[check.signup.step]]
mail = {{ subject = "{SUBJECT}", to = "probe@example.com", contains = "New city: {{{{unique}}}}", within = "{within}" }}
[[check.signup.step]]
name = "log out"
post = "{out}"
finally = true
"#
    )
}

/// It is bad at that step, and for that reason.
#[track_caller]
fn stopped(looked: Looked, class: Class, words: &[&str]) -> Looked {
    let looked = looked.down(class, words[0]);
    let Err(Miss::Down { why, .. }) = &looked.ended else { panic!("{looked:#?}") };
    for word in words {
        assert!(why.contains(word), "{word} in {looked:#?}");
    }
    looked
}

/// A number and a text that would be more than that, if it were pasted into a query.
fn asks_with_values(server: &Database, scheme: &str) {
    let name = "x' or '1'='1";
    server.carry_out("create table people (id int, name varchar(50))").expect("made");
    server.carry_out("insert into people values (7, 'x'' or ''1''=''1'), (7, 'other')").expect("written");
    if scheme == "postgres" {
        server.carry_out(&format!("grant select on people to {USER}")).expect("granted");
    }
    let page = Receiver::start(Mode::answer(200, &format!("{{\"id\": 7, \"name\": \"{name}\"}}")))
        .expect("a server");
    let text = format!(
        "[check.x]\nkind = \"flow\"\n[[check.x.step]]\nget = \"{}\"\ncapture = {{ id = \"json('$.id')\", name = \"json('$.name')\" }}\n[[check.x.step]]\nsql = {{ dsn = {{ command = [\"echo\", \"{scheme}://{USER}:{DATABASE_PASSWORD}@{}/app\"] }}, query = \"select count(*) from people where id = {{{{id}}}} and name = {{{{name}}}} and name <> {{{{unique}}}}\", expect = [\"value == 1\"] }}\n",
        page.url("/"),
        server.address
    );
    look(&text, LONG).good().hides(DATABASE_PASSWORD);
    let never = text.replace("name = {{name}}", "name = {{unique}}");
    stopped(look(&never, LONG), Class::Unmet, &["step 2 of 2, sql", "value == 1: value was 0"]);
}

pub(crate) const TESTS: &[Test] = &[
    ("flow::values_are_handed_to_postgres_beside_the_query", &[Part::Postgres], || {
        asks_with_values(&Database::postgres().expect("a server"), "postgres");
    }),
    ("flow::values_are_handed_to_mariadb_beside_the_query", &[Part::Mariadb], || {
        asks_with_values(&Database::mariadb().expect("a server"), "mysql");
    }),
    ("flow::a_change_is_followed_to_its_row_and_its_mail", HOST, || {
        let world = World::start();
        let portal = world.portal(Fault::Nothing, true, true);
        let looked = look(&world.flow(&portal, PASSWORD, "15s"), LONG).good();
        let looked =
            looked.hides(PASSWORD).hides(SESSION).hides(TOKEN).hides("form-token").hides(MAIL_PASSWORD);
        assert_eq!(
            portal.seen(),
            ["GET /login", "POST /login", "POST /profile", "GET /people/4711", "POST /logout"]
        );
        assert_eq!(portal.logouts(), 1);
        // The mail that was waited for is deleted, and no other.
        assert_eq!(world.host.count("INBOX"), 1, "{}", world.host.log());
        let phases: Vec<_> = looked.seen.phases.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(
            phases,
            ["1 open the form", "2 log in", "3 post", "4 get", "5 sql", "6 mail", "7 log out"]
        );
        let trace = looked.seen.trace.join("\n");
        assert!(trace.contains("step 6 of 7, mail \"Your profile changed\": as it should be"), "{trace}");
    }),
    ("flow::the_alarm_names_the_step_that_went_wrong_and_the_session_is_ended_all_the_same", HOST, || {
        let world = World::start();
        for (fault, writes, sends, password, class, words) in [
            (
                Fault::Nothing,
                true,
                false,
                PASSWORD,
                Class::Absent,
                &[
                    "step 6 of 7, mail \"Your profile changed\": the mail did not come into INBOX or Rubbish within",
                    "no mail came in at all",
                ][..],
            ),
            (
                Fault::Nothing,
                true,
                true,
                "wrong-words",
                Class::Unmet,
                &["step 2 of 7, log in: status == 303: status was 200"],
            ),
            (
                Fault::NoToken,
                true,
                true,
                PASSWORD,
                Class::Absent,
                &["step 1 of 7, open the form: `csrf` could not be captured", "nothing in it matches"],
            ),
            (
                Fault::Nothing,
                false,
                true,
                PASSWORD,
                Class::Unmet,
                &["step 5 of 7, sql ", "value == 1: value was 0"],
            ),
        ] {
            let portal = world.portal(fault, writes, sends);
            let looked = stopped(look(&world.flow(&portal, password, "2s"), LONG), class, words);
            let looked = looked.hides("wrong-words").hides(SESSION).hides(TOKEN);
            assert_eq!(portal.logouts(), 1, "{words:?}");
            assert!(looked.took < LONG, "{looked:#?}");
        }
        // What cannot be cleaned up is told beside, and hides nothing.
        let portal = world.portal(Fault::NoLogout, false, false);
        let words = [
            "step 5 of 7, sql",
            "; and in cleaning up, step 7 of 7, log out: status >= 200 and status < 400: status was 404",
        ];
        stopped(look(&world.flow(&portal, PASSWORD, "2s"), LONG), Class::Unmet, &words);
        let portal = world.portal(Fault::NoLogout, true, true);
        stopped(look(&world.flow(&portal, PASSWORD, "15s"), LONG), Class::Unmet, &["step 7 of 7, log out"]);
    }),
    ("flow::where_the_mailbox_cannot_be_read_nothing_is_done", HOST, || {
        let world = World::start();
        let portal = world.portal(Fault::Nothing, true, true);
        let text = world.flow(&portal, PASSWORD, "2s").replace(MAIL_PASSWORD, "wrong-words");
        stopped(look(&text, LONG), Class::Refused, &["the mailbox before the first step: ", "the login"])
            .hides("wrong-words");
        assert!(portal.seen().is_empty());
    }),
    ("flow::hostile_applications_end_at_the_deadline_and_leave_time_to_clean_up", &[], || {
        for (path, rest, class, words) in [
            ("/loop", "redirects = 20", Class::Protocol, "more than 20 redirects"),
            (
                "/huge",
                "expect = [\"body contains 'y'\"]",
                Class::Unmet,
                "the body was cut off at 1048576 bytes",
            ),
            ("/drip", "", Class::Timeout, "the answer began and did not end"),
        ] {
            let portal = Portal::start(Fault::Nothing, |_| {});
            let text = format!(
                "[check.x]\nkind = \"flow\"\n[[check.x.step]]\nget = \"{}\"\n{rest}\n[[check.x.step]]\npost = \"{}\"\nfinally = true\n",
                portal.url(path),
                portal.url("/logout")
            );
            let looked =
                look(&text, SHORT * 2).down(class, words).down(class, "step 1 of 2, get http://127.0.0.1");
            assert!(looked.took < SHORT * 2, "{looked:#?}");
            assert_eq!(portal.logouts(), 1, "{looked:#?}");
        }
    }),
    ("flow::a_row_and_a_file_are_waited_for", &[], || {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, file) = (folder.path().join("app.db"), folder.path().join("done.txt"));
        let open = Connection::open(&database).expect("a database");
        open.execute("create table jobs (id integer)", []).expect("a table");
        let text = format!(
            "[check.x]\nkind = \"flow\"\n[[check.x.step]]\nwait = \"100ms\"\n[[check.x.step]]\nsql = {{ dsn = \"sqlite://{}\", query = \"select count(*) from jobs\", expect = [\"value == 1\"] }}\nwithin = \"10s\"\ncapture = {{ jobs = \"value\" }}\n[[check.x.step]]\nfile = {{ path = \"{}\", contains = [\"1\"] }}\nwithin = \"10s\"\n",
            database.display(),
            file.display()
        );
        let late = std::thread::spawn(move || {
            std::thread::park_timeout(Duration::from_millis(400));
            open.execute("insert into jobs values (1)", []).expect("a row");
            std::thread::park_timeout(Duration::from_millis(400));
            std::fs::write(file, "1\n").expect("a file");
        });
        look(&text, LONG).good();
        late.join().expect("well");
        let never = text.replace("within = \"10s\"", "within = \"1s\"").replace("value == 1", "value == 2");
        stopped(look(&never, LONG), Class::Unmet, &["step 2 of 3, sql", "value == 2: value was 1"]);
    }),
];
