//! PgBouncer that runs here, asked at its own console: it lets in whoever has its user on its socket. Two `SHOW`s, which
//! change nothing; of settings only those that are judged are kept.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_host::process::{read_small, stat};

use super::{client, find, say};
use crate::collect::ground::{Ground, because};
use crate::collect::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::database::{Databases, Setting};
use crate::facts::postgres::{Bouncer, Waiting};

pub(in crate::collect) const COLLECTOR: Collector = Collector {
    name: "pgbouncer",
    within: WITHIN,
    read,
    blind: |facts, why| facts.bouncer = Fact::unknown(why),
};

/// When psql is ended, whether it has an answer or not.
const ANSWER: Duration = Duration::from_millis(400);
const NAME: &str = "pgbouncer";
/// Most bytes of its file.
const BYTES: usize = 1 << 20;
/// What is kept of its settings.
const KEPT: [&str; 6] = [
    "pool_mode",
    "server_reset_query",
    "server_reset_query_always",
    "default_pool_size",
    "reserve_pool_size",
    "max_db_connections",
];
const SCRIPT: &str =
    "\\pset footer off\n\\echo @settings\nshow config;\n\\echo @pools\nshow pools;\n\\echo @end\n";

fn read(ground: &Ground) -> Put {
    let none = || Fact::nothing("no PgBouncer runs here");
    let bouncer = match ground.runs(NAME) {
        Fact::Known(true) => running().map_or_else(none, |pid| bouncer(pid, ANSWER)),
        Fact::Known(false) => none(),
        Fact::Unknown { why } => Fact::unknown(why),
        Fact::Nothing { why } => Fact::nothing(why),
    };
    Box::new(|facts| {
        merge(&bouncer, &mut facts.databases);
        facts.bouncer = bouncer;
    })
}

fn running() -> Option<u32> {
    let pids = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| stat(*pid).is_ok_and(|stat| stat.name == NAME && !stat.is_dead()))
}

/// The PgBouncer that is this process, asked; takes no longer than `within`.
pub fn bouncer(pid: u32, within: Duration) -> Fact<Bouncer> {
    match ask(pid, Instant::now() + within) {
        Ok(bouncer) => Fact::Known(bouncer),
        Err(why) => Fact::unknown(format!("PgBouncer, process {pid}: {why}")),
    }
}

fn ask(pid: u32, until: Instant) -> Result<Bouncer, String> {
    let at = |error: std::io::Error| because(&error);
    let (root, ours) =
        (fs::metadata(format!("/proc/{pid}/root")).map_err(at)?, fs::metadata("/").map_err(at)?);
    if (root.dev(), root.ino()) != (ours.dev(), ours.ino()) {
        return Err("it runs in a container".to_owned());
    }
    let process = fs::metadata(format!("/proc/{pid}")).map_err(at)?;
    let me = rustix::process::geteuid();
    if process.uid() != me.as_raw() && !me.is_root() {
        return Err("it answers its own user alone; run as root to ask it".to_owned());
    }
    let (folder, port) = socket(pid)?;
    let path = find::client(None).ok_or("psql is not installed")?;
    let mut command = client(&path, me.is_root().then(|| (process.uid(), process.gid())));
    command.args(["-d", NAME, "-U", NAME, "-h", &folder, "-p"]).arg(port.to_string());
    understood(&say(command, SCRIPT, until)?, port)
}

/// The folder of its socket and its port, by the file that it was started with.
fn socket(pid: u32) -> Result<(String, u16), String> {
    let words = read_small(&format!("/proc/{pid}/cmdline")).map_err(|error| because(&error))?;
    let words = String::from_utf8_lossy(&words).into_owned();
    let file = words.split('\0').find(|word| word.ends_with(".ini")).ok_or("it names no file of settings")?;
    let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_else(|_| PathBuf::from("/"));
    let whole = folder.join(Path::new(file));
    let about = fs::metadata(&whole).map_err(|error| because(&error))?;
    if !about.is_file() || about.len() > BYTES as u64 {
        return Err(format!("{} is no file of settings", whole.display()));
    }
    let text = fs::read_to_string(&whole).map_err(|error| because(&error))?;
    let value = |wanted: &str| {
        let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
        pairs.filter(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim()).next_back()
    };
    let folder = value("unix_socket_dir").unwrap_or("/tmp");
    let port = value("listen_port").and_then(|port| port.parse().ok()).unwrap_or(6432);
    if folder.is_empty() {
        return Err("it has no socket, and over TCP it asks for a password".to_owned());
    }
    Ok((folder.to_owned(), port))
}

