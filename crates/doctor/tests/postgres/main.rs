//! What a real server of PostgreSQL says of itself, and what the rules make of it.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "the times are what the test is for")]

mod pooled;
mod server;
mod stores;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use muster_core::time::Timestamp;
use muster_doctor::collect::postgres;
use muster_doctor::facts::{Fact, Facts, Vantage};
use muster_doctor::report::{Scope, judge};
use muster_testkit::suite::{Part, Suite};
use server::Server;

/// What a look may take where nobody is in a hurry.
const PATIENCE: Duration = Duration::from_secs(30);
/// What it may take where the server hangs.
const LIMIT: Duration = Duration::from_millis(800);

fn main() -> ExitCode {
    Suite::new()
        .test("each_trap_is_found_on_a_bad_server_and_none_on_a_fresh_one", &[Part::Postgres], traps)
        .test("a_look_changes_nothing_and_leaves_nobody_behind", &[Part::Postgres], nothing_changes)
        .test("a_server_that_hangs_is_given_up_in_time", &[Part::Postgres], hangs)
        .test("live_settings_count_more_than_those_of_files", &[Part::Postgres], settings)
        .test("a_cluster_is_data_once_it_holds_a_database", &[Part::Postgres], stores::postgres)
        .test("mariadb_is_data_once_it_holds_a_database", &[Part::Mariadb], stores::mariadb)
        .test("redis_is_data_once_it_is_told_to_keep_what_it_hears", &[Part::Redis], stores::redis)
        .test(
            "pgbouncer_says_what_holds_and_who_waits",
            &[Part::Postgres, Part::Pgbouncer],
            pooled::pgbouncer,
        )
        .run()
}

fn facts(server: &Server) -> Facts {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap());
    let vantage = Vantage { root: "/".to_owned(), live: true, uid: 0 };
    let mut facts = Facts::blank("web1".to_owned(), at, vantage);
    facts.databases = Fact::nothing("no files were read");
    postgres::put(&mut facts, Fact::Known(vec![postgres::server(server.pid(), PATIENCE)]));
    facts
}

/// Every finding as `ID subject: what was seen`.
fn findings(facts: &Facts) -> Vec<String> {
    let report = judge(facts, &Scope::read("PG001,PG005,PG008,PG009,PG010,PG011").unwrap());
    assert!(report.unknown.is_empty(), "{:?}", report.unknown);
    let told = |judged: &muster_doctor::report::Judged| {
        format!("{} {}: {}", judged.rule.id, judged.finding.subject, judged.finding.observed)
    };
    report.findings.iter().map(told).collect()
}

fn traps() {
    let server = Server::start();
    assert_eq!(findings(&facts(&server)), Vec::<String>::new());

    for statement in [
        "create table orders (id int primary key); insert into orders select generate_series(1, 20000)",
        "create table item (id smallint generated always as identity primary key, order_id int references orders)",
        "insert into item (order_id) select generate_series(1, 20000)",
        "select setval('item_id_seq', 29500)",
        "create table indexed (order_id int references orders); create index on indexed (order_id)",
        "insert into indexed select generate_series(1, 20000)",
        "alter table item add constraint positive check (order_id > 0) not valid",
        "select pg_create_physical_replication_slot('gone', true)",
        "alter database shop set default_transaction_isolation = 'repeatable read'",
    ] {
        server.say("shop", statement);
    }
    for _ in 0..5 {
        server.say("shop", "insert into orders select max(id) + 1 from orders");
        server.say("shop", "select pg_switch_wal()");
    }
    server.say("shop", "analyze");
    server.say("postgres", "alter system set default_transaction_isolation = 'serializable'");
    server.say("postgres", "select pg_reload_conf()");
    server.until("show default_transaction_isolation", "serializable");
    let _sleeps = server.leave("begin; select 1;");
    let _failed = server.leave("begin; select 1/0;");
    server.until("select count(*) from pg_stat_activity where state = 'idle in transaction'", "1");
    server.until("select count(*) from pg_stat_activity where state like '%(aborted)'", "1");

    let mut facts = facts(&server);
    let early: Vec<String> = findings(&facts);
    assert!(!early.iter().any(|told| told.starts_with("PG001") || told.starts_with("PG005")), "{early:?}");
    facts.at = facts.at.shifted(6 * 60_000);
    let found = findings(&facts);
    println!("{}", found.join("\n"));
    for wanted in [
        "PG001 port 54321: nobody in shop (left): process",
        "PG005 port 54321: nobody in shop (left): the transaction of process",
        "PG008 shop: public.item (order_id): no index begins with order_id of public.item",
        "PG008 shop: public.item positive: the check positive of public.item is NOT VALID",
        "PG009 shop: public.item_id_seq: public.item_id_seq, which fills public.item.id, has given 90 %",
        "PG010 port 54321: slot gone: nobody reads from the physical slot gone",
        "PG011 port 54321: database shop: default_transaction_isolation: the level",
    ] {
        assert!(found.iter().any(|told| told.starts_with(wanted)), "{wanted} is not in {found:#?}");
    }
    assert!(
        found.iter().any(|told| told.starts_with("PG011 /") && told.ends_with("serializable")),
        "{found:#?}"
    );
    assert_eq!(found.len(), 8, "{found:#?}");
}

