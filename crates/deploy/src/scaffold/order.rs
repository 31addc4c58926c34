//! What a new service is to be called, and where it is to run.

use super::languages::Language;
use super::template::Values;
use crate::trouble::Trouble;

/// Longest name, in letters: it names a user as well, which has at most 32.
const NAME_LIMIT: usize = 32;

/// A new service.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its name.
    pub name: String,
    /// What it is written in.
    pub language: &'static Language,
    /// What runs it.
    pub way: Way,
    /// The name that users reach it by.
    pub domain: String,
    /// Where it listens while it is tried, and inside its container.
    pub port: u16,
    /// The [host] tables of the machines that it runs on; none is this machine.
    pub hosts: Vec<String>,
    /// The user that owns its folder.
    pub user: String,
    /// The group of that user.
    pub group: String,
}

/// What runs a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Docker, and the repository of its image.
    Docker {
        /// The repository, without a tag.
        image: String,
    },
    /// systemd, and the repository of its code.
    Systemd {
        /// Its address, as git(1) takes it.
        git: String,
    },
}

impl Order {
    /// What keeps the texts from being put into files of shells, nginx and systemd as they are. What they mean is judged
    /// where muster.toml is read.
    ///
    /// # Errors
    /// The first text that is not plain.
    pub fn check(&self) -> Result<(), Trouble> {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let name = self.name.as_str();
        let is_name = name.len() <= NAME_LIMIT
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.ends_with(is_letter)
            && name.chars().all(|c| is_letter(c) || c == '-');
        if !is_name {
            return Err(Trouble::new(format!("{name:?} cannot be the name of a service")).help(
                "it becomes the name of folders, units, images and users: write small letters, digits and `-`, a letter \
                 first, at most 32",
            ));
        }
        let plain = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let (word, text, more) = match &self.way {
            Way::Docker { image } => ("image", image.as_str(), "._-/:"),
            Way::Systemd { git } => ("git", git.as_str(), "._-/:@~+"),
        };
        let texts = [
            (word, text, more),
            ("domain", &self.domain, ".-"),
            ("user", &self.user, "_-"),
            ("group", &self.group, "_-"),
        ];
        for (word, text, more) in texts {
            if !plain(text, more) || text.starts_with('-') {
                return Err(Trouble::new(format!("{text:?} cannot be its {word}")));
            }
        }
        if let Some(odd) = self.hosts.iter().find(|host| !plain(host, "-")) {
            return Err(Trouble::new(format!("{odd:?} cannot be the name of a host")));
        }
        Ok(())
    }

    /// The values of the templates.
    pub(super) fn values(&self) -> Values {
        let quoted = |words: &mut dyn Iterator<Item = &str>| {
            // What JSON escapes TOML does as well.
            let words: Vec<String> = words.map(|word| serde_json::Value::from(word).to_string()).collect();
            format!("[{}]", words.join(", "))
        };
        let hosts = match self.hosts.is_empty() {
            true => String::new(),
            false => format!("\nhosts = {}", quoted(&mut self.hosts.iter().map(String::as_str))),
        };
        let mut values = Values::from([
            ("name", self.name.clone()),
            ("domain", self.domain.clone()),
            ("names", self.domain.clone()),
            ("port", self.port.to_string()),
            ("user", self.user.clone()),
            ("group", self.group.clone()),
            ("hosts", hosts),
            ("build", quoted(&mut self.language.build.iter().copied())),
        ]);
        match &self.way {
            Way::Docker { image } => {
                let first = image.split('/').next().unwrap_or_default();
                let is_host = image.contains('/') && (first.contains(['.', ':']) || first == "localhost");
                let registry = if is_host { first } else { "docker.io" };
                values.extend([("image", image.clone()), ("registry", registry.to_owned())]);
            }
            Way::Systemd { git } => {
                values.insert("git", git.clone());
            }
        }
        values
    }
}
