//! Servers of PostgreSQL that run here, asked by the client that was installed with them: one call of psql for each, one
//! row for the server and one for each of its databases. It reads, within limits that the server keeps as well, as the
//! user that the server runs as; where no peer is trusted, nobody is asked.

pub mod bouncer;
mod find;
mod merge;

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use muster_host::discover::ask::hear;
use muster_host::discover::blot::blot;

use super::ground::Ground;
use super::{Collector, Put};
use crate::facts::postgres::{Said, Schema, Server};
use crate::facts::{Fact, Facts};
use find::Found;

pub(super) const COLLECTOR: Collector = Collector {
    name: "postgres",
    within: Duration::from_millis(950),
    read,
    blind: |facts, why| facts.postgres = Fact::unknown(why),
};

/// Most servers that are asked.
const SERVERS: usize = 4;
/// When psql is ended, whether it has an answer or not.
const ANSWER: Duration = Duration::from_millis(800);
/// Most databases of a server that are looked into.
const DATABASES: usize = 5;
/// Most bytes of an answer.
const BYTES: usize = 1 << 20;
/// What the server holds us to. It ends a statement before we end psql, so that none goes on without us. No object of a
/// database stands in for one of the server's own: whoever asks may be a superuser.
const LIMITS: &str = "-c statement_timeout=500 -c lock_timeout=200 -c default_transaction_read_only=on \
                      -c search_path=pg_catalog -c client_min_messages=error -c jit=off";

fn read(ground: &Ground) -> Put {
    let servers = match ground.live {
        true => look(ground),
        false => Fact::nothing("only files were read"),
    };
    Box::new(|facts| put(facts, servers))
}

/// Puts what servers said with the facts: of settings the live value counts.
pub fn put(facts: &mut Facts, servers: Fact<Vec<Server>>) {
    merge::settings(&servers, &mut facts.databases);
    facts.postgres = servers;
}

/// The server that has this as its first process, asked; takes no longer than `within`.
pub fn server(pid: u32, within: Duration) -> Server {
    let found = Found::of(pid);
    found.server(ask(&found, Instant::now() + within))
}

fn look(ground: &Ground) -> Fact<Vec<Server>> {
    let none = "no PostgreSQL runs here";
    match (ground.runs("postgres"), ground.runs("postmaster")) {
        (Fact::Known(false), Fact::Known(false)) => return Fact::nothing(none),
        (Fact::Unknown { why }, _) => return Fact::unknown(why),
        _ => {}
    }
    let found = find::servers();
    if found.is_empty() {
        return Fact::nothing(none);
    }
    let until = Instant::now() + ANSWER;
    Fact::Known(std::thread::scope(|scope| {
        let (asked, rest) = found.split_at(found.len().min(SERVERS));
        let asked: Vec<_> =
            asked.iter().map(|found| (found, scope.spawn(move || ask(found, until)))).collect();
        let answers = asked.into_iter().map(|(found, asked)| {
            found.server(asked.join().unwrap_or_else(|_| Fact::unknown("who asked it died")))
        });
        let rest =
            rest.iter().map(|found| found.server(Fact::unknown(format!("more than {SERVERS} servers run"))));
        answers.chain(rest).collect()
    }))
}

/// Asks one server. Takes at most until then; leaves no session behind and writes nothing.
fn ask(found: &Found, until: Instant) -> Fact<Said> {
    let socket = match &found.socket {
        Ok(socket) => socket,
        Err(why) => return Fact::unknown(format!("PostgreSQL, {}: {why}", found.data)),
    };
    let answer = psql(found, socket, until).and_then(|answer| understood(&answer));
    match answer {
        Ok(said) => Fact::Known(said),
        Err(why) => Fact::unknown(format!("PostgreSQL, port {}: {why}", found.port)),
    }
}

fn psql(found: &Found, socket: &str, until: Instant) -> Result<String, String> {
    let mut command = client(&found.client, found.become_);
    command.args(["-t", "-d", "postgres", "-h", socket, "-p"]).arg(found.port.to_string());
    command.env("PGOPTIONS", LIMITS);
    say(command, &script(), until)
}

