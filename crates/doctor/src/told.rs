//! What a blotted command still tells: how the secret in it is called. Pure; collectors and rules ask it alike.

/// What a command line says openly, by the name that stands before it: `--password`, `PGPASSWORD`, `-p`.
pub(crate) fn in_command(blotted: &str) -> Option<String> {
    let words: Vec<&str> = blotted.split_whitespace().collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let plain = word.trim_matches(['"', '\'']);
        let (before, _) = plain.split_once("***")?;
        if let Some((_, rest)) = before.split_once("://") {
            // The address of a hook or a heartbeat is no login.
            return rest.ends_with(':').then(|| "login in an address".to_owned());
        }
        let name = before.trim_end_matches(['=', ':', '"', '\'']);
        match (name.is_empty(), at.checked_sub(1).and_then(|at| words.get(at))) {
            (false, _) => Some(name.rsplit(['&', '?', ';']).next().unwrap_or(name).to_owned()),
            (true, Some(option)) if option.starts_with('-') || option.ends_with(':') => {
                Some(option.trim_matches(['"', '\'', ':']).to_owned())
            }
            (true, _) => Some("a token".to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_tells_what_its_secret_is_called() {
        for (command, name) in [
            ("mysqldump -u root -p*** app", Some("-p")),
            ("backup --password *** --to /x", Some("--password")),
            ("PGPASSWORD=*** pg_dump app", Some("PGPASSWORD")),
            ("curl -H 'Authorization: *** ***' x", Some("Authorization")),
            ("curl https://bob:***@x.org/y", Some("login in an address")),
            ("curl https://hc-ping.com/***/fail", None),
            ("curl https://x.org/", None),
        ] {
            assert_eq!(in_command(command).as_deref(), name, "{command}");
        }
    }
}
