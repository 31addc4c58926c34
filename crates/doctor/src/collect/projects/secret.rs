//! Which settings hold secrets: their names, never their values.

use muster_host::discover::blot::blot;

/// Most names of one file.
const NAMES: usize = 50;
/// Values that stand for a secret that is still to come.
const PLACEHOLDERS: [&str; 8] = ["change", "your", "xxx", "<", "todo", "example", "dummy", "***"];

/// The names in a file of `NAME=value` lines whose values look like secrets.
pub(crate) fn names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = line.trim_start().trim_start_matches("export ");
        if line.starts_with(['#', ';']) {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim();
        if is_name(name) && is_secret(name, value) && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        if names.len() >= NAMES {
            break;
        }
    }
    names
}

/// Whether blot would hide something of `name=value` that looks like a value in earnest.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let lower = value.to_ascii_lowercase();
    let is_number = value.len() < 9 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_path = value.starts_with('/') && !value.contains(['=', '+']);
    if value.len() < 4
        || is_number
        || is_path
        || matches!(
            lower.as_str(),
            "true" | "false" | "none" | "null" | "basic" | "bearer" | "plain" | "login"
        )
        || PLACEHOLDERS.iter().any(|word| lower.starts_with(word))
    {
        return false;
    }
    // An address is a secret only where a login stands in it: those of hooks are told apart by other rules.
    let shown = blot(&format!("{name}={value}"));
    match value.contains("://") {
        true => shown.contains(":***@"),
        false => shown.contains("***"),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_come_and_values_do_not() {
        let text = "# DB_PASSWORD=x\nPORT=3000\nDB_PASSWORD=hunter2\nexport API_TOKEN='abcdefgh'\nPASSWORD_MIN_LENGTH=12\n\
                    AUTH_ENABLED=true\nSECRET_FILE=/run/secrets/x\nAPP_KEY=${FROM}\nJWT_SECRET=changeme\nOTHER_SECRET=\n\
                    DATABASE_URL=postgres://app:hunter2@db/app\nSITE=https://example.org/a\n";
        assert_eq!(names(text), ["DB_PASSWORD", "API_TOKEN", "DATABASE_URL"]);
    }
}
