//! Which texts are mail addresses: those that every server takes (RFC 5321, 4.1.2), without quotes, comments, addresses in
//! brackets and letters beyond ASCII. What passes can stand in a header, a command and a link.

/// Longest address (RFC 5321, 4.5.3.1.3), and longest part before the sign (4.5.3.1.1).
const LIMITS: (usize, usize) = (254, 64);

/// The address in a text, its domain in small letters; none if there is none.
pub(super) fn read(text: &str) -> Option<String> {
    let text = text.trim_matches(' ');
    let (local, domain) = text.rsplit_once('@')?;
    if text.len() > LIMITS.0 || local.len() > LIMITS.1 {
        return None;
    }
    let is_atom = |atom: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
        !atom.is_empty() && atom.chars().all(fits)
    };
    let is_label = |label: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let edges = label.starts_with('-') || label.ends_with('-');
        (1..=63).contains(&label.len()) && label.chars().all(fits) && !edges
    };
    let labels: Vec<&str> = domain.split('.').collect();
    let top = labels.last()?;
    let fits = local.split('.').all(is_atom)
        && labels.len() >= 2
        && labels.iter().all(|label| is_label(label))
        && !top.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| format!("{local}@{}", domain.to_ascii_lowercase()))
}

/// As the log shows it: `a…@example.com`.
pub(super) fn masked(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    format!("{}…@{domain}", local.chars().next().unwrap_or('…'))
}

/// The mailbox behind it, for limits: what follows a plus sign and capitals make no other.
pub(super) fn mailbox(address: &str) -> String {
    let lower = address.to_ascii_lowercase();
    match lower.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or(local)),
        None => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_every_server_takes() {
        for (text, address) in [
            ("ann@example.com", "ann@example.com"),
            (" Ann.B+status@Mail.Example.COM ", "Ann.B+status@mail.example.com"),
            ("o'hara@xn--grsse-lva.example", "o'hara@xn--grsse-lva.example"),
        ] {
            assert_eq!(read(text).as_deref(), Some(address));
        }
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!("a@{}.com", "b.".repeat(130));
        for text in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@localhost",
            "ann@example..com",
            "ann@-example.com",
            "ann@127.0.0.1",
            "ann@[127.0.0.1]",
            ".ann@example.com",
            "a..b@example.com",
            "\"ann b\"@example.com",
            "Ann <ann@example.com>",
            "ann@example.com,bob@example.com",
            "ann@example.com\r\nBcc: bob@example.com",
            "ann\n@example.com",
            "änn@example.com",
            "ann@exämple.com",
            "ann@example.com\0",
            "ann@exa mple.com",
            &long,
            &longer,
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_log_does_not_show_it_and_a_plus_sign_makes_no_other_mailbox() {
        assert_eq!(masked("ann@example.com"), "a…@example.com");
        assert_eq!(mailbox("Ann+1@example.com"), mailbox("ann+2@example.com"));
        assert_ne!(mailbox("ann@example.com"), mailbox("ann@example.org"));
    }
}
