//! The environment of a release: the file of the host, the values that came with the deploy, and what muster adds.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use muster_config::plan::ServiceSpec;

use crate::trouble::Trouble;

/// Longest file of settings, in bytes.
const LIMIT: u64 = 256 << 10;

/// Names with their values. Values are secret: it is never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// What a release gets: the file of the host, and over it what came with the deploy.
    ///
    /// # Errors
    /// The file is not there, is open to others, or has a line that says nothing.
    pub fn gather(spec: &ServiceSpec, given: &[(String, String)]) -> Result<Self, Vec<Trouble>> {
        gathered(spec.env_file.as_deref(), &spec.required_env, given).map(Self)
    }

    /// Adds what muster says itself.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The text of the file of a release: `NAME=value` as it stands, to the end of the line.
    pub fn text(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
    }
}

/// Those of these names that have no value in a file of settings; all its lines must say something.
///
/// # Errors
/// The file cannot be read, is open to others, or has a line that says nothing.
pub(crate) fn without_value(path: &Path, names: &[String]) -> Result<Vec<String>, Trouble> {
    let mut values = BTreeMap::new();
    parse(&read(path)?, path, &mut values)?;
    let is_empty = |name: &&String| values.get(*name).is_none_or(String::is_empty);
    Ok(names.iter().filter(is_empty).cloned().collect())
}

fn gathered(
    file: Option<&Path>,
    required: &[String],
    given: &[(String, String)],
) -> Result<BTreeMap<String, String>, Vec<Trouble>> {
    let mut values = BTreeMap::new();
    let mut objections = Vec::new();
    if let Some(path) = file {
        match read(path) {
            Ok(text) => objections.extend(parse(&text, path, &mut values).err()),
            Err(trouble) => objections.push(trouble),
        }
    }
    // Of a file that was not read nobody knows what is missing from it.
    let is_read = objections.is_empty();
    values.extend(given.iter().cloned());
    for name in required.iter().filter(|_| is_read) {
        if values.get(name).is_none_or(String::is_empty) {
            let file = file.map(|path| format!(" in {}", path.display()));
            objections.push(Trouble::new(format!("{name} has no value{}", file.unwrap_or_default())).help(
                format!(
                    "write {name}=… there, or give it as `secrets = {{ {name} = {{ env = \"{name}\" }} }}`"
                ),
            ));
        }
    }
    for (name, value) in &values {
        if value.contains(['\n', '\r', '\0']) {
            objections.push(Trouble::new(format!("{name} has a value of more than one line")));
        }
    }
    if objections.is_empty() { Ok(values) } else { Err(objections) }
}

fn read(path: &Path) -> Result<String, Trouble> {
    let shown = path.display();
    let file = fs::File::open(path).map_err(|error| Trouble::new(format!("{shown}: {error}")))?;
    let data = file.metadata().map_err(|error| Trouble::new(format!("{shown}: {error}")))?;
    if data.mode() & 0o077 != 0 {
        return Err(Trouble::new(format!(
            "{shown} can be read by others (mode {:03o})",
            data.mode() & 0o777
        ))
        .help(format!("chmod 600 {shown}")));
    }
    let mut text = String::new();
    file.take(LIMIT).read_to_string(&mut text).map_err(|error| Trouble::new(format!("{shown}: {error}")))?;
    Ok(text)
}

/// Reads lines of `NAME=value`, with or without `export` and quotes around the value.
fn parse(text: &str, path: &Path, values: &mut BTreeMap<String, String>) -> Result<(), Trouble> {
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = || {
            Trouble::new(format!("{}:{}: not NAME=value", path.display(), at + 1))
                .help("write one NAME=value a line, and # before what is not meant")
        };
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=').ok_or_else(wrong)?;
        let name = name.trim();
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !is_name {
            return Err(wrong());
        }
        let value = value.trim();
        let bare = ['"', '\'']
            .into_iter()
            .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
            .unwrap_or(value);
        values.insert(name.to_owned(), bare.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn lines_are_read_as_people_write_them() {
        let mut values = BTreeMap::new();
        let text = "# a comment\nA=1\nexport B=\"two words\"\n\nC='$x'\nD=\n";
        parse(text, Path::new("/x/.env"), &mut values).unwrap();
        let read: Vec<(&str, &str)> =
            values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("A", "1"), ("B", "two words"), ("C", "$x"), ("D", "")]);
        let trouble = parse("A=1\nnonsense\n", Path::new("/x/.env"), &mut values).unwrap_err();
        assert_eq!(trouble.what, "/x/.env:2: not NAME=value");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "A=1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().what.ends_with("can be read by others (mode 644)"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap(), "A=1\n");
    }

    #[test]
    fn nobody_knows_what_is_missing_from_a_file_that_was_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let required = ["A".to_owned(), "B".to_owned()];
        let troubles = |text: &str, mode: u32| -> Vec<String> {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let troubles = gathered(Some(&path), &required, &[]).unwrap_err();
            troubles.into_iter().map(|trouble| trouble.what).collect()
        };
        let told = troubles("A=1\n", 0o644);
        assert!(told.len() == 1 && told[0].contains("mode 644"), "{told:?}");
        let told = troubles("A=1\nnonsense\nB=2\n", 0o600);
        assert!(told.len() == 1 && told[0].contains("not NAME=value"), "{told:?}");
        let told = troubles("A=1\n", 0o600);
        assert!(told.len() == 1 && told[0].starts_with("B has no value in "), "{told:?}");
    }

    #[test]
    fn values_are_never_shown() {
        let environment = Environment::default().with("KEY", "hunter2");
        assert_eq!(format!("{environment:?}"), "{\"KEY\"}");
    }
}
