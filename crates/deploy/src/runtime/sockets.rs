//! Who listens on a port of loopback, as `/proc` shows it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use crate::trouble::Trouble;

/// Most of a table of sockets that is read, in bytes: some 400,000 sockets.
const TABLE: u64 = 64 << 20;
/// The state of a socket that listens.
const LISTEN: &str = "0A";

/// The number of the socket in the kernel.
pub(super) type Inode = u64;

/// A process that listens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: u32,
    /// The program and its arguments.
    pub(super) arguments: Vec<String>,
}

impl Process {
    /// Whether it is in this control group of systemd's, or in one below it.
    pub(super) fn is_in(&self, group: &str) -> bool {
        let bytes =
            muster_host::process::read_small(&format!("/proc/{}/cgroup", self.pid)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mut paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        paths
            .any(|path| path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}

/// The sockets that take what is sent to this port of 127.0.0.1: those of the address itself if there are any, otherwise
/// those of all addresses.
///
/// # Errors
/// The tables of the kernel cannot be read.
pub(super) fn listeners(port: u16) -> Result<Vec<Inode>, Trouble> {
    let mut found = Vec::new();
    for (table, is_needed) in [("/proc/net/tcp", true), ("/proc/net/tcp6", false)] {
        match File::open(table) {
            Ok(file) => {
                let lines = BufReader::new(file.take(TABLE)).lines().map_while(Result::ok);
                found.extend(lines.filter_map(|line| listening(&line, port)));
            }
            // A kernel without IPv6 has no such table.
            Err(_) if !is_needed => {}
            Err(error) => return Err(Trouble::new(format!("{table} cannot be read: {error}"))),
        }
    }
    let best = found.iter().map(|(is_exact, _)| *is_exact).max().unwrap_or_default();
    Ok(found.into_iter().filter(|(is_exact, _)| *is_exact == best).map(|(_, inode)| inode).collect())
}

/// The socket of a line, and whether it listens at 127.0.0.1 alone.
fn listening(line: &str, port: u16) -> Option<(bool, Inode)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (address, number) = fields.get(1)?.split_once(':')?;
    if *fields.get(3)? != LISTEN || u16::from_str_radix(number, 16).ok()? != port {
        return None;
    }
    let local = format!("{:08X}", u32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets()));
    let mapped = format!("0000000000000000{:08X}{local}", u32::from_ne_bytes([0, 0, 0xff, 0xff]));
    let is_exact = address == local || address == mapped;
    let is_any = address.bytes().all(|digit| digit == b'0');
    (is_exact || is_any).then_some(())?;
    Some((is_exact, fields.get(9)?.parse().ok()?))
}

/// The processes that hold any of these sockets.
///
/// # Errors
/// Not one can be seen: they belong to somebody whose files we may not see.
pub(super) fn processes(sockets: &[Inode]) -> Result<Vec<Process>, Trouble> {
    let wanted: BTreeSet<String> = sockets.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let listed =
        fs::read_dir("/proc").map_err(|error| Trouble::new(format!("/proc cannot be read: {error}")))?;
    let pids = listed.filter_map(Result::ok).filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let found: Vec<Process> = pids
        .filter(|pid| holds(*pid, &wanted))
        .map(|pid| Process { pid, arguments: arguments(pid) })
        .collect();
    if found.is_empty() {
        return Err(Trouble::new("nobody can be seen who listens there, although somebody does")
            .help("let muster act as root on this host, with the right to look at the processes of others"));
    }
    Ok(found)
}

fn holds(pid: u32, wanted: &BTreeSet<String>) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut leads = files.filter_map(Result::ok).filter_map(|file| fs::read_link(file.path()).ok());
    leads.any(|lead| lead.to_str().is_some_and(|lead| wanted.contains(lead)))
}

fn arguments(pid: u32) -> Vec<String> {
    let bytes = muster_host::process::read_small(&format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// Whether a release could listen on this port of loopback now.
///
/// # Errors
/// Somebody listens there already, and who.
pub(crate) fn is_free(port: u16) -> Result<(), Trouble> {
    let Err(error) = TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)) else { return Ok(()) };
    let who = listeners(port).and_then(|sockets| processes(&sockets)).unwrap_or_default();
    let who: Vec<String> = who
        .iter()
        .map(|process| match muster_host::process::stat(process.pid) {
            Ok(stat) => format!("{} (process {})", stat.name, process.pid),
            Err(_) => format!("process {}", process.pid),
        })
        .collect();
    let by = if who.is_empty() { error.to_string() } else { format!("taken by {}", who.join(", ")) };
    Err(Trouble::new(format!("port {port} of loopback is not free: {by}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_listener_is_found_and_its_port_is_not_free() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let sockets = listeners(port).expect("read");
        let found = processes(&sockets).expect("seen");
        assert_eq!((sockets.len(), found[0].pid), (1, std::process::id()));
        let trouble = is_free(port).expect_err("taken");
        assert!(trouble.what.contains(&format!("(process {})", std::process::id())), "{trouble}");
        drop(listener);
        assert_eq!((listeners(port), is_free(port)), (Ok(Vec::new()), Ok(())));
    }

    #[test]
    fn a_listener_of_all_addresses_counts_and_a_closer_one_counts_more() {
        let all = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).expect("a port");
        let port = all.local_addr().expect("an address").port();
        assert_eq!(listeners(port).expect("read").len(), 1);
        let line = |address: &str, state: &str| {
            listening(&format!("0: {address}:1F41 0:0 {state} 0:0 00:0 0 0 0 77 1"), 8001)
        };
        assert_eq!(line("0100007F", "0A"), Some((true, 77)));
        assert_eq!(line("0000000000000000FFFF00000100007F", "0A"), Some((true, 77)));
        assert_eq!(line("00000000000000000000000000000000", "0A"), Some((false, 77)));
        assert_eq!((line("0200007F", "0A"), line("0100007F", "01")), (None, None));
        assert_eq!(listening("  sl  local_address rem_address   st", 8001), None);
    }
}
