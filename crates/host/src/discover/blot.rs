//! Commands without their secrets. A blot too many is a nuisance, one too few is a leak: in doubt it blots.

/// What stands in place of a secret.
const BLOT: &str = "***";
/// Longest command shown, in bytes.
const LIMIT: usize = 400;
/// Parts of names whose values are secrets.
const SECRET_NAMES: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "token",
    "secret",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "credential",
    "private_key",
    "auth",
];
/// How well-known tokens begin.
const TOKENS: [&str; 12] = [
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk-",
    "sk_live_",
    "AKIA",
    "eyJ",
    "AIza",
];

/// The command with what looks like a secret blotted out, at most 400 bytes.
pub(super) fn blot(command: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut previous = Previous::Plain;
    let mysql = command.contains("mysql") || command.contains("mariadb");
    for piece in command.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let blank = &piece[word.len()..];
        let (shown, state) = match previous {
            Previous::Names if !word.starts_with('-') => (masked(word), Previous::Plain),
            Previous::Login => (login(word), Previous::Plain),
            // A header ends with its quote, or with the line.
            Previous::Header if word.ends_with(['"', '\'']) => (masked(word), Previous::Plain),
            Previous::Header => (masked(word), Previous::Header),
            _ if mysql && word.starts_with("-p") && word.len() > 2 => (format!("-p{BLOT}"), Previous::Plain),
            _ => one_word(word),
        };
        // Runs of blots say nothing more than one.
        let repeated = previous == Previous::Header
            && shown == BLOT
            && words.last().is_some_and(|w| w.trim_end() == BLOT);
        if !(repeated || word.is_empty() && words.is_empty()) {
            words.push(format!("{shown}{blank}"));
        }
        previous = if word.is_empty() { previous } else { state };
    }
    shorten(words.concat())
}

#[derive(Clone, Copy, PartialEq)]
enum Previous {
    Plain,
    /// An option whose value is a secret: `--password`.
    Names,
    /// `-u`: `user:password` may follow.
    Login,
    /// `Authorization:`; everything up to the quote is secret.
    Header,
}

fn one_word(word: &str) -> (String, Previous) {
    let lower = word.to_ascii_lowercase();
    let secret = |name: &str| SECRET_NAMES.iter().any(|part| name.contains(part));
    if let Some(at) = word.find(':')
        && !word[at..].starts_with("://")
        && secret(&lower[..at])
        && !lower[..at].contains(['/', '='])
    {
        let header = if word[at + 1..].ends_with(['"', '\'']) { Previous::Plain } else { Previous::Header };
        let rest = &word[at + 1..];
        return (
            format!("{}{}", &word[..=at], if rest.is_empty() { "".to_owned() } else { masked(rest) }),
            header,
        );
    }
    if word.starts_with('-') && !word.contains('=') && secret(&lower) {
        return (word.to_owned(), Previous::Names);
    }
    if word == "-u" || word == "--user" {
        return (word.to_owned(), Previous::Login);
    }
    (parts(word, &secret), Previous::Plain)
}

/// Assignments, query parameters and addresses within one word.
fn parts(word: &str, secret: &dyn Fn(&str) -> bool) -> String {
    let word = address(word);
    let mut shown = String::with_capacity(word.len());
    for piece in word.split_inclusive(['&', '?', ';', ',']) {
        let (text, end) = match piece.char_indices().next_back() {
            Some((at, mark @ ('&' | '?' | ';' | ','))) => (&piece[..at], Some(mark)),
            _ => (piece, None),
        };
        match text.split_once('=') {
            Some((name, value)) if secret(&name.to_ascii_lowercase()) && !value.is_empty() => {
                shown.push_str(name);
                shown.push('=');
                shown.push_str(&masked(value));
            }
            Some((name, value)) if is_token(value) => {
                shown.push_str(name);
                shown.push('=');
                shown.push_str(&masked(value));
            }
            _ if is_token(text) => shown.push_str(&masked(text)),
            _ => shown.push_str(text),
        }
        shown.extend(end);
    }
    shown
}

