//! Tells the orders of a treatment: what stands before is asked and kept, what is wrong is refused before it is told, and
//! nothing takes longer than half a minute.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use serde::{Deserialize, Serialize};

use super::order::Order;

/// How long one program may take.
const WITHIN: Duration = Duration::from_secs(30);
/// The same for ufw, which starts some hundred others: cut short it leaves half a firewall.
const UFW_WITHIN: Duration = Duration::from_secs(180);
/// Most bytes of an answer that are read.
const LIMIT: u64 = 4 << 20;

/// What stood before an order was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// Nothing that would have to be given back.
    Nothing,
    /// How a unit was.
    Unit {
        /// It was started with the host.
        enabled: bool,
        /// It ran.
        active: bool,
    },
    /// A file system was there already.
    Mounted(bool),
    /// What a reload of ufw leaves behind, even when its files are as they were.
    Filter {
        /// ufw was in force.
        loaded: bool,
        /// Of IPv4.
        four: Kept,
        /// Of IPv6; none where the kernel has no tables for it.
        six: Option<Kept>,
    },
}

/// The part of a table `filter` that outlives a reload of ufw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Built-in chains and their policy, as `iptables-save` prints them.
    policies: Vec<String>,
    /// The rules of DOCKER-USER; none where there is no such chain.
    docker_user: Option<Vec<String>>,
}

/// Where programs are looked for.
#[derive(Debug, Clone)]
pub struct Programs {
    path: OsString,
}

impl Default for Programs {
    /// Those of the system, whatever the environment says.
    fn default() -> Self {
        Self::in_path("/usr/sbin:/usr/bin:/sbin:/bin:/lib/ufw")
    }
}

impl Programs {
    /// Those in these folders.
    pub fn in_path(path: impl Into<OsString>) -> Self {
        Self { path: path.into() }
    }

    /// Asks what an undo would have to give back.
    ///
    /// # Errors
    /// In words, when that cannot be told, or the order is not to be given.
    pub fn before(&self, order: &Order) -> Result<Before, String> {
        order.check()?;
        match order {
            Order::DaemonReload => Ok(Before::Nothing),
            Order::Reload { unit } => {
                if self.answer(&["systemctl", "show", "--property=CanReload", "--value", unit])?.trim()
                    != "yes"
                {
                    return Err(format!("{unit} cannot be told to read its files again"));
                }
                Ok(Before::Nothing)
            }
            Order::Enable { unit, .. } => {
                // Both end with a code that says no more than the word does.
                let state = self.word(&["systemctl", "is-enabled", unit])?;
                if !["enabled", "disabled"].contains(&state.as_str()) {
                    return Err(format!("systemd says that {unit} is {state}"));
                }
                let active = self.word(&["systemctl", "is-active", unit])?;
                Ok(Before::Unit { enabled: state == "enabled", active: active == "active" })
            }
            Order::Mount { place } => Ok(Before::Mounted(self.told(&["mountpoint", "-q", place])?.0)),
            Order::ReloadUfw => {
                let four = self.answer(&["iptables-save", "-t", "filter"])?;
                let six = self.answer(&["ip6tables-save", "-t", "filter"]).ok();
                let loaded = four.lines().any(|line| line.starts_with(":ufw-user-input "));
                Ok(Before::Filter { loaded, four: Kept::of(&four), six: six.as_deref().map(Kept::of) })
            }
        }
    }

    /// Tells it. A service whose files are wrong is not told.
    ///
    /// # Errors
    /// In words: what the program said last.
    pub fn tell(&self, order: &Order) -> Result<(), String> {
        if let Order::Reload { unit } = order {
            match unit.trim_end_matches(".service") {
                "ssh" | "sshd" => self.must(&["sshd", "-t"])?,
                "nginx" => self.must(&["nginx", "-q", "-t"])?,
                _ => {}
            }
        }
        self.must(&order.words())
    }

    /// Gives back what stood before. For an order that repeats the files are as they were already.
    ///
    /// # Errors
    /// In words: what the program said last.
    pub fn take_back(&self, order: &Order, before: &Before) -> Result<(), String> {
        match (order, before) {
            (Order::DaemonReload | Order::Reload { .. }, _) => self.tell(order),
            (Order::Enable { unit, now }, Before::Unit { enabled, active }) => {
                if !enabled {
                    self.must(&["systemctl", "disable", unit])?;
                }
                if *now && !active {
                    self.must(&["systemctl", "stop", unit])?;
                }
                Ok(())
            }
            (Order::Mount { place }, Before::Mounted(there)) => {
                // Whoever took it away meanwhile has done it.
                if *there || !self.told(&["mountpoint", "-q", place])?.0 {
                    return Ok(());
                }
                self.must(&["umount", place])
            }
            (Order::ReloadUfw, Before::Filter { loaded, four, six }) => {
                let word = if *loaded { "force-reload" } else { "force-stop" };
                let told = self.must(&["/lib/ufw/ufw-init", word]);
                // What can be given back is, even where ufw itself is in trouble.
                let kept = self.restore("iptables", four);
                let kept_six = six.as_ref().map_or(Ok(()), |six| self.restore("ip6tables", six));
                told.and(kept).and(kept_six)
            }
            (Order::Enable { .. } | Order::Mount { .. } | Order::ReloadUfw, _) => {
                Err("what stood before is not on record".to_owned())
            }
        }
    }

