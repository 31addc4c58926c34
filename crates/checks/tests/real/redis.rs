//! `redis` against Redis, and against servers that behave badly.

use std::fmt::Display;
use std::time::{Duration, Instant};

use muster_checks::probe::Class;
use muster_config::assertion::facts::Value;
use muster_testkit::database::{Database, PASSWORD, USER};
use muster_testkit::port;
use muster_testkit::raw::Raw;
use muster_testkit::suite::Part;

use crate::looking::{LONG, SHORT, Test, faults, look};

fn table(address: impl Display, rest: &str) -> String {
    format!("[check.x]\nkind = \"redis\"\naddress = \"{address}\"\n{rest}\n")
}

fn login(password: &str) -> String {
    format!("password = {{ command = [\"echo\", \"{password}\"] }}")
}

pub(crate) const TESTS: &[Test] = &[
    ("redis::a_real_one_answers_and_says_what_is_in_it", &[Part::Redis], || {
        let server = Database::redis().expect("a server");
        for command in ["rpush queue a b c", "set counter 42", "set state ready", "set blob x"] {
            server.carry_out(command).expect("carried out");
        }
        let ask = |rest: &str| look(&table(server.address, &format!("{}\n{rest}", login(PASSWORD))), LONG);
        ask("").good().hides(PASSWORD);
        ask("query = [\"LLEN\", \"queue\"]\nexpect = [\"value < 5\", \"time.ping < 10s\", \"role == 'primary'\"]").good();
        for (query, expected) in [
            ("\"get\", \"counter\"", Value::Number(42.0)),
            ("\"GET\", \"state\"", Value::Text("ready".into())),
            ("\"GET\", \"gone\"", Value::Nothing),
            ("\"TYPE\", \"queue\"", Value::Text("list".into())),
            ("\"DBSIZE\"", Value::Number(4.0)),
        ] {
            assert_eq!(ask(&format!("query = [{query}]")).good().value("value"), expected, "{query}");
        }
        assert_eq!(ask("query = [\"DBSIZE\"]\ndatabase = 3").good().value("value"), Value::Number(0.0));
        ask("query = [\"LLEN\", \"state\"]").down(Class::Refused, "LLEN state was refused: WRONGTYPE");
        ask("query = [\"LLEN\"]").down(Class::Refused, "wrong number of arguments");
        ask("database = 99").down(Class::Refused, "SELECT was refused");
        let by_name = format!("user = \"{USER}\"\n{}\nexpect = [\"lag exists\"]", login(PASSWORD));
        let looked = look(&table(server.address, &by_name), LONG);
        assert!(looked.unmet[0].contains("it is a primary"), "{looked:#?}");
        look(&table(server.address, &login("wrong-words")), LONG)
            .down(Class::Refused, "the login was refused: WRONGPASS")
            .hides("wrong-words");
        look(&table(server.address, ""), LONG).down(Class::Refused, "PING was refused: NOAUTH");
        let large = "set large ".to_owned() + &"x".repeat(100_000);
        server.carry_out(&large).expect("carried out");
        assert!(matches!(ask("query = [\"GET\", \"large\"]").good().value("value"), Value::Text(_)));
    }),
    ("redis::a_replica_tells_its_lag_and_tls_is_checked", &[Part::Redis], || {
        let server = Database::redis().expect("a server");
        let replica = Database::replica_of(&server).expect("a replica");
        let rest = format!("{}\nexpect = [\"role == 'replica'\", \"lag < 20s\"]", login(PASSWORD));
        let until = Instant::now() + Duration::from_secs(15);
        while !look(&table(replica.address, &rest), LONG).unmet.is_empty() {
            assert!(Instant::now() < until, "{:#?}", look(&table(replica.address, &rest), LONG));
            std::thread::park_timeout(Duration::from_millis(50));
        }
        let private = Database::redis_tls().expect("a server");
        let address = format!("localhost:{}", private.address.port());
        let trusting = format!("tls = true\nca = \"{}\"\n{}", private.ca().display(), login(PASSWORD));
        let looked = look(&table(&address, &trusting), LONG).good();
        assert!(matches!(looked.value("time.tls"), Value::Time(_)));
        look(&table(&address, &format!("tls = true\n{}", login(PASSWORD))), LONG).down(Class::Tls, "");
        look(&table(&address, &login(PASSWORD)), LONG)
            .down(Class::Protocol, "instead of an answer to the login");
        // It takes the handshake for the beginning of a command, and waits for the rest.
        look(&table(server.address, &format!("tls = true\n{}", login(PASSWORD))), SHORT)
            .down(Class::Timeout, "did not answer");
    }),
    ("redis::servers_that_are_none_hold_nobody_up", &[], || {
        for (said, words) in [
            ("HTTP/1.1 400 Bad Request\r\n\r\n", "which is not Redis"),
            ("+OK\r\n", "it answered PING with OK"),
            ("$99999999\r\n", "more than 1048576 bytes"),
            ("*9\r\n*9\r\n*9\r\n*9\r\n", "lists within lists"),
        ] {
            let server = Raw::says(said).expect("a server");
            look(&table(server.address(), ""), LONG).down(Class::Protocol, words);
        }
        let loading = Raw::says("-LOADING Redis is loading the dataset in memory\r\n").expect("a server");
        look(&table(loading.address(), ""), LONG).down(Class::Refused, "LOADING");
        let endless = Raw::floods("*1000000\r\n", "+xxxxxxxxxxxxxxxx\r\n").expect("a server");
        look(&table(endless.address(), ""), LONG).down(Class::Protocol, "more than 1048576 bytes");
        let line = Raw::floods("+", "xxxxxxxxxxxxxxxxxx").expect("a server");
        look(&table(line.address(), ""), LONG).down(Class::Protocol, "more than 1024 bytes");
        let silent = Raw::says("").expect("a server");
        let looked = look(&table(silent.address(), ""), SHORT).down(Class::Timeout, "it did not answer PING");
        assert!(looked.took <= SHORT);
        let closing =
            Raw::start(|stream| std::io::Read::read(stream, &mut [0; 100]).map(|_| ())).expect("a server");
        look(&table(closing.address(), ""), LONG).down(Class::Protocol, "it ended the connection");
        let gone = port::refusing().expect("a port");
        look(&table(gone, ""), LONG).down(Class::Connect, "does not take connections");
    }),
    ("redis::what_writes_or_lacks_half_is_refused", &[], || {
        for (rest, what) in [
            ("address = \"h\"\nquery = [\"FLUSHALL\"]", "FLUSHALL is not among the commands that only read"),
            ("address = \"h\"\nquery = [\"eval\", \"x\"]", "not among the commands"),
            ("address = \"h\"\nquery = []", "at least 1"),
            ("address = \"h\"\nuser = \"a\"", "a `user` without `password`"),
            ("address = \"h:0\"", "no port"),
            ("", "lacks `address`"),
        ] {
            let found = faults(&format!("[check.x]\nkind = \"redis\"\n{rest}\n"));
            assert!(found.contains(what), "{rest}\n{found}");
        }
    }),
];
