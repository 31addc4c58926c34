//! Commands without their secrets. A blot too many is a nuisance, one too few is a leak: in doubt it blots.

/// What stands in place of a secret.
const BLOT: &str = "***";
/// Longest command shown, in bytes.
const LIMIT: usize = 400;
/// Parts of names whose values are secrets.
const SECRET_NAMES: [&str; 11] = [
    "pass",
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
pub fn blot(command: &str) -> String {
    shorten(blot_line(command))
}

/// The same of a line of any length.
pub fn blot_line(command: &str) -> String {
    let mut shown: Vec<String> = Vec::new();
    let mut next = Next::Plain;
    let habits = Habits::of(command);
    for piece in command.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let blank = &piece[word.len()..];
        if word.is_empty() {
            shown.push(blank.to_owned());
            continue;
        }
        let (text, then) = match next {
            Next::Secret if !word.starts_with('-') => (masked(word), after_quote(word)),
            Next::Login => (login(word), Next::Plain),
            // Until its quote is closed all of it belongs to the secret.
            Next::Quoted(quote) if word.contains(quote) => (masked(word), Next::Plain),
            Next::Quoted(_) => (masked(word), next),
            _ => one_word(word, &habits),
        };
        shown.push(format!("{text}{blank}"));
        next = then;
    }
    shown.concat()
}

/// What the next word is.
#[derive(Clone, Copy)]
enum Next {
    Plain,
    /// The value of an option such as `--password`.
    Secret,
    /// After `-u`: `user:password` may follow.
    Login,
    /// The rest of a secret that has blanks in it, up to this quote. A header without quotes ends with the line.
    Quoted(char),
}

/// Short options that carry a secret in some programs only.
struct Habits {
    /// `-pSECRET`.
    mysql: bool,
    /// `-p SECRET` or `-a SECRET`.
    option: Option<&'static str>,
    /// `-uUSER:SECRET`.
    curl: bool,
}

impl Habits {
    fn of(command: &str) -> Self {
        let has = |name: &str| command.contains(name);
        Self {
            mysql: has("mysql") || has("mariadb"),
            option: if has("sshpass") { Some("-p") } else { has("redis-cli").then_some("-a") },
            curl: has("curl"),
        }
    }
}

fn one_word(word: &str, habits: &Habits) -> (String, Next) {
    let lower = word.to_ascii_lowercase();
    if word.starts_with('-')
        && !word.contains(['=', ':'])
        && (is_secret_name(&lower) || habits.option == Some(word))
    {
        return (word.to_owned(), Next::Secret);
    }
    if word == "-u" || word == "--user" {
        return (word.to_owned(), Next::Login);
    }
    if habits.mysql && word.starts_with("-p") && !word.starts_with("--") && word.len() > 2 {
        return (format!("-p{BLOT}"), after_quote(&word[2..]));
    }
    if habits.curl && word.starts_with("-u") {
        return (login(word), Next::Plain);
    }
    // `'Authorization:` and its value; the first quote of the word ends the header.
    if let Some((name, "")) = lower.split_once(':')
        && is_secret_name(name)
    {
        let quote = word.chars().next().filter(|first| "\"'".contains(*first)).unwrap_or('\n');
        return (word.to_owned(), Next::Quoted(quote));
    }
    let shown = parts(&address(word));
    // Something was hidden, and its quote is still open.
    let next = if shown == *word { Next::Plain } else { after_quote(word) };
    (shown, next)
}

/// An odd number of one kind of quote leaves it open.
fn after_quote(word: &str) -> Next {
    let open = |quote: &char| word.chars().filter(|letter| letter == quote).count() % 2 == 1;
    ['"', '\''].into_iter().find(open).map_or(Next::Plain, Next::Quoted)
}

fn is_secret_name(lower: &str) -> bool {
    SECRET_NAMES.iter().any(|part| lower.contains(part))
}

/// Assignments, query parameters and JSON members within one word.
fn parts(word: &str) -> String {
    let mut shown = String::with_capacity(word.len());
    for piece in word.split_inclusive(['&', '?', ';', ',']) {
        let text = piece.trim_end_matches(['&', '?', ';', ',']);
        match text.find(['=', ':']) {
            Some(at) => {
                let (name, value) = (&text[..at], &text[at + 1..]);
                let lower = name.to_ascii_lowercase();
                let key = lower.trim_matches(['"', '\'', '{']).ends_with("key") && !value.contains('/');
                shown.push_str(&text[..=at]);
                shown.push_str(&match is_secret_name(&lower) || key {
                    true => masked(value),
                    false => parts(value),
                });
            }
            None if is_token(text) => shown.push_str(&masked(text)),
            None => shown.push_str(text),
        }
        shown.push_str(&piece[text.len()..]);
    }
    shown
}

/// `https://user:password@host/long-random-part`.
fn address(word: &str) -> String {
    let Some(at) = word.find("://") else { return word.to_owned() };
    let (scheme, rest) = word.split_at(at + 3);
    let end = rest.find(['/', '?', '"', '\'']).unwrap_or(rest.len());
    // A password may have a slash in it: with a colon before it, everything up to the last @ is a login.
    let end = match rest.rfind('@') {
        Some(last) if rest[..end].contains(':') => {
            rest[last..].find(['/', '?', '"', '\'']).map_or(rest.len(), |more| last + more)
        }
        _ => end,
    };
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
                "curl -H 'Authorization: *** *** ***' https://x.org/a",
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
            ("backup --password 'hunter2 and hunter2' -v", "backup --password '*** *** ***' -v"),
            ("DB_PASS=\"hunter2 hunter2\" x y", "DB_PASS=\"*** ***\" x y"),
            ("sshpass -p hunter2 ssh x", "sshpass -p *** ssh x"),
            ("redis-cli -a hunter2 ping", "redis-cli -a *** ping"),
            ("curl -ubob:hunter2 https://x.org", "curl -ubob:*** https://x.org"),
            ("curl -d '{\"a\":1,\"token\":\"hunter2\"}' x", "curl -d '{\"a\":1,\"token\":\"***' x"),
            ("URL=postgres://bob:hun/hunter2@db/app x", "URL=postgres://bob:***@db/app x"),
            ("curl https://x.org/?key=hunter2", "curl https://x.org/?key=***"),
            ("curl -H Authorization:hunter2 x", "curl -H Authorization:*** x"),
            ("rsync -a /srv/x:y host:/b", "rsync -a /srv/x:y host:/b"),
            ("ssh -i /etc/key=1/a x && sleep 5; echo 10:30", "ssh -i /etc/key=1/a x && sleep 5; echo 10:30"),
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
    fn any_command_is_shown() {
        for command in [
            "'",
            "mysql -pä",
            "://@",
            "a://:@",
            "a:",
            "=:",
            "-u",
            "ä=ö://ü:@ß?",
            "curl -u",
            "Auth: '",
            "?&;,",
            " \t ",
        ] {
            assert!(blot(command).len() <= 400);
        }
        assert_eq!(blot("  a   b "), "  a   b ");
    }

    #[test]
    fn a_command_is_shown_up_to_400_bytes() {
        let long = blot(&"ä".repeat(500));
        assert!(long.len() <= 400 && long.ends_with('…'));
        assert_eq!(blot(&"a".repeat(400)).len(), 400);
    }
}
