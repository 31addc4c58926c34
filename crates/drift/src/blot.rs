//! A text without its secrets. What [`muster_host::discover::blot`] knows of command lines, and what only files have:
//! private keys, password files, a name and its secret with a blank or ` = ` between them. In doubt it blots.

use muster_host::discover::blot::blot_line;

/// What stands in place of a secret.
const BLOT: &str = "***";

/// Parts of names that a secret follows.
const NAMES: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "credential",
    "private_key",
    "privatekey",
    "presharedkey",
    "requirepass",
    "masterauth",
    "community",
];

/// What follows such a name in earnest without being a secret.
const PLAIN: [&str; 16] = [
    "on",
    "off",
    "yes",
    "no",
    "true",
    "false",
    "none",
    "null",
    "build",
    "default",
    "required",
    "sufficient",
    "optional",
    "prohibit-password",
    "without-password",
    BLOT,
];

/// The text of the file of this name, without its secrets.
pub fn blotted(name: &str, text: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    let of_passwords = base.contains("htpasswd") || base.ends_with("passwd") || base.ends_with("shadow");
    let mut shown = String::with_capacity(text.len());
    let mut in_key = false;
    for piece in text.split_inclusive('\n') {
        let line = piece.trim_end_matches(['\n', '\r']);
        let end = &piece[line.len()..];
        if in_key {
            if line.contains("-----END") {
                in_key = false;
                shown.push_str(BLOT);
                shown.push('\n');
                shown.push_str(piece);
            }
            continue;
        }
        if line.contains("-----BEGIN") && line.contains("PRIVATE KEY") {
            // One that is on a single line, as in a variable.
            if line.contains("-----END") {
                shown.push_str(line.split("-----BEGIN").next().unwrap_or_default());
                shown.push_str(BLOT);
                shown.push_str(end);
                continue;
            }
            in_key = true;
            shown.push_str(piece);
            continue;
        }
        let line = match line.split_once(':') {
            Some((user, hash)) if (of_passwords || is_hash(hash)) && !line.trim_start().starts_with('#') => {
                format!("{user}:{BLOT}")
            }
            // In sudoers it says that no password is needed, and what follows is a command.
            _ => line
                .split("NOPASSWD:")
                .map(|part| after_a_name(&blot_line(part)))
                .collect::<Vec<_>>()
                .join("NOPASSWD:"),
        };
        shown.push_str(&line);
        shown.push_str(end);
    }
    if in_key {
        shown.push_str(BLOT);
    }
    shown
}

/// The hash of a password, as crypt(3) and web servers write it.
fn is_hash(value: &str) -> bool {
    ["$apr1$", "$1$", "$2", "$5$", "$6$", "$y$", "$7$", "$argon2", "{SHA}", "{SSHA}"]
        .iter()
        .any(|start| value.starts_with(start))
}

/// Blots what follows the name of a secret, to the end of the line.
fn after_a_name(line: &str) -> String {
    let is_comment = line.trim_start().starts_with(['#', ';']);
    let mut at = 0;
    for piece in line.split_inclusive(char::is_whitespace) {
        at += piece.len();
        let word = piece.trim_end();
        if !is_name(word) {
            continue;
        }
        let rest = &line[at..];
        let value = rest.trim_start_matches([' ', '\t', '=', ':', '"', '\'']);
        let first =
            value.split_whitespace().next().unwrap_or_default().trim_end_matches([';', '"', '\'', ',']);
        if is_plain(first, is_comment) {
            continue;
        }
        let semicolon = if value.trim_end().ends_with(';') { ";" } else { "" };
        return format!("{}{}{BLOT}{semicolon}", &line[..at], &rest[..rest.len() - value.len()]);
    }
    line.to_owned()
}

fn is_name(word: &str) -> bool {
    let word = word.trim_end_matches(['=', ':']).trim_matches(['"', '\'']);
    let lower = word.to_ascii_lowercase();
    word.len() <= 64 && !word.contains(['/', '=', '$', ';']) && NAMES.iter().any(|part| lower.contains(part))
}

fn is_plain(value: &str, in_comment: bool) -> bool {
    let is_number = value.len() <= 8 && value.bytes().all(|byte| byte.is_ascii_digit());
    let points = value.starts_with('$') && !is_hash(value);
    let is_prose = in_comment && (value.len() < 8 || !value.bytes().any(|byte| byte.is_ascii_digit()));
    is_number
        || points
        || is_prose
        || value.starts_with('/')
        || PLAIN.iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_files_are_blotted_and_the_rest_stays() {
        for (line, shown) in [
            (
                "proxy_set_header Authorization \"Basic aHVudGVyMg==\";",
                "proxy_set_header Authorization \"***;",
            ),
            ("proxy_set_header X-Api-Key hunter2;", "proxy_set_header X-Api-Key ***;"),
            (
                "proxy_set_header Authorization $http_authorization;",
                "proxy_set_header Authorization $http_authorization;",
            ),
            ("proxy_pass http://127.0.0.1:8080;", "proxy_pass http://127.0.0.1:8080;"),
            ("server_tokens off;", "server_tokens off;"),
            ("auth_basic_user_file /etc/nginx/.htpasswd;", "auth_basic_user_file /etc/nginx/.htpasswd;"),
            ("PasswordAuthentication yes", "PasswordAuthentication yes"),
            ("PermitRootLogin prohibit-password", "PermitRootLogin prohibit-password"),
            ("Environment=DB_PASSWORD=hunter2", "Environment=DB_PASSWORD=***"),
            ("Description=Password Manager", "Description=Password Manager"),
            ("password = hunter2", "password = ***"),
            ("PrivateKey = aHVudGVyMg==", "PrivateKey = ***"),
            ("requirepass hunter2", "requirepass ***"),
            ("# The token is read from a file", "# The token is read from a file"),
            ("# password hunter2hunter2", "# password ***"),
            ("admin:$apr1$abc$def", "admin:***"),
            ("deploy ALL=(ALL) NOPASSWD: ALL", "deploy ALL=(ALL) NOPASSWD: ALL"),
            ("listen 443 ssl http2;", "listen 443 ssl http2;"),
            ("", ""),
        ] {
            assert_eq!(blotted("/etc/x", line), shown);
        }
        assert_eq!(blotted("/etc/nginx/.htpasswd", "bob:plain\n"), "bob:***\n");
    }

    #[test]
    fn of_private_keys_only_the_frame_stays() {
        let key = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd\n-----END RSA PRIVATE KEY-----\nb\n";
        let shown = "a\n-----BEGIN RSA PRIVATE KEY-----\n***\n-----END RSA PRIVATE KEY-----\nb\n";
        assert_eq!(blotted("k.pem", key), shown);
        let cut = "-----BEGIN PRIVATE KEY-----\nMIIE\n";
        assert!(!blotted("k.pem", cut).contains("MIIE"));
        assert_eq!(blotted("x", "K=-----BEGIN PRIVATE KEY-----MIIE-----END PRIVATE KEY-----\n"), "K=***\n");
        let certificate = "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n";
        assert_eq!(blotted("c.pem", certificate), certificate);
    }
}
