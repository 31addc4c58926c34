//! One service behind the nginx of a host.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_host::nginx::Configuration;

use super::{claims, client, failures, flag, install, objections, program, sockets, text};
use crate::front::{Answer, Failures, Front, Ports};
use crate::release::Side;
use crate::trouble::Trouble;

/// The longest that a switch may take for which nginx reads its files again.
const SWITCH: Duration = Duration::from_secs(10);

/// Where nginx and its files are on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The program.
    pub program: PathBuf,
    /// Its first file. Ours go into `conf.d` and `muster` beside it.
    pub conf: PathBuf,
    /// What is told to it as `-p`; none is what it was built with.
    pub prefix: Option<PathBuf>,
    /// What a server block of our own listens on, as nginx writes it: `80`, `[::]:80`.
    pub listen: Vec<String>,
    /// The folder of the flag; it must outlive a reboot.
    pub flags: PathBuf,
}

impl Place {
    /// Where the packages of distributions have it.
    pub fn of_host(service: &str) -> Self {
        // The path of a session over ssh does not always lead to it.
        let usual = Path::new("/usr/sbin/nginx");
        let program = if usual.exists() { usual } else { Path::new("nginx") };
        let mut listen = vec!["80".to_owned()];
        if std::fs::metadata("/proc/net/if_inet6").is_ok() {
            listen.push("[::]:80".to_owned());
        }
        Self {
            program: program.to_owned(),
            conf: PathBuf::from("/etc/nginx/nginx.conf"),
            prefix: None,
            listen,
            flags: Path::new("/var/lib/muster-front").join(service),
        }
    }

    /// The folder of the first file.
    pub(super) fn folder(&self) -> &Path {
        self.conf.parent().unwrap_or(Path::new("/"))
    }
}

/// Who knows it is told by nginx which side answered: 32 hexadecimal digits. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes 32 lower-case hexadecimal digits, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The nginx of this host, in front of one service.
#[derive(Debug, Clone)]
pub struct Nginx {
    pub(super) service: String,
    pub(super) domains: Vec<String>,
    pub(super) ports: Ports,
    pub(super) token: Token,
    pub(super) place: Place,
    pub(super) free: Vec<u16>,
    /// The files name the side, and are read again at each switch.
    pub(super) reloads: bool,
}

impl Nginx {
    /// A service, the names that users reach it by, and its two ports.
    ///
    /// # Errors
    /// There is no name; a name could not stand in a file of nginx.
    pub fn new(
        service: &str,
        domains: Vec<String>,
        ports: Ports,
        token: Token,
        place: Place,
    ) -> Result<Self, Trouble> {
        let is_plain = |name: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_*".contains(&byte);
            !name.is_empty() && name.len() < 254 && name.bytes().all(fits)
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_@:".contains(&byte);
        if service.is_empty() || !service.bytes().all(is_name) {
            return Err(Trouble::new(format!("{service:?} is no name of a service")));
        }
        if domains.is_empty() {
            return Err(Trouble::new(format!("{service} has no domain that nginx could answer for")));
        }
        if let Some(bad) = domains.iter().find(|domain| !is_plain(domain)) {
            return Err(Trouble::new(format!("{bad:?} is no domain that nginx could answer for")));
        }
        Ok(Self {
            service: service.to_owned(),
            domains,
            ports,
            token,
            place,
            free: Vec::new(),
            reloads: false,
        })
    }

    /// Without an `if`: its files name the side, and nginx reads them again at each switch.
    #[must_use]
    pub const fn reloading(mut self) -> Self {
        self.reloads = true;
        self
    }

    /// With ports on which nobody may listen now; [`Front::objections`] tells of those who do.
    #[must_use]
    pub fn needs_free(mut self, ports: Vec<u16>) -> Self {
        self.free = ports;
        self
    }

    /// The line that leads a server block of somebody else to the sides of this service.
    pub fn include_line(&self) -> String {
        // With a wildcard nginx starts also before the first deploy, when there is no such file.
        super::site::line(&self.service)
    }

    /// Our file of the level `http`.
    pub(super) fn upstreams(&self) -> PathBuf {
        self.place.folder().join(format!("conf.d/muster-{}.conf", self.service))
    }

    /// Our file of the level `server`.
    pub(super) fn snippet(&self) -> PathBuf {
        self.place.folder().join(format!("muster/{}.conf", self.service))
    }

    /// Where to ask for the first domain, and by which name.
    pub(super) fn entrance(&self) -> Result<(claims::Listen, String), Trouble> {
        let conf = Configuration::read(&self.place.conf);
        let domain = self.domains.first().map_or("", String::as_str);
        let claims = claims::of(&conf, domain, self);
        let mut listens: Vec<claims::Listen> = match claims.is_empty() {
            true => self.place.listen.iter().filter_map(|word| claims::listen(word, false)).collect(),
            false => claims.iter().filter(|claim| claim.includes).flat_map(|claim| claim.listens()).collect(),
        };
        // Without TLS there is less that is not ours to judge; IPv4 is what every host has.
        listens.sort_by_key(|listen| (listen.tls, listen.at.is_ipv6()));
        let Some(listen) = listens.first() else {
            let what =
                format!("no server block of nginx that this host can reach leads {domain} to its sides");
            return Err(Trouble::new(what)
                .help(format!("write `{}` into the one that answers for it", self.include_line())));
        };
        Ok((*listen, domain.replacen('*', "www", 1)))
    }

    pub(super) fn get(&self, path: &str, until: Instant) -> Result<client::Reply, Trouble> {
        let (listen, host) = self.entrance()?;
        client::get(listen, &host, path, self.token.expose(), until)
            .map_err(|why| Trouble::new(format!("nginx at {}: {why}", listen.at)))
    }

    /// What the two files are to hold on this host as it stands, while requests are led to a side.
    pub(super) fn texts(&self, side: Side) -> text::Texts {
        let conf = Configuration::read(&self.place.conf);
        let is_claimed = self.domains.iter().any(|domain| !claims::of(&conf, domain, self).is_empty());
        text::write(self, !is_claimed, self.reloads.then_some(side))
    }
}

impl Front for Nginx {
    fn objections(&self) -> Vec<Trouble> {
        objections::all(self)
    }

    fn install(&self, until: Instant) -> Result<bool, Trouble> {
        install::install(self, until)
    }

    fn remove(&self, until: Instant) -> Result<(), Trouble> {
        install::remove(self, until)
    }

    fn side(&self) -> Result<Side, Trouble> {
        flag::side(&self.place.flags)
    }

    fn point(&self, side: Side) -> Result<(), Trouble> {
        if self.reloads {
            install::lead(self, side, Instant::now() + SWITCH)?;
        }
        // Also without an `if` it is what says on disk which side leads.
        flag::point(&self.place.flags, &self.service, side)
    }

    fn ask(&self, path: &str, until: Instant) -> Result<Answer, Trouble> {
        let reply = self.get(path, until)?;
        let side = match self.reloads {
            // A header that is added for us alone would need an `if`.
            true => self.get(&text::probe(&self.service), until)?.side,
            false => reply.side,
        };
        Ok(Answer { status: reply.status, side })
    }

    fn connections(&self, port: u16) -> Result<usize, Trouble> {
        let open = sockets::connections(port)?;
        Ok(if self.reloads { open + program::leaving(&self.place, Instant::now() + SWITCH)? } else { open })
    }

    fn mark(&self) -> failures::Mark {
        failures::mark(self)
    }

    fn failures(&self, since: &failures::Mark) -> Failures {
        failures::since(since, self.ports)
    }
}