    /// Puts policies and DOCKER-USER back, and touches no other chain: what Docker did meanwhile stays.
    fn restore(&self, tool: &str, kept: &Kept) -> Result<(), String> {
        let loader = format!("{tool}-restore");
        self.fed(&[&loader, "--noflush"], &kept.script())?;
        if kept.docker_user.is_some() || !self.told(&[tool, "-n", "-L", "DOCKER-USER"])?.0 {
            return Ok(());
        }
        // It came with the rules. Where somebody refers to it by now it stays, empty.
        self.must(&[tool, "-F", "DOCKER-USER"])?;
        self.told(&[tool, "-X", "DOCKER-USER"]).map(drop)
    }

    fn must(&self, words: &[&str]) -> Result<(), String> {
        self.fed(words, "")
    }

    fn fed(&self, words: &[&str], input: &str) -> Result<(), String> {
        let (well, said) = self.run(words, input)?;
        match (well, said.trim().lines().last()) {
            (true, _) => Ok(()),
            (false, None) => Err(format!("`{}` failed", words.join(" "))),
            (false, Some(last)) => Err(format!("`{}` failed: {last}", words.join(" "))),
        }
    }

    fn answer(&self, words: &[&str]) -> Result<String, String> {
        match self.run(words, "")? {
            (true, said) => Ok(said),
            (false, said) => Err(format!(
                "`{}` failed: {}",
                words.join(" "),
                said.trim().lines().last().unwrap_or_default()
            )),
        }
    }

    /// The last word that it said, however it ended.
    fn word(&self, words: &[&str]) -> Result<String, String> {
        let said = self.run(words, "")?.1;
        Ok(said.trim().lines().last().unwrap_or("nothing").to_owned())
    }

    fn told(&self, words: &[&str]) -> Result<(bool, String), String> {
        self.run(words, "")
    }

    /// Runs a program in a group of its own, and ends the group when the time is over. Whether it went well, and all that
    /// it said.
    fn run(&self, words: &[&str], input: &str) -> Result<(bool, String), String> {
        let Some((program, arguments)) = words.split_first() else { return Err("no program".to_owned()) };
        let name = || format!("`{}`", words.join(" "));
        let broke = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("{program} is not installed"),
            _ => format!("{} could not be started: {error}", name()),
        };
        // Files, not pipes: what it leaves running in the background keeps nobody waiting.
        let mut given = scratch().map_err(broke)?;
        given.write_all(input.as_bytes()).and_then(|()| given.rewind()).map_err(broke)?;
        let mut said = scratch().map_err(broke)?;
        let also = said.try_clone().map_err(broke)?;
        // By its name alone, so that all of them are looked for in one place.
        let mut child = Command::new(program.rsplit('/').next().unwrap_or(program))
            .args(arguments)
            .env_clear()
            .env("PATH", &self.path)
            .env("LC_ALL", "C")
            .env("SYSTEMD_COLORS", "0")
            // Links of System V beside the unit are not given back by `disable`.
            .env("SYSTEMCTL_SKIP_SYSV", "1")
            .current_dir("/")
            .process_group(0)
            .stdin(given)
            .stdout(also.try_clone().map_err(broke)?)
            .stderr(Stdio::from(also))
            .spawn()
            .map_err(broke)?;
        let limit = if program.ends_with("/ufw-init") { UFW_WITHIN } else { WITHIN };
        let in_time = ends(&child, Instant::now() + limit);
        if !in_time && let Some(group) = pid(&child) {
            // Gone already, or past its time: either way there is nothing more to do for it.
            kill_process_group(group, Signal::KILL).ok();
        }
        let status = child.wait().map_err(|error| format!("{} was lost: {error}", name()))?;
        if !in_time {
            return Err(format!("{} took longer than {} s", name(), limit.as_secs()));
        }
        let mut answer = Vec::new();
        let read = said.rewind().and_then(|()| said.take(LIMIT).read_to_end(&mut answer));
        read.map_err(|error| format!("{}: its answer is lost: {error}", name()))?;
        Ok((status.success(), String::from_utf8_lossy(&answer).into_owned()))
    }
}

impl Kept {
    fn of(table: &str) -> Self {
        let lines = || table.lines().map(str::trim);
        let policies = lines().filter(|line| line.starts_with(':') && !line.contains(" - ")).map(plain);
        let rules = lines().filter(|line| line.starts_with("-A DOCKER-USER ")).map(str::to_owned).collect();
        let there = lines().any(|line| line.starts_with(":DOCKER-USER "));
        Self { policies: policies.collect(), docker_user: there.then_some(rules) }
    }

    /// For `iptables-restore --noflush`: a chain that is declared is emptied first, all others are left alone.
    fn script(&self) -> String {
        let mut text = "*filter\n".to_owned();
        let rules = self.docker_user.as_deref();
        let chain = rules.map(|_| ":DOCKER-USER - [0:0]".to_owned());
        let lines = self.policies.iter().chain(&chain).chain(rules.unwrap_or_default());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str("COMMIT\n");
        text
    }
}

/// `:INPUT DROP [12:3456]` without what was counted.
fn plain(line: &str) -> String {
    format!("{} [0:0]", line.rsplit_once(' ').map_or(line, |(before, _)| before))
}

/// A file that has no name and is gone with the last who holds it.
fn scratch() -> std::io::Result<File> {
    Ok(File::from(memfd_create("muster", MemfdFlags::CLOEXEC)?))
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// The child has ended by then.
fn ends(child: &Child, until: Instant) -> bool {
    let Some(handle) = pid(child).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return true;
    };
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return false };
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&left)) {
            Ok(count) => return count > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
