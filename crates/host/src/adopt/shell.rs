//! Which commands need a shell, and how they are quoted for one (POSIX, Shell Command Language, 2.2).

/// Shells whose single quotes are those of POSIX.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"];

/// Words that a shell does not look up in `PATH`: reserved words and commands of its own, of dash and of bash.
const OWN: [&str; 77] = [
    ".",
    ":",
    "!",
    "[",
    "[[",
    "{",
    "}",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "caller",
    "case",
    "cd",
    "chdir",
    "command",
    "compgen",
    "complete",
    "compopt",
    "continue",
    "coproc",
    "declare",
    "dirs",
    "disown",
    "do",
    "done",
    "echo",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "help",
    "history",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "printf",
    "pushd",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "test",
    "then",
    "time",
    "times",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
];
const MORE: [&str; 6] = ["umask", "unalias", "unset", "until", "wait", "while"];

/// True for an absolute path to a shell that quotes as POSIX says.
pub(super) fn is_known(shell: &[u8]) -> bool {
    let name = shell.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    shell.starts_with(b"/")
        && shell.iter().all(|byte| is_plain_byte(*byte))
        && SHELLS.iter().any(|known| known.as_bytes() == name)
}

/// True if `/bin/sh` would do nothing with the command but split it at blanks and start it.
pub(super) fn is_plain(command: &[u8]) -> bool {
    let mut words = command.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return false };
    let own = || OWN.iter().chain(&MORE).any(|word| word.as_bytes() == first);
    command.iter().all(|byte| is_plain_byte(*byte) || matches!(byte, b' ' | b'\t'))
        && !first.starts_with(b"-")
        && !first.contains(&b'=')
        && !own()
}

/// A byte that no shell treats in a special way, nor cron.
fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_./:=@,+-".contains(&byte)
}

/// One word, in single quotes where it needs them.
pub fn word(text: &[u8]) -> Vec<u8> {
    let plain = !text.is_empty() && text.iter().all(|byte| is_plain_byte(*byte));
    if plain { text.to_vec() } else { quoted(text) }
}

/// In single quotes. cron's own treatment of `\` and `%` is the same inside and outside of them, so that what it takes
/// away before the shell sees it stays taken away.
pub(super) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'\'');
    for byte in text {
        match byte {
            b'\'' => out.extend_from_slice(b"'\\''"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
    out
}

/// What [`quoted`] was given; none if the text is not exactly one such word.
pub(super) fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let inner = text.strip_prefix(b"'")?.strip_suffix(b"'")?;
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'\'' {
            out.push(*byte);
            rest = after;
            continue;
        }
        rest = rest.strip_prefix(b"'\\''")?;
        out.push(b'\'');
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_that_a_shell_would_merely_start_are_plain() {
        for plain in ["/opt/x.sh", "/opt/x.sh --to=a@b:/c -v 1,2", "certbot\t-q renew"] {
            assert!(is_plain(plain.as_bytes()), "{plain}");
        }
        for shell in [
            "",
            "cd /x && y",
            "X=1 y",
            "x > /y",
            "x 'a b'",
            "x $Y",
            "x *",
            "x ~",
            "x; y",
            "x | y",
            "echo x",
            "while",
            "x \\%",
            "x\r",
            "x #y",
            "x {a,b}",
            "-x",
            "x !",
            "größe",
            "umask 0",
            "x [a]",
            "x (y)",
        ] {
            assert!(!is_plain(shell.as_bytes()), "{shell}");
        }
        assert!(is_known(b"/bin/bash") && is_known(b"/usr/local/bin/zsh"));
        for odd in [&b"bash"[..], b"/usr/bin/fish", b"/bin/sh\r", b"/bin/sh -x", b"", b"/usr/bin/env bash"] {
            assert!(!is_known(odd), "{}", odd.escape_ascii());
        }
    }

    #[test]
    fn quoting_is_undone_exactly() {
        for text in [&b""[..], b"a", b"'", b"''", b"it's \\'x\\'", b"\xff%\\%'\\''"] {
            assert_eq!(unquoted(&quoted(text)).as_deref(), Some(text), "{}", text.escape_ascii());
        }
        for other in [&b"a"[..], b"'", b"'a'b'", b"'a' 'b'", b"\"a\""] {
            assert_eq!(unquoted(other), None, "{}", other.escape_ascii());
        }
    }
}
