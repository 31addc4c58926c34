//! One service under systemd, and what it is asked.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_config::plan::{RestartSpec, ServiceSpec, Source};
use muster_host::atomic::{self, Durability};
use muster_host::state::{Layout, private_dir};

use super::credentials;
use super::errand::Errand;
use super::folder::{self, Owner};
use super::manager::{self, SOON, Shown, ask, must, show};
use super::unit::{self, Unit};
use crate::release::{Release, Side};
use crate::runtime::{Runtime, Standing, sockets};
use crate::trouble::Trouble;

/// The systemd that waits for the program to be really started, before it says that it is.
const OLDEST: u32 = 240;
/// The first one that waits longer from one start to the next.
const SLOWS_DOWN: u32 = 254;
/// Systemd's own bounds for ending a service, beyond the time that the release has.
const MARGIN: Duration = Duration::from_secs(5);
/// The folder of units that people and muster write.
const UNITS: &str = "/etc/systemd/system";

/// The units of one service on this host.
#[derive(Debug, Clone)]
pub struct Systemd {
    pub(super) service: String,
    pub(super) source: Source,
    pub(super) build: Vec<String>,
    /// Its user; empty if the file names none.
    pub(super) user: String,
    /// Its folder below `/opt`.
    pub(super) root: PathBuf,
    has_port: bool,
    credentials: Vec<(String, PathBuf)>,
    memory: Option<u64>,
    restart: RestartSpec,
    stop_timeout: Duration,
    /// Where the environments of the sides are.
    environments: PathBuf,
}

impl Systemd {
    /// The units of a service, whose releases come from there and are built so. Nothing is asked or changed.
    pub fn new(spec: &ServiceSpec, source: &Source, build: &[String], layout: &Layout) -> Self {
        Self {
            service: spec.service.clone(),
            source: source.clone(),
            build: build.to_vec(),
            user: spec.user.clone().unwrap_or_default(),
            root: Path::new("/opt").join(&spec.service),
            has_port: spec.port.is_some(),
            credentials: spec.credentials.clone(),
            memory: spec.memory,
            restart: spec.restart,
            stop_timeout: spec.stop_timeout.to_std(),
            environments: layout.root().join("environments"),
        }
    }

    pub(super) fn releases(&self) -> PathBuf {
        self.root.join("releases")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    fn unit(&self, side: Side) -> String {
        format!("muster-{}@{}.service", self.service, side.word())
    }

    /// The unit of a side, if there is one.
    fn shown(&self, side: Side) -> Result<Option<Shown>, Trouble> {
        let shown = show(&self.unit(side))?;
        Ok(Some(shown).filter(|shown| shown.is_there() && shown.release().is_some()))
    }

    /// The folders of the releases on both sides.
    pub(super) fn in_use(&self) -> Result<Vec<PathBuf>, Trouble> {
        let sides: Result<Vec<_>, _> = Side::BOTH.iter().map(|side| self.shown(*side)).collect();
        Ok(sides?.iter().flatten().map(|shown| PathBuf::from(shown.get("WorkingDirectory"))).collect())
    }

    /// The numbers of the user of the service, and of its group.
    pub(super) fn owner(&self) -> Result<Owner, Trouble> {
        if self.user.is_empty() {
            return Err(Trouble::new(format!("the service {} has no user to run as", self.service))
                .help(format!("write `user = \"{}\"`", self.service)));
        }
        let number = |which: &str| -> Result<u32, Trouble> {
            let said = must(&["id", which, "--", &self.user], SOON).map_err(|_| {
                Trouble::new(format!("there is no user {} on this host", self.user))
                    .help(format!("useradd --system --shell /usr/sbin/nologin {}", self.user))
            })?;
            said.parse().map_err(|_| Trouble::new(format!("id says `{said}` of the user {}", self.user)))
        };
        Ok(Owner { uid: number("-u")?, gid: number("-g")? })
    }

    /// Writes the environment and the unit of a side for a release.
    fn write(&self, release: &Release, side: Side, port: u16) -> Result<(), Trouble> {
        let environment = self.environments.join(format!("{}@{}.env", self.service, side.word()));
        let values = unit::environment(release.env_file.as_deref())?;
        let text = Unit {
            service: &self.service,
            side: side.word(),
            release: release.number,
            user: &self.user,
            folder: Path::new(&release.artefact),
            data: &self.data(),
            environment: &environment,
            port: self.has_port.then_some(port),
            command: &release.command,
            credentials: &self.credentials,
            memory: self.memory,
            restarts: self.restart.max,
            per: self.restart.per.to_std().as_secs(),
            stop: self.stop_timeout.as_secs(),
            slows_down: manager::version()? >= SLOWS_DOWN,
        }
        .text()?;
        let put = |path: &Path, bytes: &[u8], mode: u32| {
            atomic::write(path, bytes, mode, Durability::Disk)
                .map_err(|error| Trouble::new(format!("{} cannot be written: {error}", path.display())))
        };
        private_dir(&self.environments).map_err(|error| {
            Trouble::new(format!("{} cannot be made: {error}", self.environments.display()))
        })?;
        put(&environment, values.as_bytes(), 0o600)?;
        put(&Path::new(UNITS).join(self.unit(side)), text.as_bytes(), 0o644)
    }

    /// Starts the unit of a side, and lets it come back after a reboot.
    fn bring_up(&self, side: Side, until: Instant) -> Result<(), Trouble> {
        let unit = self.unit(side);
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(10));
        // Starts of long ago count against the limit, and this one is wanted.
        drop(ask(&["systemctl", "reset-failed", "--", &unit], SOON));
        must(&["systemctl", "--quiet", "enable", "--", &unit], SOON)?;
        must(&["systemctl", "start", "--", &unit], left).map(drop).map_err(|trouble| {
            // It is not to try again by itself, now or after a reboot: nobody has seen it run.
            drop(ask(&["systemctl", "--quiet", "disable", "--", &unit], SOON));
            drop(ask(&["systemctl", "stop", "--", &unit], SOON));
            let words = self.words(side, 20);
            if words.is_empty() { trouble } else { trouble.lines(words) }
        })
    }