fn nothing_changes() {
    let server = Server::start();
    server.say(
        "shop",
        "create table a (id serial primary key); insert into a select from generate_series(1, 100)",
    );
    server.say("postgres", "vacuum (freeze)");
    server.say("shop", "vacuum (freeze)");
    server.say("postgres", "checkpoint");
    let state = "select pg_snapshot_xmax(pg_current_snapshot()), pg_current_wal_insert_lsn(), \
                 (select last_value from pg_sequences where sequencename = 'a_id_seq')";
    let before = server.say("shop", state);
    for _ in 0..5 {
        let facts = facts(&server);
        let said = facts.postgres.known().unwrap()[0].said.known().expect("it answers");
        assert_eq!(said.schemas.len(), 2, "{:?}", said.unseen);
    }
    assert_eq!(server.say("shop", state), before);
    server.until("select count(*) from pg_stat_activity where application_name = 'muster-doctor'", "0");
}

fn hangs() {
    let server = Server::start();
    let why = |pid: u32| {
        let begun = Instant::now();
        let asked = postgres::server(pid, LIMIT);
        let took = begun.elapsed();
        println!("given up after {took:?}");
        // A busy machine is late, but never by another wait.
        assert!(took < LIMIT + Duration::from_secs(1), "{took:?}");
        asked.said.why_unknown().expect("nobody answered").to_owned()
    };
    server.signal("-STOP");
    assert!(why(server.pid()).ends_with("did not answer in time"));
    server.signal("-CONT");
    server.until("select count(*) from pg_stat_activity where application_name = 'muster-doctor'", "0");

    let _holds = server.leave("begin; lock table pg_constraint in access exclusive mode;");
    server.until("select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted", "1");
    let said = postgres::server(server.pid(), PATIENCE).said;
    let unseen = &said.known().expect("the server itself answers").unseen;
    assert!(unseen.iter().any(|(_, why)| why.contains("lock timeout")), "{unseen:?}");
    server.until("select count(*) from pg_stat_activity where application_name = 'muster-doctor'", "0");

    assert!(postgres::server(std::process::id(), LIMIT).said.why_unknown().is_some());
}

fn settings() {
    let server = Server::start();
    let waits = |facts: &Facts| {
        let report = judge(facts, &Scope::read("PG002").unwrap());
        report.findings.iter().map(|judged| judged.finding.observed.clone()).collect::<Vec<_>>()
    };
    assert_eq!(waits(&facts(&server)).len(), 1, "what holds without a word is 0");
    server.say("postgres", "alter system set idle_in_transaction_session_timeout = '5min'");
    assert_eq!(waits(&facts(&server)).len(), 1, "said, and not read yet");
    server.say("postgres", "select pg_reload_conf()");
    server.until("show idle_in_transaction_session_timeout", "5min");
    assert_eq!(waits(&facts(&server)), Vec::<String>::new());
    server.say("postgres", "alter system reset all");
    server.say("postgres", "select pg_reload_conf()");
    server.until("show idle_in_transaction_session_timeout", "0");
    server.say("postgres", "create role app login");
    assert_eq!(waits(&facts(&server)).len(), 1);
    server.say("postgres", "alter role app set idle_in_transaction_session_timeout = '5min'");
    assert_eq!(waits(&facts(&server)), Vec::<String>::new(), "every role that logs in has one");
}
