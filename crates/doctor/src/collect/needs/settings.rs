//! Hosts and ports in files of `NAME=value` lines. Users, passwords, paths and queries are not looked at further than to
//! find where they end.

use std::collections::BTreeMap;

use crate::facts::Fact;
use crate::facts::firewall::Protocol;
use crate::facts::needs::{By, Need};

/// Most needs of one file.
const NEEDS: usize = 40;

/// Schemes with the port that is meant where none is written.
const SCHEMES: &[(&str, u16)] = &[
    ("https", 443),
    ("http", 80),
    ("wss", 443),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("redis", 6379),
    ("rediss", 6379),
    ("amqp", 5672),
    ("amqps", 5671),
    ("mongodb", 27017),
    ("nats", 4222),
    ("smtps", 465),
    ("imaps", 993),
    ("ldap", 389),
    ("ldaps", 636),
];

/// Parts of names of addresses under which others reach the application itself.
const OWN: &[&str] = &[
    "APP_URL",
    "BASE_URL",
    "SITE_URL",
    "HOME_URL",
    "PUBLIC",
    "FRONTEND",
    "CALLBACK",
    "REDIRECT",
    "ORIGIN",
    "CORS",
    "ALLOWED",
    "VITE_",
    "REACT_APP",
    "NUXT_",
    "EXTERNAL_URL",
    "ROOT_URL",
    "CANONICAL",
    "ASSET",
    "CDN",
    "STATIC",
    "PROXY",
    "ISSUER",
    "AUDIENCE",
    "SCHEMA",
    "DOCS",
    "SUPPORT",
    "TERMS",
    "PRIVACY",
];
/// What comes before `_HOST` where a program says on which address it listens.
const LISTENING: &[&str] =
    &["", "APP", "SERVER", "LISTEN", "BIND", "HTTP", "HTTPS", "WEB", "DEV", "VIRTUAL", "NODE"];
/// What comes before `_HOST`, and the port that everybody means.
const USUAL: &[(&str, u16)] =
    &[("REDIS", 6379), ("POSTGRES", 5432), ("PG", 5432), ("MYSQL", 3306), ("MARIADB", 3306), ("AMQP", 5672)];

/// The hosts and ports that a file of settings names.
pub(crate) fn of_settings(path: &str, text: &str) -> Vec<Need> {
    let folder = path.rsplit_once('/').map_or("/", |(folder, _)| folder).to_owned();
    // The last assignment counts.
    let mut values: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim_start().trim_start_matches("export ");
        if let Some((name, value)) = text.split_once('=')
            && !text.starts_with(['#', ';'])
        {
            values.insert(name.trim(), (line, plain(value)));
        }
    }
    let mut needs: Vec<Need> = Vec::new();
    let mut by_line: Vec<_> = values.iter().collect();
    by_line.sort_by_key(|(_, (line, _))| *line);
    for (name, (line, value)) in by_line {
        let Some((host, port)) = of_address(name, value).or_else(|| of_pair(name, value, &values)) else {
            continue;
        };
        let known = needs.iter().any(|need| need.host == host && need.port == port);
        if is_host(&host) && port > 0 && !known && needs.len() < NEEDS {
            needs.push(Need {
                name: (*name).to_owned(),
                host,
                port,
                protocol: Protocol::Tcp,
                addresses: Fact::unknown("nobody asked"),
                by: By::Folder(folder.clone()),
                file: path.to_owned(),
                line: Some(*line),
            });
        }
    }
    needs
}

/// A value without quotes and without a remark behind it.
fn plain(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.split(quote).next().unwrap_or_default();
        }
    }
    value.split(" #").next().unwrap_or_default().trim_end()
}

/// `scheme://user:password@host:port/path`.
fn of_address(name: &str, value: &str) -> Option<(String, u16)> {
    let (scheme, rest) = value.split_once("://")?;
    // `postgresql+asyncpg`, `mysql+pymysql`: the driver stands behind.
    let scheme = scheme.split('+').next()?.to_ascii_lowercase();
    if value.starts_with("mongodb+srv") {
        return None;
    }
    let (_, usual) = SCHEMES.iter().find(|(known, _)| *known == scheme)?;
    let upper = name.to_ascii_uppercase();
    if scheme.starts_with("http") && OWN.iter().any(|own| upper.contains(own)) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    // A password may hold an @ that somebody forgot to escape.
    let place = authority.rsplit('@').next()?;
    split(place, Some(*usual))
}

