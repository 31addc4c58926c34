//! What a service or the system is told after files were changed: words of a fixed list, never a line for a shell.
//!
//! What cannot be given back is not in the list: a restart forgets what a process held, so a person does it.

use serde::{Deserialize, Serialize};

/// One thing to tell. In the order in which they are told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// systemd reads its units again; nothing that runs is touched.
    DaemonReload,
    /// A unit is started with the host, and at once if `now`.
    Enable {
        /// `cron.service`.
        unit: String,
        /// It is started as well.
        now: bool,
    },
    /// A file system of `/etc/fstab` is mounted.
    Mount {
        /// Where.
        place: String,
    },
    /// A service reads its files again.
    Reload {
        /// `nginx.service`.
        unit: String,
    },
    /// ufw loads its rules again. Not by `ufw reload`, which turns ufw off and on in its file: killed between the two, it
    /// would leave the host open, for ever.
    ReloadUfw,
}

/// Services that people come in through, or that decide who may come in.
const WAYS_IN: &[&str] = &["ssh", "sshd", "ufw", "nftables", "iptables", "netfilter-persistent", "firewalld"];

/// Files of the same. `*` stands at the end only.
const FILES: &[&str] = &[
    "/etc/ufw/*",
    "/etc/default/ufw",
    "/etc/nftables*",
    "/etc/iptables*",
    "/etc/ssh/sshd_config*",
    "/etc/network/*",
    "/etc/netplan/*",
];

impl Order {
    /// The command that a person would type for it.
    pub fn words(&self) -> Vec<&str> {
        match self {
            Self::DaemonReload => vec!["systemctl", "daemon-reload"],
            Self::Enable { unit, now: true } => vec!["systemctl", "enable", "--now", unit],
            Self::Enable { unit, now: false } => vec!["systemctl", "enable", unit],
            Self::Mount { place } => vec!["mount", place],
            Self::Reload { unit } => vec!["systemctl", "reload", unit],
            Self::ReloadUfw => vec!["/lib/ufw/ufw-init", "force-reload"],
        }
    }

    /// Something that runs may notice.
    pub fn disturbs(&self) -> bool {
        !matches!(self, Self::DaemonReload | Self::Enable { now: false, .. })
    }

    /// Only systemd can do it.
    pub fn needs_systemd(&self) -> bool {
        matches!(self, Self::DaemonReload | Self::Enable { .. } | Self::Reload { .. })
    }

    /// It is given back by telling it once more, after the files are as they were.
    pub fn repeats(&self) -> bool {
        matches!(self, Self::DaemonReload | Self::Reload { .. } | Self::ReloadUfw)
    }

    /// Told wrongly it may shut people out.
    pub fn is_about_the_way_in(&self) -> bool {
        match self {
            Self::ReloadUfw => true,
            Self::Enable { unit, now: true } | Self::Reload { unit } => {
                WAYS_IN.contains(&unit.trim_end_matches(".service").trim_end_matches(".socket"))
            }
            Self::DaemonReload | Self::Enable { now: false, .. } | Self::Mount { .. } => false,
        }
    }

    /// Why it is not told to anybody: a name that is none.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::DaemonReload | Self::ReloadUfw => Ok(()),
            Self::Enable { unit, .. } | Self::Reload { unit } => {
                let plain = |c: char| c.is_ascii_alphanumeric() || ":_.@\\-".contains(c);
                let kind = unit.rsplit_once('.').map(|(_, kind)| kind);
                let known = kind.is_some_and(|kind| ["service", "socket", "timer", "path"].contains(&kind));
                if known && unit.chars().all(plain) && !unit.starts_with(['-', '.']) {
                    return Ok(());
                }
                Err(format!("{unit:?} is not the name of a unit"))
            }
            Self::Mount { place } => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "/_.@:+,-".contains(c);
                let leads_up = place.split('/').any(|part| part == "..");
                if place.starts_with('/') && place.len() > 1 && place.chars().all(plain) && !leads_up {
                    return Ok(());
                }
                Err(format!("{place:?} is not a plain path"))
            }
        }
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

/// A change of this file may shut people out: a packet filter's, the network's or sshd's.
pub fn is_of_the_way_in(file: &str) -> bool {
    FILES.iter().any(|known| match known.strip_suffix('*') {
        Some(beginning) => file.starts_with(beginning),
        None => file == *known,
    })
}
