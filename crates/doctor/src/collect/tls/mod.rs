//! Certificates that nginx, Apache, HAProxy, Postfix and Dovecot are told to show, and those that certbot keeps.

mod certbot;
pub(super) mod read;

use std::collections::BTreeMap;

use super::ground::Ground;
use super::{Collector, Put, WITHIN};
use crate::facts::Fact;
use crate::facts::tls::{CertificateFile, Tls};

pub(super) const COLLECTOR: Collector = Collector {
    name: "tls",
    within: WITHIN,
    read: collect,
    blind: |facts, why| facts.tls = Fact::unknown(why),
};

/// Most files of certificates.
const CERTIFICATES: usize = 200;
/// Most configuration files that are searched for them.
const FILES: usize = 500;
/// Folders with the files of programs that show certificates; how deep; which ending, if any.
const PLACES: [(&str, &str); 12] = [
    ("/etc/nginx", ".conf"),
    ("/etc/nginx/conf.d", ".conf"),
    ("/etc/nginx/sites-enabled", ""),
    ("/etc/nginx/snippets", ".conf"),
    ("/etc/apache2/sites-enabled", ".conf"),
    ("/etc/apache2/conf-enabled", ".conf"),
    ("/etc/httpd/conf.d", ".conf"),
    ("/etc/haproxy", ".cfg"),
    ("/etc/haproxy/conf.d", ".cfg"),
    ("/etc/postfix", "main.cf"),
    ("/etc/dovecot", ".conf"),
    ("/etc/dovecot/conf.d", ".conf"),
];

/// A certificate that a configuration names.
#[derive(Debug, Default)]
struct Named {
    places: Vec<(String, u32)>,
    key: Option<String>,
    chain_elsewhere: bool,
    lineage: Option<String>,
}

fn collect(ground: &Ground) -> Put {
    let mut tls = Tls::default();
    let mut named: BTreeMap<String, Named> = BTreeMap::new();
    let mut left = FILES;
    for (folder, ending) in PLACES {
        let names = match ground.list(folder) {
            Ok(names) => names.unwrap_or_default(),
            Err(why) => {
                tls.unseen.push((folder.to_owned(), why));
                continue;
            }
        };
        for name in names.iter().filter(|name| name.ends_with(ending)) {
            let path = format!("{folder}/{name}");
            // Debian's own snippet names a certificate for tests, and nothing includes it.
            if folder.ends_with("/snippets") && ground.package(&path).is_some() {
                continue;
            }
            match left.checked_sub(1) {
                Some(rest) => left = rest,
                None => {
                    tls.unseen.push((path, format!("more than {FILES} files of configuration")));
                    break;
                }
            }
            search(ground, &path, &mut tls, &mut named);
        }
    }
    tls.certbot = certbot::read(ground, &mut tls.unseen);
    for lineage in tls.certbot.iter().flat_map(|certbot| &certbot.lineages) {
        let folder = format!("/etc/letsencrypt/live/{lineage}");
        let path = [format!("{folder}/fullchain.pem"), format!("{folder}/cert.pem")]
            .into_iter()
            .find(|path| named.contains_key(path))
            .unwrap_or_else(|| format!("{folder}/fullchain.pem"));
        let entry = named.entry(path).or_default();
        entry.lineage = Some(lineage.clone());
        entry.key.get_or_insert_with(|| format!("{folder}/privkey.pem"));
    }
    if named.len() > CERTIFICATES {
        tls.unseen.push(("certificates".to_owned(), format!("more than {CERTIFICATES}")));
    }
    tls.certificates =
        named.into_iter().take(CERTIFICATES).map(|(path, named)| look(ground, path, named)).collect();
    Box::new(|facts| facts.tls = Fact::Known(tls))
}

fn look(ground: &Ground, path: String, named: Named) -> CertificateFile {
    let seen = read::certificate(ground, &path);
    let key_fits = match (&seen.public, &named.key) {
        (Some(public), Some(key)) => read::fits(ground, key, public),
        _ => Fact::nothing("there is nothing to compare"),
    };
    CertificateFile {
        path,
        named: named.places,
        lineage: named.lineage,
        first: seen.first,
        count: seen.count,
        chain_elsewhere: named.chain_elsewhere,
        key: named.key,
        key_fits,
    }
}

