//! Which servers of PostgreSQL run here, and how each may be asked.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use muster_host::process::{read_small, stat};

use crate::collect::ground::because;
use crate::facts::Fact;
use crate::facts::postgres::{Said, Server};

/// Most processes that are looked at.
const PROCESSES: usize = 5_000;
/// What the server is called.
const NAMES: [&str; 2] = ["postgres", "postmaster"];

/// A server, and how it may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its first process.
    pub(super) pid: u32,
    /// The folder of its data.
    pub(super) data: String,
    /// Its port.
    pub(super) port: u16,
    /// It runs in a container.
    pub(super) inside: bool,
    /// The folder of its socket, or why it cannot be asked.
    pub(super) socket: Result<String, String>,
    /// The client: psql.
    pub(super) client: PathBuf,
    /// The user and the group that the client must become.
    pub(super) become_: Option<(u32, u32)>,
}

impl Found {
    /// It, with what it said.
    pub(super) fn server(&self, said: Fact<Said>) -> Server {
        Server { pid: self.pid, data: self.data.clone(), port: self.port, inside: self.inside, said }
    }

    /// The server that has this as its first process.
    pub(super) fn of(pid: u32) -> Self {
        let mut found = Self {
            pid,
            data: format!("process {pid}"),
            port: 5432,
            inside: false,
            socket: Err(String::new()),
            client: PathBuf::new(),
            become_: None,
        };
        if let Err(why) = found.fill() {
            found.socket = Err(why);
        }
        found
    }

    fn fill(&mut self) -> Result<(), String> {
        let of = |name: &str| format!("/proc/{}/{name}", self.pid);
        let at = |error: std::io::Error| because(&error);
        let data = of("cwd");
        let process = fs::metadata(of("")).map_err(at)?;
        let folder = fs::metadata(&data).map_err(at)?;
        self.data = fs::read_link(&data).map_err(at)?.to_string_lossy().into_owned();
        let written =
            fs::File::open(format!("{data}/postmaster.pid")).and_then(std::io::read_to_string).map_err(at)?;
        let lines: Vec<&str> = written.lines().map(str::trim).collect();
        self.port = lines.get(3).and_then(|port| port.parse().ok()).unwrap_or(5432);
        let (root, ours) = (fs::metadata(of("root")).map_err(at)?, fs::metadata("/").map_err(at)?);
        self.inside = (root.dev(), root.ino()) != (ours.dev(), ours.ino());
        if self.inside {
            return Err("it runs in a container, and going in would change that; ask it there: \
                        `docker exec -u postgres NAME psql -c 'table pg_stat_activity'`"
                .to_owned());
        }
        let socket = lines.get(4).copied().unwrap_or_default();
        if socket.is_empty() {
            return Err("it has no socket, and over TCP it asks for a password".to_owned());
        }
        // The folder tells whose server it is; a process can go anywhere, so it must be its own.
        if process.uid() != folder.uid() || process.uid() == 0 {
            return Err("its data belong to another user than its process".to_owned());
        }
        let me = rustix::process::geteuid();
        self.become_ = (me.is_root()).then(|| (process.uid(), process.gid()));
        // Only who it belongs to runs what lies beside a server: it may be anybody's.
        let is_own = me.is_root() || me.as_raw() == process.uid();
        let exe = fs::read_link(of("exe")).ok().filter(|_| is_own);
        self.client = client(exe.as_deref()).ok_or("psql is not installed")?;
        self.socket = Ok(socket.to_owned());
        Ok(())
    }
}

/// Every server: the processes of that name that no other one of them started.
pub(super) fn servers() -> Vec<Found> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_server = |pid: u32| {
        let name = read_small(&format!("/proc/{pid}/comm")).unwrap_or_default();
        NAMES.iter().any(|known| name.trim_ascii() == known.as_bytes())
    };
    let mut pids: Vec<u32> = pids.take(PROCESSES).filter(|pid| is_server(*pid)).collect();
    pids.sort_unstable();
    let all = pids.clone();
    pids.retain(|pid| stat(*pid).is_ok_and(|stat| !stat.is_dead() && !all.contains(&stat.parent)));
    pids.into_iter().map(Found::of).collect()
}

/// The client beside a server, or the newest one of the system. Not Debian's wrapper around it, which is a program in
/// Perl and costs more than all the rest.
pub(super) fn client(server: Option<&Path>) -> Option<PathBuf> {
    let beside = server.and_then(Path::parent).map(|folder| folder.join("psql"));
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin/psql"))))
        .collect();
    versions.sort();
    let versions = versions.into_iter().rev().map(|(_, path)| path);
    let others = ["/usr/bin/psql", "/usr/local/bin/psql", "/usr/local/pgsql/bin/psql"].map(PathBuf::from);
    beside.into_iter().chain(versions).chain(others).find(|path| path.is_file())
}