    /// Why releases cannot be kept in its folder.
    pub(super) fn folder_objection(&self) -> Option<Trouble> {
        let root = self.root.display();
        let found = match fs::symlink_metadata(&self.root) {
            Ok(found) => found,
            Err(_) => return None,
        };
        if !found.is_dir() {
            return Some(Trouble::new(format!("{root} is not a folder, and releases belong in it")));
        }
        (found.uid() != 0 || found.mode() & 0o022 != 0).then(|| {
            Trouble::new(format!("others than root may write to {root}, and could exchange its releases"))
                .help(format!("chown root {root} && chmod go-w {root}"))
        })
    }
}

impl Runtime for Systemd {
    fn objections(&self) -> Vec<Trouble> {
        if !Path::new("/run/systemd/system").is_dir() {
            return vec![Trouble::new("this host was not started by systemd").help("runtime = \"docker\"")];
        }
        let mut found = Vec::new();
        if !rustix::process::geteuid().is_root() {
            found.push(Trouble::new("only root may write units").help("let muster act as root on this host"));
        }
        match manager::version() {
            Ok(version) if version < OLDEST => {
                found.push(Trouble::new(format!("systemd {version} is too old: {OLDEST} is needed")));
            }
            Ok(version) => found.extend(credentials::objections(&self.credentials, version)),
            Err(trouble) => found.push(trouble),
        }
        found.extend(self.owner().err());
        found.extend(self.folder_objection());
        let needed = match &self.source {
            Source::Git { .. } => "git",
            Source::Artifact(_) => "tar",
        };
        match must(&[needed, "--version"], SOON) {
            // Others follow links out of an archive, or do not know the words.
            Ok(said) if needed == "tar" && !said.contains("GNU tar") => {
                found.push(Trouble::new("the tar of this host is not GNU tar").help("apt install tar"));
            }
            Ok(_) => {}
            Err(_) => {
                let what = format!("{needed} is not installed on this host");
                found.push(Trouble::new(what).help(format!("apt install {needed}")));
            }
        }
        found
    }

    fn fetch(&self, version: &str, until: Instant) -> Result<String, Trouble> {
        self.bring(version, until)
    }

    fn once(
        &self,
        release: &Release,
        command: &[String],
        output: &Path,
        until: Instant,
    ) -> Result<i32, Trouble> {
        let told = |path: &Path, error: std::io::Error| {
            Trouble::new(format!("{} cannot be made: {error}", path.display()))
        };
        let mut file = File::create(output).map_err(|error| told(output, error))?;
        let environment = self.environments.join(format!("{}-once.env", self.service));
        let values = unit::environment(release.env_file.as_deref())?;
        private_dir(&self.environments)
            .and_then(|()| atomic::write(&environment, values.as_bytes(), 0o600, Durability::Kernel))
            .map_err(|error| told(&environment, error))?;
        let mut properties = credentials::lines(&self.credentials)?;
        properties.extend([
            format!("EnvironmentFile={}", unit::path(&environment)?),
            format!("Environment=MUSTER_RELEASE={}", release.number),
            format!("ReadWritePaths={}", unit::path(&self.data())?),
        ]);
        let errand = Errand {
            unit: format!("muster-{}-once", self.service),
            user: &self.user,
            folder: Path::new(&release.artefact),
            command,
            properties,
            memory: self.memory,
        };
        let ended = errand.run(&mut file, until);
        drop(fs::remove_file(&environment));
        ended.map(|(code, _)| code)
    }