/// The client with nothing of our surroundings, as that user.
fn client(path: &Path, become_: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(path);
    command
        .args(["-X", "-A", "-q", "-w"])
        .env_clear()
        .env("PGCONNECT_TIMEOUT", "2")
        .env("PGAPPNAME", "muster-doctor")
        .env("PGCLIENTENCODING", "UTF8")
        .env("PGPASSFILE", "/dev/null")
        .current_dir("/");
    if let Some((uid, gid)) = become_ {
        command.uid(uid).gid(gid);
    }
    command
}

/// Hands the client what to say, and hears the answer.
fn say(mut command: Command, script: &str, until: Instant) -> Result<String, String> {
    let (theirs, mut ours) = std::io::pipe().map_err(|error| error.to_string())?;
    // Less than a pipe holds, so nobody is waited for.
    ours.write_all(script.as_bytes()).map_err(|error| error.to_string())?;
    drop(ours);
    command.stdin(Stdio::from(theirs));
    // It ends badly where one database of several does not let it in: what it said before counts all the same.
    hear(command, until).map(|(_, said)| said)
}

/// What psql reads: a look at the server, then at one database after the other.
fn script() -> String {
    let mut script = include_str!("look.sql").to_owned();
    for number in 1..=DATABASES {
        let schema = include_str!("schema.sql");
        script.push_str(&format!("\\if :{{?d{number}}}\n\\connect :d{number}\n{schema}\\endif\n"));
    }
    script
}

/// Reads what psql wrote: rows, and words of its own among them.
fn understood(answer: &str) -> Result<Said, String> {
    if answer.len() > BYTES {
        return Err(format!("it said more than {BYTES} bytes"));
    }
    let mut lines = answer.lines();
    let first = lines.by_ref().find(|line| line.starts_with('{')).ok_or_else(|| complaint(answer))?;
    let mut said: Said = serde_json::from_str(first).map_err(|error| format!("not understood: {error}"))?;
    for session in &mut said.sessions {
        session.program = session.program.as_deref().map(blot).filter(|program| !program.is_empty());
    }
    for line in lines {
        match line.starts_with('{').then(|| serde_json::from_str::<Schema>(line)) {
            Some(Ok(schema)) => said.schemas.push(schema),
            Some(Err(error)) => {
                said.unseen.push(("a database".to_owned(), format!("not understood: {error}")))
            }
            None if is_complaint(line) => {
                said.unseen.push(("a database".to_owned(), blot(line)));
            }
            None => {}
        }
    }
    let seen = (said.schemas.len() + said.unseen.len()) as u64;
    // What stands in the databases of a standby is its primary's to say.
    if said.databases > seen && !said.standby {
        let left = format!("{} of {} databases", said.databases - seen, said.databases);
        said.unseen.push((left, format!("no more than the {DATABASES} busiest are looked into")));
    }
    Ok(said)
}

/// Why there is no row.
fn complaint(answer: &str) -> String {
    let said = answer.lines().find(|line| is_complaint(line));
    blot(said.or(answer.lines().next()).unwrap_or("it said nothing"))
}

fn is_complaint(line: &str) -> bool {
    ["ERROR:", "FATAL:", "error:", "failed:"].iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"version":150018,"standby":false,"all_sessions":true,"config_file":null,"settings":[],"given":[],"logins":[],"sessions":[],"waiting":0,"ages":[],"slots":[],"archiver":{"on":false,"told":false,"failed":0,"last_failed":null,"last_done":null},"databases":3}"#;

    #[test]
    fn a_database_that_lets_nobody_in_is_unseen_and_the_rest_counts() {
        let schema = r#"{"database":"shop","unindexed":[],"unvalidated":[],"sequences":[]}"#;
        let said = understood(&format!(
            "WARNING: x\n{ROW}\n{schema}\n\\connect: connection to server failed: FATAL: no\n"
        ));
        let said = said.expect("a row");
        assert_eq!((said.schemas.len(), said.unseen.len()), (1, 2), "{:?}", said.unseen);
        assert_eq!(said.unseen[1].0, "1 of 3 databases");
    }

    #[test]
    fn no_row_has_a_reason() {
        let why = understood("psql: error: connection failed: FATAL:  role \"x\" does not exist\n");
        assert!(why.is_err_and(|why| why.contains("does not exist")));
        assert_eq!(understood(""), Err("it said nothing".to_owned()));
        assert!(understood("{\"version\":1}\n").is_err_and(|why| why.starts_with("not understood")));
    }

    #[test]
    fn the_script_fits_into_a_pipe() {
        assert!(script().len() < 60_000);
    }
}