/// Reads two tables with their headings: versions differ in their columns.
fn understood(answer: &str, port: u16) -> Result<Bouncer, String> {
    let table = |mark: &str| -> Vec<Vec<&str>> {
        let lines = answer.lines().skip_while(|line| *line != mark).skip(1);
        lines.take_while(|line| !line.starts_with('@')).map(|line| line.split('|').collect()).collect()
    };
    let (settings, pools) = (table("@settings"), table("@pools"));
    let (Some((first, settings)), Some((columns, pools))) = (settings.split_first(), pools.split_first())
    else {
        return Err(answer.lines().find(|line| line.contains("rror")).unwrap_or("not understood").to_owned());
    };
    let column = |columns: &[&str], name: &str| columns.iter().position(|column| *column == name);
    let (Some(key), Some(value)) = (column(first, "key"), column(first, "value")) else {
        return Err("not understood".to_owned());
    };
    let without = column(first, "default");
    let get = |row: &[&str], at: usize| row.get(at).map(|text| (*text).to_owned()).unwrap_or_default();
    let kept = settings.iter().filter(|row| row.get(key).is_some_and(|name| KEPT.contains(name)));
    let settings = kept
        .map(|row| (get(row, key), get(row, value), without.map(|at| get(row, at)).unwrap_or_default()))
        .collect();
    let number = |row: &[&str], name: &str| {
        column(columns, name).and_then(|at| row.get(at)?.parse::<u64>().ok()).unwrap_or(0)
    };
    let text = |row: &[&str], name: &str| column(columns, name).map(|at| get(row, at)).unwrap_or_default();
    let waiting = pools.iter().map(|row| Waiting {
        database: text(row, "database"),
        user: text(row, "user"),
        clients: number(row, "cl_waiting"),
        seconds: number(row, "maxwait"),
    });
    Ok(Bouncer { port, settings, waiting: waiting.filter(|pool| pool.clients > 0).collect() })
}

/// Settings as they hold, put behind those of the files where these say otherwise, or nothing.
pub fn merge(bouncer: &Fact<Bouncer>, databases: &mut Fact<Databases>) {
    let (Some(bouncer), Fact::Known(databases)) = (bouncer.known(), databases) else { return };
    let Some(pgbouncer) = &mut databases.pgbouncer else { return };
    for (name, value, without) in &bouncer.settings {
        let told = pgbouncer.get(name).map(|setting| &setting.value);
        // An old one does not say what holds without a word.
        let told = told.or(Some(without).filter(|without| !without.is_empty()));
        if told.is_some_and(|told| told != value) {
            let (name, value) = (name.clone(), value.clone());
            let file = format!("SHOW CONFIG (port {})", bouncer.port);
            pgbouncer.settings.push(Setting { name, value, file, line: 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pgbouncer_shows_is_read_by_its_headings() {
        let answer = "@settings\nkey|value|default|changeable\npool_mode|transaction|session|yes\nauth_query|SELECT x|y|yes\n\
                      @pools\ndatabase|user|cl_active|cl_waiting|maxwait|pool_mode\nshop|app|1|3|12|session\nblog|app|1|0|0|session\n@end\n";
        let read = understood(answer, 6432).expect("two tables");
        assert_eq!(read.settings, [("pool_mode".to_owned(), "transaction".to_owned(), "session".to_owned())]);
        let waiting =
            Waiting { database: "shop".to_owned(), user: "app".to_owned(), clients: 3, seconds: 12 };
        assert_eq!(read.waiting, [waiting]);
        assert!(understood("psql: error: nobody there\n", 6432).is_err_and(|why| why.contains("nobody")));
    }
}
