//! PG003: PgBouncer may open more connections than the server takes.

use std::collections::BTreeMap;

use super::databases;
use crate::facts::Facts;
use crate::facts::database::{Databases, Pool, Settings};
use crate::rules::answer::{Answer, Finding, Place};
use crate::rules::fixture::{Fixture, file};
use crate::rules::{Fix, Outlook, Rule, Severity};

pub(in crate::rules) const RULE: Rule = Rule {
    id: "PG003",
    severity: Severity::High,
    outlook: Outlook::Waiting,
    title: "the pools are larger than the server",
    silent: "Pools fill only at a peak. Until then nothing comes near the limit; then clients get \"too many clients already\", \
             and so does who wants to look.",
    cure: "Make default_pool_size or pool_size smaller, or set max_db_connections; a pool needs few connections more than the \
           server has cores.",
    fix: Fix::Told,
    unless: "The server is another host's: its limit is not seen from here.",
    judge,
    bad: Fixture::files(
        "three pools of 40 for a server of 100",
        &[
            file("/etc/postgresql/15/main/postgresql.conf", "port = 5432\nmax_connections = 100\n"),
            file(
                "/etc/pgbouncer/pgbouncer.ini",
                "[databases]\nshop = host=127.0.0.1\nblog = host=localhost\nstats = \n[pgbouncer]\ndefault_pool_size = 40\n",
            ),
        ],
    ),
    good: [
        Fixture::files(
            "the same, one of them on another host",
            &[
                file("/etc/postgresql/15/main/postgresql.conf", "port = 5432\nmax_connections = 100\n"),
                file(
                    "/etc/pgbouncer/pgbouncer.ini",
                    "[databases]\nshop = host=127.0.0.1\nblog = host=10.0.0.7\nstats = \n[pgbouncer]\ndefault_pool_size = 40\n",
                ),
            ],
        ),
        Fixture::files(
            "a limit for each database",
            &[
                file("/etc/postgresql/15/main/postgresql.conf", "port = 5432\nmax_connections = 100\n"),
                file(
                    "/etc/pgbouncer/pgbouncer.ini",
                    "[databases]\nshop = host=127.0.0.1\nblog = host=localhost\nstats = \n[pgbouncer]\ndefault_pool_size = 40\nmax_db_connections = 30\n",
                ),
            ],
        ),
    ],
};

fn judge(facts: &Facts) -> Answer {
    databases(facts, |databases, answer| {
        let Some(pgbouncer) = &databases.pgbouncer else {
            answer.nothing = Some("there is no PgBouncer".to_owned());
            return;
        };
        let mut servers: BTreeMap<u16, Vec<&Pool>> = BTreeMap::new();
        for pool in databases.pools.iter().filter(|pool| is_here(pool)) {
            servers.entry(pool.port).or_default().push(pool);
        }
        for (port, pools) in servers {
            let Some(cluster) = cluster(databases, port) else { continue };
            let kept = cluster.number("superuser_reserved_connections", 3)
                + cluster.number("reserved_connections", 0);
            let room = cluster.number("max_connections", 100).saturating_sub(kept);
            let wanted: u64 = pools.iter().map(|pool| size(pgbouncer, pool)).sum();
            if wanted > room {
                let names: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
                let observed = format!(
                    "pools of {} may open {wanted} connections for one user each; the server at port {port} has {room} for them",
                    names.join(", ")
                );
                let line = pools.first().map_or(1, |pool| pool.line);
                let place = Place::line(&pgbouncer.file, line, "[databases]");
                let finding = Finding::new(format!("pgbouncer: port {port}"), place, observed);
                answer.find(match waiting(facts) {
                    Some(told) => finding.forecast(told),
                    None => finding,
                });
            }
        }
    })
}

/// Who waits already.
fn waiting(facts: &Facts) -> Option<String> {
    let pools = &facts.bouncer.known()?.waiting;
    let seconds = pools.iter().map(|pool| pool.seconds).max()?;
    let clients: u64 = pools.iter().map(|pool| pool.clients).sum();
    Some(format!("{clients} clients wait for a connection now, the first of them for {seconds} s"))
}

fn is_here(pool: &Pool) -> bool {
    pool.host.as_deref().is_none_or(|host| host == "localhost" || host == "::1" || host.starts_with("127."))
}

fn cluster(databases: &Databases, port: u16) -> Option<&Settings> {
    databases.clusters.iter().find(|cluster| cluster.number("port", 5432) == u64::from(port))
}

/// The most that PgBouncer opens for one user of a database.
fn size(pgbouncer: &Settings, pool: &Pool) -> u64 {
    let own = pool.size.unwrap_or_else(|| pgbouncer.number("default_pool_size", 20));
    let most = own + pgbouncer.number("reserve_pool_size", 0);
    match pgbouncer.number("max_db_connections", 0) {
        0 => most,
        limit => most.min(limit),
    }
}
