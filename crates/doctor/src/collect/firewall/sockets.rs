//! Listeners from `/proc/net`, the processes that hold them, and Docker's proxies by their arguments.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Instant;

use crate::facts::Fact;
use crate::facts::firewall::{Listener, Protocol, Proxy};

/// Most lines of one list of sockets.
const LINES: usize = 100_000;
/// Most open files that are looked at.
const FILES: usize = 200_000;

/// Sockets that wait, without their processes.
pub(super) fn listeners() -> Result<Vec<Listener>, String> {
    let mut listeners = Vec::new();
    // A connectionless socket waits in the state that the kernel calls closed.
    let lists = [
        ("tcp", Protocol::Tcp, "0A"),
        ("tcp6", Protocol::Tcp, "0A"),
        ("udp", Protocol::Udp, "07"),
        ("udp6", Protocol::Udp, "07"),
    ];
    for (name, protocol, state) in lists {
        // The thread's own namespace, which need not be that of the process.
        let path = format!("/proc/thread-self/net/{name}");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // A kernel without IPv6.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && name.ends_with('6') => continue,
            Err(error) => return Err(format!("{path}: {error}")),
        };
        for line in text.lines().skip(1).take(LINES) {
            listeners.extend(listener(line, protocol, state));
        }
    }
    listeners.sort();
    listeners.dedup();
    Ok(listeners)
}

fn listener(line: &str, protocol: Protocol, state: &str) -> Option<Listener> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if *words.get(3)? != state {
        return None;
    }
    let (address, port) = words.get(1)?.split_once(':')?;
    Some(Listener {
        protocol,
        address: address_in_hex(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        inode: words.get(9)?.parse().ok()?,
        pid: None,
        program: None,
    })
}

/// Words of four bytes, each in the order of this machine.
fn address_in_hex(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

/// Services of IPVS.
pub(super) fn ipvs() -> Fact<Vec<String>> {
    let path = "/proc/thread-self/net/ip_vs";
    match fs::read_to_string(path) {
        Ok(text) => {
            let is_service = |line: &&str| ["TCP ", "UDP ", "FWM "].iter().any(|word| line.starts_with(word));
            let services = text.lines().filter(is_service).map(|line| line.trim().to_owned());
            Fact::Known(services.take(LINES).collect())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Fact::nothing("the kernel has no IPVS"),
        Err(error) => Fact::unknown(format!("{path}: {error}")),
    }
}

/// Looks through the processes: fills in who holds the listeners, and finds the proxies of this namespace.
pub(super) fn processes(listeners: &mut [Listener], until: Instant) -> Fact<Vec<Proxy>> {
    let mut open: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, listener) in listeners.iter().enumerate() {
        open.entry(listener.inode).or_default().push(at);
    }
    let here = fs::read_link("/proc/thread-self/ns/net").ok();
    let names = match fs::read_dir("/proc") {
        Ok(names) => names,
        Err(error) => return Fact::unknown(format!("/proc: {error}")),
    };
    let mut pids: Vec<u32> =
        names.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let mut proxies = Vec::new();
    let mut files = 0;
    for pid in pids {
        if Instant::now() >= until {
            return Fact::unknown("the processes were too many to look through in time");
        }
        let folder = format!("/proc/{pid}");
        let Ok(name) = fs::read_to_string(format!("{folder}/comm")) else { continue };
        let name = name.trim_end();
        let elsewhere = fs::read_link(format!("{folder}/ns/net")).is_ok_and(|its| Some(its) != here);
        if elsewhere {
            continue;
        }
        if name == "docker-proxy"
            && let Ok(line) = fs::read(format!("{folder}/cmdline"))
        {
            proxies.extend(proxy(&line, pid));
        }
        if !open.is_empty() && files < FILES {
            hold(Path::new(&folder), pid, name, &mut open, listeners, &mut files);
        }
    }
    proxies.sort();
    Fact::Known(proxies)
}

/// Notes which of the listeners a process holds.
fn hold(
    folder: &Path,
    pid: u32,
    name: &str,
    open: &mut BTreeMap<u64, Vec<usize>>,
    listeners: &mut [Listener],
    files: &mut usize,
) {
    let Ok(entries) = fs::read_dir(folder.join("fd")) else { return };
    for entry in entries.flatten() {
        *files += 1;
        let Ok(link) = fs::read_link(entry.path()) else { continue };
        let link = link.to_string_lossy();
        let inode = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        let Some(inode) = inode.and_then(|inode| inode.parse().ok()) else { continue };
        for at in open.remove(&inode).unwrap_or_default() {
            if let Some(listener) = listeners.get_mut(at) {
                (listener.pid, listener.program) = (Some(pid), Some(name.to_owned()));
            }
        }
    }
}

/// A proxy by its arguments; the words have had one dash or two over the years, and a blank or `=` before the value.
fn proxy(line: &[u8], pid: u32) -> Option<Proxy> {
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.split('\0').collect();
    let value = |name: &str| {
        words.iter().enumerate().find_map(|(at, word)| {
            let word = word.trim_start_matches('-').strip_prefix(name)?;
            match word.strip_prefix('=') {
                Some(value) => Some(value),
                None if word.is_empty() => words.get(at + 1).copied(),
                None => None,
            }
        })
    };
    Some(Proxy {
        protocol: match value("proto")? {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return None,
        },
        host: value("host-ip")?.parse().ok()?,
        host_port: value("host-port")?.parse().ok()?,
        container: value("container-ip")?.parse().ok()?,
        container_port: value("container-port")?.parse().ok()?,
        pid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_read_from_its_line() {
        let line = "   0: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1";
        let listener = listener(line, Protocol::Tcp, "0A").unwrap();
        assert_eq!((listener.address.to_string().as_str(), listener.port), ("127.0.0.1", 8081));
        assert_eq!(listener.inode, 4242);
        assert_eq!(address_in_hex("00000000000000000000000001000000").unwrap().to_string(), "::1");
    }

    #[test]
    fn a_proxy_is_known_by_its_arguments() {
        let old =
            "docker-proxy -proto tcp -host-ip :: -host-port 8080 -container-ip 172.18.0.2 -container-port 80";
        let proxy = proxy(old.replace(' ', "\0").as_bytes(), 7).unwrap();
        assert_eq!((proxy.host.to_string().as_str(), proxy.host_port), ("::", 8080));
        assert_eq!((proxy.container.to_string().as_str(), proxy.container_port), ("172.18.0.2", 80));
    }
}
