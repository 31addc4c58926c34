//! Traps in the configuration of databases, in what servers say of themselves, and in how they are copied.

pub(super) mod aborted;
pub(super) mod deaf_dump;
pub(super) mod idle_in_transaction;
pub(super) mod keeps_log;
pub(super) mod no_reset;
pub(super) mod pool_too_large;
pub(super) mod runs_out;
pub(super) mod schema;
pub(super) mod serializable;
pub(super) mod sqlite_copied;
pub(super) mod sqlite_log;
pub(super) mod unread_reset;
pub(super) mod waits_forever;

use muster_core::time::Span;

use super::answer::{Answer, Place};
use crate::facts::database::{Backups, Databases, Setting};
use crate::facts::postgres::{Said, Server, Session};
use crate::facts::{Fact, Facts};

/// Judges the configuration of databases, and passes on what could not be read.
fn databases(facts: &Facts, judge: impl FnOnce(&Databases, &mut Answer)) -> Answer {
    Answer::of(&facts.databases, |databases, answer| {
        for (what, why) in &databases.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        judge(databases, answer);
    })
}

/// Judges what scripts copy and dump, and passes on what could not be read.
fn backups(facts: &Facts, judge: impl FnOnce(&Backups, &mut Answer)) -> Answer {
    Answer::of(&facts.backups, |backups, answer| {
        for (what, why) in &backups.unseen {
            answer.blind(format!("{what}: {why}"));
        }
        judge(backups, answer);
    })
}

/// Judges what each server of PostgreSQL says of itself, and passes on why one did not.
fn servers(facts: &Facts, mut judge: impl FnMut(&Server, &Said, &mut Answer)) -> Answer {
    Answer::of(&facts.postgres, |servers, answer| {
        for server in servers {
            match &server.said {
                Fact::Known(said) => judge(server, said, answer),
                Fact::Unknown { why } | Fact::Nothing { why } => answer.blind(why.clone()),
            }
        }
    })
}

/// Judges what sessions do, where we may see it.
fn sessions(facts: &Facts, mut judge: impl FnMut(&Server, &Said, &Session, &mut Answer)) -> Answer {
    servers(facts, |server, said, answer| {
        if !said.all_sessions {
            answer.blind(format!(
                "PostgreSQL, port {}: the role that asks may not see the sessions of others (pg_read_all_stats)",
                server.port
            ));
        }
        said.sessions.iter().for_each(|session| judge(server, said, session, answer));
    })
}

/// Who a session is, so that it is the same one with another process.
fn who(server: &Server, session: &Session) -> String {
    let name = |part: &Option<String>| part.clone().unwrap_or_else(|| "?".to_owned());
    let program = session.program.as_ref().map_or(String::new(), |program| format!(" ({program})"));
    format!("port {}: {} in {}{program}", server.port, name(&session.user), name(&session.database))
}

/// A stretch of time for people.
fn long(span: Span) -> String {
    let minutes = span.as_millis() / 60_000;
    match minutes {
        0..=119 => format!("{minutes} min"),
        120..=2879 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

/// Facts for fixtures: a server that says this.
fn with_server(facts: &mut Facts, said: impl FnOnce(&mut Said)) {
    let mut known = Said { version: 150_018, all_sessions: true, ..Said::default() };
    said(&mut known);
    let data = "/var/lib/postgresql/15/main".to_owned();
    facts.postgres =
        Fact::Known(vec![Server { pid: 700, data, port: 5432, inside: false, said: Fact::Known(known) }]);
}

/// Facts for fixtures: a session that has been idle in its transaction for so many minutes.
fn idle(facts: &Facts, minutes: i64, aborted: bool) -> Session {
    let at = Some(facts.at.shifted(-minutes * 60_000));
    let named = |name: &str| Some(name.to_owned());
    let (database, user, program) = (named("shop"), named("app"), named("worker"));
    Session { pid: 812, database, user, program, aborted, since: at, begun: at }
}

/// Where a setting stands; line 0 is that of no file.
fn place(setting: &Setting) -> Place {
    if setting.line == 0 {
        return Place { text: setting.value.clone(), ..Place::of(&setting.file) };
    }
    Place::line(&setting.file, setting.line, format!("{} = {}", setting.name, setting.value))
}
