//! `sql` against PostgreSQL, MariaDB and SQLite, and against servers that behave badly.

use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use muster_checks::probe::{Class, Miss};
use muster_config::assertion::facts::Value;
use muster_testkit::database::{Database, PASSWORD, USER};
use muster_testkit::port;
use muster_testkit::raw::Raw;
use muster_testkit::suite::Part;

use crate::looking::{LONG, SHORT, Test, faults, look};

/// A check whose address is a secret.
fn table(dsn: impl Display, rest: &str) -> String {
    format!("[check.x]\nkind = \"sql\"\ndsn = {{ command = [\"echo\", \"{dsn}\"] }}\n{rest}\n")
}

/// Waits until a statement gives this.
fn wait_for(server: &Database, statement: &str, expected: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let given = server.carry_out(statement).expect("carried out");
        if given == expected {
            return;
        }
        assert!(Instant::now() < until, "{statement} gives {given}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn wait_for_end(stream: &mut std::net::TcpStream) -> std::io::Result<()> {
    std::io::copy(stream, &mut std::io::sink()).map(|_| ())
}

/// Reads what a client of PostgreSQL begins with.
fn greeting(stream: &mut std::net::TcpStream) -> std::io::Result<()> {
    stream.read(&mut [0; 4096]).map(|_| ())
}

/// Stands before a PostgreSQL and makes its time limit an endless one.
fn without_limit(server: SocketAddr) -> Raw {
    Raw::start(move |client| {
        let mut server = TcpStream::connect(server)?;
        let (mut back, mut to) = (server.try_clone()?, client.try_clone()?);
        std::thread::spawn(move || {
            std::io::copy(&mut back, &mut to).ok();
            to.shutdown(Shutdown::Both).ok();
        });
        let mut part = [0; 4096];
        loop {
            let count = client.read(&mut part)?;
            if count == 0 {
                return server.shutdown(Shutdown::Both);
            }
            let limit = b"statement_timeout = ";
            let found = part[..count].windows(limit.len()).position(|some| some == limit);
            if let Some(at) = found {
                part[at + limit.len()..count]
                    .iter_mut()
                    .filter(|byte| byte.is_ascii_digit())
                    .for_each(|byte| *byte = b'9');
            }
            server.write_all(&part[..count])?;
        }
    })
    .expect("a server")
}

pub(crate) const TESTS: &[Test] = &[
    ("sql::postgres_says_what_is_in_it", &[Part::Postgres], || {
        let server = Database::postgres().expect("a server");
        server
            .carry_out("create table orders (id int, created_at timestamptz, placed timestamp)")
            .expect("made");
        server
            .carry_out("insert into orders values (1, now() - interval '2 hours', now() - interval '2 hours'), (2, now() - interval '30 minutes', now() - interval '30 minutes')")
            .expect("written");
        server.carry_out(&format!("grant select on orders to {USER}")).expect("granted");
        let dsn = format!("postgres://{USER}:{PASSWORD}@{}/app", server.address);
        let value =
            |query: &str| look(&table(&dsn, &format!("query = '''{query}'''")), LONG).good().hides(PASSWORD);
        for (query, expected) in [
            ("select count(*) from orders", Value::Number(2.0)),
            ("select 12345.6789", Value::Number(12345.6789)),
            ("select round(extract(epoch from interval '90 seconds'))", Value::Number(90.0)),
            ("select 1.5::real", Value::Number(1.5)),
            ("select -3::int2", Value::Number(-3.0)),
            ("select 'ready'", Value::Text("ready".into())),
            ("select 'ready'::varchar(10)", Value::Text("ready".into())),
            ("select true", Value::Flag(true)),
            ("select null", Value::Nothing),
            ("select interval '1 day 2 minutes'", Value::Time(86_520_000)),
            ("select '{\"a\": 1}'::jsonb", Value::Text("{\"a\": 1}".into())),
            ("select timestamptz '2026-01-02 03:04:05+00'", Value::Text("2026-01-02T03:04:05Z".into())),
        ] {
            assert_eq!(value(query).value("value"), expected, "{query}");
        }
        assert_eq!(value("select * from generate_series(1, 10000)").value("rows"), Value::Number(10_000.0));
        let looked = look(
            &table(&dsn, "query = \"select 1 from generate_series(1, 20000)\"\nexpect = [\"rows > 5\"]"),
            LONG,
        );
        assert!(looked.unmet[0].contains("more than 10000 rows"), "{looked:#?}");
        let looked =
            look(&table(&dsn, "query = \"select '1.2.3.4'::inet\"\nexpect = [\"value exists\"]"), LONG);
        assert!(looked.unmet[0].contains("of the type inet"), "{looked:#?}");
        for column in ["orders.created_at", "public.orders.placed"] {
            let rest = format!(
                "newest = \"{column}\"\nmax_age = \"1h\"\nexpect = [\"age > 29m and age < 31m\", \"time.total < 15s\"]"
            );
            look(&table(&dsn, &rest), LONG).good();
            look(&table(&dsn, &format!("newest = \"{column}\"\nmax_age = \"10m\"")), LONG)
                .down(Class::Unmet, "the newest row is 30m");
        }
        let rest = "query = \"select max(created_at) from orders\"\nmax_age = \"10m\"";
        look(&table(&dsn, rest), LONG).down(Class::Unmet, "the newest row is 30m");
        server.carry_out("update orders set created_at = now() + interval '3 hours'").expect("written");
        look(&table(&dsn, "newest = \"orders.created_at\"\nmax_age = \"10m\""), LONG)
            .down(Class::Unmet, "a clock or a time zone is wrong");
        server.carry_out("delete from orders").expect("written");
        look(&table(&dsn, "newest = \"orders.created_at\"\nmax_age = \"1h\""), LONG)
            .down(Class::Absent, "null");
        look(&table(&dsn, "query = \"select id from orders\"\nmax_age = \"1h\""), LONG)
            .down(Class::Absent, "there is no row");
        // Whatever the query says, nothing is written and it stays one statement.
        look(&table(&dsn, "query = \"create table x (id int)\""), LONG)
            .down(Class::Refused, "read-only transaction");
        look(&table(&dsn, "query = \"select 1; commit; create table x (id int)\""), LONG)
            .down(Class::Refused, "multiple commands");
        // The login alone, over the socket as well.
        look(&table(&dsn, ""), LONG).good();
        let socket = server.socket().display();
        let port = server.address.port();
        look(
            &table(format!("host={socket} port={port} user=postgres dbname=app"), "query = \"select 1\""),
            LONG,
        )
        .good();
    }),
    ("sql::postgres_refuses_and_is_slow", &[Part::Postgres], || {
        let server = Database::postgres().expect("a server");
        let address = server.address;
        let dsn = format!("postgres://{USER}:{PASSWORD}@{address}/app");
        look(&table(format!("postgres://{USER}:wrong-words@{address}/app"), ""), LONG)
            .down(Class::Refused, "password authentication failed")
            .hides("wrong-words");
        look(&table(format!("postgres://{USER}:{PASSWORD}@{address}/gone"), ""), LONG)
            .down(Class::Refused, "database \"gone\" does not exist")
            .hides(PASSWORD);
        look(&table(&dsn, "query = \"selekt 1\""), LONG).down(Class::Refused, "syntax error at or near");
        look(&table(&dsn, "query = \"select 1 from gone\""), LONG)
            .down(Class::Refused, "\"gone\" does not exist (42P01)");
        look(&table(&dsn, "query = \"select pg_sleep(60)\""), SHORT)
            .down(Class::Timeout, "statement timeout");
        // Where the server's own limit does not hold, the query is cancelled.
        let lax = without_limit(address);
        let beyond = format!("postgres://{USER}:{PASSWORD}@{}/app", lax.address());
        let looked = look(&table(&beyond, "query = \"select pg_sleep(60)\""), SHORT)
            .down(Class::Timeout, "did not come to its end and was cancelled");
        assert!(looked.took <= SHORT);
        let busy = "select count(*) from pg_stat_activity where application_name = 'muster'";
        wait_for(&server, busy, "0");
        server.carry_out("create table held (id int)").expect("made");
        server.carry_out(&format!("grant select on held to {USER}")).expect("granted");
        look(&table(&dsn, "query = \"select repeat('x', 50000000)\""), LONG)
            .down(Class::Protocol, "more than 8388608 bytes");
        look(&table(&dsn, "query = \"select repeat('x', 100000)\"\nexpect = [\"value exists\"]"), LONG);
        wait_for(&server, busy, "0");
        let gone = port::refusing().expect("a port");
        look(&table(format!("postgres://{USER}:{PASSWORD}@{gone}/app"), ""), LONG)
            .down(Class::Connect, "does not take connections")
            .hides(PASSWORD);
        // With TLS: trusted, not trusted, and for another name.
        let ca = server.ca();
        let private = |host: &str, more: &str| {
            let port = address.port();
            table(
                format!("postgres://{USER}:{PASSWORD}@{host}:{port}/app?{more}"),
                "query = \"select ssl from pg_stat_ssl where pid = pg_backend_pid()\"\nexpect = [\"value exists\"]",
            )
        };
        let trusting = format!("sslmode=verify-full&sslrootcert={}", ca.display());
        let looked = look(&private("localhost", &trusting), LONG);
        assert!(matches!(looked.value("time.tls"), Value::Time(_)));
        assert_eq!(looked.value("value"), Value::Flag(true));
        look(&private("localhost", "sslmode=require"), LONG).down(Class::Tls, "");
        let looked = look(&private("localhost", "sslmode=disable"), LONG);
        assert_eq!(looked.value("value"), Value::Flag(false));
    }),
    ("sql::mariadb_says_what_is_in_it", &[Part::Mariadb], || {
        let server = Database::mariadb().expect("a server");
        let address = server.address;
        server.carry_out("create table orders (id int, created_at datetime)").expect("made");
        server.carry_out("insert into orders values (1, now() - interval 30 minute)").expect("written");
        for scheme in ["mysql", "mariadb"] {
            let dsn = format!("{scheme}://{USER}:{PASSWORD}@{address}/app");
            let value = |query: &str| {
                look(&table(&dsn, &format!("query = '''{query}'''")), LONG).good().hides(PASSWORD)
            };
            for (query, expected) in [
                ("select count(*) from orders", Value::Number(1.0)),
                ("select 12.5", Value::Number(12.5)),
                ("select 1.5e0", Value::Number(1.5)),
                ("select 'ready'", Value::Text("ready".into())),
                ("select null", Value::Nothing),
                ("select cast('00:02:00' as time)", Value::Time(120_000)),
                ("select cast('2026-01-02 03:04:05' as datetime)", Value::Text("2026-01-02 03:04:05".into())),
            ] {
                assert_eq!(value(query).value("value"), expected, "{query}");
            }
        }
        let dsn = format!("mysql://{USER}:{PASSWORD}@{address}/app");
        look(
            &table(&dsn, "newest = \"orders.created_at\"\nmax_age = \"1h\"\nexpect = [\"age > 29m\"]"),
            LONG,
        )
        .good();
        look(&table(&dsn, "newest = \"orders.created_at\"\nmax_age = \"10m\""), LONG)
            .down(Class::Unmet, "the newest row is 30m");
        look(&table(&dsn, "query = \"select 1 from seq_1_to_20000\"\nexpect = [\"rows > 5\"]"), LONG);
        look(&table(&dsn, "query = \"insert into orders values (2, now())\""), LONG)
            .down(Class::Refused, "READ ONLY");
        look(&table(&dsn, "query = \"select 1; commit; drop table orders\""), LONG)
            .down(Class::Refused, "syntax");
        look(&table(&dsn, "query = \"selekt 1\""), LONG).down(Class::Refused, "syntax");
        look(&table(&dsn, "query = \"select sleep(60)\""), SHORT).down(Class::Timeout, "");
        let looked = look(
            &table(&dsn, "query = \"set statement max_statement_time = 0 for select sleep(60)\""),
            SHORT,
        )
        .down(Class::Timeout, "did not come to its end and was cancelled");
        assert!(looked.took <= SHORT);
        wait_for(&server, "select count(*) from information_schema.processlist where user = 'probe'", "0");
        look(&table(format!("mysql://{USER}:wrong-words@{address}/app"), ""), LONG)
            .down(Class::Refused, "Access denied")
            .hides("wrong-words");
        look(&table(format!("mysql://{USER}:{PASSWORD}@{address}/gone"), ""), LONG)
            .down(Class::Refused, "gone");
        let gone = port::refusing().expect("a port");
        look(&table(format!("mysql://{USER}:{PASSWORD}@{gone}/app"), ""), LONG)
            .down(Class::Connect, "")
            .hides(PASSWORD);
        let port = address.port();
        let private = |more: &str| {
            table(
                format!("mysql://{USER}:{PASSWORD}@localhost:{port}/app?{more}"),
                "query = \"select variable_value from information_schema.session_status where variable_name = 'Ssl_version'\"",
            )
        };
        let looked =
            look(&private(&format!("sslmode=require&sslrootcert={}", server.ca().display())), LONG).good();
        assert_eq!(looked.value("value"), Value::Text("TLSv1.3".into()));
        look(&private("sslmode=require"), LONG).down(Class::Tls, "");
    }),
    ("sql::a_file_of_sqlite_is_read_and_never_written", &[], || {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.db");
        let writer = rusqlite::Connection::open(&path).expect("opened");
        writer
            .execute_batch("pragma journal_mode = wal; create table orders (id int, at text, unix int); insert into orders values (1, datetime('now', '-30 minutes'), unixepoch() - 1800)")
            .expect("written");
        let dsn = format!("sqlite://{}", path.display());
        let plain = |rest: &str| format!("[check.x]\nkind = \"sql\"\ndsn = \"{dsn}\"\n{rest}\n");
        for (query, expected) in [
            ("select count(*) from orders", Value::Number(1.0)),
            ("select 1.5", Value::Number(1.5)),
            ("select 'ready'", Value::Text("ready".into())),
            ("select null", Value::Nothing),
        ] {
            assert_eq!(
                look(&plain(&format!("query = \"{query}\"")), LONG).good().value("value"),
                expected,
                "{query}"
            );
        }
        for column in ["orders.at", "orders.unix"] {
            look(&plain(&format!("newest = \"{column}\"\nmax_age = \"1h\"\nexpect = [\"age > 29m\"]")), LONG)
                .good();
            look(&plain(&format!("newest = \"{column}\"\nmax_age = \"10m\"")), LONG)
                .down(Class::Unmet, "is 30m");
        }
        look(&plain(""), LONG).good();
        look(&plain("query = \"delete from orders\""), LONG).down(Class::Refused, "readonly");
        look(&plain("query = \"selekt 1\""), LONG).down(Class::Refused, "syntax error");
        let endless =
            "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n";
        let looked =
            look(&plain(&format!("query = \"{endless}\"")), SHORT).down(Class::Timeout, "interrupted");
        assert!(looked.took <= SHORT);
        // Locked by somebody else for as long as the look lasts.
        let other = folder.path().join("locked.db");
        let lock = rusqlite::Connection::open(&other).expect("opened");
        lock.execute_batch("create table t (id int); begin exclusive").expect("locked");
        let locked = format!("[check.x]\nkind = \"sql\"\ndsn = \"sqlite://{}\"\n", other.display());
        look(&locked, SHORT).down(Class::Refused, "is locked by another program");
        std::fs::write(
            folder.path().join("text.db"),
            "no database at all, but quite a lot of text".repeat(100),
        )
        .expect("written");
        let broken =
            format!("[check.x]\nkind = \"sql\"\ndsn = \"sqlite://{}/text.db\"\n", folder.path().display());
        look(&broken, LONG).down(Class::Protocol, "no whole database");
        look(&broken.replace("text.db", "gone.db"), LONG).down(Class::Absent, "is not there");
        assert!(!folder.path().join("gone.db").exists());
    }),
    ("sql::servers_that_are_none_hold_nobody_up", &[], || {
        let dsns = |server: &Raw| {
            ["postgres", "mysql"]
                .map(|scheme| format!("{scheme}://{USER}:{PASSWORD}@{}/app", server.address()))
        };
        let garbage = Raw::says("HTTP/1.1 400 Bad Request\r\n\r\n".repeat(10)).expect("a server");
        look(&table(&dsns(&garbage)[1], ""), LONG).down(Class::Protocol, "").hides(PASSWORD);
        // Read as the length of a message, these letters are more than a gigabyte: it is waited for, and not kept.
        look(&table(&dsns(&garbage)[0], ""), SHORT).down(Class::Timeout, "").hides(PASSWORD);
        let silent = Raw::start(wait_for_end).expect("a server");
        for dsn in dsns(&silent) {
            let looked =
                look(&table(dsn, ""), SHORT).down(Class::Timeout, "did not come to its end").hides(PASSWORD);
            assert!(looked.took <= SHORT);
        }
        let closing = Raw::start(greeting).expect("a server");
        look(&table(&dsns(&closing)[0], ""), LONG).down(Class::Protocol, "").hides(PASSWORD);
        let closing = Raw::start(|_| Ok(())).expect("a server");
        look(&table(&dsns(&closing)[1], ""), LONG).down(Class::Protocol, "").hides(PASSWORD);
        // An endless notice, and a message that claims to be huge.
        let notice = [&b"N\0\0\x03\xe8"[..], &[b'x'; 996]].concat();
        let endless = Raw::floods(Vec::new(), notice).expect("a server");
        let looked = look(&table(&dsns(&endless)[0], ""), LONG);
        assert!(
            matches!(looked.ended, Err(Miss::Down { class: Class::Protocol | Class::Timeout, .. })),
            "{looked:#?}"
        );
        let huge = Raw::says(b"R\x7f\xff\xff\xff".to_vec()).expect("a server");
        look(&table(&dsns(&huge)[0], ""), SHORT).down(Class::Timeout, "");
        // Refuses TLS.
        let open = Raw::start(|stream| {
            greeting(stream)?;
            stream.write_all(b"N")?;
            wait_for_end(stream)
        })
        .expect("a server");
        look(&table(format!("{}?sslmode=require", dsns(&open)[0]), ""), LONG)
            .down(Class::Tls, "sslmode=disable");
    }),
    ("sql::addresses_that_are_none_are_refused_without_their_password", &[], || {
        for (rest, what) in [
            ("dsn = \"postgres://u:hunter2@h/db\"", "a password does not belong into this file"),
            ("dsn = \"mysql://u:hunter2@h/db\"", "a password does not belong into this file"),
            ("dsn = \"oracle://u:hunter2@h/db\"", "no address of a database"),
            ("dsn = \"postgres://h/db\"", "it names no user"),
            ("dsn = \"postgres://u@a,b/db\"", "several hosts"),
            ("dsn = \"postgres://u@a/db?sslmode=maybe\"", "sslmode"),
            ("dsn = \"postgres://u@a/db?colour=red\"", "colour"),
            ("dsn = \"sqlite://app.db\"", "must be absolute"),
            (
                "dsn = { env = \"D\" }\nquery = \"select 1\"\nnewest = \"a.b\"",
                "`query` says what is asked already",
            ),
            ("dsn = { env = \"D\" }\nnewest = \"created_at\"", "not the name of a column"),
            ("dsn = { env = \"D\" }\nnewest = \"a.b; drop table a\"", "not the name of a column"),
        ] {
            let found = faults(&format!("[check.x]\nkind = \"sql\"\n{rest}\n"));
            assert!(found.contains(what) && !found.contains("hunter2"), "{rest}\n{found}");
        }
        let looked =
            look("[check.x]\nkind = \"sql\"\ndsn = { env = \"MUSTER_TEST_NO_SUCH_VARIABLE\" }\n", LONG);
        assert!(matches!(looked.ended, Err(Miss::Blind { .. })), "{looked:#?}");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("dsn"), "oracle://u:hunter2@h/db").expect("written");
        let file =
            format!("[check.x]\nkind = \"sql\"\ndsn = {{ file = \"{}/dsn\" }}\n", folder.path().display());
        let looked = look(&file, LONG).hides("hunter2");
        assert!(matches!(looked.ended, Err(Miss::Blind { .. })), "{looked:#?}");
    }),
];
