//! Web servers with what a deploy needs, and the machine that deploys to them, on one network.
//!
//! Each server has nginx and sshd running, muster and the app in `/usr/local/bin`, and, where versions of the app are
//! wanted, a Docker engine of its own with them as `app:VERSION`. The deployer may log in to each as root with its key and
//! knows the keys of all; it has `/srv/releases/app-VERSION.tar.gz`, with the program and a file `version`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::host::Host;
use crate::network::Network;

/// Where the programs are on each machine.
const PROGRAMS: &str = "/usr/local/bin";

/// Fleets of one process differ by a number.
static COUNT: AtomicU32 = AtomicU32::new(1);

/// What a fleet is to have.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// So many web servers.
    pub hosts: usize,
    /// The folder with `muster` and a static `app`.
    pub binaries: &'a Path,
    /// Versions of the app that the engine of each server has; without any, no engine is started.
    pub versions: &'a [&'a str],
}

/// Servers and the machine that deploys to them. All are gone when the value is dropped.
#[derive(Debug)]
pub struct Fleet {
    /// The machine that deploys. It has no engine.
    pub deployer: Host,
    /// The servers, in the order of their names.
    pub servers: Vec<Server>,
    /// What they are connected by.
    pub network: Network,
}

/// One web server of a fleet.
#[derive(Debug)]
pub struct Server {
    /// `web1`, `web2`, …: its host name, and its name on the network.
    pub name: String,
    /// Its address on the network.
    pub address: IpAddr,
    /// The server itself.
    pub host: Host,
}

impl Fleet {
    /// So many servers without an engine, and the programs of the folder that `MUSTER_BIN` names.
    ///
    /// # Errors
    /// In words, with what was being done.
    pub fn new(hosts: usize) -> Result<Self, String> {
        Self::of(Wanted { hosts, binaries: &binaries()?, versions: &[] })
    }

    /// The same with an engine on each that has these versions of the app.
    ///
    /// # Errors
    /// In words, with what was being done.
    pub fn with_apps(hosts: usize, versions: &[&str]) -> Result<Self, String> {
        Self::of(Wanted { hosts, binaries: &binaries()?, versions })
    }

    /// Starts all machines at the same time.
    ///
    /// # Errors
    /// In words, with what was being done.
    pub fn of(wanted: Wanted<'_>) -> Result<Self, String> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let network = Network::new(&format!("fleet{number}"))?;
        let (deployer, servers) = std::thread::scope(|scope| {
            let network = &network;
            let start = |name: String| {
                scope.spawn(move || server(wanted, network, &format!("fleet{number}-{name}"), name))
            };
            let servers: Vec<_> = (1..=wanted.hosts).map(|place| start(format!("web{place}"))).collect();
            let deployer = deployer(wanted, network, &format!("fleet{number}-deployer"));
            // All are waited for before one is despaired of, so that none is left behind.
            let servers: Vec<Result<Server, String>> = servers
                .into_iter()
                .map(|server| server.join().unwrap_or_else(|_| Err("a thread panicked".to_owned())))
                .collect();
            (deployer, servers)
        });
        let fleet =
            Self { deployer: deployer?, servers: servers.into_iter().collect::<Result<_, _>>()?, network };
        fleet.introduce()?;
        Ok(fleet)
    }

    /// The servers let the deployer in, and it knows them.
    fn introduce(&self) -> Result<(), String> {
        let key = self.deployer.must("cat /root/.ssh/id_ed25519.pub")?;
        let mut known = String::new();
        for server in &self.servers {
            server.host.put("/root/.ssh/authorized_keys", key.as_bytes(), "600")?;
            let identity = server.host.must("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")?;
            known.push_str(&format!("{},{} {identity}", server.name, server.address));
        }
        self.deployer.put("/root/.ssh/known_hosts", known.as_bytes(), "600")?;
        for server in &self.servers {
            let name = &server.name;
            let said = self
                .deployer
                .must(&format!("ssh -o BatchMode=yes -o ConnectTimeout=10 root@{name} hostname"))?;
            if said.trim() != name {
                return Err(format!("{name} says that it is {said:?}"));
            }
        }
        Ok(())
    }

    /// What follows `[host.NAME]` in `muster.toml` for each server, as the deployer reaches it.
    pub fn tables(&self) -> String {
        let table = |server: &Server| {
            let Server { name, address, .. } = server;
            format!("[host.{name}]\naddress = \"{address}\"\nssh = \"root@{name}\"\n\n")
        };
        self.servers.iter().map(table).collect()
    }
}

fn binaries() -> Result<PathBuf, String> {
    std::env::var_os("MUSTER_BIN")
        .map(PathBuf::from)
        .ok_or("MUSTER_BIN must name the folder of the binaries".to_owned())
}

fn programs(host: &Host, from: &Path) -> Result<(), String> {
    for name in ["muster", "app"] {
        host.copy(&from.join(name), &format!("{PROGRAMS}/{name}"), "755")?;
    }
    Ok(())
}

fn deployer(wanted: Wanted<'_>, network: &Network, name: &str) -> Result<Host, String> {
    let host = Host::start_web(name)?;
    network.connect_as(&host, "deployer")?;
    programs(&host, wanted.binaries)?;
    host.must(
        "mkdir -p -m 700 /root/.ssh && ssh-keygen -q -t ed25519 -N '' -C deployer -f /root/.ssh/id_ed25519",
    )?;
    for version in wanted.versions {
        host.must(&format!(
            "set -e; folder=$(mktemp -d); cp {PROGRAMS}/app $folder; echo {version} > $folder/version
             mkdir -p /srv/releases; tar -C $folder -czf /srv/releases/app-{version}.tar.gz app version; rm -r $folder"
        ))?;
    }
    Ok(host)
}

fn server(wanted: Wanted<'_>, network: &Network, container: &str, name: String) -> Result<Server, String> {
    let host = Host::start_with_volume(container, &name)?;
    network.connect_as(&host, &name)?;
    let address = network.address(&host)?;
    programs(&host, wanted.binaries)?;
    // The image has one set of keys for all: a server that answers for another one would not be noticed.
    host.must(
        "set -e; rm -f /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
         mkdir -p -m 700 /root/.ssh; systemctl restart ssh; systemctl is-active nginx",
    )?;
    if !wanted.versions.is_empty() {
        engine(&host, wanted.versions)?;
    }
    Ok(Server { name, address, host })
}

/// Starts the server's own Docker engine and gives it the versions of the app.
fn engine(host: &Host, versions: &[&str]) -> Result<(), String> {
    host.must("systemctl start docker")?;
    host.wait(Duration::from_secs(180), "the engine to answer", |host| {
        Ok(host.run("docker info >/dev/null 2>&1")?.code == 0)
    })?;
    for version in versions {
        host.must(&format!(
            "tar -C {PROGRAMS} -c app | docker import --change 'ENV APP_VERSION={version} PORT=8080' \
             --change 'ENTRYPOINT [\"/app\"]' --change 'EXPOSE 8080' - app:{version}"
        ))?;
    }
    Ok(())
}