/// The certificates that a configuration file names, and the key that stands nearest to each.
fn search(ground: &Ground, path: &str, tls: &mut Tls, named: &mut BTreeMap<String, Named>) {
    let text = match ground.read(path) {
        Ok(Some(text)) => text.lossy(),
        Ok(None) => return,
        Err(why) => return tls.unseen.push((path.to_owned(), why)),
    };
    let mut certificate: Option<String> = None;
    let mut key: Option<String> = None;
    for (number, line) in (1..).zip(text.lines()) {
        for (what, file) in told(line) {
            if file.contains(['$', '*', '%']) {
                continue;
            }
            let file = if file.starts_with('/') { file } else { format!("{}/{file}", folder_of(path)) };
            match what {
                What::Certificate | What::Bundle => {
                    for file in files_of(ground, &file, what) {
                        let entry = named.entry(file.clone()).or_default();
                        entry.places.push((path.to_owned(), number));
                        if what == What::Bundle {
                            entry.key = Some(file);
                        } else {
                            // nginx takes several pairs in one block: each certificate is followed or led by its key.
                            entry.key = entry.key.take().or(key.take());
                            certificate = entry.key.is_none().then_some(file);
                        }
                    }
                }
                What::Key => match certificate.take().and_then(|file| named.get_mut(&file)) {
                    Some(entry) => entry.key = Some(file),
                    None => key = Some(file),
                },
                What::Chain => {
                    named
                        .values_mut()
                        .filter(|one| one.places.iter().any(|(place, _)| place == path))
                        .for_each(|one| one.chain_elsewhere = true);
                }
            }
        }
        // A pair does not reach over the end of a block.
        if line.trim_start().starts_with(['}', '<']) {
            (certificate, key) = (None, None);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Certificate,
    Key,
    /// Certificate and key in one file, or a folder of such.
    Bundle,
    Chain,
}

/// What a line says of certificates.
fn told(line: &str) -> Vec<(What, String)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) || !line.contains(['c', 'C', 'k']) {
        return Vec::new();
    }
    let (name, rest) =
        line.split_once(|letter: char| letter.is_whitespace() || letter == '=').unwrap_or((line, ""));
    let value =
        rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '=' || letter == '<');
    let value = value.split([';', ' ', '\t', ',']).next().unwrap_or("").trim_matches(['"', '\'']);
    let what = match name {
        "ssl_certificate"
        | "SSLCertificateFile"
        | "smtpd_tls_cert_file"
        | "ssl_cert"
        | "ssl_server_cert_file" => What::Certificate,
        "ssl_certificate_key"
        | "SSLCertificateKeyFile"
        | "smtpd_tls_key_file"
        | "ssl_key"
        | "ssl_server_key_file" => What::Key,
        "smtpd_tls_chain_files" => What::Bundle,
        "SSLCertificateChainFile" | "smtpd_tls_CAfile" => What::Chain,
        "bind" | "server" => {
            let words: Vec<&str> = line.split_whitespace().collect();
            return words
                .windows(2)
                .filter(|pair| pair[0] == "crt")
                .map(|pair| (What::Bundle, pair[1].to_owned()))
                .collect();
        }
        _ => return Vec::new(),
    };
    if value.is_empty() || value == "none" { Vec::new() } else { vec![(what, value.to_owned())] }
}

/// HAProxy takes folders: each file in one is a certificate with its key.
fn files_of(ground: &Ground, file: &str, what: What) -> Vec<String> {
    let is_key =
        |name: &String| [".key", ".ocsp", ".issuer", ".sctl"].iter().any(|ending| name.ends_with(ending));
    match (what, ground.list(file)) {
        (What::Bundle, Ok(Some(names))) => {
            names.into_iter().filter(|name| !is_key(name)).map(|name| format!("{file}/{name}")).collect()
        }
        _ => vec![file.to_owned()],
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_five_programs_are_understood() {
        for (line, what) in [
            ("  ssl_certificate /a/b.pem;", Some((What::Certificate, "/a/b.pem"))),
            ("ssl_certificate_key \"k.pem\"; # x", Some((What::Key, "k.pem"))),
            ("SSLCertificateFile /a/b.pem", Some((What::Certificate, "/a/b.pem"))),
            ("smtpd_tls_cert_file=/a/b.pem", Some((What::Certificate, "/a/b.pem"))),
            ("ssl_cert = </a/b.pem", Some((What::Certificate, "/a/b.pem"))),
            ("bind :443 ssl crt /a/b.pem alpn h2", Some((What::Bundle, "/a/b.pem"))),
            ("smtpd_tls_cert_file = none", None),
            ("# ssl_certificate /a;", None),
            ("ssl_certificate_by_lua_block {", None),
            ("server 10.0.0.1:80;", None),
        ] {
            let told = told(line);
            assert_eq!(told.first().map(|(what, file)| (*what, file.as_str())), what, "{line}");
        }
    }
}
