//! `/proc/locks`: locks of flock(2) that somebody waits for, or that outlived who took them. Who has their files open is
//! looked for only where there are such.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use super::ground::Ground;
use super::{Collector, Put, WITHIN, descriptors};
use crate::facts::Fact;
use crate::facts::locks::Held;

pub(super) const COLLECTOR: Collector =
    Collector { name: "locks", within: WITHIN, read, blind: |facts, why| facts.locks = Fact::unknown(why) };

/// Most locks that are told.
const LOCKS: usize = 200;

fn read(ground: &Ground) -> Put {
    if !ground.live {
        return Box::new(|facts| facts.locks = Fact::nothing("only files were read"));
    }
    let locks = match std::fs::read_to_string("/proc/locks") {
        Err(error) => Fact::unknown(format!("/proc/locks: {error}")),
        Ok(text) => Fact::Known(held(&text)),
    };
    Box::new(|facts| facts.locks = locks)
}

fn held(text: &str) -> Vec<Held> {
    let is_alive = |pid: u32| std::path::Path::new(&format!("/proc/{pid}")).exists();
    let mut open: BTreeMap<(u64, u64), Held> = parse(text, is_alive)
        .into_iter()
        .filter(|(_, held)| !held.alive || !held.waiters.is_empty())
        .take(LOCKS)
        .collect();
    if open.is_empty() {
        return Vec::new();
    }
    descriptors::each(|descriptor| {
        let Ok(about) = descriptor.about() else { return };
        if let Some(held) = open.get_mut(&(about.dev(), about.ino()))
            && !held.waiters.contains(&descriptor.pid)
            && !held.holders.iter().any(|(pid, _)| *pid == descriptor.pid)
        {
            held.holders.push((descriptor.pid, descriptors::program(descriptor.pid)));
            held.path.get_or_insert_with(|| descriptor.target.to_owned());
        }
    });
    open.into_values().collect()
}

/// Locks by device and inode.
fn parse(text: &str, is_alive: impl Fn(u32) -> bool) -> BTreeMap<(u64, u64), Held> {
    let mut locks: BTreeMap<(u64, u64), Held> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace().skip(1).peekable();
        let waits = words.next_if_eq(&"->").is_some();
        if words.next() != Some("FLOCK") {
            continue;
        }
        let (Some(pid), Some(file)) = (words.nth(2).and_then(|pid| pid.parse::<u32>().ok()), words.next())
        else {
            continue;
        };
        let Some(key) = key(file).filter(|_| pid > 0) else { continue };
        if waits {
            if let Some(held) = locks.get_mut(&key) {
                held.waiters.push(pid);
            }
        } else {
            let alive = is_alive(pid);
            locks.insert(key, Held { path: None, pid, alive, waiters: Vec::new(), holders: Vec::new() });
        }
    }
    locks
}

/// `fe:00:5505144`: device in hexadecimal numbers, inode in a decimal one.
fn key(file: &str) -> Option<(u64, u64)> {
    let mut parts = file.split(':');
    let mut number = || u32::from_str_radix(parts.next()?, 16).ok();
    let device = rustix::fs::makedev(number()?, number()?);
    Some((device, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiters_stand_behind_who_holds() {
        let text = "1: FLOCK  ADVISORY  WRITE 10 fe:00:7 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 11 fe:00:7 0 EOF\n\
                    2: POSIX  ADVISORY  READ 12 fe:00:8 0 EOF\n3: FLOCK  ADVISORY  WRITE 13 08:1a:9 0 EOF\nodd\n";
        let locks = parse(text, |pid| pid == 10);
        let seen: Vec<_> = locks.values().map(|held| (held.pid, held.alive, held.waiters.clone())).collect();
        assert_eq!(seen, [(13, false, vec![]), (10, true, vec![11])]);
        assert!(locks.contains_key(&(rustix::fs::makedev(8, 26), 9)));
    }
}
