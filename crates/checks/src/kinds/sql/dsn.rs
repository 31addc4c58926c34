//! Where a database is. The words of a mistake never repeat the text, which may hold a password.

use std::net::IpAddr;
use std::path::PathBuf;

use muster_net::endpoint::Endpoint;
use tokio_postgres::config::{Host, SslMode};

use crate::notebook::Notebook;

/// A database.
#[derive(Debug, Clone)]
pub(super) enum Dsn {
    /// PostgreSQL.
    Postgres(Box<Postgres>),
    /// MySQL or MariaDB.
    Mysql(Box<Mysql>),
    /// A file.
    Sqlite(PathBuf),
}

/// A PostgreSQL server.
#[derive(Debug, Clone)]
pub(super) struct Postgres {
    pub(super) config: tokio_postgres::Config,
    pub(super) place: Place,
    pub(super) ca: Option<PathBuf>,
}

/// Where a server listens.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// On a network.
    Net(Endpoint),
    /// At this socket.
    Socket(PathBuf),
}

/// A MySQL server.
#[derive(Debug, Clone)]
pub(super) struct Mysql {
    pub(super) opts: mysql_async::Opts,
    pub(super) is_private: bool,
    pub(super) ca: Option<PathBuf>,
}

/// How TLS is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Never,
    IfOffered,
    Always,
}

const KNOWN: &str =
    "it is no address of a database: it begins with postgres://, mysql://, mariadb:// or sqlite://";

impl Dsn {
    /// Reads one.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest)) {
            Some((scheme, _)) if scheme == "postgres" || scheme == "postgresql" => postgres(text),
            Some((scheme, rest)) if scheme == "mysql" || scheme == "mariadb" => mysql(rest),
            Some((scheme, rest)) if scheme == "sqlite" => {
                let path = rest.split('?').next().unwrap_or_default();
                if path.starts_with('/') {
                    Ok(Self::Sqlite(PathBuf::from(path)))
                } else {
                    Err("the path of the file must be absolute: sqlite:///srv/app.db, with three slashes"
                        .into())
                }
            }
            Some(_) => Err(KNOWN.into()),
            None if text.contains("host=") => postgres(text),
            None => Err(KNOWN.into()),
        }
    }

    pub(super) fn has_password(&self) -> bool {
        match self {
            Self::Postgres(server) => server.config.get_password().is_some(),
            Self::Mysql(server) => server.opts.pass().is_some_and(|word| !word.is_empty()),
            Self::Sqlite(_) => false,
        }
    }

    /// Keeps the password out of everything that is noted.
    pub(super) fn hide(&self, notebook: &Notebook) {
        match self {
            Self::Postgres(server) => {
                if let Some(word) =
                    server.config.get_password().and_then(|word| std::str::from_utf8(word).ok())
                {
                    notebook.hide(word);
                }
            }
            Self::Mysql(server) => {
                if let Some(word) = server.opts.pass() {
                    notebook.hide(word);
                }
            }
            Self::Sqlite(_) => {}
        }
    }

    /// Where it is, if a network leads there.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Self::Postgres(server) => match &server.place {
                Place::Net(endpoint) => Some(endpoint.clone()),
                Place::Socket(_) => None,
            },
            Self::Mysql(server) => {
                Some(Endpoint { host: server.opts.ip_or_hostname().to_owned(), port: server.opts.tcp_port() })
            }
            Self::Sqlite(_) => None,
        }
    }

    /// What it is, for screens.
    pub(super) fn target(&self) -> String {
        match self {
            Self::Postgres(server) => {
                let name = server.config.get_dbname().or(server.config.get_user()).unwrap_or_default();
                match &server.place {
                    Place::Net(endpoint) => format!("postgres://{endpoint}/{name}"),
                    Place::Socket(path) => format!("PostgreSQL at {}, {name}", path.display()),
                }
            }
            Self::Mysql(server) => {
                let opts = &server.opts;
                let name = opts.db_name().unwrap_or_default();
                format!("mysql://{}:{}/{name}", opts.ip_or_hostname(), opts.tcp_port())
            }
            Self::Sqlite(path) => path.display().to_string(),
        }
    }
}

