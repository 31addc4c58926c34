//! Databases on loopback: PostgreSQL, MariaDB and Redis as Debian has them, each with data of its own, run by nobody.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::daemon::{Daemon, open_to_all};
use crate::port;
use crate::tls::Identity;

/// The user that tests log in as; it may read and write.
pub const USER: &str = "probe";
/// Its password.
pub const PASSWORD: &str = "open-sesame-42";
/// `nobody`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;
const AS_NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

/// A database server; it ends when it is dropped.
pub struct Database {
    /// Where it listens, with and without TLS.
    pub address: SocketAddr,
    daemon: Daemon,
    folder: TempDir,
    client: Client,
}

/// How statements are carried out as its administrator.
#[derive(Clone, Copy)]
enum Client {
    Psql,
    Mariadb,
    RedisCli,
}

impl Database {
    /// PostgreSQL with the database `app`, which belongs to [`USER`]. Its certificate is for `localhost`.
    ///
    /// # Errors
    /// When it does not come up; its log is in the words.
    pub fn postgres() -> io::Result<Self> {
        let bin = postgres_bin().ok_or_else(|| io::Error::other("no PostgreSQL"))?;
        let (folder, address) = prepare()?;
        let at = folder.path();
        fs::write(at.join("hba"), "local all all trust\nhost all all all scram-sha-256\n")?;
        let port = address.port();
        let line = format!(
            "exec {AS_NOBODY} sh -c '\"$1/initdb\" -D \"$0/data\" -U postgres -A trust --no-sync -E UTF8 --locale=C >/dev/null && \
             exec \"$1/postgres\" -D \"$0/data\" -p {port} -k \"$0\" -c listen_addresses=127.0.0.1 -c fsync=off \
             -c hba_file=\"$0/hba\" -c ssl=on -c ssl_cert_file=\"$0/ca.pem\" -c ssl_key_file=\"$0/key.pem\"' \
             \"$0\" {}",
            bin.display()
        );
        let daemon = Daemon::start(at, "postgres", &line)?;
        let mut server = Self { address, daemon, folder, client: Client::Psql };
        server.daemon.wait_for(address)?;
        server.carry_out(&format!("create user {USER} password '{PASSWORD}'"))?;
        server.carry_out(&format!("create database app owner {USER}"))?;
        Ok(server)
    }

    /// MariaDB with the database `app`, which belongs to [`USER`]. Its certificate is for `localhost`.
    ///
    /// # Errors
    /// When it does not come up; its log is in the words.
    pub fn mariadb() -> io::Result<Self> {
        let (folder, address) = prepare()?;
        let port = address.port();
        let line = format!(
            "exec {AS_NOBODY} sh -c 'mariadb-install-db --no-defaults --datadir=\"$0/data\" --skip-test-db \
             --auth-root-authentication-method=normal >/dev/null && \
             exec mariadbd --no-defaults --datadir=\"$0/data\" --socket=\"$0/socket\" --bind-address=127.0.0.1 \
             --port={port} --ssl-cert=\"$0/ca.pem\" --ssl-key=\"$0/key.pem\"' \"$0\""
        );
        let daemon = Daemon::start(folder.path(), "mariadb", &line)?;
        let mut server = Self { address, daemon, folder, client: Client::Mariadb };
        server.daemon.wait_for(address)?;
        server.carry_out("create database app")?;
        server.carry_out(&format!("grant all on app.* to {USER}@'%' identified by '{PASSWORD}'"))?;
        Ok(server)
    }

    /// Redis with the user [`USER`], and [`PASSWORD`] for the default one; without TLS.
    ///
    /// # Errors
    /// When it does not come up; its log is in the words.
    pub fn redis() -> io::Result<Self> {
        Self::redis_with("")
    }

    /// The same as a replica of that one.
    ///
    /// # Errors
    /// As for [`Database::redis`].
    pub fn replica_of(primary: &Self) -> io::Result<Self> {
        let port = primary.address.port();
        Self::redis_with(&format!("--replicaof 127.0.0.1 {port} --masterauth {PASSWORD}"))
    }

    /// The same with TLS alone. Its certificate is for `localhost`.
    ///
    /// # Errors
    /// As for [`Database::redis`].
    pub fn redis_tls() -> io::Result<Self> {
        Self::redis_with(
            "--tls-port $1 --tls-cert-file \"$0/ca.pem\" --tls-key-file \"$0/key.pem\" --tls-auth-clients no",
        )
    }

    fn redis_with(more: &str) -> io::Result<Self> {
        let (folder, address) = prepare()?;
        let port = address.port();
        let plain = if more.contains("--tls-port") { 0 } else { port };
        let line = format!(
            "set -- {port}; cd \"$0\" && exec {AS_NOBODY} redis-server --bind 127.0.0.1 --port {plain} --save '' \
             --requirepass {PASSWORD} --user {USER} on '>{PASSWORD}' '~*' +@read +@connection +info {more}"
        );
        let daemon = Daemon::start(folder.path(), "redis", &line)?;
        let mut server = Self { address, daemon, folder, client: Client::RedisCli };
        server.daemon.wait_for(address)?;
        Ok(server)
    }

    /// The certificate to trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The folder of its socket.
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// Carries out a statement as administrator, in the database `app` if there is one; its output.
    ///
    /// # Errors
    /// With the words of the server's own client.
    pub fn carry_out(&self, statement: &str) -> io::Result<String> {
        let (at, port) = (self.folder.path(), self.address.port().to_string());
        let mut command = match self.client {
            Client::Psql => {
                let mut command = Command::new("psql");
                command.arg("-h").arg(at).args(["-p", &port, "-U", "postgres", "-XAtqc"]).arg(statement);
                command.arg(
                    if statement.starts_with("create database") || statement.starts_with("create user") {
                        "postgres"
                    } else {
                        "app"
                    },
                );
                command
            }
            Client::Mariadb => {
                let mut command = Command::new("mariadb");
                command.args(["--no-defaults", "-N", "-u", "root", "-e", statement]);
                command.arg(format!("--socket={}", at.join("socket").display()));
                if !statement.starts_with("create database") {
                    command.arg("app");
                }
                command
            }
            Client::RedisCli => {
                let mut command = Command::new("redis-cli");
                command.args(["-p", &port, "--no-auth-warning", "-a", PASSWORD]);
                command.args(statement.split(' '));
                command
            }
        };
        let done = command.output()?;
        if done.status.success() {
            Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned()))
        }
    }
}

/// Where Debian keeps the programs of its newest PostgreSQL.
pub(crate) fn postgres_bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut bins: Vec<PathBuf> = versions.flatten().map(|entry| entry.path().join("bin")).collect();
    bins.sort();
    bins.into_iter().rev().find(|bin| bin.join("initdb").exists())
}

/// A folder with a certificate that belongs to nobody, and an address.
fn prepare() -> io::Result<(TempDir, SocketAddr)> {
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let identity = Identity::new()?;
    identity.write_certificate(&at.join("ca.pem"))?;
    identity.write_key(&at.join("key.pem"))?;
    open_to_all(at, 0o755)?;
    open_to_all(&at.join("key.pem"), 0o600)?;
    for path in [at.to_owned(), at.join("key.pem")] {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok((folder, port::refusing()?))
}