/// `https://user:password@host/long-random-part`.
fn address(word: &str) -> String {
    let Some(at) = word.find("://") else { return word.to_owned() };
    let (scheme, rest) = word.split_at(at + 3);
    let end = rest.find(['/', '?', '"', '\'']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = match host.rsplit_once('@') {
        Some((login, host)) if login.contains(':') => {
            format!("{}:{BLOT}@{host}", login.split(':').next().unwrap_or(""))
        }
        Some((login, host)) if login.len() > 12 => format!("{BLOT}@{host}"),
        _ => host.to_owned(),
    };
    let path: Vec<String> =
        path.split('/').map(|part| if is_random(part) { masked(part) } else { part.to_owned() }).collect();
    format!("{scheme}{host}{}", path.join("/"))
}

/// A part of an address that only a machine can have chosen: a webhook's key, the id of a heartbeat.
fn is_random(part: &str) -> bool {
    let part = part.trim_end_matches(['"', '\'']);
    part.len() >= 16
        && part.bytes().any(|b| b.is_ascii_digit())
        && part.bytes().any(|b| b.is_ascii_alphabetic())
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:".contains(&b))
}

fn is_token(word: &str) -> bool {
    let word = word.trim_start_matches(['"', '\'']);
    word.len() >= 16 && TOKENS.iter().any(|start| word.starts_with(start))
}

/// `user:password` keeps its user.
fn login(word: &str) -> String {
    match word.split_once(':') {
        Some((user, password)) => format!("{user}:{}", masked(password)),
        None => word.to_owned(),
    }
}

/// A blot that keeps quotes and what only points to a secret (`$TOKEN`, `$(cat …)`).
fn masked(secret: &str) -> String {
    let inner = secret.trim_matches(['"', '\'']);
    if inner.is_empty() || inner.starts_with('$') {
        return secret.to_owned();
    }
    secret.replacen(inner, BLOT, 1)
}

fn shorten(mut text: String) -> String {
    if text.len() > LIMIT {
        let mut end = LIMIT - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_and_the_rest_stays() {
        for (command, shown) in [
            ("/opt/x.sh --verbose 5", "/opt/x.sh --verbose 5"),
            ("PGPASSWORD=hunter2 pg_dump app", "PGPASSWORD=*** pg_dump app"),
            ("backup --password hunter2 --to /x", "backup --password *** --to /x"),
            ("backup --password='hunter2' x", "backup --password='***' x"),
            ("mysqldump -u root -phunter2 app", "mysqldump -u root -p*** app"),
            ("curl -u bob:hunter2 https://x.org/", "curl -u bob:*** https://x.org/"),
            (
                "curl -H 'Authorization: Bearer abc def' https://x.org/a",
                "curl -H 'Authorization: *** ***' https://x.org/a",
            ),
            ("curl -H \"X-Api-Key: abc\" x", "curl -H \"X-Api-Key: ***\" x"),
            ("curl https://bob:hunter2@x.org/y", "curl https://bob:***@x.org/y"),
            ("curl https://x.org/y?token=abc&day=1", "curl https://x.org/y?token=***&day=1"),
            (
                "curl https://hooks.slack.com/services/T000/B000/AbCdEf0123456789abcdef",
                "curl https://hooks.slack.com/services/T000/B000/***",
            ),
            (
                "curl https://hc-ping.com/5f0ac1e2-1111-2222-3333-444455556666/fail",
                "curl https://hc-ping.com/***/fail",
            ),
            ("x --key=ghp_0123456789abcdefghij", "x --key=***"),
            ("TOKEN=$(cat /etc/token) x", "TOKEN=$(cat /etc/token) x"),
            ("git pull ssh://git@host/x", "git pull ssh://git@host/x"),
            ("", ""),
        ] {
            assert_eq!(blot(command), shown);
            for secret in ["hunter2", "abc def", "AbCdEf0123456789abcdef", "ghp_0123"] {
                assert!(!blot(command).contains(secret), "{command}");
            }
        }
    }

    #[test]
    fn a_command_is_shown_up_to_400_bytes() {
        let long = blot(&"ä".repeat(500));
        assert!(long.len() <= 400 && long.ends_with('…'));
        assert_eq!(blot(&"a".repeat(400)).len(), 400);
    }
}