/// The wishes about TLS, taken out of the text behind the question mark.
fn wishes(query: &str) -> Result<(String, Option<Wish>, Option<PathBuf>), String> {
    let (mut rest, mut wish, mut ca) = (Vec::new(), None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "sslmode" | "ssl-mode" | "ssl_mode" => wish = Some(wished(value)?),
            "sslrootcert" | "ssl-ca" | "ssl_ca" => ca = Some(PathBuf::from(value.replace("%2F", "/"))),
            _ => rest.push(pair),
        }
    }
    Ok((rest.join("&"), wish, ca))
}

fn wished(word: &str) -> Result<Wish, String> {
    match word.to_ascii_lowercase().replace('_', "-").as_str() {
        "disable" | "disabled" => Ok(Wish::Never),
        "allow" | "prefer" | "preferred" => Ok(Wish::IfOffered),
        "require" | "required" | "verify-ca" | "verify-full" | "verify-identity" => Ok(Wish::Always),
        _ => Err("its sslmode is none: write disable, prefer or require".into()),
    }
}

/// Within this host nobody listens in; everywhere else a password needs TLS.
fn or_usual(wish: Option<Wish>, host: &str) -> Wish {
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    wish.unwrap_or(if is_here { Wish::Never } else { Wish::Always })
}

fn postgres(text: &str) -> Result<Dsn, String> {
    let (bare, wish, ca) = if text.contains("://") {
        let (front, query) = text.split_once('?').unwrap_or((text, ""));
        let (rest, wish, ca) = wishes(query)?;
        (if rest.is_empty() { front.to_owned() } else { format!("{front}?{rest}") }, wish, ca)
    } else {
        let is_tls = |pair: &&str| pair.starts_with("sslmode=") || pair.starts_with("sslrootcert=");
        let (tls, rest): (Vec<&str>, Vec<&str>) = text.split(' ').partition(is_tls);
        let (_, wish, ca) = wishes(&tls.join("&"))?;
        (rest.join(" "), wish, ca)
    };
    let mut config: tokio_postgres::Config = bare.parse().map_err(|error: tokio_postgres::Error| {
        let why = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("it is no address of PostgreSQL: {why}")
    })?;
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let place = match config.get_hosts() {
        [Host::Tcp(host)] => Place::Net(Endpoint { host: host.clone(), port }),
        [Host::Unix(folder)] => Place::Socket(folder.join(format!(".s.PGSQL.{port}"))),
        [] => return Err("it names no host".into()),
        _ => return Err("it names several hosts, and a check looks at one: write a check for each".into()),
    };
    if config.get_user().is_none() {
        return Err("it names no user: postgres://user@host/database".into());
    }
    let wish = match &place {
        Place::Net(endpoint) => or_usual(wish, &endpoint.host),
        Place::Socket(_) => Wish::Never,
    };
    config.ssl_mode(match wish {
        Wish::Never => SslMode::Disable,
        Wish::IfOffered => SslMode::Prefer,
        Wish::Always => SslMode::Require,
    });
    config.application_name("muster");
    Ok(Dsn::Postgres(Box::new(Postgres { config, place, ca })))
}

fn mysql(rest: &str) -> Result<Dsn, String> {
    let (front, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (_, wish, ca) = wishes(query)?;
    let no_address = |_| "it is no address of MySQL: mysql://user:password@host:3306/database".to_owned();
    let opts = mysql_async::Opts::from_url(&format!("mysql://{front}")).map_err(no_address)?;
    let is_private = or_usual(wish, opts.ip_or_hostname()) != Wish::Never;
    Ok(Dsn::Mysql(Box::new(Mysql { opts, is_private, ca })))
}

/// The column that says when a row was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Schema, if it is written, and table.
    table: Vec<String>,
    column: String,
}

impl Column {
    /// Reads `table.column` or `schema.table.column`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        let is_name = |part: &String| {
            !part.is_empty()
                && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | ' '))
        };
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(is_name) {
            return None;
        }
        let column = parts.pop()?;
        Some(Self { table: parts, column })
    }

    /// Table and column as a statement writes them.
    pub(super) fn quoted(&self, mark: char) -> (String, String) {
        let one = |part: &String| format!("{mark}{part}{mark}");
        (self.table.iter().map(one).collect::<Vec<_>>().join("."), one(&self.column))
    }
}