/// `SMTP_HOST` beside `SMTP_PORT`; `PGHOST` beside `PGPORT`.
fn of_pair(name: &str, value: &str, values: &BTreeMap<&str, (u32, &str)>) -> Option<(String, u16)> {
    let stem = ["_HOSTNAME", "_HOST", "_SERVER", "HOST"].iter().find_map(|end| name.strip_suffix(end))?;
    let bare = stem.trim_end_matches('_');
    if LISTENING.contains(&bare) || bare.ends_with("_LISTEN") || bare.ends_with("_BIND") {
        return None;
    }
    let ports = [format!("{stem}_PORT"), format!("{stem}PORT")];
    let beside = ports.iter().find_map(|port| values.get(port.as_str())?.1.parse().ok());
    let usual = USUAL.iter().find(|(known, _)| *known == bare).map(|(_, port)| *port);
    split(value, beside.or(usual))
}

fn split(place: &str, usual: Option<u16>) -> Option<(String, u16)> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = rest.strip_prefix(':').map_or(usual, |port| port.parse().ok())?;
        return Some((host.to_owned(), port));
    }
    match place.split_once(':') {
        Some((host, port)) => Some((host.to_owned(), port.parse().ok()?)),
        None => Some((place.to_owned(), usual?)),
    }
}

/// A name or an address that somebody could be reached by; not one of those that stand for another.
fn is_host(host: &str) -> bool {
    let lower = host.to_ascii_lowercase();
    let placeholder = ["example.com", "example.org", "example.net", "example"]
        .iter()
        .any(|end| lower == *end || lower.ends_with(&format!(".{end}")))
        || ["your", "change", "xxx", "todo"].iter().any(|word| lower.starts_with(word));
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return !address.is_unspecified();
    }
    !placeholder
        && host.len() <= 253
        && !host.starts_with(['-', '.'])
        && !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        // 10.0.0 and the like are no names.
        && host.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_come_and_nothing_else_does() {
        let text = "# SMTP_HOST=old\nexport SMTP_HOST='smtp.acme.test'\nSMTP_PORT=587\nSMTP_PASSWORD=hunter2\n\
                    DATABASE_URL=postgresql+asyncpg://app:hunter2@x@db.acme.test/app?sslmode=require # main\n\
                    REDIS_URL=redis://:hunter2@10.0.0.5:6380/0\nAPP_URL=https://acme.test\nHOST=0.0.0.0\nPORT=3000\n\
                    STRIPE_API_URL=https://api.acme.test/v1/hunter2\nPGHOST=db\nMAIL_HOST=mail.acme.test\n\
                    NEXT_PUBLIC_API_URL=https://pub.acme.test\nX_URL=${BASE}/x\nIMAP_HOST=smtp.example.com\nIMAP_PORT=993\n\
                    SIX=https://[2001:db8::7]:8443/\nAGAIN=https://api.acme.test/v2\nSERVER_HOST=a.test\nSERVER_PORT=1\n";
        let needs = of_settings("/opt/shop/.env", text);
        let seen: Vec<_> = needs.iter().map(|need| format!("{} {}", need.name, need.target())).collect();
        assert_eq!(
            seen,
            [
                "SMTP_HOST smtp.acme.test:587",
                "DATABASE_URL db.acme.test:5432",
                "REDIS_URL 10.0.0.5:6380",
                "STRIPE_API_URL api.acme.test:443",
                "PGHOST db:5432",
                "SIX [2001:db8::7]:8443",
            ]
        );
        assert_eq!(needs[0].line, Some(2));
        assert_eq!(needs[0].by, By::Folder("/opt/shop".to_owned()));
        assert!(!serde_json::to_string(&needs).unwrap().contains("hunter2"));
    }
}
