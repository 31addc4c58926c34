//! The two files.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::flag;
use super::server::Nginx;
use crate::release::Side;

/// The longest name of a service that stands in names of variables as it is: nginx bounds them by a hash table.
const LONGEST: usize = 20;
/// Stands for the generation while that is computed.
const UNKNOWN: &str = "0000000000000000";

/// What stands in both files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Texts {
    /// Of the level `http`. It holds the token.
    pub(super) upstreams: String,
    /// Of the level `server`.
    pub(super) snippet: String,
    /// Tells these texts from all others.
    pub(super) generation: String,
}

/// Where nginx itself answers whoever has the token, whatever the service does.
pub(super) fn probe(service: &str) -> String {
    format!("/.well-known/muster/{service}")
}

/// The texts for a service; with a server block of our own where nobody else answers for its domains. With a side, they lead
/// to it and have no `if`.
pub(super) fn write(nginx: &Nginx, alone: bool, side: Option<Side>) -> Texts {
    let (upstreams, snippet) = (upstreams(nginx, alone), snippet(nginx, side));
    let mut generation = String::new();
    for byte in Sha256::new().chain_update(&upstreams).chain_update(&snippet).finalize().iter().take(8) {
        // Writing to a string cannot fail.
        let _written = write!(generation, "{byte:02x}");
    }
    Texts { upstreams: upstreams.replacen(UNKNOWN, &generation, 1), snippet, generation }
}

fn upstreams(nginx: &Nginx, alone: bool) -> String {
    let (service, token) = (&nginx.service, nginx.token.expose());
    let name = variable(service);
    let mut text = format!(
        "# muster writes this file for the service {service}; what is changed here is lost.\n\
         # No `keepalive`: a request would be lost when the release closes a kept connection, and kept ones\n\
         # look like requests that it still has.\n"
    );
    for side in Side::BOTH {
        let (word, port) = (side.word(), nginx.ports.of(side));
        text.push_str(&format!("upstream {name}_{word} {{ server 127.0.0.1:{port}; }}\n"));
    }
    text.push_str(&format!(
        "map $http_upgrade ${name}_connection {{ default upgrade; \"\" close; }}\n\
         map $http_x_muster_token ${name}_told {{ default \"\"; {token} ${name}_side; }}\n\
         map ${name}_told ${name}_generation {{ default {UNKNOWN}; \"\" \"\"; }}\n"
    ));
    if alone {
        text.push_str("server {\n");
        for listen in &nginx.place.listen {
            text.push_str(&format!("    listen {listen};\n"));
        }
        let domains = nginx.domains.join(" ");
        let include = nginx.include_line();
        text.push_str(&format!("    server_name {domains};\n    {include}\n}}\n"));
    }
    text
}

fn snippet(nginx: &Nginx, side: Option<Side>) -> String {
    let service = &nginx.service;
    let (name, probe) = (variable(service), probe(service));
    let told = format!(
        "add_header X-Muster-Side ${name}_told always;\n    {}add_header X-Muster-Generation ${name}_generation always;\n",
        if side.is_none() { "    " } else { "" }
    );
    let (choice, kept, stranger) = match side {
        Some(side) => (format!("set ${name}_side {};\n", side.word()), String::new(), String::new()),
        None => (
            format!(
                "# A flag that is remembered would be seen too late.\n\
                 open_file_cache off;\n\
                 set ${name}_side blue;\n\
                 if (-f {}) {{ set ${name}_side green; }}\n",
                flag::path(&nginx.place.flags).display()
            ),
            format!(
                "    # In the `if`, so that headers which are added around this file are kept for everybody else.\n    \
                 if (${name}_told) {{\n        {told}    }}\n"
            ),
            format!("    if (${name}_told = \"\") {{ return 404; }}\n"),
        ),
    };
    let told = told.replace("\n        add", "\n    add");
    format!(
        "# muster writes this file for the service {service}; what is changed here is lost.\n\
         # A server block leads to the service by the line `{include}`.\n\
         {choice}\
         location / {{\n    \
             proxy_pass http://{name}_${name}_side;\n    \
             proxy_http_version 1.1;\n    \
             proxy_set_header Host $host;\n    \
             proxy_set_header X-Real-IP $remote_addr;\n    \
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n    \
             proxy_set_header X-Forwarded-Proto $scheme;\n    \
             proxy_set_header X-Forwarded-Host $host;\n    \
             proxy_set_header Upgrade $http_upgrade;\n    \
             proxy_set_header Connection ${name}_connection;\n    \
             proxy_set_header X-Muster-Token \"\";\n    \
             # The other side is another release: a request is never tried again there.\n    \
             proxy_next_upstream off;\n    \
             proxy_connect_timeout 5s;\n    \
             proxy_send_timeout 60s;\n    \
             proxy_read_timeout 300s;\n\
             {kept}\
         }}\n\
         location = {probe} {{\n\
             {stranger}    \
             {told}    \
             return 204;\n\
         }}\n",
        include = nginx.include_line(),
    )
}

/// A name for variables and upstreams that no other service has: nginx takes letters, digits and `_`, and does not tell
/// capitals from small letters.
pub(super) fn variable(service: &str) -> String {
    let mut name = String::from("muster_");
    for byte in service.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => name.push(char::from(byte)),
            other => name.push_str(&format!("_{other:02x}")),
        }
    }
    if name.len() > "muster_".len() + LONGEST {
        name = String::from("muster__");
        for byte in Sha256::digest(service).iter().take(8) {
            name.push_str(&format!("{byte:02x}"));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables_are_valid_and_never_shared() {
        let long = "a-very-long-name-of-a-service-that-somebody-chose";
        let services = ["api", "a-b", "a_b", "a.b", "ab", "A-b", "API", long, &long[1..], "a_2db"];
        let names: std::collections::BTreeSet<String> = services.iter().map(|name| variable(name)).collect();
        assert_eq!(names.len(), services.len());
        for name in &names {
            assert!(
                name.len() <= 27 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
                "{name}"
            );
            assert_eq!(*name, name.to_lowercase());
        }
        assert_eq!(variable("api"), "muster_api");
    }
}