    fn start(&self, release: &Release, side: Side, port: u16, until: Instant) -> Result<(), Trouble> {
        let unit = self.unit(side);
        if let Some(shown) = self.shown(side)?.filter(Shown::is_up) {
            let number = shown.release().unwrap_or_default();
            return match number == release.number {
                true => must(&["systemctl", "--quiet", "enable", "--", &unit], SOON).map(drop),
                false => {
                    let what = format!("release {number} runs in {unit}");
                    Err(Trouble::new(what).help("stop it first"))
                }
            };
        }
        let place = Path::new(&release.artefact);
        if !place.is_dir() || !place.starts_with(self.releases()) {
            let what = format!("release {} is not on this host: {}", release.number, release.artefact);
            return Err(Trouble::new(what));
        }
        if self.has_port {
            sockets::is_free(port)?;
        }
        let owner = self.owner()?;
        folder::make_if_absent(&self.data(), owner, 0o750)?;
        self.write(release, side, port)?;
        must(&["systemctl", "daemon-reload"], SOON)?;
        self.bring_up(side, until)
    }

    fn resume(&self, side: Side, until: Instant) -> Result<(), Trouble> {
        match self.shown(side)? {
            None => Err(Trouble::new(format!("there is no unit {} to start again", self.unit(side)))),
            Some(shown) if shown.is_up() => {
                must(&["systemctl", "--quiet", "enable", "--", &self.unit(side)], SOON).map(drop)
            }
            Some(_) => self.bring_up(side, until),
        }
    }

    fn look(&self, side: Side) -> Result<Option<Standing>, Trouble> {
        let standing = |shown: Shown| Some(shown.standing(shown.release()?));
        Ok(self.shown(side)?.and_then(standing))
    }

    fn listens(&self, side: Side, port: u16) -> Result<bool, Trouble> {
        let Some(shown) = self.shown(side)?.filter(Shown::is_up) else { return Ok(false) };
        let group = shown.get("ControlGroup").trim_end_matches('/');
        let listeners = sockets::listeners(port)?;
        if group.is_empty() || listeners.is_empty() {
            return Ok(false);
        }
        Ok(sockets::processes(&listeners)?.iter().all(|process| process.is_in(group)))
    }

    fn words(&self, side: Side, lines: usize) -> Vec<String> {
        let (unit, count) = (self.unit(side), lines.min(1000).to_string());
        let mut words =
            vec!["journalctl", "--no-pager", "--output", "cat", "--lines", &count, "--unit", &unit];
        let release = self.shown(side).ok().flatten().and_then(|shown| shown.release());
        let field = release.map(|number| format!("MUSTER_RELEASE={number}"));
        // Of this release alone: the one before it on this side had the same unit.
        words.extend(field.as_deref());
        match ask(&words, Duration::from_secs(10)) {
            Ok(ended) => crate::program::lines(&String::from_utf8_lossy(&ended.out), lines),
            // Without a journal there are no words.
            Err(_) => Vec::new(),
        }
    }

    fn stop(&self, side: Side, within: Duration) -> Result<(), Trouble> {
        let unit = self.unit(side);
        if self.shown(side)?.is_none() {
            return Ok(());
        }
        // First, so that a power cut while it ends does not bring it back.
        must(&["systemctl", "--quiet", "disable", "--", &unit], SOON)?;
        if !matches!(ask(&["systemctl", "stop", "--", &unit], within + MARGIN), Ok(ended) if ended.status.success())
        {
            drop(ask(&["systemctl", "kill", "--signal", "KILL", "--", &unit], SOON));
            must(&["systemctl", "stop", "--", &unit], SOON)?;
        }
        // How it ended was told while it stood; from now on it is stopped.
        drop(ask(&["systemctl", "reset-failed", "--", &unit], SOON));
        Ok(())
    }

    fn prune(&self, keep: &[Release]) -> Result<Vec<String>, Trouble> {
        self.clear(keep)
    }
}
